from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skdeepopt.quantization._scheme import SCHEMES, resolve_scheme
from skdeepopt.report._quantization_display import QuantizationDisplay
from skdeepopt.report._quantization_panels import draw_layers, draw_scores, draw_sizes


def new_axes():
    return Figure(figsize=(5, 3)).subplots()


@pytest.fixture
def axes():
    return new_axes()


def display(schemes=("int4", "int8", "float32"), n_layers=2, **changes):
    bits = [resolve_scheme(scheme, owner="test").bits for scheme in schemes]
    given = {
        "bits": bits,
        "schemes": schemes,
        "scores": [0.99 - 0.1 / 2**bit for bit in bits],
        "size_bytes": [3_000 * bit for bit in bits],
        "errors": {
            scheme: {f"network.features.{index}": 0.5 / 2**bit for index in range(n_layers)}
            for scheme, bit in zip(schemes, bits, strict=True)
            if scheme != "float32"
        },
    }
    return QuantizationDisplay(**{**given, **changes})


def texts(axes):
    return [text.get_text() for text in axes.texts]


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def curves(axes):
    return [line.get_xydata().tolist() for line in axes.lines if line.get_linestyle() == "-"]


def overlapping(boxes):
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def shown_ticks(axes):
    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    ticks = axes.xaxis.get_major_ticks()
    return [tick.label1 for tick in ticks if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("width", [2, 5, 10])
@pytest.mark.parametrize("schemes", [("binary", "float32"), ("int7",), SCHEMES])
def test_labels_of_bits_do_not_overlap(width, schemes):
    axes = Figure(figsize=(width, 3)).subplots()

    draw_scores(axes, display(schemes))

    labels = shown_ticks(axes)
    assert labels
    assert not overlapping([label.get_window_extent() for label in labels])


@settings(max_examples=20, deadline=None)
@given(st.floats(1, 32), st.floats(1, 32))
def test_bits_of_any_number_have_a_label(one, other):
    axes = new_axes()

    draw_scores(axes, display(("int7", "int8"), bits=[one, other]))

    low, high = axes.get_xlim()
    assert low < min(one, other) <= max(one, other) < high
    assert any(low <= tick <= high for tick in axes.get_xticks())


def test_each_kind_of_grid_is_a_curve_and_the_dense_network_a_line():
    axes = new_axes()

    draw_scores(axes, display(("binary", "int2", "ternary", "codebook4", "int8", "float32")))

    bits = [[x for x, _ in curve] for curve in curves(axes) if curve]
    assert bits == [[2, 8], [4], [2], [1], [32]]
    dense = [line for line in axes.lines if line.get_linestyle() == "--"]
    assert list(dense[0].get_ydata()) == pytest.approx([0.99, 0.99])


def test_the_curves_are_named_beside_the_sizes(axes):
    draw_sizes(axes, display(("binary", "codebook4", "int8", "float32")))

    assert legend(axes) == ["int", "codebook", "binary", "float32"]


def test_methods_that_differ_have_curves_of_their_own(axes):
    methods = ["static", "weight_only", "static", ""]

    draw_sizes(axes, display(("int4", "int4", "int8", "float32"), methods=methods, errors={}))

    assert legend(axes) == ["int, static", "int, weight only", "float32"]
    assert [x for x, _ in curves(axes)[0]] == [4, 8]


@pytest.mark.parametrize("schemes", [("int4",), ("int4", "float32"), ("float32",)])
def test_a_single_network_can_be_drawn(axes, schemes):
    shown = display(schemes)

    draw_sizes(axes, shown)
    draw_scores(axes, shown)

    axes.figure.draw_without_rendering()
    assert legend(axes) == [scheme.removesuffix("4") for scheme in schemes]


@pytest.mark.parametrize("n_layers", [1, 30, 200])
def test_names_of_layers_do_not_overlap(axes, n_layers):
    draw_layers(axes, display(("int4",), n_layers))

    axes.figure.draw_without_rendering()
    boxes = [label.get_window_extent().shrunk(1, 0.6) for label in axes.get_yticklabels()]
    assert boxes
    assert not overlapping(boxes)


def test_one_network_is_a_bar_for_each_layer_with_its_scheme_beside_the_name(axes):
    errors = {"int4": {"features.0": 0.1, "head": 0.0}}
    schemes = {"features.0": "int4", "head": "float32"}

    draw_layers(axes, display(errors=errors, layer_schemes=schemes))

    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == ["features.0 (int4)", "head (float32)"]
    assert [bar.get_width() for bar in axes.patches] == [10, 0]
    assert texts(axes) == ["10", "0"]


def test_several_networks_are_points_with_a_legend(axes):
    draw_layers(axes, display(("int4", "ternary", "float32"), layer_schemes={}))

    assert legend(axes) == ["int4", "ternary"]
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[0] == 0
    assert not axes.patches


def test_errors_far_apart_stand_on_a_logarithmic_axis(axes):
    errors = {"int2": {"a": 0.4, "b": 0.3}, "int8": {"a": 0.004, "b": 0.0}}

    draw_layers(axes, display(errors=errors))

    axes.figure.draw_without_rendering()
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] < 0.4


@pytest.mark.parametrize("errors", [{}, {"int4": {}}, {"int4": {}, "int8": {}}])
def test_no_layer_can_be_drawn(axes, errors):
    draw_layers(axes, display(errors=errors))

    assert not axes.get_yticklabels()


def test_layers_without_error_can_be_drawn(axes):
    draw_layers(axes, display(errors={"float32": {"head": 0.0}}))

    assert axes.get_xlim() == (0, 1)


def test_accuracy_is_in_percent_and_the_limit_and_the_choice_are_named(axes):
    draw_scores(axes, display(score_name="accuracy on training data", chosen=1, lowest_score=0.97))

    assert axes.get_ylabel() == "accuracy (%)\non training data"
    assert texts(axes) == ["lowest allowed", "chosen: int8"]
    assert 90 < axes.get_ylim()[0] < 97


def test_networks_that_were_not_chosen_are_hollow(axes):
    draw_scores(axes, display(chosen=1))

    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_markerfacecolor() == "white" for line in points] == [True, False]


@pytest.mark.parametrize("scores", [[None, 0.9, None], [None] * 3, [0.9, None, 0.95]])
def test_an_unknown_score_is_left_out(axes, scores):
    draw_scores(axes, display(scores=scores))

    assert sorted(y for curve in curves(axes) for _, y in curve) == [
        score for score in scores if score is not None
    ]


def test_unknown_sizes_are_said_to_be_unknown(axes):
    draw_sizes(axes, display(size_bytes=[None] * 3))

    assert texts(axes) == ["file size unknown"]
    assert legend(axes) == ["int", "float32"]


def test_sizes_start_at_zero_and_leave_room_above(axes):
    draw_sizes(axes, display())

    low, high = axes.get_ylim()
    assert low == 0
    assert high > 96
