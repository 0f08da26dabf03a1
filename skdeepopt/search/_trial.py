"""What a search tries, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepopt.workers._failure import Failure

__all__ = ["Trial", "TrialResult", "guiding_metrics"]


@dataclass(frozen=True)
class Trial:
    """A candidate, and how much training it is to have had.

    Parameters
    ----------
    number : int
        Of the candidate, from 0.
    parameters : mapping of str to object
        As ``set_params`` takes them.
    resource : int or None, default=None
        Epochs or samples in all after this trial. None is a whole ``fit``.
    before : int, default=0
        Epochs or samples that its weights have had. 0 starts anew.

    Raises
    ------
    ValueError
        There is no training between `before` and `resource`.

    Examples
    --------
    >>> Trial(12, {"lr": 0.1}).key, Trial(12, {"lr": 0.1}, resource=9, before=3).key
    ('12', '12@9')
    """

    number: int
    parameters: Mapping[str, Any]
    resource: int | None = None
    before: int = 0

    def __post_init__(self) -> None:
        if self.before < 0 or self.before >= (math.inf if self.resource is None else self.resource):
            raise ValueError(f"A trial goes on from before to more, not from {self!r}.")

    @property
    def key(self) -> str:
        """Name of the trial, unlike that of any other in the search."""
        return f"{self.number}" if self.resource is None else f"{self.number}@{self.resource}"


@dataclass(frozen=True)
class TrialResult:
    """Scores of a trial on every split, or why there are none.

    Parameters
    ----------
    trial : Trial
    test_scores : dict of str to ndarray of shape (n_splits,)
        An array for each metric; all NaN, or no entry, where the trial failed.
    train_scores : dict of str to ndarray of shape (n_splits,), or None
        The same on the training rows, where the search was asked for them.
    fit_time, score_time : ndarray of shape (n_splits,)
        Seconds. NaN for a split that was not tried, since another one had failed.
    failure : Failure or None
    resumed : bool
        All of it was read from the journal.
    """

    trial: Trial
    test_scores: dict[str, np.ndarray]
    train_scores: dict[str, np.ndarray] | None
    fit_time: np.ndarray
    score_time: np.ndarray
    failure: Failure | None
    resumed: bool

    def mean(self, name: str) -> float:
        """Mean of a metric over the splits.

        Parameters
        ----------
        name : str
            ``"score"`` where there is one metric.

        Returns
        -------
        score : float
            NaN where the trial failed.
        """
        if self.failure is not None or name not in self.test_scores:
            return math.nan
        return float(np.mean(self.test_scores[name]))


def guiding_metrics(guide: str | None, names: Sequence[str]) -> tuple[str, ...]:
    """Metrics that a search is guided by: one that is named, or all.

    Parameters
    ----------
    guide : str or None
        As the search's ``refit`` names it.
    names : sequence of str
        All metrics.

    Examples
    --------
    >>> guiding_metrics("f1", ["accuracy", "f1"]), guiding_metrics(None, ["accuracy", "f1"])
    (('f1',), ('accuracy', 'f1'))
    """
    return (guide,) if guide is not None and guide in names else tuple(names)
