"""A scikit-learn display of what pruning costs and saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PruningDisplay"]


class PruningDisplay:
    """Score and file size against the ratio removed, and the share that each layer kept.

    Made by :meth:`from_estimator` and :meth:`from_estimators`; the constructor takes the numbers.

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

    figure_: Figure
    axes_: np.ndarray

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

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> PruningDisplay:
        """Draw one fitted estimator, or a search.

        Parameters
        ----------
        estimator : PrunedEstimator, pipeline, or search over ``pruning_ratio``; fitted
            One estimator shows the dense network, the pruned one, and the ratios that were tried
            for ``max_accuracy_drop``. A search shows the validation score of its best candidate
            at each ratio, and the file size and layers of its ``best_estimator_``.
        ax : sequence of 3 matplotlib Axes or None, default=None
            For the scores, the sizes and the layers; None makes a figure.

        Returns
        -------
        display : PruningDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            `estimator` is not fitted, or something else.
        """
        from skdeepopt.report._pruning_points import points_of, points_of_search

        owner = f"{cls.__name__}.from_estimator"
        if hasattr(estimator, "cv_results_"):
            return cls(**points_of_search(estimator, owner=owner)).plot(ax=ax)
        return cls(**points_of([estimator], owner=owner)).plot(ax=ax)

    @classmethod
    def from_estimators(cls, estimators: Sequence[Any], *, ax: Any = None) -> PruningDisplay:
        """Draw several fitted estimators, all pruned in one way and to various ratios.

        Parameters
        ----------
        estimators : sequence of PrunedEstimator or pipeline
            At least one. Of several with the same ratio, the mean is shown.
        ax : sequence of 3 matplotlib Axes or None, default=None
            As in :meth:`from_estimator`.

        Returns
        -------
        display : PruningDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            One is not fitted, or something else; or they differ in granularity, scope or layers.
        """
        from skdeepopt.report._pruning_points import points_of

        return cls(**points_of(estimators, owner=f"{cls.__name__}.from_estimators")).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> PruningDisplay:
        """Draw.

        Parameters
        ----------
        ax : sequence of 3 matplotlib Axes or None, default=None
            For the scores, the sizes and the layers; None makes a figure.

        Returns
        -------
        self : PruningDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            `ax` is something else.
        """
        from skdeepopt.report._panels import three_axes
        from skdeepopt.report._pruning_panels import draw_layers, draw_scores, draw_sizes

        n_layers = max((len(layers) for layers in self.kept_shares.values()), default=0)
        panels = three_axes(ax, n_layers=n_layers, owner=type(self).__name__)
        draw_scores(panels[0], self)
        draw_sizes(panels[1], self)
        draw_layers(panels[2], self)
        self.axes_ = panels
        self.figure_ = panels[0].figure
        return self
