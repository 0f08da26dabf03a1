"""When to prune: all at once, or little by little while the network trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from skdeepopt._validation import check_integer, check_ratio, check_real
from skdeepopt.layers._idle_hook import IdleHook

__all__ = ["Cut", "Gradual", "KeptLayer", "OneShot", "check_end", "cubic_ratio"]

_ROUNDING = 1e-9
"""Slack between two shares of a training that are equal but for rounding."""


@dataclass(frozen=True)
class KeptLayer:
    """How much of a layer is left.

    Parameters
    ----------
    name : str
        Qualified, such as ``"features.0"``.
    kind : str
        Class, such as ``"Conv2d"``.
    kept, total : int
        Units left, and units before the first cut.
    unit : {"weights", "channels", "blocks"}
    at_minimum : bool
        The ratio would have left nothing; one unit stays.
    """

    name: str
    kind: str
    kept: int
    total: int
    unit: Literal["weights", "channels", "blocks"]
    at_minimum: bool = False

    def __post_init__(self) -> None:
        assert 0 <= self.kept <= self.total, self


class Cut(Protocol):
    """Prunes a module up to any ratio, in steps; what is removed stays removed."""

    def to(self, ratio: float) -> bool:
        """Prune on, up to `ratio` of what there was at first.

        Parameters
        ----------
        ratio : float
            Share removed in all, in [0, 1).

        Returns
        -------
        replaced : bool
            Parameters are new, so that an optimizer must be too.
        """

    def kept(self) -> list[KeptLayer]:
        """One entry a layer."""


def cubic_ratio(ratio: float, progress: float, *, begin: float = 0.0, end: float = 0.6) -> float:
    """Ratio reached at `progress`: steep at first, where the network has much to spare.

    Parameters
    ----------
    ratio : float
        Reached at `end`, and kept.
    progress : float
        Share of the training that is over, in [0, 1].
    begin, end : float, default=0.0 and 0.6
        Share of the training after which pruning begins, and ends.

    References
    ----------
    Zhu & Gupta (2017), arXiv:1710.01878, equation 1.

    Examples
    --------
    >>> [round(cubic_ratio(0.8, t), 3) for t in (0.0, 0.3, 0.6, 1.0)]
    [0.0, 0.7, 0.8, 0.8]
    """
    if progress >= end - _ROUNDING:
        return ratio
    left = 1 - max(0.0, progress - begin) / (end - begin)
    return ratio * (1 - left**3)


def check_end(owner: object, *, begin: float = 0.0) -> float:
    """Value of ``owner.end``, a share of the training after `begin`, checked.

    Parameters
    ----------
    owner : object
        With an attribute `end`.
    begin : float, default=0.0
        In [0, 1).
    """
    end = check_real(owner, "end", minimum=begin, inclusive=False)
    if end > 1:
        slip = f" Did you mean {end / 100:g}?" if begin < end / 100 <= 1 else ""
        raise ValueError(
            f"{type(owner).__name__}.end is a share of the training in ({begin:g}, 1], "
            f"not {end:g}.{slip}"
        )
    return end


class OneShot(IdleHook):
    """Training hook that cuts before the first step.

    Masks stay, for more cuts; :func:`bake_masks` ends them.

    Parameters
    ----------
    cut : Cut
    ratio : float
        Share removed, in [0, 1).
    """

    def __init__(self, cut: Cut, ratio: float) -> None:
        self.cut = cut
        self.ratio = ratio
        check_ratio(self, "ratio")

    def before_training(self, n_steps: int) -> bool:
        """Cut; True where parameters were replaced."""
        return self.cut.to(self.ratio)


class Gradual(IdleHook):
    """Training hook that cuts a little at a time, along :func:`cubic_ratio`.

    Parameters
    ----------
    cut : Cut
    ratio : float
        Share removed at `end`, in [0, 1).
    begin, end : float, default=0.0 and 0.6
        Share of the training after which pruning begins, and ends.
    n_cuts : int, default=20
        Cuts, evenly spaced over that time, the last at `end`. A training with fewer steps than
        that makes fewer, and reaches `ratio` all the same.

    References
    ----------
    Zhu & Gupta (2017), arXiv:1710.01878, section 3.
    """

    def __init__(
        self, cut: Cut, ratio: float, *, begin: float = 0.0, end: float = 0.6, n_cuts: int = 20
    ) -> None:
        self.cut = cut
        self.ratio = ratio
        self.begin = begin
        self.end = end
        self.n_cuts = n_cuts
        self._n_past = 0
        check_ratio(self, "ratio")
        check_integer(self, "n_cuts")
        check_end(self, begin=check_ratio(self, "begin"))

    def before_training(self, n_steps: int) -> bool:
        """Start the course anew; what was removed stays removed."""
        self._n_past = 0
        return False

    def after_step(self, progress: float) -> bool:
        """Cut where a time for it has come; True where parameters were replaced."""
        over = (progress - self.begin) / (self.end - self.begin) + _ROUNDING
        n_past = min(self.n_cuts, int(max(0.0, over) * self.n_cuts))
        if n_past == self._n_past:
            return False
        self._n_past = n_past
        time = self.begin + (self.end - self.begin) * n_past / self.n_cuts
        return self.cut.to(cubic_ratio(self.ratio, time, begin=self.begin, end=self.end))

    def after_training(self) -> None:
        """Reach the ratio where the training ended early; masks stay, for more cuts."""
        if self._n_past < self.n_cuts:
            self._n_past = self.n_cuts
            self.cut.to(self.ratio)
