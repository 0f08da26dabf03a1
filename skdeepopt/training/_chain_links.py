"""The layers that a chain knows: what each does forward, and backward."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.nets._blocks import Flatten, Standardize
from skdeepopt.nets._match import MatchInput
from skdeepopt.quantization._activations import ActivationQuantizer, grid_gradients, on_grid
from skdeepopt.quantization._learned import WeightQuantizer
from skdeepopt.quantization._straight_through import Tape
from skdeepopt.training._convolution import (
    has_fast_gradients,
    has_unsound_gradients,
    strided_gradients,
)
from skdeepopt.transfer._batch_norm import KeptNorm2d

__all__ = ["LINKS", "Link", "NormLink", "QuantizerLink", "ReLULink", "WeightLink"]

aten = torch.ops.aten


class Link:
    """A layer in a chain.

    Parameters
    ----------
    layer : torch.nn.Module
        The layer, whose parameters are read at every step and given their gradients.
    """

    has_parameters: ClassVar[bool] = False
    draws: ClassVar[bool] = False
    """Whether its weight draws random numbers."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.kept: tuple[Any, ...] = ()

    @classmethod
    def takes(cls, layer: Any) -> bool:
        """Whether this way of running it covers the layer's settings."""
        return True

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Outputs of the layer, with matrix products in `dtype`; keeps what backward needs."""
        raise NotImplementedError

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        """Gradient of the inputs, unless it is not needed; sets those of the parameters."""
        raise NotImplementedError

    def _taken(self) -> tuple[Any, ...]:
        kept, self.kept = self.kept, ()
        return kept


class StandardizeLink(Link):
    """Pixels shifted and scaled."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return (inputs - self.layer.mean) / self.layer.scale

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        return gradient / self.layer.scale


class MatchInputLink(Link):
    """Images matched to those of another network, in float32."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        self.kept = inputs.shape[1], inputs.dtype
        return self.layer(inputs)

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (channels, dtype), layer = self._taken(), self.layer
        gradient = gradient.float() * layer.scale
        if channels < gradient.shape[1]:
            gradient = gradient.sum(1, keepdim=True)  # One channel had been repeated.
        if layer.rows is not None:
            gradient = layer.rows.t() @ gradient
        if layer.columns is not None:
            gradient = gradient @ layer.columns
        if layer.luma is not None:
            gradient = gradient * layer.luma
        return gradient.to(dtype)


class WeightLink(Link):
    """A layer with a weight, which may be a function of parameters: a parametrization."""

    has_parameters = True

    def __init__(self, layer: Any) -> None:
        super().__init__(layer)
        self._computed: torch.Tensor | Tape | None = None

    @property
    def draws(self) -> bool:  # type: ignore[override]
        """Whether a parametrization draws random numbers, for all that is known."""
        parts = self.layer.parametrizations.weight if self._is_parametrized() else ()
        return any(getattr(part, "draws", True) for part in parts)

    def _is_parametrized(self) -> bool:
        """Read at every step, since a mask may come in the middle of an epoch."""
        return bool(is_parametrized(self.layer))

    def _weight(self, dtype: torch.dtype) -> torch.Tensor:
        if not self._is_parametrized():
            return self.layer.weight.to(dtype)
        parts = self.layer.parametrizations.weight
        for parameter in parts.parameters():
            parameter.grad = None
        if len(parts) == 1 and isinstance(parts[0], WeightQuantizer):
            self._computed = Tape()
            return parts[0](parts.original, self._computed).to(dtype)
        with torch.enable_grad():
            weight = self.layer.weight
        self._computed = weight
        return weight.detach().to(dtype)

    def _take_gradient(self, gradient: torch.Tensor) -> None:
        computed, self._computed = self._computed, None
        if computed is None:
            self.layer.weight.grad = gradient.float()
        elif isinstance(computed, Tape):
            self.layer.parametrizations.weight.original.grad = computed.backward(gradient.float())
        elif computed.requires_grad:
            computed.backward(gradient.float())


class ConvolutionLink(WeightLink):
    """A convolution."""

    @classmethod
    def takes(cls, layer: nn.Conv2d) -> bool:
        is_plain = layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
        return is_plain and not has_unsound_gradients(layer)

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        layer, inputs = self.layer, inputs.to(dtype)
        weight = self._weight(dtype)
        bias = None if layer.bias is None else layer.bias.to(dtype)
        self.kept = inputs, weight
        return torch.conv2d(
            inputs, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (inputs, weight), layer = self._taken(), self.layer
        gradient = gradient.to(inputs.dtype)
        of_bias = None
        if needs_inputs and has_fast_gradients(layer, inputs):
            of_inputs, of_weight = strided_gradients(gradient, inputs, weight, layer.stride[0])
        else:
            of_inputs, of_weight, of_bias = aten.convolution_backward(
                gradient,
                inputs,
                weight,
                None if layer.bias is None else layer.bias.shape,
                layer.stride,
                layer.padding,
                layer.dilation,
                False,
                (0, 0),
                layer.groups,
                (needs_inputs, True, layer.bias is not None),
            )
        self._take_gradient(of_weight)
        if of_bias is not None:
            layer.bias.grad = of_bias.float()
        return of_inputs


class LinearLink(WeightLink):
    """A linear layer."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        layer, inputs = self.layer, inputs.to(dtype)
        weight = self._weight(dtype)
        self.kept = inputs, weight
        bias = None if layer.bias is None else layer.bias.to(dtype)
        return nn.functional.linear(inputs, weight, bias)

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        inputs, weight = self._taken()
        gradient = gradient.to(inputs.dtype)
        self._take_gradient(gradient.t() @ inputs)
        if self.layer.bias is not None:
            self.layer.bias.grad = gradient.sum(0, dtype=torch.float32)
        return gradient @ weight if needs_inputs else None


