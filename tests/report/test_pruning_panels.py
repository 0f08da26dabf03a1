from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from skdeepopt.report._pruning_display import PruningDisplay
from skdeepopt.report._pruning_panels import draw_layers, draw_scores, draw_sizes

RATIOS = [0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999]


@pytest.fixture
def axes():
    return Figure(figsize=(5, 3)).subplots()


def display(n_ratios=2, n_layers=2, **changes):
    ratios = RATIOS[:n_ratios]
    given = {
        "ratios": ratios,
        "scores": [0.99 - ratio / 100 for ratio in ratios],
        "size_bytes": [100_000 * (1 - ratio) for ratio in ratios],
        "kept_shares": {
            ratio: {f"network.features.{index}": 1 - ratio for index in range(n_layers)}
            for ratio in ratios[1:]
        },
    }
    return PruningDisplay(**{**given, **changes})


def texts(axes):
    return [text.get_text() for text in axes.texts]


def overlapping(boxes):
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


@pytest.mark.parametrize("n_ratios", [2, 3, 9])
def test_labels_of_ratios_do_not_overlap(axes, n_ratios):
    draw_scores(axes, display(n_ratios))

    axes.figure.draw_without_rendering()
    low, high = axes.get_xlim()
    shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(shown) >= 2
    assert not overlapping([label.get_window_extent() for label in shown])


@pytest.mark.parametrize("n_layers", [1, 4, 30, 200])
def test_names_of_layers_do_not_overlap(axes, n_layers):
    draw_layers(axes, display(2, n_layers))

    axes.figure.draw_without_rendering()
    boxes = [label.get_window_extent().shrunk(1, 0.6) for label in axes.get_yticklabels()]
    assert boxes
    assert not overlapping(boxes)


def test_the_first_layer_is_on_top(axes):
    draw_layers(axes, display(2, 3))

    places = axes.transData.transform([(0, row) for row in range(3)])[:, 1]
    assert sorted(places, reverse=True) == list(places)
    assert axes.get_yticklabels()[0].get_text() == "network.features.0"


def test_one_ratio_is_a_bar_for_each_layer_and_says_which(axes):
    draw_layers(axes, display(2, 3, kept_name="channels kept"))

    assert [bar.get_width() for bar in axes.patches] == [50, 50, 50]
    assert texts(axes) == ["50", "50", "50"]
    assert axes.get_xlabel() == "channels kept (%) at ratio 0.5"
    assert axes.get_legend() is None


def test_several_ratios_are_points_with_a_legend(axes):
    draw_layers(axes, display(4, 3))

    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == ["0.5", "0.9", "0.95"]
    assert not axes.patches


@pytest.mark.parametrize("kept_shares", [{}, {0.5: {}}, {0.5: {}, 0.9: {}}])
def test_no_layer_can_be_drawn(axes, kept_shares):
    draw_layers(axes, display(kept_shares=kept_shares))

    assert not axes.get_yticklabels()


def test_accuracy_is_in_percent_and_another_score_is_not(axes):
    draw_scores(axes, display(score_name="accuracy on training data"))
    other = Figure().subplots()
    draw_scores(other, display(score_name="R2 on training data"))

    assert axes.get_ylabel() == "accuracy (%)\non training data"
    assert other.get_ylabel() == "R2\non training data"
    assert 98 < axes.get_ylim()[0] < 99.1
    assert other.get_ylim()[1] < 1.1


def test_a_small_difference_does_not_look_large(axes):
    draw_scores(axes, display(scores=[0.9901, 0.9900], score_name="accuracy"))

    low, high = axes.get_ylim()
    assert high - low >= 1


def test_the_chosen_ratio_and_the_limit_are_named(axes):
    draw_scores(axes, display(3, chosen=0.5, lowest_score=0.98))

    assert texts(axes) == ["lowest allowed", "chosen: 0.5"]
    assert axes.get_ylim()[0] < 0.98


@pytest.mark.parametrize("scores", [[None, 0.9], [None, None], [0.9, None]])
def test_an_unknown_score_is_left_out(axes, scores):
    draw_scores(axes, display(scores=scores))

    known = [score for score in scores if score is not None]
    assert list(axes.lines[0].get_ydata()) == known


def test_sizes_start_at_zero_unless_they_are_far_apart(axes):
    draw_sizes(axes, display(2))
    far = Figure().subplots()
    draw_sizes(far, display(9))

    assert axes.get_ylim()[0] == 0
    assert far.get_yscale() == "log"


def test_large_files_are_in_megabytes(axes):
    draw_sizes(axes, display(size_bytes=[50_000_000, 20_000_000]))

    assert axes.get_ylabel() == "model file (MB)"
    assert list(axes.lines[0].get_ydata()) == [50, 20]


def test_unknown_sizes_are_said_to_be_unknown(axes):
    draw_sizes(axes, display(size_bytes=[None, None]))

    assert texts(axes) == ["file size unknown"]
