"""A display of what accuracy costs: all candidates of a search, and the front of the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeepopt.search._pareto import nondominated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ParetoDisplay"]


class ParetoDisplay:
    """Score against cost of every candidate; the front is what no other beats in both.

    Made by :meth:`from_search` of a search with several metrics, and by :meth:`from_optimizer` of
    an ``AutoOptimizer``; the constructor takes the numbers.

    Parameters
    ----------
    costs : sequence of float
        Of each candidate; smaller is better. NaN where it failed.
    scores : sequence of float
        Of each candidate; larger is better. NaN where it failed.
    deviations : sequence of float or None, default=None
        Of each score, over splits; drawn along the front.
    names : sequence of str or None, default=None
        Of the candidates; those on the front are named.
    chosen : int or None, default=None
        Place of the candidate that was chosen.
    lowest_score : float or None, default=None
        Score that was asked for.
    cost_name : str, default="cost"
        "file_bytes" is drawn in KB or MB, "latency_ms" in milliseconds, "train_seconds" in
        seconds; any other name stands at the axis as it is.
    score_name : str, default="score"
        One that begins with "accuracy" is drawn in percent.

    Attributes
    ----------
    on_front : ndarray of shape (n_candidates,), bool
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Raises
    ------
    ValueError
        Sequences of different lengths, no candidate with both numbers, or no such `chosen`.

    Examples
    --------
    >>> display = ParetoDisplay(
    ...     costs=[90_000, 20_000, 30_000],
    ...     scores=[0.98, 0.97, 0.95],
    ...     chosen=1,
    ...     cost_name="file_bytes",
    ...     score_name="accuracy",
    ... ).plot()
    >>> display.ax_.get_xlabel(), display.on_front.tolist()
    ('model file (KB)', [True, True, False])
    """

    figure_: Figure
    ax_: Axes

    def __init__(
        self,
        *,
        costs: Sequence[float],
        scores: Sequence[float],
        deviations: Sequence[float] | None = None,
        names: Sequence[str] | None = None,
        chosen: int | None = None,
        lowest_score: float | None = None,
        cost_name: str = "cost",
        score_name: str = "score",
    ) -> None:
        self.costs = np.asarray(costs, dtype=np.float64)
        self.scores = np.asarray(scores, dtype=np.float64)
        self.deviations = None if deviations is None else np.asarray(deviations, dtype=np.float64)
        self.names = None if names is None else [str(name) for name in names]
        self.chosen = chosen
        self.lowest_score = lowest_score
        self.cost_name = cost_name
        self.score_name = score_name
        self._check()
        # What is infinite has no place on an axis.
        is_shown = np.isfinite(self.costs) & np.isfinite(self.scores)
        values = np.where(is_shown[:, None], np.stack([self.scores, -self.costs], axis=1), np.nan)
        self.on_front = nondominated(values)

    @classmethod
    def from_search(
        cls, search: Any, *, x: str = "neg_model_bytes", y: str | None = None, ax: Any = None
    ) -> ParetoDisplay:
        """Draw the candidates of a search by two of its metrics.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV, BayesSearchCV, HyperbandSearchCV, …; fitted
            With several metrics. Of one that trains by rungs, the longest trainings are shown.
        x : str, default="neg_model_bytes"
            Metric that is a cost with its sign turned, such as "neg_latency_ms".
        y : str or None, default=None
            Metric that is the score; None is the only one that is no cost.
        ax : matplotlib Axes or None, default=None
            None makes a figure.

        Returns
        -------
        display : ParetoDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            It is not fitted, something else, or lacks a metric; or `x` is no cost.
        """
        from skdeepopt.report._pareto_points import points_of_search

        points = points_of_search(search, x=x, y=y, owner=f"{cls.__name__}.from_search")
        return cls(**points).plot(ax=ax)

    @classmethod
    def from_optimizer(cls, auto: Any, *, x: str = "file_bytes", ax: Any = None) -> ParetoDisplay:
        """Draw what an AutoOptimizer has tried, and what it chose.

        Parameters
        ----------
        auto : AutoOptimizer, fitted
        x : {"file_bytes", "latency_ms", "train_seconds"}, default="file_bytes"
            Cost.
        ax : matplotlib Axes or None, default=None
            None makes a figure.

        Returns
        -------
        display : ParetoDisplay

        Raises
        ------
        NotFittedError, TypeError, ValueError
            It is not fitted, or something else; or there is no such cost.
        """
        from skdeepopt.report._pareto_points import points_of_optimizer

        points = points_of_optimizer(auto, x=x, owner=f"{cls.__name__}.from_optimizer")
        return cls(**points).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> ParetoDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a figure.

        Returns
        -------
        self : ParetoDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            `ax` is something else.
        """
        from skdeepopt.report._panels import one_axes
        from skdeepopt.report._pareto_panels import draw_front

        axes: Any = one_axes(ax, owner=type(self).__name__)
        draw_front(axes, self)
        self.ax_ = axes
        self.figure_ = axes.figure
        return self

    def _check(self) -> None:
        owner, n_costs = type(self).__name__, len(self.costs)
        for name in ("scores", "deviations", "names"):
            values = getattr(self, name)
            if values is not None and len(values) != n_costs:
                raise ValueError(
                    f"{owner}.{name} holds one for each of the {n_costs} costs, not {len(values)}."
                )
        if not (np.isfinite(self.costs) & np.isfinite(self.scores)).any():
            raise ValueError(f"{owner} takes at least one candidate with a cost and a score.")
        if self.chosen is not None and not 0 <= self.chosen < n_costs:
            raise ValueError(
                f"{owner}.chosen is the place of one of {n_costs} candidates, from 0, not "
                f"{self.chosen!r}."
            )
