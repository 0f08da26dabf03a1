"""One finished training of a study, and what was measured on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from skdeepopt.measurement._record import Measurement

__all__ = ["Cell"]


@dataclass(frozen=True)
class Cell:
    """A technique trained with one seed: what was measured, what was chosen, where the model is.

    Parameters
    ----------
    technique : str
        Name in the registry of techniques.
    seed : int
        Seed of everything random in the cell, at least 0.
    figures : mapping of str to Measurement
        By name: ``"accuracy"``, ``"fit_seconds"``, ``"file_bytes"``, ``"latency_ms"``, …
    model : str
        File of the model, relative to the folder of the study.
    chosen : mapping, default={}
        Parameters that a search chose.
    context : mapping, default={}
        Machine, versions and date.

    Raises
    ------
    ValueError
        No technique, a negative seed, or no accuracy.

    Examples
    --------
    >>> accuracy = Measurement(0.98, "ratio", (0.96, 0.99), "Wilson 95 % interval", 360)
    >>> cell = Cell("baseline", 0, {"accuracy": accuracy}, "cells/baseline-seed0.skdo")
    >>> Cell.from_plain(cell.to_plain()) == cell
    True
    """

    technique: str
    seed: int
    figures: Mapping[str, Measurement]
    model: str
    chosen: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.technique:
            raise ValueError("Cell.technique is the name of a technique, not ''.")
        if self.seed < 0:
            raise ValueError(f"Cell.seed is at least 0, not {self.seed!r}.")
        if "accuracy" not in self.figures:
            raise ValueError(f"Cell.figures holds an accuracy, not only {sorted(self.figures)}.")

    def to_plain(self) -> dict[str, Any]:
        """Dictionaries, lists, numbers and strings that JSON can hold."""
        plain = asdict(self)
        for figure in plain["figures"].values():
            figure["spread"] = list(figure["spread"])
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Cell:
        """Cell that `to_plain` wrote.

        Raises
        ------
        KeyError, TypeError, ValueError
            `plain` is not such a cell.
        """
        figures = {
            name: Measurement(**{**figure, "spread": tuple(figure["spread"])})
            for name, figure in plain["figures"].items()
        }
        return cls(**{**plain, "figures": figures})
