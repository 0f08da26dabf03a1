"""The panel of a transfer display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepopt.report._panels import score_label, score_scale
from skdeepopt.report._style import COLOURS, MARKERS, logarithmic_axis, open_axes, percent_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from skdeepopt.report._transfer_display import TransferDisplay

__all__ = ["draw_scores"]

ERRORS_FAR_APART = 4
"""Largest error over the smallest from which on equal steps up the axis divide the error."""

LEAST_ERROR = 0.1
"""In percent; smaller ones are drawn near 100, which has no place where errors are divided."""

TICKS = (0, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 100)
MOST_TICKS = 9


def draw_scores(axes: Axes, display: TransferDisplay) -> None:
    """Score against labels of each class, a curve with markers of its own for each estimator."""
    scale = score_scale(display.score_name)
    curves = {name: scale * scores for name, scores in display.scores.items()}
    lines = [
        _draw_curve(axes, display.labels_per_class, scores, name, place)
        for place, (name, scores) in enumerate(curves.items())
    ]
    open_axes(axes)
    _frame_labels(axes, display.labels_per_class)
    if scale == 100:
        _frame_percents(axes, list(curves.values()))
    axes.set_ylabel(score_label(display.score_name))
    axes.legend(handles=lines, loc="lower right", frameon=False)


def _draw_curve(
    axes: Axes, counts: Sequence[int], scores: np.ndarray, name: str, place: int
) -> Line2D:
    colour, shape = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
    bars = _deviations(scores)
    drawn = axes.errorbar(
        counts,
        scores.mean(axis=1),
        yerr=bars if bars.any() else None,
        color=colour,
        fmt=f"{shape}-",
        linewidth=1.2,
        markersize=7,
        markeredgecolor="white",
        elinewidth=1.2,
        capsize=2.5,
    )
    line: Line2D = drawn[0]
    line.set_label(name)
    return line


def _deviations(scores: np.ndarray) -> np.ndarray:
    """Sample deviation over the draws of each number of labels; 0 where there is one."""
    n_draws = scores.shape[1]
    return scores.std(axis=1, ddof=1) if n_draws > 1 else np.zeros(len(scores))


def _frame_labels(axes: Axes, counts: Sequence[int]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_xlabel("labels of each class")
    logarithmic_axis(axes)
    stretch = 1.2 if len(counts) > 1 else 2
    axes.set_xlim(counts[0] / stretch, counts[-1] * stretch)
    if len(counts) <= MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(list(counts)))
        axes.xaxis.set_minor_locator(NullLocator())


def _frame_percents(axes: Axes, curves: Sequence[np.ndarray]) -> None:
    """Heights of accuracies; where their errors are far apart, equal steps divide the error."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    percent_axis(axes)
    means = np.concatenate([scores.mean(axis=1) for scores in curves])
    bars = np.concatenate([_deviations(scores) for scores in curves])
    least = max(100 - float(means.max()), LEAST_ERROR)
    if 100 - means.min() < ERRORS_FAR_APART * least:
        return

    def steps(accuracy: Any) -> Any:
        # Half of the least error is added to all, so that 100 has a place above the curves.
        return -np.log2(np.maximum(100 + least / 2 - np.asarray(accuracy, dtype=float), 1e-9))

    def accuracy_of(height: Any) -> Any:
        return 100 + least / 2 - np.exp2(-np.asarray(height, dtype=float))

    ends = float(np.max(means + bars)), float(np.min(means - bars))
    high, low = (float(steps(min(max(end, 0), 100))) for end in ends)
    margin = 0.06 * (high - low)
    axes.set_yscale("function", functions=(steps, accuracy_of))
    axes.set_ylim(float(accuracy_of(low - margin)), float(accuracy_of(high + margin)))
    axes.yaxis.set_major_locator(FixedLocator(TICKS))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
    axes.yaxis.set_minor_locator(NullLocator())
