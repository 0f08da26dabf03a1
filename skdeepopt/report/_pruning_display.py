"""A scikit-learn display of what pruning costs and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skdeepopt.report._display import CompressionDisplay

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PruningDisplay"]


class PruningDisplay(CompressionDisplay):
    """Score and file size against the ratio removed, and the share that each layer kept.

    Made by :meth:`from_estimator` of a fitted PrunedEstimator, or a search over ``pruning_ratio``,
    and by :meth:`from_estimators` of several that were pruned in one way: with one granularity,
    scope and set of layers; the constructor takes the numbers.

    Parameters
    ----------
    ratios : sequence of float
        Shares removed, in [0, 1), ascending; 0 is the dense network.
    scores, size_bytes : sequence of (float or None)
        At each ratio; None is unknown.
    kept_shares : mapping of float to mapping of str to float
        By ratio and layer, in the order of the network: the share of its units that is left.
    deviations : sequence of (float or None) or None, default=None
        Of each score, over estimators or splits.
    score_name : str, default="score"
        One that begins with "accuracy" is drawn in percent.
    ratio_name, kept_name : str, default="ratio removed" and "units kept"
        What the ratios and the shares are of.
    chosen : float or None, default=None
        Ratio that a search, or a budget, settled on.
    lowest_score : float or None, default=None
        Score that the budget asks for.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of 3 matplotlib Axes
        Of the scores, the sizes and the layers.

    Raises
    ------
    ValueError
        No ratio, or sequences of different lengths.

    Examples
    --------
    >>> display = PruningDisplay(
    ...     ratios=[0.0, 0.5],
    ...     scores=[0.99, 0.98],
    ...     size_bytes=[100_000, 30_000],
    ...     kept_shares={0.5: {"features.0": 0.6, "head": 0.4}},
    ... ).plot()
    >>> [axes.get_ylabel() for axes in display.axes_[:2]]
    ['score', 'model file (KB)']
    """

    def __init__(
        self,
        *,
        ratios: Sequence[float],
        scores: Sequence[float | None],
        size_bytes: Sequence[float | None],
        kept_shares: Mapping[float, Mapping[str, float]],
        deviations: Sequence[float | None] | None = None,
        score_name: str = "score",
        ratio_name: str = "ratio removed",
        kept_name: str = "units kept",
        chosen: float | None = None,
        lowest_score: float | None = None,
    ) -> None:
        deviations = [None] * len(ratios) if deviations is None else deviations
        lengths = [len(values) for values in (ratios, scores, size_bytes, deviations)]
        if len(set(lengths)) > 1 or not lengths[0]:
            raise ValueError(
                "PruningDisplay takes a score, a size and a deviation for each of one or more "
                f"ratios, not {lengths[1]}, {lengths[2]} and {lengths[3]} for {lengths[0]}."
            )
        self.ratios = ratios
        self.scores = scores
        self.size_bytes = size_bytes
        self.kept_shares = kept_shares
        self.deviations = deviations
        self.score_name = score_name
        self.ratio_name = ratio_name
        self.kept_name = kept_name
        self.chosen = chosen
        self.lowest_score = lowest_score

    @staticmethod
    def _points_of(estimators: Sequence[Any], owner: str) -> dict[str, Any]:
        from skdeepopt.report._pruning_points import points_of

        return points_of(estimators, owner=owner)

    @staticmethod
    def _points_of_search(search: Any, owner: str) -> dict[str, Any]:
        from skdeepopt.report._pruning_points import points_of_search

        return points_of_search(search, owner=owner)

    def _room(self) -> dict[str, Any]:
        n_layers = max((len(layers) for layers in self.kept_shares.values()), default=0)
        return {"n_layers": n_layers}

    def _draw(self, panels: np.ndarray) -> None:
        from skdeepopt.report._pruning_panels import draw_layers, draw_scores, draw_sizes

        draw_scores(panels[0], self)
        draw_sizes(panels[1], self)
        draw_layers(panels[2], self)
