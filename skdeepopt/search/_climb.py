"""Candidates that never wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import accumulate, chain
from typing import Any, Protocol

import numpy as np

from skdeepopt.search._brackets import Ladder
from skdeepopt.search._contest import Candidate, Contest
from skdeepopt.search._trial import Trial, TrialResult

__all__ = ["JobLog", "run_at_once"]


class JobLog(Protocol):
    """Where what has begun is kept; a journal is one."""

    def find(self, key: str) -> dict[str, Any] | None:
        """What was kept under a key, None where nothing was."""

    def add(self, key: str, entry: Mapping[str, Any]) -> None:
        """Keep something under a key."""


def run_at_once(
    contest: Contest,
    run: Callable[[Iterable[Trial]], Iterator[TrialResult]],
    log: JobLog,
    factor: int,
) -> None:
    """Promote whoever is good enough, or let another candidate begin, whenever a worker is free.

    All brackets share their rungs: a rung's scores are on the same splits, whoever made them.

    Parameters
    ----------
    contest : Contest
    run : callable
        Results of trials as they come, which reads the trials no further ahead than there are
        workers.
    log : JobLog
        What begins is kept there first. An interrupted search begins the same again in the same
        order, though what had been found when it was decided is not known any more.
    factor : int
        One in so many goes on.
    """
    climb = _Climb(contest, log, factor)
    trials = contest.while_going(climb.trials())
    # The trials end when nobody is good enough for now. What runs then may change that.
    while (first := next(trials, None)) is not None:
        for result in run(chain([first], trials)):
            climb.learn(result)
        trials = contest.while_going(climb.trials())


class _Climb:
    """Decides who trains next."""

    def __init__(self, contest: Contest, log: JobLog, factor: int) -> None:
        self._contest, self._log = contest, log
        self._levels = max((b.resources for b in contest.brackets), key=len)
        self._ladder = Ladder(len(self._levels), factor)
        self._ends = list(accumulate(b.rungs[0].n_candidates for b in contest.brackets))
        self._n_jobs = 0

    def trials(self) -> Iterator[Trial]:
        """Trials until there is nothing to do for now."""
        while (job := self._logged() or self._promoted() or self._new()) is not None:
            candidate, level = job
            entry = {
                "number": candidate.number,
                "bracket": candidate.bracket,
                "point": candidate.point.tolist(),
                "level": level,
            }
            trial = self._contest.trial(candidate, self._levels[level])
            if self._log.find(self._key) is None:
                self._log.add(self._key, entry)
            self._n_jobs += 1
            yield trial

    def learn(self, result: TrialResult) -> None:
        """Take a result in."""
        candidate = self._contest.learn(result)
        level = self._levels.index(candidate.resource)
        self._ladder.finished(candidate.number, level, candidate.score)

    @property
    def _key(self) -> str:
        return f"job/{self._n_jobs}"

    def _logged(self) -> tuple[Candidate, int] | None:
        """What was begun at this turn before the search was interrupted."""
        job = self._log.find(self._key)
        if job is None:
            return None
        number, level = job["number"], job["level"]
        candidate = self._contest.candidates.get(number)
        if candidate is None:
            return self._contest.enter(Candidate(number, job["bracket"], _array(job))), level
        self._ladder.entered(number, level)
        # Its earlier result may be on its way still.
        return replace(candidate, resource=self._levels[level - 1]), level

    def _promoted(self) -> tuple[Candidate, int] | None:
        job = self._ladder.promote()
        return None if job is None else (self._contest.candidates[job[0]], job[1])

    def _new(self) -> tuple[Candidate, int] | None:
        number = len(self._contest.candidates)
        if number >= self._ends[-1] or self._contest.is_stale:
            return None
        position = next(at for at, end in enumerate(self._ends) if number < end)
        first = self._contest.brackets[position].resources[0]
        return self._contest.new(position, 1)[0], self._levels.index(first)


def _array(job: Mapping[str, Any]) -> np.ndarray:
    return np.array(job["point"], dtype=np.float64)
