"""Numbers that cannot be built without unit, spread and count."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["Measurement", "MeasurementRecord"]


@dataclass(frozen=True)
class Measurement:
    """A number with its unit, how far it may be off, and how often it was taken.

    Parameters
    ----------
    value : float
        Finite.
    unit : str
        Not empty; ``"ratio"`` for a share of one.
    spread : tuple of two floats
        Low and high end, in the unit of the value.
    spread_kind : str
        What the ends are: ``"interquartile range"``, ``"Wilson 95 % interval"``, ``"exact"``, …
    n : int
        Samples or repeats behind the number, at least 1.

    Raises
    ------
    ValueError
        One of the parts is missing or impossible.

    Examples
    --------
    >>> print(Measurement(1.5, "ms", (1.4, 1.7), "interquartile range", n=100))
    1.5 ms (interquartile range 1.4 to 1.7, n=100)
    """

    value: float
    unit: str
    spread: tuple[float, float]
    spread_kind: str
    n: int

    def __post_init__(self) -> None:
        low, high = self.spread
        if not all(math.isfinite(number) for number in (self.value, low, high)):
            raise ValueError(
                f"Measurement is made of finite numbers, not {self.value}, {low, high}"
            )
        if low > high:
            slip = f"Did you mean {(high, low)}?"
            raise ValueError(f"Measurement.spread is (low, high), not {self.spread}. {slip}")
        if not self.unit or not self.spread_kind:
            raise ValueError("Measurement has a unit and a kind of spread, not an empty text")
        if self.n < 1:
            raise ValueError(f"Measurement.n counts at least one sample, not {self.n}")

    @classmethod
    def exact(cls, value: float, unit: str) -> Measurement:
        """A count that comes out the same each time, such as the bytes of a file."""
        return cls(value, unit, (value, value), "exact", 1)

    def __str__(self) -> str:
        shown = f"{_short(self.value)} {self.unit}"
        if self.spread_kind == "exact":
            return f"{shown} (exact)"
        low, high = map(_short, self.spread)
        return f"{shown} ({self.spread_kind} {low} to {high}, n={self.n})"


@dataclass(frozen=True, repr=False)
class MeasurementRecord:
    """What one fitted estimator costs and gives, on one machine.

    Attributes
    ----------
    estimator : str
        Name of its class.
    metric : {"accuracy", "R2"}
        What ``accuracy`` holds: the ratio of right answers, or the coefficient of determination.
    accuracy : Measurement
    file_bytes : Measurement
        Size of the file that a fresh process loads and predicts from.
    file_format : {"skdeepopt", "joblib", "custom"}
        Who wrote that file; ``joblib`` for an estimator without a network.
    latency_ms : Measurement
        Median of ``predict`` on one sample.
    latency_p95_ms : Measurement
        95th percentile of the same calls.
    throughput : Measurement
        Samples a second of ``predict`` on a batch of ``batch_size``.
    batch_size : int
    peak_memory_bytes : Measurement
        Most resident memory that predicting that batch added, over a few calls.
    n_parameters, multiply_adds : Measurement or None
        Of the network, the latter for one sample; None without a network.
    training_seconds : Measurement or None
        Seconds that the estimator noted for its own training, if it did.
    machine : dict
        See `describe_machine`.
    seed : int or None
        ``random_state`` of the estimator.
    """

    estimator: str
    metric: str
    accuracy: Measurement
    file_bytes: Measurement
    file_format: str
    latency_ms: Measurement
    latency_p95_ms: Measurement
    throughput: Measurement
    batch_size: int
    peak_memory_bytes: Measurement
    n_parameters: Measurement | None
    multiply_adds: Measurement | None
    training_seconds: Measurement | None
    machine: dict[str, Any]
    seed: int | None

    def measurements(self) -> Iterator[tuple[str, Measurement]]:
        """Name and measurement of each figure that is known, in the order of the fields."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Measurement):
                yield field.name, value

    def to_dict(self) -> dict[str, Any]:
        """The record as nested plain values, ready for JSON."""
        plain = dataclasses.asdict(self)
        for name, measurement in self.measurements():
            plain[name]["spread"] = list(measurement.spread)
        return plain

    def to_frame(self) -> pandas.DataFrame:
        """The figures as a pandas table, one row each.

        Raises
        ------
        ImportError
            pandas, which this package does not need otherwise, is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "MeasurementRecord.to_frame needs pandas, which is not installed; "
                "`pip install pandas`, or use to_dict()."
            ) from error
        rows = {
            name: {
                "value": item.value,
                "unit": item.unit,
                "low": item.spread[0],
                "high": item.spread[1],
                "spread": item.spread_kind,
                "n": item.n,
            }
            for name, item in self.measurements()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def __repr__(self) -> str:
        seed = "no seed" if self.seed is None else f"seed {self.seed}"
        where = f"{self.machine.get('cpu')}, {self.machine.get('torch_threads')} threads, {seed}"
        lines = [f"{self._label(name):<18}{item}" for name, item in self.measurements()]
        return "\n".join([f"{self.estimator} on {where}", *(f"  {line}" for line in lines)])

    def _label(self, name: str) -> str:
        return (
            self.metric if name == "accuracy" else name.removesuffix("_ms").removesuffix("_bytes")
        )


def _short(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
