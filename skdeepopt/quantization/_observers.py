"""Which range of a tensor's values is worth a grid, judged from the batches that come by."""

from __future__ import annotations

import math
from typing import Protocol

import torch

from skdeepopt._validation import did_you_mean
from skdeepopt.quantization._histogram import Histogram
from skdeepopt.quantization._ranges import entropy_range, mse_range, percentile_range

__all__ = ["CALIBRATIONS", "Observer", "check_calibration", "observer_for"]

CALIBRATIONS = ("minmax", "percentile", "mse", "entropy")

_PERCENTILE = 99.99


class Observer(Protocol):
    """Sees a tensor batch by batch, and then gives its range."""

    def observe(self, values: torch.Tensor) -> None:
        """Take one more batch into account, of any shape.

        Raises
        ------
        ValueError
            A value is not finite.
        """

    def range(self) -> tuple[float, float]:
        """Low and high end of the range.

        Raises
        ------
        ValueError
            Nothing was observed.
        """


def observer_for(name: str, bits: int, *, owner: str) -> Observer:
    """New observer that finds a range for a grid of ``2**bits`` values.

    ``"minmax"`` gives the extremes. ``"percentile"`` leaves out the 0.01 % of values at either
    end. ``"mse"`` minimises the mean squared error of the rounded and clipped values.
    ``"entropy"`` minimises the information that they lose (Kullback-Leibler divergence). What they
    give does not depend on how the values are cut into batches, nor on the order of these.

    Parameters
    ----------
    name : {"minmax", "percentile", "mse", "entropy"}
    bits : int
    owner : str
        Whose tensor it is; opens the messages.

    Raises
    ------
    ValueError
        Unknown name.

    References
    ----------
    Migacz (2017), "8-bit Inference with TensorRT", GPU Technology Conference (entropy).
    Wu, Judd, Zhang, Isaev & Micikevicius (2020), arXiv:2004.09602, section 3.3, compares them.

    Examples
    --------
    >>> observer = observer_for("minmax", 8, owner="example")
    >>> observer.observe(torch.tensor([0.0, 2.0]))
    >>> observer.observe(torch.tensor([-1.0]))
    >>> observer.range()
    (-1.0, 2.0)
    """
    check_calibration(name, owner=owner)
    return _Extremes(owner) if name == "minmax" else _Clipping(name, bits, owner)


def check_calibration(name: str, *, owner: str) -> str:
    """`name`, one of :data:`CALIBRATIONS`.

    Raises
    ------
    ValueError
        It is not.
    """
    if name not in CALIBRATIONS:
        raise ValueError(
            f"{owner}.calibration is one of {', '.join(map(repr, CALIBRATIONS))}, not {name!r}."
            f"{did_you_mean(name, CALIBRATIONS)}"
        )
    return name


class _Extremes:
    """Least and largest value.

    Parameters
    ----------
    owner : str
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.low = math.inf
        self.high = -math.inf

    def observe(self, values: torch.Tensor) -> None:
        """Widen the range to these values."""
        if values.numel() == 0:
            return
        low, high = (end.item() for end in torch.aminmax(values))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(
                f"{self.owner} has finite values, not {low:g} to {high:g}. Did you mean to "
                f"calibrate on data without missing values, and with a network that has trained?"
            )
        self.low, self.high = min(self.low, low), max(self.high, high)

    def range(self) -> tuple[float, float]:
        """Extremes of all batches."""
        if self.low > self.high:
            raise ValueError(
                f"{self.owner} is calibrated on one value or more, not none. Did you mean to hand "
                f"in data that is not empty?"
            )
        return self.low, self.high


class _Clipping(_Extremes):
    """Range that may leave out extremes, chosen from a histogram.

    Parameters
    ----------
    name, bits, owner
        As :func:`observer_for` takes them.
    """

    def __init__(self, name: str, bits: int, owner: str) -> None:
        super().__init__(owner)
        self.name = name
        self.bits = bits
        self.histogram = Histogram()

    def observe(self, values: torch.Tensor) -> None:
        """Count these values."""
        if values.numel() == 0:
            return
        low, high = torch.aminmax(values)
        super().observe(torch.stack([low, high]))
        self.histogram.add(values, self.low, self.high)

    def range(self) -> tuple[float, float]:
        """Ends that the method of this name picks, never beyond the extremes."""
        low, high = super().range()
        if low == high:
            return low, high
        if self.name == "percentile":
            ends = percentile_range(self.histogram, _PERCENTILE)
        elif self.name == "mse":
            ends = mse_range(self.histogram, low, high, self.bits)
        else:
            ends = entropy_range(self.histogram, self.bits)
        return min(max(ends[0], low), high), max(min(ends[1], high), low)
