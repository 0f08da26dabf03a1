"""Shapes of the tensors in a traced network, and which axes grow with the batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.layers._operations import operation_of

__all__ = ["Shape", "shapes_of"]

Shape = tuple[int | None, ...]
"""Sizes; None stands for one that grows with the batch."""

_BATCHES = (2, 3)
"""Two sizes tell what grows with the batch from what happens to have its size."""


def shapes_of(
    graph: fx.GraphModule, sample_shape: tuple[int, ...], *, owner: str
) -> dict[fx.Node, Shape | float]:
    """Shape of what every node gives; for a node that gives a number, that number.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Run twice, on zeros; its quantizers are passed by.
    sample_shape : tuple of int
        Shape of one sample.
    owner : str
        Opens the messages.

    Returns
    -------
    shapes : dict of torch.fx.Node to tuple or number
        Nodes that give neither a tensor nor a number that all batches share are left out.

    Raises
    ------
    ValueError
        The network does not take samples of that shape.
    """
    runs = []
    parameter = next(graph.parameters(), torch.zeros(()))
    for n_samples in _BATCHES:
        run = _Recorder(graph)
        sample = torch.zeros(n_samples, *sample_shape, device=parameter.device)
        try:
            with in_evaluation(graph):
                run.run(sample.to(parameter.dtype))
        except Exception as error:
            raise ValueError(
                f"{owner}.sample_shape is the shape of a sample that the network takes, not "
                f"{sample_shape}: {next(iter(str(error).splitlines()), type(error).__name__)}"
            ) from error
        runs.append(run.results)
    merged = {node: _merged(result, runs[1][node]) for node, result in runs[0].items()}
    return {node: shape for node, shape in merged.items() if shape is not None}


class _Recorder(fx.Interpreter):
    """Keeps the shape of every tensor, and every number."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.results: dict[fx.Node, Any] = {}

    def run_node(self, n: fx.Node) -> Any:
        if operation_of(self.module, n) == "quantizer":  # type: ignore[arg-type]
            # As it is: one that is being calibrated would take the zeros into account.
            result = self.fetch_args_kwargs_from_env(n)[0][0]
        else:
            result = super().run_node(n)
        is_tensor = isinstance(result, torch.Tensor)
        self.results[n] = tuple(result.shape) if is_tensor else result
        return result


def _merged(one: Any, other: Any) -> Shape | float | None:
    if type(one) is tuple and all(isinstance(size, int) for size in one):
        return tuple(a if a == b else None for a, b in zip(one, other, strict=True))
    return one if isinstance(one, (int, float)) and one == other else None
