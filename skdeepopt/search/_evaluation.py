"""Trials in, results out: on any backend, each split a task, nothing finished done twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import numpy as np

from skdeepopt.journal._identity import fingerprint
from skdeepopt.journal._journal import Journal
from skdeepopt.search._clock import SearchClock
from skdeepopt.search._split import (
    FitTrial,
    Raised,
    SplitData,
    SplitScores,
    evaluate_split,
    fit_whole,
)
from skdeepopt.search._trial import Trial, TrialResult, guiding_metrics
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import NOT_FINITE, TIMEOUT, Failure, Outcome, Task

__all__ = ["Evaluator", "FitTrial", "Trial", "TrialResult", "fit_whole"]

_SUSPICIOUS = 2
"""So often may an evaluation begin without ever ending before it gets a process of its own: that
the machine was switched off in it once is no wonder, twice is."""

_Entry = dict[str, Any]


@dataclass
class _Open:
    """A trial under way."""

    trial: Trial
    entries: dict[int, _Entry] = field(default_factory=dict)
    running: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    resumed: bool = True

    @property
    def has_failed(self) -> bool:
        return any(entry["failure"] for entry in self.entries.values())

    @property
    def is_over(self) -> bool:
        return not self.running and (self.has_failed or not self.waiting)


class Evaluator:
    """Evaluates trials on the splits of one search.

    A trial that fails on one split has failed: it is not tried on the splits that remain.

    Parameters
    ----------
    estimator : estimator
        Never changed.
    X, y : array-like
        All rows; y may be None.
    common : SplitData
        Splits, scorer, and what else the trials share.
    journal : Journal
        Finished evaluations are looked up there, and added.
    clock : SearchClock
        Told of the time that the journal knows of.
    guide : str or None, default=None
        Metric without which a trial has failed. None is each of them.
    score_names : sequence of str, default=()
        The metrics; empty where only the first scores tell.
    n_jobs, pre_dispatch, timeout
        As in :class:`Dispatcher`.

    Attributes
    ----------
    n_splits : int
    n_train : int
        Samples of the smallest training split.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        common: SplitData,
        *,
        journal: Journal,
        clock: SearchClock,
        guide: str | None = None,
        score_names: Sequence[str] = (),
        n_jobs: int | None = None,
        pre_dispatch: str | int = "n_jobs",
        timeout: float | None = None,
    ) -> None:
        self.n_splits = len(common.splits)
        self.n_train = min((len(train) for train, _ in common.splits), default=0)
        self.score_names: tuple[str, ...] = tuple(score_names)
        self._common, self.journal, self._clock = common, journal, clock
        self._guide = guide
        self._stack = ExitStack()
        self._dispatcher: Dispatcher | None = None
        self._make_dispatcher: Callable[[], Dispatcher] = lambda: Dispatcher(
            evaluate_split,
            (estimator, X, y, common),
            n_jobs=n_jobs,
            timeout=timeout,
            pre_dispatch=pre_dispatch,
        )

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def run(self, trials: Iterable[Trial], fit: FitTrial = fit_whole) -> Iterator[TrialResult]:
        """Results as they come.

        Parameters
        ----------
        trials : iterable of Trial
            Read no further ahead than there are workers, so that the next trial may depend on
            results that came before.
        fit : FitTrial, default=fit_whole
            Module-level function, or an object that pickles. The state that it gives is kept
            until the next trial of the candidate has its own.

        Yields
        ------
        TrialResult

        Raises
        ------
        Exception
            What a candidate raised, where the search is to pass it on.
        ValueError
            The journal has another candidate under a trial's key.
        """
        source = iter(trials)
        for trial in source:
            opened = self._looked_up(trial)
            if opened.is_over:  # read one by one: no worker is asked for what is known
                yield self._closed(opened)
            else:
                yield from self._dispatched(opened, source, fit)

    def in_order(self, trials: Iterable[Trial], fit: FitTrial = fit_whole) -> Iterator[TrialResult]:
        """Results in the order of the trials, each as soon as those before it are there.

        Parameters
        ----------
        trials : iterable of Trial
        fit : FitTrial, default=fit_whole

        Yields
        ------
        TrialResult
        """
        order: list[str] = []
        ready: dict[str, TrialResult] = {}
        for result in self.run(_noted(trials, order), fit):
            ready[result.trial.key] = result
            while order and order[0] in ready:
                yield ready.pop(order.pop(0))

    def all(self, trials: Iterable[Trial], fit: FitTrial = fit_whole) -> list[TrialResult]:
        """All results, in the order of the trials.

        Parameters
        ----------
        trials : iterable of Trial
        fit : FitTrial, default=fit_whole
        """
        return list(self.in_order(trials, fit))

    def forget(self, trial: Trial) -> None:
        """Drop the states that a trial left, of a candidate that will not go on.

        Parameters
        ----------
        trial : Trial
        """
        for split in range(self.n_splits):
            self.journal.drop(_state_name(trial.number, trial.resource, split))

    def _looked_up(self, trial: Trial) -> _Open:
        """Trial with what the journal has of it."""
        opened = _Open(trial)
        for split in range(self.n_splits):
            entry = self.journal.find(f"{trial.key}/{split}")
            if entry is None:
                opened.waiting.append(split)
            else:
                self._check_same(trial, entry)
                self._clock.advance_to(entry["elapsed"])
                opened.entries[split] = entry
        return opened

    def _check_same(self, trial: Trial, entry: _Entry) -> None:
        if entry["parameters"] != fingerprint(trial.parameters):
            raise ValueError(
                f"The journal's candidate {trial.key} is another one than {dict(trial.parameters)}:"
                f" the search that wrote it had other settings, or other versions of its libraries."
                f" Did you mean another folder?"
            )

    def _dispatched(
        self, first: _Open, rest: Iterator[Trial], fit: FitTrial
    ) -> Iterator[TrialResult]:
        """Results of a trial and of all after it."""
        if self._dispatcher is None:
            self._dispatcher = self._stack.enter_context(self._make_dispatcher())
        opened = {first.trial.key: first}
        for outcome in self._dispatcher.run(self._tasks(opened, first, rest, fit)):
            key, _, split = outcome.key.rpartition("/")
            current = opened[key]
            if split != _KNOWN:
                self._record(current, int(split), outcome)
            if current.is_over:
                yield self._closed(opened.pop(key))

    def _tasks(
        self, opened: dict[str, _Open], first: _Open, rest: Iterator[Trial], fit: FitTrial
    ) -> Iterator[Task]:
        yield from self._tasks_of(first, fit)
        for trial in rest:
            current = opened[trial.key] = self._looked_up(trial)
            if current.is_over:
                # Told through the dispatcher, so that whoever reads the results has seen it
                # before the trial after it is asked for.
                yield Task(f"{trial.key}/{_KNOWN}", (None, 0, fit, None))
            yield from self._tasks_of(current, fit)

    def _tasks_of(self, current: _Open, fit: FitTrial) -> Iterator[Task]:
        trial = current.trial
        while current.waiting and not current.has_failed:
            split = current.waiting.pop(0)
            key = f"{trial.key}/{split}"
            state = None
            if trial.before:
                state = self.journal.get(_state_name(trial.number, trial.before, split))
            current.running.add(split)
            current.resumed = False
            isolated = self.journal.begin(key) >= _SUSPICIOUS
            yield Task(key, (trial, split, fit, state), isolated)

    def _record(self, current: _Open, split: int, outcome: Outcome) -> None:
        """Put what came of a split on disk."""
        if isinstance(outcome.value, Raised):
            raise outcome.value.error
        scores, failure = self._judged(outcome)
        trial = current.trial
        entry: _Entry = {
            "parameters": fingerprint(trial.parameters),
            "test": scores.test,
            "train": scores.train,
            "fit_time": scores.fit_time,
            "score_time": scores.score_time,
            "failure": None if failure is None else vars(failure),
            "elapsed": self._clock.seconds(),
        }
        if scores.state is not None:  # before the entry, which says that it is there
            self.journal.put(_state_name(trial.number, trial.resource, split), scores.state)
        self.journal.add(outcome.key, entry)
        if trial.before:
            self.journal.drop(_state_name(trial.number, trial.before, split))
        current.running.discard(split)
        current.entries[split] = entry

    def _judged(self, outcome: Outcome) -> tuple[SplitScores, Failure | None]:
        """Scores, and why they are of no use."""
        failure = outcome.failure
        if failure is not None:
            if self._common.passes_errors:
                error = TimeoutError if failure.kind == TIMEOUT else RuntimeError
                raise error(f"Candidate {outcome.key}: {failure.reason}")
            return SplitScores({}, None, outcome.seconds, 0.0), failure
        scores: SplitScores = outcome.value
        if not self.score_names:
            self.score_names = tuple(scores.test)
        for name in guiding_metrics(self._guide, self.score_names):
            value = scores.test.get(name, math.nan)
            if not math.isfinite(value):
                return scores, Failure(NOT_FINITE, f"the metric {name!r} is {value} on a split")
        return scores, None

    def _closed(self, current: _Open) -> TrialResult:
        """Result of a trial that is over."""
        entries = [current.entries.get(split) for split in range(self.n_splits)]
        failures = [entry["failure"] for entry in entries if entry and entry["failure"]]
        tests = [entry["test"] for entry in entries if entry and entry["test"]]
        if not self.score_names and tests:
            self.score_names = tuple(tests[0])
        failed = bool(failures)
        trains = None
        if self._common.with_train_scores:
            trains = self._columns([entry and entry["train"] for entry in entries], failed)
        return TrialResult(
            trial=current.trial,
            test_scores=self._columns([entry and entry["test"] for entry in entries], failed),
            train_scores=trains,
            fit_time=_column(entries, "fit_time"),
            score_time=_column(entries, "score_time"),
            failure=Failure(**failures[0]) if failures else None,
            resumed=current.resumed,
        )

    def _columns(self, scores: list[_Entry | None], failed: bool) -> dict[str, np.ndarray]:
        if failed:
            return {name: np.full(self.n_splits, np.nan) for name in self.score_names}
        return {name: _column(scores, name) for name in self.score_names}


_KNOWN = "known"


def _noted(trials: Iterable[Trial], order: list[str]) -> Iterator[Trial]:
    for trial in trials:
        order.append(trial.key)
        yield trial


def _column(entries: Sequence[_Entry | None], name: str) -> np.ndarray:
    return np.array([entry[name] if entry else np.nan for entry in entries], dtype=np.float64)


def _state_name(number: int, resource: int | None, split: int) -> str:
    return f"{number}@{resource}/{split}"
