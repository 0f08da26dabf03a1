"""Which inference engine answers for a packed network, in float32, and whether it answers alike."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch

from skdeepopt.engines import Engine, TorchEngine, installed_engines
from skdeepopt.measurement._measure import first_rows
from skdeepopt.meta._quantization_plan import QuantizationPlan
from skdeepopt.quantization._network import Quantization
from skdeepopt.quantization._scheme import resolve_scheme

__all__ = ["installed_or_auto", "packed_engine"]

_TOLERANCE = 1e-3
"""Share of the outputs' size by which float32 sums in another order may differ."""

_CHECKED = 64


def packed_engine(model: Any, name: str | None, *, owner: str, X: Any = None) -> Engine | None:
    """Engine that answers in float32 as the module does; None where the module itself answers.

    Parameters
    ----------
    model : fitted deep estimator
        Where another wrapper's engine answers already, that one stays.
    name : {"auto", "onnxruntime", "openvino", "torch"} or None
        None is "torch".
    owner : str
        Who asks; opens every message.
    X : array-like or None, default=None
        Samples, the first of which both answer to be compared; None compares nothing.

    Raises
    ------
    ValueError
        The network's operations cannot be followed, or the engine answers otherwise.

    Warns
    -----
    UserWarning
        The same, where `name` is "auto"; torch answers then.
    """
    if model._engine is not None:
        return model._engine
    if name is None or name == "torch":
        return None
    try:
        engine = _float_plan(name, owner).engine_for(model, Quantization({}, {}))
        if engine is not None and X is not None:
            inputs = model._network_inputs(first_rows(X, _CHECKED))
            _check_parity(engine, model, inputs, owner)
    except ValueError as error:
        if name != "auto":
            raise
        warnings.warn(f"{owner}: torch answers. {error}", UserWarning, stacklevel=4)
        return None
    return engine


def installed_or_auto(name: str | None, *, owner: str) -> str | None:
    """The engine of a model file, or what there is in its place, with a warning."""
    if name is None or name in installed_engines():
        return name
    warnings.warn(
        f"{owner} was fitted with the engine {name!r}, which is not installed here; another one "
        f'answers. Did you mean to install it: pip install "skdeepopt[{name}]"?',
        UserWarning,
        stacklevel=3,
    )
    return "auto"


def _float_plan(engine: str, owner: str) -> QuantizationPlan:
    """Plan that rounds nothing."""
    return QuantizationPlan(
        scheme=resolve_scheme("float32", owner=owner),
        method="weight_only",
        calibration="mse",
        epochs=0,
        engine=engine,
        seed=0,
        owner=owner,
    )


def _check_parity(engine: Engine, model: Any, inputs: torch.Tensor, owner: str) -> None:
    images = inputs.float().contiguous().numpy()
    answers, expected = engine.run(images), TorchEngine(model.module_).run(images)
    largest = float(np.abs(answers - expected).max(initial=0.0))
    allowed = _TOLERANCE * float(np.abs(expected).max(initial=0.0))
    if not largest <= allowed:
        raise ValueError(
            f"{owner}.engine {engine.name!r} answers as the module does, and its outputs are up to "
            f"{largest:.3g} away from those of up to {allowed / _TOLERANCE:.3g}. Did you mean "
            f"engine=None, which answers with torch?"
        )
