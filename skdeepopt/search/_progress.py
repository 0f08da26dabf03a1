"""Where a search stands, as its callbacks are told, and when it has gone on for long enough."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepopt.search._clock import SearchClock
from skdeepopt.search._pareto import nondominated
from skdeepopt.search._trial import TrialResult, guiding_metrics

__all__ = ["Progress", "SearchProgress", "callbacks_of", "print_progress"]


@dataclass(frozen=True)
class SearchProgress:
    """What a search has just found, and what it has found so far.

    Parameters
    ----------
    number : int
        Of the candidate just finished, from 0.
    parameters : mapping of str to object
    scores : dict of str to float
        Mean over the splits of each metric; NaN where the candidate failed.
    resource : int or None
        Epochs or samples that it has had, where the search counts them.
    failure : str
        Why it failed; empty where it did not.
    resumed : bool
        It was read from the journal.
    n_finished, n_failed : int
        Results so far, and how many of them are failures.
    best_parameters : mapping of str to object, or None
        Of the best by `metric`. None where all have failed.
    best_score : float
        NaN where all have failed.
    metric : str
        ``"score"`` where there is one metric.
    seconds : float
        That the search has worked.
    """

    number: int
    parameters: Mapping[str, Any]
    scores: dict[str, float]
    resource: int | None
    failure: str
    resumed: bool
    n_finished: int
    n_failed: int
    best_parameters: Mapping[str, Any] | None
    best_score: float
    metric: str
    seconds: float


class Progress:
    """Results of a search so far, and whether there are enough.

    Parameters
    ----------
    clock : SearchClock
    guide : str or None
        Metric that says which candidate is better. Without one, where there are several, a
        candidate is better when it joins their front.
    callbacks : sequence of callable
        Each takes a :class:`SearchProgress`; one that returns True ends the search.
    time_budget : float or None
        Seconds.
    n_iter_no_change : int or None
        Results without a better one.
    """

    def __init__(
        self,
        clock: SearchClock,
        guide: str | None,
        callbacks: Sequence[Callable[[SearchProgress], Any]] = (),
        *,
        time_budget: float | None = None,
        n_iter_no_change: int | None = None,
    ) -> None:
        self.results: list[TrialResult] = []
        self._clock, self._guide, self._callbacks = clock, guide, tuple(callbacks)
        self._metrics: tuple[str, ...] = ()
        self._time_budget, self._patience = time_budget, n_iter_no_change
        self._best: list[TrialResult] = []
        self._since_better = 0
        self._n_failed = 0
        self._was_told_to_stop = False

    @property
    def is_over(self) -> bool:
        """Whether a callback, the time, or the want of progress ends the search.

        Not before the first result, so that there is always one.
        """
        if not self.results:
            return False
        late = self._time_budget is not None and self._clock.seconds() >= self._time_budget
        stale = self._patience is not None and self._since_better >= self._patience
        return self._was_told_to_stop or late or stale

    def note(self, result: TrialResult) -> bool:
        """Take a result in, tell the callbacks, and say whether the search is over.

        Parameters
        ----------
        result : TrialResult
        """
        self.results.append(result)
        self._n_failed += result.failure is not None
        if not self._metrics:
            self._metrics = guiding_metrics(self._guide, tuple(result.test_scores))
        self._since_better = 0 if self._is_better(result) else self._since_better + 1
        if self._callbacks:
            told = self._told(result)
            # All of them, whatever the first says.
            answers = [callback(told) for callback in self._callbacks]
            self._was_told_to_stop |= any(answer is True for answer in answers)
        return self.is_over

    def _is_better(self, result: TrialResult) -> bool:
        """Whether a result joins the best, which are one, or the front of several metrics."""
        values = [self._values(r) for r in [*self._best, result]]
        if result.failure is not None or not self._metrics or np.isnan(values[-1]).any():
            return False
        if len(self._metrics) == 1 and self._best:
            better = values[-1][0] > values[0][0]
            self._best = [result] if better else self._best
            return better
        front = nondominated(values)
        joins = bool(front[-1]) and values[-1] not in values[:-1]
        if joins:
            self._best = [r for r, on in zip([*self._best, result], front, strict=True) if on]
        return joins

    def _values(self, result: TrialResult) -> list[float]:
        return [result.mean(name) for name in self._metrics]

    def _told(self, result: TrialResult) -> SearchProgress:
        metric = self._metrics[0] if self._metrics else "score"
        best = max(self._best, key=lambda r: r.mean(metric), default=None)
        return SearchProgress(
            number=result.trial.number,
            parameters=result.trial.parameters,
            scores={name: result.mean(name) for name in result.test_scores},
            resource=result.trial.resource,
            failure="" if result.failure is None else result.failure.reason,
            resumed=result.resumed,
            n_finished=len(self.results),
            n_failed=self._n_failed,
            best_parameters=None if best is None else best.trial.parameters,
            best_score=math.nan if best is None else best.mean(metric),
            metric=metric,
            seconds=self._clock.seconds(),
        )


def callbacks_of(owner: str, callbacks: Any) -> list[Callable[..., Any]]:
    """The callables in None, a callable, or several.

    Parameters
    ----------
    owner : str
        Opens the message.
    callbacks : None, callable, or iterable of callable

    Raises
    ------
    TypeError
        It is something else.
    """
    if callbacks is None:
        return []
    several = callbacks if isinstance(callbacks, Iterable) else [callbacks]
    listed = [several] if callable(several) else list(several)
    for callback in listed:
        if not callable(callback):
            raise TypeError(
                f"{owner} is a function of the search's progress, or a list of such, not "
                f"{callbacks!r}."
            )
    return listed


def print_progress(progress: SearchProgress) -> None:
    """Print a line about a candidate.

    Parameters
    ----------
    progress : SearchProgress
    """
    from rich.console import Console

    outcome = progress.failure or ", ".join(f"{n} {v:.5g}" for n, v in progress.scores.items())
    Console(highlight=False, soft_wrap=True).print(
        f"{progress.seconds:8.1f} s  candidate {progress.number}: {outcome} "
        f"(best {progress.metric} {progress.best_score:.5g})  {dict(progress.parameters)}",
        markup=False,
    )
