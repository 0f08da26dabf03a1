"""Weights rounded up or down so that a layer's answers stay, and not each to the nearest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch
from torch import fx

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.quantization._layerwise import LayerStep, for_each_layer, output_channels_last
from skdeepopt.quantization._rows import Rows, layer_rows
from skdeepopt.quantization._scheme import Scheme
from skdeepopt.quantization._tensor import QuantizedTensor
from skdeepopt.quantization._weights import quantize_weight

__all__ = ["adaptive_rounding"]

_STRETCH = (-0.1, 1.1)
"""The paper's gamma and zeta: ends of the sigmoid before it is cut to [0, 1]."""
_BETA = (20.0, 2.0)
"""Exponent of the regularizer at first and at last, in the code of the authors."""
_WARM_UP = 0.2
"""Share of the steps without regularizer, as there."""
_WEIGHT = 10.0
"""Of the regularizer, a mean over a channel's weights, beside the error over that of nearest."""
_LEARNING_RATE = 0.2
_N_ROWS = 128
"""In each step."""


def adaptive_rounding(
    graph: fx.GraphModule,
    reference: fx.GraphModule,
    batches: Iterable[torch.Tensor],
    schemes: Mapping[str, Scheme],
    *,
    n_steps: int = 300,
    seed: int = 0,
) -> dict[str, QuantizedTensor]:
    """Quantized weights, and write them into the graph, layer by layer from the input on.

    Each weight of an evenly spaced grid is rounded up or down such that the layer's outputs, after
    a ReLU that follows, are near to those of the float network, given what the layer reads in the
    quantized one. An output channel for which that is not better on the batches is rounded to
    nearest, and so are other grids and transposed convolutions. Pruned weights stay zero.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Changed in place: the weights of the layers in `schemes`. Activation quantizers in it have
        their ranges.
    reference : torch.fx.GraphModule
        The same network in float, for inference.
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs, all kept at once.
    schemes : mapping of layer name to Scheme
        Layers that are not named, or in float, stay as they are.
    n_steps : int, default=300
        Gradient steps a layer.
    seed : int, default=0
        Draws the places that each step looks at.

    Returns
    -------
    quantized : dict of layer name to QuantizedTensor

    Raises
    ------
    ValueError
        A name is no layer's; no data, data that is not finite, or networks that differ.

    Notes
    -----
    The paper's objective, with the sum over all channels replaced by one problem a channel: its
    error is divided by that of rounding to nearest, so that one weight of the regularizer does
    for all layers.

    References
    ----------
    Nagel, Amjad, van Baalen, Louizos & Blankevoort (2020), arXiv:2004.10568, section 4.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeepopt.layers._trace import folded, traced
    >>> from skdeepopt.quantization._scheme import resolve_scheme
    >>> reference = folded(traced(nn.Sequential(nn.Linear(8, 4)), owner="example"))
    >>> schemes = {"0": resolve_scheme("int3", owner="example")}
    >>> quantized = adaptive_rounding(folded(reference), reference, [torch.rand(50, 8)], schemes)
    >>> quantized["0"].codes.shape
    torch.Size([4, 8])
    """
    _check_names(schemes, weight_layers(graph))
    generator = torch.Generator().manual_seed(seed)
    quantized: dict[str, QuantizedTensor] = {}

    def visit(step: LayerStep) -> None:
        scheme = schemes.get(step.name)
        if scheme is None or scheme.kind == "float":
            return
        has_relu = _is_rectified(graph, step.node)
        rounded = _rounded(step, scheme, has_relu, n_steps, generator)
        step.layer.weight.copy_(rounded.values())
        quantized[step.name] = rounded

    for_each_layer(graph, reference, batches, visit, owner="adaptive_rounding")
    return quantized


def _rounded(
    step: LayerStep, scheme: Scheme, has_relu: bool, n_steps: int, generator: torch.Generator
) -> QuantizedTensor:
    weight = step.layer.weight.detach().clone()
    nearest = quantize_weight(weight, scheme)
    if nearest.kind != "uniform" or _is_transposed(step):
        return nearest
    rows = layer_rows(step, has_relu, generator)
    learned = replace(nearest, codes=_learned_codes(weight, nearest, rows, n_steps, generator))
    is_better = _errors(step, learned, has_relu) < _errors(step, nearest, has_relu)
    better = is_better.view(-1, *[1] * (weight.ndim - 1))
    return replace(nearest, codes=torch.where(better, learned.codes, nearest.codes))


def _learned_codes(
    weight: torch.Tensor,
    nearest: QuantizedTensor,
    rows: Rows,
    n_steps: int,
    generator: torch.Generator,
) -> torch.Tensor:
    problem = _Problem(weight, nearest, rows)
    for n_past in range(n_steps):
        problem.step((n_past + 1) / n_steps, generator)
    return problem.codes().view(weight.shape)