class NormLink(Link):
    """A batch norm, with the ReLU behind it where there is one."""

    has_parameters = True
    rectifies = False
    follows_data: ClassVar[bool] = True
    """Whether the batch is standardized by its own mean and deviation, or by the running ones."""

    @classmethod
    def takes(cls, layer: nn.BatchNorm2d) -> bool:
        return layer.affine and layer.track_running_stats and layer.momentum is not None

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        norm = self.layer
        if self.follows_data:
            norm.num_batches_tracked.add_(1)
        outputs, mean, deviation = torch.native_batch_norm(
            inputs,
            norm.weight,
            norm.bias,
            norm.running_mean,
            norm.running_var,
            self.follows_data,
            norm.momentum,
            norm.eps,
        )
        if self.rectifies:
            outputs.relu_()
        self.kept = inputs, mean, deviation, outputs if self.rectifies else None
        return outputs

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (inputs, mean, deviation, outputs), norm = self._taken(), self.layer
        if outputs is not None:
            gradient = aten.threshold_backward(gradient, outputs, 0)
        of_inputs, norm.weight.grad, norm.bias.grad = aten.native_batch_norm_backward(
            gradient,
            inputs,
            norm.weight,
            norm.running_mean,
            norm.running_var,
            mean,
            deviation,
            self.follows_data,
            norm.eps,
            (needs_inputs, True, True),
        )
        return of_inputs


class KeptNormLink(NormLink):
    """A batch norm that keeps its statistics."""

    follows_data = False


class ReLULink(Link):
    """A ReLU."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        outputs = torch.relu(inputs)
        self.kept = (outputs,)
        return outputs

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (outputs,) = self._taken()
        return aten.threshold_backward(gradient, outputs, 0)


class QuantizerLink(Link):
    """A quantizer of activations, with the ReLU before it where there is one."""

    rectifies = False

    @property
    def has_parameters(self) -> bool:  # type: ignore[override]
        """Whether the step is learned now."""
        return isinstance(self.layer.scale, nn.Parameter)

    @classmethod
    def takes(cls, layer: ActivationQuantizer) -> bool:
        return layer.observer is None and layer.has_range

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        grid = self.layer.grid(rectified=self.rectifies)
        outputs, slopes = on_grid(inputs, grid, learns=self.has_parameters)
        self.kept = inputs, slopes, grid
        return outputs

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        inputs, slopes, grid = self._taken()
        of_inputs, of_scale = grid_gradients(gradient.to(inputs.dtype), inputs, slopes, grid)
        if of_scale is not None:
            self.layer.scale.grad = of_scale
        return of_inputs


class MaxPoolLink(Link):
    """Max pooling."""

    @classmethod
    def takes(cls, layer: nn.MaxPool2d) -> bool:
        return not layer.return_indices

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        outputs, indices = aten.max_pool2d_with_indices(inputs, *self._window())
        self.kept = inputs, indices
        return outputs

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        inputs, indices = self._taken()
        return aten.max_pool2d_with_indices_backward(gradient, inputs, *self._window(), indices)

    def _window(self) -> tuple[Any, ...]:
        pool = self.layer
        sizes = (_pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding))
        return (*sizes, _pair(pool.dilation), pool.ceil_mode)


class AveragePoolLink(Link):
    """Average pooling to a grid."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        self.kept = (inputs,)
        return aten._adaptive_avg_pool2d(inputs, _pair(self.layer.output_size))

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (inputs,) = self._taken()
        return aten._adaptive_avg_pool2d_backward(gradient, inputs)


class FlattenLink(Link):
    """All axes but the first in one."""

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        last = inputs.ndim == 4 and inputs.is_contiguous(memory_format=torch.channels_last)
        self.kept = inputs.shape, last
        return inputs.flatten(1)

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        shape, last = self._taken()
        gradient = gradient.view(shape)
        return gradient.contiguous(memory_format=torch.channels_last) if last else gradient


class DropoutLink(Link):
    """Dropout, from the global generator."""

    draws = True

    def forward(self, inputs: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        outputs, mask = torch.native_dropout(inputs, self.layer.p, True)
        self.kept = (mask,)
        return outputs

    def backward(self, gradient: torch.Tensor, needs_inputs: bool) -> Any:
        (mask,) = self._taken()
        return aten.native_dropout_backward(gradient, mask, 1 / (1 - self.layer.p))


class IdentityLink(Link):
    """Nothing at all; left out of the chain."""


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


LINKS: dict[type[nn.Module], type[Link]] = {
    Flatten: FlattenLink,
    Standardize: StandardizeLink,
    ActivationQuantizer: QuantizerLink,
    KeptNorm2d: KeptNormLink,
    MatchInput: MatchInputLink,
    nn.AdaptiveAvgPool2d: AveragePoolLink,
    nn.BatchNorm2d: NormLink,
    nn.Conv2d: ConvolutionLink,
    nn.Dropout: DropoutLink,
    nn.Identity: IdentityLink,
    nn.Linear: LinearLink,
    nn.MaxPool2d: MaxPoolLink,
    nn.ReLU: ReLULink,
}
"""By exact class: a derived one may compute something else."""
