from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from skdeepopt.report._pareto_display import ParetoDisplay
from skdeepopt.report._pareto_panels import draw_front

NUMBERS = {
    "costs": [90_000, 20_000, 30_000, 50_000],
    "scores": [0.98, 0.97, 0.96, np.nan],
    "names": ["dense", "pruned", "int8", "failed"],
    "cost_name": "file_bytes",
    "score_name": "accuracy on validation data",
}


def drawn(**changes):
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    draw_front(axes, ParetoDisplay(**{**NUMBERS, **changes}))
    return axes


def texts(axes):
    return [text.get_text() for text in axes.texts]


def lines(axes, marker):
    return [line.get_xydata().tolist() for line in axes.lines if line.get_marker() == marker]


def steps(axes):
    (line,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    return line.get_xydata()


def test_the_front_goes_up_in_steps_and_on_to_the_right():
    axes = drawn()

    ((left, low), (right, high), (end, last)) = steps(axes)

    assert (left, low, right, high, last) == pytest.approx((20, 97, 90, 98, 98))
    assert end == axes.get_xlim()[1]


def test_whoever_is_beaten_is_pale_and_whoever_failed_is_not_there():
    pale, front = lines(drawn(), "o")

    assert np.isnan(pale).any(axis=1).sum() == 1
    assert [30, 96] in np.round(pale, 9).tolist()
    assert len(front) == 2


def test_bytes_are_drawn_on_a_logarithmic_axis_in_their_unit():
    axes = drawn()
    large = drawn(costs=[2e7, 1e7, 3e7, np.nan])

    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "model file (KB)"
    assert large.get_xlabel() == "model file (MB)"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("latency_ms", "latency of one sample (ms)"),
        ("train_seconds", "training (s)"),
        ("joules", "joules"),
    ],
)
def test_other_costs_are_drawn_as_they_are(name, label):
    axes = drawn(cost_name=name)

    assert axes.get_xlabel() == label
    assert steps(axes)[0, 0] == 20_000


def test_a_cost_of_zero_is_drawn_on_a_linear_axis():
    assert drawn(costs=[0, 1, 2, 3], cost_name="failures").get_xscale() == "linear"


def test_the_front_is_named_and_the_chosen_one_with_its_figures():
    axes = drawn(chosen=1)

    assert set(texts(axes)) == {"dense", "chosen: pruned\n20 KB, 97.00 %"}
    assert lines(axes, "D") == [[pytest.approx([20, 97])]]


def test_without_names_only_the_chosen_one_is_told():
    assert texts(drawn(names=None)) == []
    assert texts(drawn(names=None, chosen=0, score_name="r2")) == ["chosen: 90 KB, 0.98"]


def test_a_front_of_many_is_not_named():
    many = np.arange(1, 30)

    axes = drawn(costs=many * 1e3, scores=many / 100, names=[f"n{n}" for n in many])

    assert not any(text.startswith("n") for text in texts(axes))


def test_a_chosen_one_that_is_beaten_is_marked_too():
    axes = drawn(chosen=2)

    assert lines(axes, "D") == [[pytest.approx([30, 96])]]


def test_the_lowest_score_is_a_line():
    axes = drawn(lowest_score=0.965)

    assert "lowest allowed" in texts(axes)
    assert any(np.allclose(line.get_ydata(), 96.5) for line in axes.lines)


def test_what_lies_far_below_is_counted_and_does_not_flatten_the_rest():
    axes = drawn(scores=[0.98, 0.97, 0.10, 0.11])

    assert "2 candidates below" in texts(axes)
    assert axes.get_ylim()[0] > 90


def test_a_front_goes_no_further_than_what_was_asked_for_is_near():
    numbers = {
        "costs": [300, 1_300, 4_000, 90_000],
        "scores": [0.58, 0.995, 0.998, 1.0],
        "names": ["broken", "small", "larger", "dense"],
        "lowest_score": 0.995,
        "chosen": 1,
    }

    axes = drawn(**numbers)

    assert axes.get_ylim()[0] > 97
    assert "1 candidate below" in texts(axes)
    assert "broken" not in texts(axes)
    assert {"larger", "dense"} <= set(texts(axes))
    assert drawn(**numbers | {"lowest_score": None}).get_ylim()[0] < 58


def test_a_chosen_one_is_shown_wherever_it_is():
    axes = drawn(
        costs=[300, 90_000], scores=[0.58, 1.0], names=["a", "b"], lowest_score=0.99, chosen=0
    )

    assert axes.get_ylim()[0] < 58


def test_a_single_candidate_has_a_front():
    axes = drawn(costs=[1000], scores=[0.5], names=["only"], deviations=[np.nan])

    assert texts(axes) == ["only"]
    low, high = axes.get_ylim()
    assert high - low >= 1.0


def test_what_the_colours_say_is_told():
    shown = [text.get_text() for text in drawn(chosen=0).get_legend().get_texts()]

    assert shown == ["best at its cost", "another is better", "chosen"]
    assert "chosen" not in [text.get_text() for text in drawn().get_legend().get_texts()]


def test_labels_do_not_cover_each_other():
    sizes = [10_000, 11_000, 12_000, 13_000, 14_000]
    names = [f"candidate {size}" for size in sizes]

    axes = drawn(costs=sizes, scores=[0.95, 0.951, 0.952, 0.953, 0.954], names=names, chosen=2)

    boxes = [text.get_window_extent() for text in [*axes.texts, axes.get_legend()]]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
