"""How many candidates train for how long, and which of them train on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Bracket", "Ladder", "Rung", "hyperband_brackets", "survivors"]


@dataclass(frozen=True)
class Rung:
    """A number of candidates, each with the same resource in all."""

    n_candidates: int
    resource: int

    def __post_init__(self) -> None:
        assert self.n_candidates >= 1, "a rung without candidates is none"
        assert self.resource >= 1, "nothing is learned from nothing"


@dataclass(frozen=True)
class Bracket:
    """Successive halving from one first resource: fewer candidates rung by rung, with more each.

    Attributes
    ----------
    halvings : int
        How often the candidates are cut; the larger, the less the first rung trains.
    rungs : tuple of Rung
        The first one first.
    """

    halvings: int
    rungs: tuple[Rung, ...]

    def __post_init__(self) -> None:
        pairs = list(zip(self.rungs, self.rungs[1:], strict=False))
        assert self.rungs, "a bracket has at least one rung"
        assert all(a.resource < b.resource for a, b in pairs), "resources rise"
        assert all(a.n_candidates >= b.n_candidates for a, b in pairs), "candidates get fewer"

    @property
    def resources(self) -> tuple[int, ...]:
        """Resource of each rung, in all."""
        return tuple(rung.resource for rung in self.rungs)

    def to_plain(self) -> dict[str, list[int]]:
        """Candidates and resources, an entry for each rung."""
        return {
            "n_candidates": [rung.n_candidates for rung in self.rungs],
            "resources": list(self.resources),
        }

    @property
    def cost(self) -> int:
        """Resources that are used where survivors go on from where they are."""
        steps = zip((0, *self.resources), self.rungs, strict=False)
        return sum(rung.n_candidates * (rung.resource - before) for before, rung in steps)


def hyperband_brackets(
    min_resources: int, max_resources: int, factor: int, *, n_finalists: int = 1
) -> tuple[Bracket, ...]:
    """Brackets of Hyperband, the one that cuts most first.

    Parameters
    ----------
    min_resources : int
        Least resource of a first rung, at least 1.
    max_resources : int
        Resource of each bracket's last rung.
    factor : int
        One in so many candidates goes on, with so many times the resource; at least 2.
    n_finalists : int, default=1
        Candidates of each bracket that go on to its last rung at least.

    Returns
    -------
    brackets : tuple of Bracket
        With one finalist, all have about the same cost where every rung starts anew.

    References
    ----------
    Li et al. (2017), arXiv:1603.06560, algorithm 1.

    Examples
    --------
    >>> for bracket in hyperband_brackets(1, 27, 3):
    ...     print([(rung.n_candidates, rung.resource) for rung in bracket.rungs])
    [(27, 1), (9, 3), (3, 9), (1, 27)]
    [(12, 3), (4, 9), (1, 27)]
    [(6, 9), (2, 27)]
    [(4, 27)]
    """
    most = 0
    while min_resources * factor ** (most + 1) <= max_resources:
        most += 1
    brackets = []
    for halvings in range(most, -1, -1):
        # Algorithm 1's n, in whole numbers: a float's ceil is one too many now and then.
        width = -(-(most + 1) * factor**halvings // (halvings + 1))
        least = min(n_finalists, width)
        rungs = [
            Rung(
                max(width // factor**rung, least),
                round(max_resources / factor ** (halvings - rung)),
            )
            for rung in range(halvings + 1)
        ]
        brackets.append(Bracket(halvings, tuple(rungs)))
    return tuple(brackets)


def survivors(scores: Sequence[float], n_kept: int) -> list[int]:
    """Positions of the best scores, the best first; of equal ones the earlier.

    Parameters
    ----------
    scores : sequence of float
        Larger is better. NaN, a candidate that failed, never survives.
    n_kept : int
        Most that survive.

    Examples
    --------
    >>> survivors([0.5, float("nan"), 0.9, 0.9], 2)
    [2, 3]
    """
    sound = [at for at, score in enumerate(scores) if not math.isnan(score)]
    return sorted(sound, key=lambda at: -scores[at])[:n_kept]


@dataclass
class Ladder:
    """Successive halving that waits for nobody: who is among the best so far trains on.

    A candidate is promoted as soon as it is in the best ``1 / factor`` of all that have finished
    its rung; nobody waits until a rung is full.

    Parameters
    ----------
    n_rungs : int
    factor : int

    References
    ----------
    Li et al. (2020), arXiv:1810.05934, algorithm 2.

    Examples
    --------
    >>> ladder = Ladder(n_rungs=2, factor=3)
    >>> for number, score in enumerate([0.2, 0.8, 0.5]):
    ...     ladder.finished(number, 0, score)
    >>> ladder.promote(), ladder.promote()
    ((1, 1), None)
    """

    n_rungs: int
    factor: int
    _scores: list[dict[int, float]] = field(init=False)
    _promoted: list[set[int]] = field(init=False)

    def __post_init__(self) -> None:
        self._scores = [{} for _ in range(self.n_rungs)]
        self._promoted = [set() for _ in range(self.n_rungs)]

    def finished(self, number: int, rung: int, score: float) -> None:
        """Note a candidate's score at a rung; NaN where it failed."""
        self._scores[rung][number] = score

    def entered(self, number: int, rung: int) -> None:
        """Note that a candidate trains for a rung above the first, so that it isn't sent twice."""
        self._promoted[rung - 1].add(number)

    def promote(self) -> tuple[int, int] | None:
        """Candidate to train on, and the rung it trains for; None while nobody is good enough.

        The highest rung is looked at first, so that a good candidate is soon done.
        """
        for rung in range(self.n_rungs - 2, -1, -1):
            for number in self._best(rung):
                if number not in self._promoted[rung]:
                    self.entered(number, rung + 1)
                    return number, rung + 1
        return None

    def _best(self, rung: int) -> list[int]:
        # By number, so that it does not matter in which order equal scores came in.
        numbers = sorted(self._scores[rung])
        scores = [self._scores[rung][number] for number in numbers]
        return [numbers[at] for at in survivors(scores, len(numbers) // self.factor)]
