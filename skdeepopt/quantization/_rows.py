"""A layer as a product of matrices: what it reads at single places of its output."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.modules.conv import _ConvNd

from skdeepopt.quantization._layerwise import LayerStep, output_channels_last

__all__ = ["Rows", "layer_rows"]

_MOST_NUMBERS = 2**23
"""Numbers read in all places together, which bounds the memory to 32 MiB in float32."""
_MOST_ROWS = 2**14


@dataclass(frozen=True)
class Rows:
    """Inputs and wanted outputs of a layer at many places.

    Parameters
    ----------
    inputs : Tensor of shape (groups, n_rows, n_inputs)
    targets : Tensor of shape (groups, n_rows, n_outputs)
    bias : Tensor of shape (groups, 1, n_outputs)
    has_relu : bool
        Outputs are compared after a ReLU.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    bias: torch.Tensor
    has_relu: bool

    @property
    def n_groups(self) -> int:
        """Of the convolution; 1 for others."""
        return len(self.inputs)

    def some(self, n_rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets of rows drawn with replacement."""
        drawn = torch.randint(self.inputs.shape[1], (n_rows,), generator=generator)
        return self.inputs[:, drawn], self.targets[:, drawn]

    def errors(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Differences, after the ReLU where there is one."""
        return outputs.relu() - targets.relu() if self.has_relu else outputs - targets

    def slopes(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Half the gradient of the squared errors in the outputs."""
        errors = self.errors(outputs, targets)
        return errors.mul_(outputs > 0) if self.has_relu else errors


def layer_rows(step: LayerStep, has_relu: bool, generator: torch.Generator) -> Rows:
    """Places of a layer's outputs, evenly drawn from all batches.

    Parameters
    ----------
    step : LayerStep
        Of a linear layer or a convolution that is not transposed.
    has_relu : bool
    generator : torch.Generator
    """
    layer = step.layer
    n_groups = getattr(layer, "groups", 1)
    n_read = layer.weight[0].numel() * n_groups
    wanted = max(1, min(_MOST_ROWS, _MOST_NUMBERS // n_read))
    n_places = sum(output_channels_last(layer, t)[..., 0].numel() for t in step.targets)
    share = min(1.0, wanted / n_places)
    parts = [_places(step, number, share, generator) for number in range(len(step.inputs))]
    inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach()
    return Rows(
        inputs.view(len(inputs), n_groups, -1).transpose(0, 1).contiguous(),
        targets.view(len(targets), n_groups, -1).transpose(0, 1).contiguous(),
        bias.view(n_groups, 1, -1),
        has_relu,
    )


def _places(
    step: LayerStep, number: int, share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, layer = step.inputs[number], step.layer
    targets = output_channels_last(layer, step.targets[number])
    read = inputs if isinstance(layer, nn.Linear) else _patches(layer, inputs)
    places = targets.shape[:-1]
    drawn = torch.randperm(math.prod(places), generator=generator)
    at = _unraveled(drawn[: math.ceil(share * len(drawn))], places)
    return read[at].flatten(1), targets[at]


def _unraveled(places: torch.Tensor, shape: torch.Size) -> tuple[torch.Tensor, ...]:
    """Place along each axis; torch's own function imports symbolic algebra, for half a second."""
    along: list[torch.Tensor] = []
    for size in reversed(shape):
        along.insert(0, places % size)
        places = places // size
    return tuple(along)


def _patches(layer: _ConvNd, inputs: torch.Tensor) -> torch.Tensor:
    """View of what each place reads, of shape (n_samples, places..., channels, kernel...)."""
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    patches = F.pad(inputs, layer._reversed_padding_repeated_twice, mode=mode)
    n_axes = len(layer.kernel_size)
    for axis, (kernel, stride, dilation) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True)
    ):
        span = dilation * (kernel - 1) + 1
        patches = patches.unfold(axis + 2, span, stride)[..., ::dilation]
    return patches.movedim(1, n_axes + 1)
