from __future__ import annotations

from dataclasses import replace

import pytest

from skdeepopt.packing._report import PackedLayer, PackingReport, PackingTrial
from skdeepopt.pruning._report import NetworkFigures

CONV = PackedLayer("conv", "Conv2d", (8, 1, 3, 3), (4, 1, 3, 3), 1200, 5, 0.03125, 144.4)
HEAD = PackedLayer("head", "Linear", (2, 10), (2, 10), 20, 2, 0.5, 30.0)
REPORT = PackingReport(
    target_bytes=3000,
    layers=(CONV, HEAD),
    before=NetworkFigures(1234, 1234, 5000, 6000, 2.0, 0.9),
    after=NetworkFigures(617, 600, 1250, 3000, 1.0, 0.875),
    metric="accuracy",
    scored_on="validation data",
    batch_size=64,
    trials=(PackingTrial(3000, 2950, 0.875, True), PackingTrial(1500, 1600, 0.5, False)),
)


def lines(report):
    return {line[:30].strip(): line[30:].split() for line in repr(report).splitlines()}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("parameters", ["1,234", "617", "0.500"]),
        ("parameters that are not zero", ["1,234", "600", "0.486"]),
        ("multiply-adds a sample", ["5,000", "1,250", "0.250"]),
        ("file, bytes", ["6,000", "3,000", "0.500"]),
        ("latency of 64, ms", ["2.000", "1.000", "0.500"]),
        ("accuracy on validation data", ["0.9000", "0.8750"]),
    ],
)
def test_it_prints_before_after_and_the_share(name, shown):
    assert lines(REPORT)[name] == shown


def test_it_prints_a_line_a_layer():
    rows = [line.split() for line in repr(REPORT).splitlines()[-2:]]

    shape = ["8x1x3x3", "->", "4x1x3x3"]
    assert rows[0] == ["conv", *shape, "1,200", "5", "0.0312", "144", "2.006"]
    assert rows[1] == ["head", "2x10", "20", "2", "0.5", "30", "1.500"]


def test_bits_a_weight_are_those_of_the_dense_layer():
    assert repr(REPORT).splitlines()[-2].endswith(f"{144.4 / 72:.3f}")


def test_the_title_tells_what_was_asked():
    assert repr(REPORT).splitlines()[0] == "PackingReport: at most 3,000 bytes"


def test_what_is_not_known_is_told_as_such():
    shown = lines(replace(REPORT, before=replace(REPORT.before, size_bytes=None)))

    assert shown["file, bytes"] == ["unknown", "3,000"]


def test_no_line_ends_in_blanks():
    assert [line for line in repr(REPORT).splitlines() if line != line.rstrip()] == []


def test_the_table_has_a_row_a_layer_in_their_order():
    frame = REPORT.to_frame()

    assert frame.index.tolist() == ["conv", "head"]
    assert frame.loc["conv", "shape_after"] == (4, 1, 3, 3)
    assert frame["bits"].sum() == pytest.approx(174.4)


def test_the_table_of_no_layers_has_all_columns():
    assert list(replace(REPORT, layers=()).to_frame().columns) == list(REPORT.to_frame().columns)
