"""What an estimator costs and gives: one record of numbers, each with unit, spread and count."""

from __future__ import annotations

from skdeepopt.measurement._intervals import bootstrap_interval, wilson_interval
from skdeepopt.measurement._machine import describe_machine, package_versions
from skdeepopt.measurement._measure import measure
from skdeepopt.measurement._memory import PeakMemory
from skdeepopt.measurement._multiply_adds import count_multiply_adds
from skdeepopt.measurement._record import Measurement, MeasurementRecord
from skdeepopt.measurement._timing import Timing, time_calls

__all__ = [
    "Measurement",
    "MeasurementRecord",
    "PeakMemory",
    "Timing",
    "bootstrap_interval",
    "count_multiply_adds",
    "describe_machine",
    "measure",
    "package_versions",
    "time_calls",
    "wilson_interval",
]
