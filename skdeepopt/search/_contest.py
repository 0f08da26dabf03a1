"""Candidates that train in rungs, all together or each as soon as a worker is free."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from skdeepopt.search._brackets import Bracket, survivors
from skdeepopt.search._suggestions import Suggestions
from skdeepopt.search._trial import Trial, TrialResult
from skdeepopt.space._coordinates import Coordinates

__all__ = ["Candidate", "Contest", "run_together"]


@dataclass(frozen=True)
class Candidate:
    """A point of the space, and how far it has trained.

    Attributes
    ----------
    number : int
        From 0.
    bracket : int
        Position of its bracket among all.
    point : ndarray of shape (n_parameters,)
    resource : int, default=0
        That it has had.
    score : float, default=nan
        At that resource.
    """

    number: int
    bracket: int
    point: np.ndarray
    resource: int = 0
    score: float = math.nan


@dataclass
class Contest:
    """What is known of the candidates of a search, and when it ends.

    Parameters
    ----------
    brackets : sequence of Bracket
        In the order in which they run.
    coordinates : Coordinates
    suggestions : Suggestions
        Learn from each result.
    judged : callable
        Score of a result, larger is better; NaN where it failed.
    note : callable
        Is told of each result.
    is_over : callable
        Whether nothing more may begin, though there are brackets left.
    continues : callable
        Whether a candidate has what it takes to go on; else its next rung begins anew.
    patience : int or None, default=None
        Candidates without a better score after which no other bracket begins.
    """

    brackets: Sequence[Bracket]
    coordinates: Coordinates
    suggestions: Suggestions
    judged: Callable[[TrialResult], float]
    note: Callable[[TrialResult], Any]
    is_over: Callable[[], bool]
    continues: Callable[[Candidate], bool]
    patience: int | None = None
    candidates: dict[int, Candidate] = field(default_factory=dict)
    _best: float = -math.inf
    _n_at_best: int = 0

    def new(self, bracket: int, n_candidates: int) -> list[Candidate]:
        """Candidates that begin.

        Parameters
        ----------
        bracket : int
            Position of their bracket.
        n_candidates : int
        """
        number = len(self.candidates)
        running = [c.point for c in self.candidates.values() if not c.resource]
        pending = np.array(running) if running else None
        points = self.suggestions.suggest(number, n_candidates, pending=pending)
        return [self.enter(Candidate(number + at, bracket, p)) for at, p in enumerate(points)]

    def enter(self, candidate: Candidate) -> Candidate:
        """Candidate itself, which now takes part."""
        self.candidates[candidate.number] = candidate
        return candidate

    def trial(self, candidate: Candidate, resource: int) -> Trial:
        """Training of a candidate up to a resource."""
        goes_on = candidate.resource > 0 and self.continues(candidate)
        parameters = self.coordinates.parameters(candidate.point)
        before = candidate.resource if goes_on else 0
        return Trial(candidate.number, parameters, resource, before)

    def learn(self, result: TrialResult) -> Candidate:
        """Candidate as it is after a result, which everybody is told of."""
        resource = result.trial.resource
        assert resource is not None, "a rung has a resource"
        score, before = self.judged(result), self.candidates[result.trial.number]
        self.note(result)
        self.suggestions.learn(before.point, resource, score)
        if score > self._best:
            self._best, self._n_at_best = score, len(self.candidates)
        after = replace(before, resource=resource, score=score)
        return self.enter(after) if resource > before.resource else after

    @property
    def is_stale(self) -> bool:
        """Whether too many candidates have come without a better score."""
        since = len(self.candidates) - self._n_at_best
        return self.patience is not None and since >= self.patience

    def while_going(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """Trials until the search is over; the very first one always."""
        for position, trial in enumerate(trials):
            is_first = position == 0 and trial.number == 0 and trial.before == 0
            if self.is_over() and not is_first:
                return
            yield trial


def run_together(
    contest: Contest,
    in_order: Callable[[Iterable[Trial]], Iterator[TrialResult]],
    forget: Callable[[Candidate], None],
) -> None:
    """Run bracket after bracket and rung after rung, whatever the number of workers.

    A candidate that a rung leaves behind waits there, with its weights. When another bracket comes
    to that rung it competes again, at no cost: its score is one on the same splits.

    Parameters
    ----------
    contest : Contest
    in_order : callable
        Results of trials in their order.
    forget : callable
        Drops the weights of a candidate that cannot go on any more.
    """
    waiting = _Waiting(contest.brackets, forget)
    for position, bracket in enumerate(contest.brackets):
        alive = contest.new(position, bracket.rungs[0].n_candidates)
        for rung, after in zip(bracket.rungs, [*bracket.rungs[1:], None], strict=True):
            trials = (contest.trial(candidate, rung.resource) for candidate in alive)
            alive = [contest.learn(result) for result in in_order(contest.while_going(trials))]
            if contest.is_over():
                return
            if after is not None:
                alive = waiting.best(alive, rung.resource, after.n_candidates)
        if contest.is_stale:
            return


class _Waiting:
    """Candidates that were left behind, by resource."""

    def __init__(self, brackets: Sequence[Bracket], forget: Callable[[Candidate], None]) -> None:
        self._left: dict[int, list[Candidate]] = {}
        self._forget = forget
        # More than a later bracket could promote need not wait: their weights take room.
        self._most: dict[int, int] = {}
        for bracket in brackets:
            for rung, after in zip(bracket.rungs, bracket.rungs[1:], strict=False):
                most = max(after.n_candidates, self._most.get(rung.resource, 0))
                self._most[rung.resource] = most

    def best(self, arrived: list[Candidate], resource: int, n_kept: int) -> list[Candidate]:
        """The best of those who have just arrived and those who were left there."""
        rivals = [*self._left.get(resource, []), *arrived]
        order = survivors([rival.score for rival in rivals], len(rivals))
        kept, left = order[:n_kept], order[n_kept:][: self._most[resource]]
        for at in set(range(len(rivals))) - set(kept) - set(left):
            self._forget(rivals[at])
        self._left[resource] = [rivals[at] for at in left]
        # The best trains on first, so that a search that ends in between has had it.
        return [rivals[at] for at in kept]
