from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from skdeepopt.report._packing_display import PackingDisplay
from skdeepopt.report._packing_panels import draw_layer_bits, draw_layer_bytes, draw_scores

SIZES = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 1_000_000]


@pytest.fixture
def axes():
    return Figure(figsize=(5, 3)).subplots()


def display(n_sizes=2, n_layers=2, **changes):
    sizes = SIZES[:n_sizes]
    layers = {
        f"{size:,} bytes": {f"network.features.{index}": size / 4 for index in range(n_layers)}
        for size in sizes
    }
    given = {
        "size_bytes": [*sizes, 88_000],
        "scores": [0.99 - 10 / size for size in [*sizes, 88_000]],
        "targets": [*sizes, None],
        "layer_bytes": layers,
        "layer_bits": layers,
    }
    return PackingDisplay(**{**given, **changes})


def texts(axes):
    return [text.get_text() for text in axes.texts]


def overlapping(boxes):
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


@pytest.mark.parametrize("n_sizes", [1, 2, 4, 7])
def test_labels_of_sizes_do_not_overlap(axes, n_sizes):
    draw_scores(axes, display(n_sizes))

    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(shown) >= 2
    assert not overlapping([label.get_window_extent() for label in shown])


def test_the_curve_goes_from_the_smallest_file_to_the_largest(axes):
    draw_scores(axes, display(3, size_bytes=[900, 800, 2_000, 88_000]))

    assert list(axes.lines[0].get_xdata()) == [0.8, 0.9, 2.0, 88.0]


@pytest.mark.parametrize("n_layers", [1, 4, 30, 200])
def test_names_of_layers_do_not_overlap(axes, n_layers):
    draw_layer_bytes(axes, display(1, n_layers))

    axes.figure.draw_without_rendering()
    boxes = [label.get_window_extent().shrunk(1, 0.6) for label in axes.get_yticklabels()]
    assert boxes
    assert not overlapping(boxes)


def test_one_network_is_a_bar_for_each_layer(axes):
    draw_layer_bits(axes, display(1, 3))

    assert [bar.get_width() for bar in axes.patches] == [125, 125, 125]
    assert texts(axes) == ["125", "125", "125"]
    assert axes.get_xlabel() == "bits a weight"
    assert axes.get_legend() is None


def test_several_networks_are_points_with_a_legend(axes):
    draw_layer_bytes(axes, display(3, 3))

    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == ["500 bytes", "1,000 bytes", "2,000 bytes"]
    assert axes.get_xlabel() == "bytes in the file"
    assert not axes.patches


@pytest.mark.parametrize("layers", [{}, {"a": {}}, {"a": {}, "b": {}}, {"a": {"head": 0.0}}])
def test_layers_without_a_byte_can_be_drawn(axes, layers):
    draw_layer_bytes(axes, display(layer_bytes=layers))

    assert axes.get_xlim() == (0, 1)


def test_accuracy_is_in_percent_and_the_dense_network_a_line(axes):
    draw_scores(axes, display(score_name="accuracy on training data"))

    assert axes.get_ylabel() == "accuracy (%)\non training data"
    assert list(axes.lines[-1].get_ydata()) == pytest.approx([98.98864] * 2, abs=1e-4)


def test_the_chosen_network_and_the_limit_are_named(axes):
    draw_scores(axes, display(3, chosen=1, lowest_score=0.95))

    assert texts(axes) == ["lowest allowed", "chosen: 1 KB"]
    assert axes.get_ylim()[0] < 0.95


def test_an_unknown_score_is_left_out(axes):
    draw_scores(axes, display(2, scores=[None, 0.9, None]))

    assert list(axes.lines[0].get_ydata()) == [0.9]
