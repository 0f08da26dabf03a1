from __future__ import annotations

import pytest

from skdeepopt.measurement._record import Measurement
from skdeepopt.report._cells import Cell


def _cell(technique, seed, accuracy=0.9, fit_seconds=2.0, file_bytes=1000.0, latency_ms=0.5):
    units = {"accuracy": "ratio", "fit_seconds": "s", "file_bytes": "B", "latency_ms": "ms"}
    values = dict(zip(units, (accuracy, fit_seconds, file_bytes, latency_ms), strict=True))
    figures = {
        name: Measurement(value, units[name], (value, value), "one run", 1)
        for name, value in values.items()
    }
    return Cell(technique, seed, figures, f"cells/{technique}-seed{seed}.safetensors")


@pytest.fixture(scope="session")
def make_cell():
    return _cell
