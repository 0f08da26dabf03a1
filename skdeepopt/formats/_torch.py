"""torch's own formats, of its exporter, of TorchScript and of ExecuTorch."""

from __future__ import annotations

import copy
import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from skdeepopt.formats._scaling import Scaling
from skdeepopt.formats._source import Source
from skdeepopt.layers._trace import folded, traced

__all__ = [
    "MOST_ON_PHONES",
    "run_executorch",
    "run_torch",
    "run_torchscript",
    "write_executorch",
    "write_torch",
    "write_torchscript",
]

MOST_ON_PHONES = 8
"""Samples at a time in ExecuTorch. Convolutions choose another path from 16 on."""


def write_torch(source: Source, path: Path) -> None:
    """Write a source as a .pt2 file of ``torch.export``, for any number of samples."""
    torch.export.save(_exported(source), path)


def run_torch(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of a .pt2 file by name."""
    return _answers(torch.export.load(path).module(), inputs)


def write_torchscript(source: Source, path: Path) -> None:
    """Write a source as TorchScript."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # That it is deprecated; the documentation says so too.
        deployed = Deployed(source).eval()
        traced_script: Any = torch.jit.trace(deployed, _example(source), check_trace=False)
        traced_script.save(str(path))


def run_torchscript(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of a TorchScript file by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _answers(torch.jit.load(str(path)), inputs)


def write_executorch(source: Source, path: Path) -> None:
    """Write a source as a .pte file of ExecuTorch, with XNNPACK's kernels where it has them.

    Its memory is laid out beforehand, for up to ``MOST_ON_PHONES`` samples.
    """
    exir: Any = importlib.import_module("executorch.exir")
    xnnpack: Any = importlib.import_module(
        "executorch.backends.xnnpack.partition.xnnpack_partitioner"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ExecuTorch calls what torch deprecates.
        lowered = exir.to_edge_transform_and_lower(
            _exported(source, most=MOST_ON_PHONES), partitioner=[xnnpack.XnnpackPartitioner()]
        )
        path.write_bytes(lowered.to_executorch().buffer)


def run_executorch(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of a .pte file by name."""
    runtime: Any = importlib.import_module("executorch.runtime")
    method = runtime.Runtime.get().load_program(path).load_method("forward")
    starts = range(0, len(inputs), MOST_ON_PHONES)
    parts = (torch.tensor(inputs[start : start + MOST_ON_PHONES]) for start in starts)
    # Cloned, as the next call answers in the same memory.
    answers = [[value.clone() for value in method.execute([part])] for part in parts]
    return _named([torch.cat(values) for values in zip(*answers, strict=True)])


class Deployed(nn.Module):
    """All that a source does. A classifier's string labels are places in its classes.

    Parameters
    ----------
    source : Source
    """

    labels: torch.Tensor
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.network = _network(source)
        self.scalings = nn.ModuleList(_Scaled(part) for part in source.scalings)
        self.layout = source.layout
        self.gives_logits = source.gives_logits
        self.is_classifier = source.classes is not None
        self.is_flat = source.is_flat_target
        labels = np.zeros(1) if source.classes is None else source.classes
        if source.has_text:
            labels = np.arange(len(labels))
        self.register_buffer("labels", torch.tensor(labels))
        self.register_buffer("shift", torch.tensor(source.target_shift, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(source.target_scale, dtype=torch.float32))

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Label and probabilities, or prediction."""
        values = inputs.float()
        for part in self.scalings:
            values = part(values)
        outputs = self.network(self.layout.as_images(values))
        if self.is_classifier:
            scores = outputs.softmax(1) if self.gives_logits else outputs
            return self.labels[outputs.argmax(1)], scores
        outputs = outputs * self.scale + self.shift
        return (outputs.squeeze(1) if self.is_flat else outputs,)


class _Scaled(nn.Module):
    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(scaling.shift))
        self.register_buffer("scale", torch.tensor(scaling.scale))
        self.bounds = scaling.bounds

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        scaled = (inputs - self.shift) / self.scale
        return scaled if self.bounds is None else scaled.clamp(*self.bounds)


def _network(source: Source) -> nn.Module:
    try:
        network: nn.Module = folded(traced(source.module, owner="export.estimator"))
    except ValueError:  # It cannot be followed by us, but perhaps by torch.
        network = copy.deepcopy(source.module)
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    return network


def _example(source: Source) -> torch.Tensor:
    # Two samples, as torch takes a size of one for a constant.
    return torch.zeros(2, *source.sample_shape, dtype=getattr(torch, source.dtype))


def _exported(source: Source, most: int | None = None) -> Any:
    sizes = ({0: torch.export.Dim("N", min=1, max=most)},)
    example = (_example(source),)
    with torch.no_grad():
        return torch.export.export(Deployed(source).eval(), example, dynamic_shapes=sizes)


def _answers(module: Any, inputs: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return _named(module(torch.tensor(inputs)))


def _named(outputs: Any) -> dict[str, np.ndarray]:
    names = ("label", "probabilities") if len(outputs) == 2 else ("prediction",)
    return {name: value.numpy() for name, value in zip(names, outputs, strict=True)}
