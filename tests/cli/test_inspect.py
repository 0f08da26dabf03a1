from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.preprocessing import StandardScaler

from skdeepopt.cli._main import main
from skdeepopt.storage import save

GOLDEN = Path(__file__).parents[1] / "storage" / "golden"


@pytest.fixture
def model_file(tmp_path):
    scaler = StandardScaler().fit([[0.0, 1.0], [2.0, 1.0]])
    return save(scaler, tmp_path / "scaler.skdo")


def test_every_byte_of_a_file_is_in_the_table(model_file, capsys):
    code = main(["inspect", str(model_file)])

    title, _, header, *_, total = capsys.readouterr().out.splitlines()
    size = model_file.stat().st_size
    assert code == 0
    assert title == f"scaler.skdo: StandardScaler, {size:,} bytes, schema 3"
    assert header.split("  ")[-1] == "share %"
    assert total.startswith("whole file")
    assert f" {size:,}.0 " in total


def test_a_picture_is_written_where_one_is_asked_for(model_file, tmp_path, capsys):
    picture = tmp_path / "bytes.png"

    code = main(["inspect", str(model_file), "--out", str(picture)])

    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith(f"the picture is {picture}\n")


@pytest.mark.parametrize(
    "name", ["network.safetensors", "pruned.safetensors", "quantized.safetensors", "packed.skdo"]
)
def test_files_of_every_schema_can_be_looked_into(name, capsys):
    assert main(["inspect", str(GOLDEN / name)]) == 0

    size = (GOLDEN / name).stat().st_size
    assert f" {size:,}.0 " in capsys.readouterr().out.splitlines()[-1]


def test_a_file_that_is_none_is_one_line_and_exit_code_2(tmp_path, capsys):
    other = tmp_path / "notes.txt"
    other.write_text("These are notes, and no model.")

    code = main(["inspect", str(other), "--out", str(tmp_path / "a.png")])

    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.startswith(f"error: {other} ")
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_a_damaged_file_says_so(model_file, capsys):
    content = bytearray(model_file.read_bytes())
    content[-1] ^= 1
    model_file.write_bytes(content)

    assert main(["inspect", str(model_file)]) == 2

    assert "altered" in capsys.readouterr().err


def test_a_missing_file_and_a_folder_are_errors_of_one_line(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "none.skdo")]) == 2
    assert main(["inspect", str(tmp_path)]) == 2

    assert capsys.readouterr().err.count("\n") == 2


def test_a_picture_of_an_unknown_kind_is_refused_before_the_file_is_read(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "none.skdo"), "--out", "a.jpeg"]) == 2

    assert "--out ends in .png, .svg, .pdf" in capsys.readouterr().err
