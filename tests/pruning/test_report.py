from __future__ import annotations

import json
from dataclasses import replace

import pytest

from skdeepopt.pruning._report import NetworkFigures, PrunedLayer, PruningReport, PruningTrial

CONV = PrunedLayer("conv", "Conv2d", 4, 8, "channels", (8, 1, 3, 3), (4, 1, 3, 3), 2000, 1000)
BLOCK = PrunedLayer("block", "ResidualBlock", 0, 1, "blocks", None, None, 3_000_000, 0)
HEAD = PrunedLayer("head", "Linear", 5, 20, "weights", (2, 10), (2, 10), 20, 20)
BEFORE = NetworkFigures(1234, 1234, 5000, 6000, 2.0, 0.9)
AFTER = NetworkFigures(617, 600, 1250, 3000, 1.0, 0.875)
REPORT = PruningReport(
    granularity="channel",
    ratio=0.5,
    scope="global",
    layers=(CONV, BLOCK),
    before=BEFORE,
    after=AFTER,
    metric="accuracy",
    scored_on="validation data",
    batch_size=64,
    trials=(PruningTrial(0.5, 0.875, 3000, True), PruningTrial(0.75, 0.5, None, False)),
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


def test_it_prints_a_line_a_layer_with_what_changed():
    text = repr(REPORT)

    assert "conv   4 of 8 channels  8x1x3x3 -> 4x1x3x3  2,000 -> 1,000" in text
    assert "block  0 of 1 blocks    -                   3,000,000 -> 0" in text


def test_the_title_tells_what_was_asked():
    assert repr(REPORT).splitlines()[0] == "PruningReport: channel, 50.0% removed, scope global"


def test_what_is_not_known_is_told_as_such():
    before = replace(BEFORE, size_bytes=None, score=None)

    shown = lines(replace(REPORT, before=before))

    assert shown["file, bytes"] == ["unknown", "3,000"]
    assert shown["accuracy on validation data"] == ["unknown", "0.8750"]


def test_no_line_ends_in_blanks():
    assert [line for line in repr(REPORT).splitlines() if line != line.rstrip()] == []


def test_nothing_is_noted_where_nothing_needs_it():
    assert REPORT.notes() == []


def test_masked_weights_are_noted_to_leave_the_latency_as_it_was():
    assert "the file, and not the latency" in replace(REPORT, layers=(HEAD,)).notes()[0]


def test_weights_that_are_all_left_are_not_noted():
    assert replace(REPORT, layers=(replace(HEAD, kept=20),)).notes() == []


def test_layers_at_their_minimum_are_named():
    layers = tuple(replace(CONV, name=f"layer{i}", at_minimum=True) for i in range(7))

    assert replace(REPORT, layers=layers[:2]).notes()[0].endswith("empty them: layer0, layer1.")
    assert replace(REPORT, layers=layers).notes()[0].endswith("layer4, ...")


def test_the_table_has_a_row_a_layer_in_their_order():
    frame = REPORT.to_frame()

    assert frame.index.tolist() == ["conv", "block"]
    assert frame.loc["conv", "shape_after"] == (4, 1, 3, 3)
    assert frame["multiply_adds_before"].sum() == 3_002_000


def test_the_table_of_no_layers_has_all_columns():
    assert list(replace(REPORT, layers=()).to_frame().columns) == list(REPORT.to_frame().columns)


def test_plain_values_give_the_report_back():
    assert PruningReport.from_plain(REPORT.to_plain()) == REPORT


def test_plain_values_pass_through_a_text():
    assert PruningReport.from_plain(json.loads(json.dumps(REPORT.to_plain()))) == REPORT
