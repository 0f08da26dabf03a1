"""How a deep estimator is quantized: after its training, or while it trains on."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from skdeepopt.data._canonical import canonical_order
from skdeepopt.engines import (
    Engine,
    OnnxRuntimeEngine,
    OpenVINOEngine,
    TorchEngine,
    fastest,
    installed_engines,
)
from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import Layer, weight_layers
from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._pixel_groups import pixels_grouped
from skdeepopt.lowering._simulated import simulated
from skdeepopt.meta._base import innermost
from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._adaptation import adapt_to_data
from skdeepopt.quantization._calibration import calibrate
from skdeepopt.quantization._dynamic import better_in_float_by_row, place_dynamic_quantizers
from skdeepopt.quantization._network import (
    ACTIVATION_BITS,
    Quantization,
    better_in_float,
    round_weights,
    split,
    write_weight,
)
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._scheme import Scheme
from skdeepopt.quantization._sensitivity import layer_sensitivities
from skdeepopt.quantization._tensor import QuantizedTensor
from skdeepopt.quantization._training import QuantizedTraining
from skdeepopt.quantization._weights import quantize_weight
from skdeepopt.training._threads import is_worth_sharing, work_of

__all__ = ["METHODS", "QuantizationPlan", "Quantized", "calibration_inputs", "engine_name"]

METHODS = ("static", "training", "dynamic", "weight_only")

_RATE = 1 / 3
"""Share of the base's learning rate at which it trains on with rounding. All of it throws away what
the network knows, and a tenth is too little for weights to change their signs: LeNet-5 on the last
10,000 training images of MNIST, from 4 bits to 1."""

_BATCH = 64
"""Samples at a time that an engine is chosen for."""

_ENGINES = {"onnxruntime": OnnxRuntimeEngine, "openvino": OpenVINOEngine}

_MANY_BITS = 8
"""With so many, rounding to nearest loses nothing that adaptive rounding would find."""


class Quantized(NamedTuple):
    """A quantized estimator, its grids, and the codes of its weights."""

    estimator: Any
    quantization: Quantization
    weights: dict[str, QuantizedTensor]

    @property
    def keys(self) -> dict[str, str]:
        """Key of what each layer emits, among the grids of the numbers between the layers."""
        if not self.quantization.activations:
            return {}
        nodes = traced(self.estimator.module_, owner="Quantized").graph.nodes
        return {str(node.target): node.name for node in nodes if node.op == "call_module"}


@dataclass(frozen=True)
class QuantizationPlan:
    """What is rounded, and how the grids are found.

    Parameters
    ----------
    scheme : Scheme
    method : {"static", "training", "dynamic", "weight_only"}
    calibration : str
    epochs : int
        Of a training with rounding.
    engine : str
    seed : int
    owner : str
        Who asks; opens the messages.
    """

    scheme: Scheme
    method: str
    calibration: str
    epochs: int
    engine: str
    seed: int
    owner: str

    @property
    def rounds_activations(self) -> bool:
        """Whether numbers between the layers are rounded too."""
        return self.method != "weight_only" and self.scheme.activation_bits is not None

    def schemes(self, module: nn.Module, in_float: Collection[str] = ()) -> dict[str, Scheme]:
        """Scheme of each layer that is quantized."""
        if self.scheme.kind == "float":
            return {}
        return {name: self.scheme for name in weight_layers(module) if name not in in_float}

    def quantize(
        self,
        model: Any,
        inputs: torch.Tensor,
        training: tuple[Any, Any, Any],
        in_float: Collection[str] = (),
    ) -> Quantized:
        """Quantize a fitted deep estimator, in place.

        Parameters
        ----------
        model : fitted deep estimator
        inputs : Tensor of shape (n_samples, ...)
            To calibrate on.
        training : tuple of X, y, sample_weight
        in_float : collection of str
            Layers that stay as they are.
        """
        schemes = self.schemes(model.module_, in_float)
        if self.method == "training" and schemes and self.epochs:
            rate = model.lr * _RATE
            quantization = self.train(model, schemes, inputs, training, {}, lr=rate)
            return self.finish(model, quantization)
        if self.method == "static":
            few = {n: s for n, s in schemes.items() if s.kind == "uniform" and s.bits < _MANY_BITS}
            if few:
                adapt_to_data(model.module_, few, split(inputs), owner=self.owner, seed=self.seed)
        round_weights(model.module_, schemes)
        return self.finish(model, self._calibrated(model, schemes, inputs))

    def finish(self, model: Any, quantization: Quantization) -> Quantized:
        """Put the weights exactly on their grids, and let an engine answer."""
        weights = round_weights(model.module_, quantization.schemes)
        return self.let_answer(model, quantization, weights)

    def let_answer(
        self, model: Any, quantization: Quantization, weights: dict[str, QuantizedTensor]
    ) -> Quantized:
        """Let an engine answer for a model whose weights lie exactly on their grids.

        Parameters
        ----------
        model : fitted deep estimator
        quantization : Quantization
        weights : dict of layer name to QuantizedTensor
            As the model has them.
        """
        model._answer_through(self.engine_for(model, quantization))
        return Quantized(model, quantization, weights)

    def train(
        self,
        model: Any,
        schemes: Mapping[str, Scheme],
        inputs: torch.Tensor,
        training: tuple[Any, Any, Any],
        activations: Mapping[str, tuple[float, int]],
        *,
        lr: float | None,
        epochs: int | None = None,
    ) -> Quantization:
        """Train a fitted deep estimator on with rounding, in place.

        Parameters
        ----------
        model, inputs, training
            As in :meth:`quantize`.
        schemes : dict of layer name to Scheme
        activations : dict of key to (float, int)
            Grids to go on from; found by calibration where there are none.
        lr : float or None
            Peak learning rate, as ``finetune`` takes it.
        epochs : int or None, default=None
            None is the plan's.
        """
        graph = traced(model.module_, owner=self.owner)
        found, quantizers = self._without_grids(model.module_, schemes), {}
        if found.dynamic:
            place_dynamic_quantizers(graph, schemes.keys() - found.float_layers)
        elif self.rounds_activations:
            skip = found.in_float(model.module_)
            quantizers = place_quantizers(graph, bits=ACTIVATION_BITS, skip=skip)
            for key, grid in activations.items():
                quantizers[key].set_grid(*grid)
            if not activations:
                self._calibrate(graph, inputs, quantizers)
        hook = QuantizedTraining(graph, schemes, quantizers)
        X, y, sample_weight = training
        with _module_of(model, graph):
            model.finetune(
                X,
                y,
                epochs=self.epochs if epochs is None else epochs,
                lr=lr,
                sample_weight=sample_weight,
                hook=hook,
            )
        return replace(found, activations=_grids(quantizers))

    def by_sensitivity(self, model: Any, inputs: torch.Tensor) -> list[str]:
        """Layers, the one first that changes the answers most when it alone is quantized."""
        graph = folded(traced(model.module_, owner=self.owner))

        def quantize_one(name: str, layer: Layer) -> None:
            write_weight(layer, quantize_weight(layer.weight.detach(), self.scheme).values())

        ratios = layer_sensitivities(graph, quantize_one, split(inputs))
        return sorted(ratios, key=lambda name: ratios[name])

    def engine_for(self, model: Any, quantization: Quantization) -> Engine | None:
        """Engine that answers as the quantized network does; None where its own module does."""
        if self.engine == "torch" and not quantization.rounds_activations:
            return None
        graph, weights = simulated(model.module_, quantization, owner=self.owner)
        if self.engine == "torch":
            return TorchEngine(graph)
        shape = tuple(model.image_shape_)
        work = work_of(model.module_, _BATCH * math.prod(shape))
        threads = None if is_worth_sharing(work) else 1

        def opened(name: str) -> Engine:
            is_float = name == "onnxruntime" and not quantization.rounds_activations
            written = pixels_grouped(graph, shape) if is_float else graph
            return _ENGINES[name](to_onnx(written, shape, weights=weights), threads=threads)

        if self.engine != "auto":
            return opened(self.engine)
        engines = [opened(name) for name in installed_engines() if name in _ENGINES]
        if len(engines) == 1:
            return engines[0]
        noise = torch.randn(_BATCH, *model.image_shape_, generator=torch.Generator().manual_seed(0))
        return fastest(engines, noise.numpy())

    def _calibrated(
        self, model: Any, schemes: Mapping[str, Scheme], inputs: torch.Tensor
    ) -> Quantization:
        found = self._without_grids(model.module_, schemes)
        if found.dynamic or not self.rounds_activations or not schemes:
            return found
        graph = folded(traced(model.module_, owner=self.owner))
        skip = found.in_float(model.module_)
        quantizers = place_quantizers(graph, bits=ACTIVATION_BITS, skip=skip)
        self._calibrate(graph, inputs, quantizers)
        return replace(found, activations=_grids(quantizers))

    def _without_grids(self, module: nn.Module, schemes: Mapping[str, Scheme]) -> Quantization:
        """What is quantized, before the grids of the numbers between the layers are found."""
        if not self.rounds_activations or not schemes:
            return Quantization(schemes, {})
        if self.method == "dynamic":
            return Quantization(schemes, {}, better_in_float_by_row(module), dynamic=True)
        return Quantization(schemes, {}, better_in_float(module))

    def _calibrate(self, graph: Any, inputs: torch.Tensor, quantizers: Any) -> None:
        calibrate(graph, split(inputs), quantizers, method=self.calibration, owner=self.owner)


def _grids(quantizers: Mapping[str, ActivationQuantizer]) -> dict[str, tuple[float, int]]:
    return {key: (float(q.scale), int(q.zero_point)) for key, q in quantizers.items()}


def engine_name(model: Any) -> str:
    """What answers for a fitted deep estimator."""
    return "torch" if model._engine is None else str(model._engine.name)


def calibration_inputs(model: Any, X: Any, sample_weight: Any, n_samples: int) -> torch.Tensor:
    """Distinct samples, in an order that depends on what they are and not on where they stand.

    So a fit is the same for rows in another order, and for rows repeated as for rows weighted.

    Parameters
    ----------
    model : fitted deep estimator
    X, sample_weight
        As in ``fit``.
    n_samples : int
        At most so many.

    Returns
    -------
    inputs : Tensor of shape (n_samples, ...)
        As the network takes them.
    """
    inputs = model._network_inputs(X)
    weight = np.asarray(1.0 if sample_weight is None else sample_weight)
    if weight.ndim:
        inputs = inputs[torch.from_numpy(weight > 0)]
    rows = inputs.reshape(len(inputs), -1).numpy()
    order = canonical_order(rows)
    taken, most = rows[:0], n_samples
    while len(taken) < n_samples and most < 2 * len(order) + n_samples:
        chosen = order[:most]
        alike = (rows[chosen[1:]] == rows[chosen[:-1]]).all(1)
        chosen = chosen[np.concatenate([[True], ~alike])]
        taken, most = chosen[:n_samples], 2 * most
    return inputs[torch.from_numpy(taken)]


@contextmanager
def _module_of(model: Any, module: nn.Module) -> Iterator[None]:
    """Another module in the net, of the same layers."""
    net = innermost(model).net_
    own, before = net.module_, copy.deepcopy(net.module_)
    net.module_ = module
    try:
        yield
    except BaseException:
        own = before  # Its layers are no longer what they were.
        raise
    finally:
        net.module_ = own
        net.renew_optimizer()
