from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._byte_chart import _figure, check_picture, shown_rows, write_byte_chart
from skdeepopt.report._byte_table import ByteRow, whole_file


def rows_of(sizes, names=None):
    names = names or [f"features.{index}.weight" for index in range(len(sizes))]
    tensors = [
        ByteRow(name, 100, 50, {"tables": 0.2 * size, "positions": 0.3 * size, "values": size / 2})
        for name, size in zip(names, sizes, strict=True)
    ]
    description = ByteRow("description", 0, 0, {"description": 90.0})
    padding = ByteRow("padding", 0, 0, {"padding": 2.5})
    return [description, *tensors, padding]


def texts(axes):
    return [text.get_text() for text in axes.texts]


@given(st.lists(st.floats(0.01, 1e6), max_size=60))
def test_the_rows_shown_hold_every_byte(sizes):
    rows = rows_of(sizes)

    shown = shown_rows(rows)

    before, after = whole_file(rows), whole_file(shown)
    assert after.total_bytes == pytest.approx(before.total_bytes)
    assert after.n_values == before.n_values
    assert len(shown) <= 43


def test_small_tensors_share_a_row_after_the_others():
    shown = shown_rows(rows_of([1, 1000, 2, 800]))

    assert [row.name for row in shown] == [
        "description", "features.1.weight", "features.3.weight", "2 smaller tensors", "padding",
    ]  # fmt: skip
    assert shown[3].total_bytes == pytest.approx(3)


def test_one_small_tensor_keeps_its_row():
    rows = rows_of([1, 1000])

    assert shown_rows(rows) == rows


def test_a_bar_is_as_long_as_its_tensor_and_says_so():
    rows = rows_of([1000, 500])

    strip, bars = _figure(rows, "title").axes

    ends = {}
    for bar in bars.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0.0), bar.get_x() + bar.get_width())
    assert list(ends.values()) == pytest.approx([90, 1000, 500, 2.5])
    assert texts(bars)[1] == "1,000 bytes, 62.8 %, 80 bits a value"
    assert texts(bars)[3] == "2.5 bytes, 0.2 %"
    assert sum(bar.get_width() for bar in strip.patches) == pytest.approx(1592.5)


def test_the_parts_are_named_below_the_whole_file():
    strip, _ = _figure(rows_of([1000]), "title").axes

    named = [text.get_text() for text in strip.get_legend().get_texts()]
    assert [name.split(",")[0] for name in named] == [
        "values", "positions", "tables", "description", "checksum and the rest",
    ]  # fmt: skip
    assert named[0] == "values, 500 bytes (46 %)"


@pytest.mark.parametrize(("size", "unit"), [(1e3, "bytes"), (1e6, "KB"), (1e8, "MB")])
def test_the_unit_suits_the_file(size, unit):
    _, bars = _figure(rows_of([size]), "title").axes

    assert bars.get_xlabel() == f"{unit} of the file"


@pytest.mark.parametrize("n_tensors", [0, 1, 60])
def test_no_label_leaves_the_figure(n_tensors):
    figure = _figure(rows_of([54_321.0] * n_tensors), "a title")

    figure.draw_without_rendering()
    right = figure.bbox.x1
    boxes = [text.get_window_extent() for text in figure.axes[1].texts]
    assert all(box.x1 <= right for box in boxes)
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.shrunk(1, 0.6).overlaps(b)]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_the_picture_is_written_whatever_the_names_hold(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"

    write_byte_chart(path, rows_of([1.0], ["a$b_{$"]), title="$x_{.skdo")

    assert path.stat().st_size > 1000
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a.jpg", r"--out ends in \.png, \.svg, \.pdf, not 'a\.jpg'"),
        ("a", "not 'a'"),
        ("a.pgn", "Did you mean '.png'?"),
    ],
)
def test_another_kind_of_picture_is_refused(tmp_path, name, said):
    with pytest.raises(ValueError, match=said):
        check_picture(tmp_path / name)


def test_a_folder_that_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="in a folder that exists, not in"):
        check_picture(tmp_path / "nowhere" / "a.png")