class _Problem:
    """Which of a layer's weights to round up; shapes are (groups, outputs, inputs)."""

    def __init__(self, weight: torch.Tensor, nearest: QuantizedTensor, rows: Rows) -> None:
        shape = (rows.n_groups, len(weight) // rows.n_groups, -1)
        self.rows = rows
        self.top = 2 ** (nearest.bits - 1) - 1
        self.scale = nearest.scale.to(weight.dtype).expand(len(weight)).reshape(*shape[:2], 1)
        ratio = (weight.reshape(shape) / self.scale).clamp_(-self.top, self.top)
        self.floor = ratio.floor().clamp_(max=self.top - 1)
        self.is_free = (ratio != 0).to(weight.dtype)
        low, high = _STRETCH
        self.logits = torch.logit((ratio - self.floor - low) / (high - low))
        self.error = self._error_of(nearest.codes.reshape(shape) * self.scale)
        self.adam = _Adam(self.logits)

    def step(self, progress: float, generator: torch.Generator) -> None:
        """One step of Adam, on a few rows."""
        share = torch.sigmoid(self.logits)
        stretched = share.mul(_STRETCH[1] - _STRETCH[0]).add_(_STRETCH[0])
        up = stretched.clamp(0, 1)
        gradient = self._reconstruction(up, generator)
        if progress > _WARM_UP:
            gradient += self._regularizer(up, (progress - _WARM_UP) / (1 - _WARM_UP))
        slope = share.mul_(1 - share).mul_(stretched == up).mul_(self.is_free)
        self.adam.step(gradient.mul_(slope), _LEARNING_RATE)

    def codes(self) -> torch.Tensor:
        """Codes with every weight rounded up or down."""
        up = (self.logits >= 0).to(self.floor.dtype) * self.is_free
        return (self.floor + up).to(torch.int8)

    def _reconstruction(self, up: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        inputs, targets = self.rows.some(_N_ROWS, generator)
        outputs = torch.baddbmm(self.rows.bias, inputs, (self.floor + up).mul_(self.scale).mT)
        slopes = self.rows.slopes(outputs, targets)
        return torch.bmm(slopes.mT, inputs).mul_(self.scale / self.error * (2 / len(inputs[0])))

    def _regularizer(self, up: torch.Tensor, progress: float) -> torch.Tensor:
        first, last = _BETA
        beta = last + (first - last) * (1 + math.cos(math.pi * progress)) / 2
        distance = up.mul(2).sub_(1)
        steep = distance.abs().pow_(beta - 1).mul_(distance.sign_())
        return steep.mul_(-2 * beta * _WEIGHT / up.shape[-1])

    def _error_of(self, weight: torch.Tensor) -> torch.Tensor:
        """Mean squared error of each channel on all rows, of shape (groups, outputs, 1)."""
        outputs = torch.baddbmm(self.rows.bias, self.rows.inputs, weight.mT)
        errors = self.rows.errors(outputs, self.rows.targets).square_().mean(1)
        return errors.clamp_min_(torch.finfo(errors.dtype).tiny ** 0.5).unsqueeze(-1)


class _Adam:
    """Adam (Kingma & Ba 2015, arXiv:1412.6980); torch's takes seconds to import its compiler."""

    _DECAYS = (0.9, 0.99)
    _EPSILON = 1e-12
    """Small: gradients are about one over a layer's number of inputs."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values
        self.mean = torch.zeros_like(values)
        self.square = torch.zeros_like(values)
        self.n_steps = 0

    def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
        """Move the values, in place, against the gradient."""
        first, second = self._DECAYS
        self.n_steps += 1
        self.mean.lerp_(gradient, 1 - first)
        self.square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        size = self.square.sqrt().add_(self._EPSILON)
        rate = learning_rate * math.sqrt(1 - second**self.n_steps) / (1 - first**self.n_steps)
        self.values.addcdiv_(self.mean, size, value=-rate)


def _errors(step: LayerStep, weight: QuantizedTensor, has_relu: bool) -> torch.Tensor:
    """Squared error of each output channel, summed over all batches."""
    kept = step.layer.weight.detach().clone()
    step.layer.weight.copy_(weight.values())
    total = torch.zeros((), dtype=torch.float64)
    for inputs, targets in zip(step.inputs, step.targets, strict=True):
        outputs = step.layer(inputs)
        errors = outputs.relu() - targets.relu() if has_relu else outputs - targets
        errors = output_channels_last(step.layer, errors.square_())
        total = total + errors.reshape(-1, errors.shape[-1]).sum(0, dtype=torch.float64)
    step.layer.weight.copy_(kept)
    return total


def _is_transposed(step: LayerStep) -> bool:
    """Whether output channels are on the second axis of the weight."""
    return bool(getattr(step.layer, "transposed", False))


def _is_rectified(graph: fx.GraphModule, node: fx.Node) -> bool:
    readers = list(node.users)
    return len(readers) == 1 and operation_of(graph, readers[0]) == "relu"


def _check_names(schemes: Mapping[str, Scheme], layers: Mapping[str, object]) -> None:
    for name in schemes:
        if name not in layers:
            raise ValueError(
                f"adaptive_rounding.schemes has names of convolutions and linear layers, not "
                f"{name!r}.{did_you_mean(name, layers)}"
            )
