"""A scikit-learn display of what labels buy: with a pretrained network, and from scratch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["TransferDisplay"]

LABELS_PER_CLASS = (1, 2, 5, 10, 20, 50)


class TransferDisplay:
    """Score on data held out against labels of each class, a curve for each estimator.

    Made by :meth:`from_estimators`; the constructor takes the numbers.

    Parameters
    ----------
    labels_per_class : sequence of int
        Positive, ascending.
    scores : mapping of str to array-like of shape (n_counts, n_repeats)
        By name: a row for each number of labels, a score for each draw of the labels.
    score_name : str, default="score"
        One that begins with "accuracy" is drawn in percent.

    Attributes
    ----------
    figure_ : matplotlib Figure
    ax_ : matplotlib Axes

    Raises
    ------
    ValueError
        No curve, one of another length, or numbers of labels that do not ascend.

    Examples
    --------
    >>> display = TransferDisplay(
    ...     labels_per_class=[1, 5],
    ...     scores={"transferred": [[0.80, 0.84], [0.97, 0.98]], "from scratch": [[0.6], [0.9]]},
    ...     score_name="accuracy",
    ... ).plot()
    >>> display.ax_.get_ylabel()
    'accuracy (%)'
    """

    figure_: Figure
    ax_: Axes

    def __init__(
        self,
        *,
        labels_per_class: Sequence[int],
        scores: Mapping[str, Any],
        score_name: str = "score",
    ) -> None:
        self.labels_per_class = labels_per_class
        self.scores = {name: np.asarray(values, dtype=float) for name, values in scores.items()}
        self.score_name = score_name
        self._check()

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any],
        X: Any,
        y: Any,
        *,
        labels_per_class: Sequence[int] = LABELS_PER_CLASS,
        n_repeats: int = 3,
        test_size: float = 0.5,
        random_state: Any = None,
        ax: Any = None,
    ) -> TransferDisplay:
        """Fit each estimator on few labels, then on more, and draw what it gets right elsewhere.

        Parameters
        ----------
        estimators : mapping of str to classifier
            By the name in the legend. Clones are fitted, each with its own ``random_state``.
        X, y : array-like
            Labelled data, from which labels are drawn and a part is held out.
        labels_per_class : sequence of int, default=(1, 2, 5, 10, 20, 50)
            Labels of each class to fit on. A larger draw holds the smaller ones, and all
            estimators get the same.
        n_repeats : int, default=3
            Draws of both parts; the mean is shown, and the sample deviation as a bar.
        test_size : float or int, default=0.5
            Share, or number, of rows held out; stratified.
        random_state : int, RandomState instance or None, default=None
            Of the draws.
        ax : matplotlib Axes or None, default=None
            None makes a figure.

        Returns
        -------
        display : TransferDisplay
            With the scores of all draws in ``scores``.

        Raises
        ------
        TypeError, ValueError
            An argument is something else, or a class has too few labels.
        """
        from skdeepopt.report._transfer_points import scores_by_labels

        points = scores_by_labels(
            estimators,
            X,
            y,
            labels_per_class=labels_per_class,
            n_repeats=n_repeats,
            test_size=test_size,
            random_state=random_state,
            owner=f"{cls.__name__}.from_estimators",
        )
        return cls(**points).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> TransferDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            None makes a figure.

        Returns
        -------
        self : TransferDisplay

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            `ax` is something else.
        """
        from skdeepopt.report._panels import one_axes
        from skdeepopt.report._transfer_panels import draw_scores

        axes: Any = one_axes(ax, owner=type(self).__name__)
        draw_scores(axes, self)
        self.ax_ = axes
        self.figure_ = axes.figure
        return self

    def _check(self) -> None:
        owner = type(self).__name__
        counts = np.asarray(self.labels_per_class)
        if counts.ndim != 1 or not len(counts) or counts[0] < 1 or (np.diff(counts) <= 0).any():
            raise ValueError(
                f"{owner}.labels_per_class is one or more positive numbers in ascending order, "
                f"not {self.labels_per_class!r}."
            )
        if not self.scores:
            raise ValueError(f"{owner}.scores holds one or more estimators, not none.")
        for name, values in self.scores.items():
            if values.ndim != 2 or len(values) != len(counts) or not values.shape[1]:
                raise ValueError(
                    f"{owner}.scores[{name!r}] has the shape ({len(counts)}, n_repeats), a row for "
                    f"each number of labels, not {values.shape}."
                )
