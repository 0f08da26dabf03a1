"""A quantized network in torch, with the very numbers that an engine computes with."""

from __future__ import annotations

from torch import fx, nn

from skdeepopt.layers._trace import folded, traced
from skdeepopt.lowering._weights import set_lowered_weights
from skdeepopt.quantization._dynamic import place_dynamic_quantizers
from skdeepopt.quantization._network import ACTIVATION_BITS, Quantization, integer_weights
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._tensor import QuantizedTensor

__all__ = ["simulated"]


def simulated(
    module: nn.Module, quantization: Quantization, *, owner: str
) -> tuple[fx.GraphModule, dict[str, QuantizedTensor]]:
    """The network as it answers at inference, and the codes of its layers.

    Batch norms are folded, the numbers between the layers rounded, and so are the biases of layers
    that run in integers.

    Parameters
    ----------
    module : torch.nn.Module
        With its weights on their grids; not changed.
    quantization : Quantization
    owner : str
        Who asks; opens the messages.

    Returns
    -------
    graph : torch.fx.GraphModule
        A copy, in evaluation mode.
    weights : dict of layer name to QuantizedTensor
        Of the layers that run in integers; empty where the numbers between the layers are float.

    Raises
    ------
    ValueError
        The operations of the module cannot be followed.
    """
    graph = folded(traced(module, owner=owner))
    if not quantization.rounds_activations:
        return graph, {}
    weights = integer_weights(graph, quantization)
    if quantization.dynamic:
        place_dynamic_quantizers(graph, weights)
    else:
        skip = quantization.in_float(module)
        quantizers = place_quantizers(graph, bits=ACTIVATION_BITS, skip=skip)
        for key, quantizer in quantizers.items():
            quantizer.set_grid(*quantization.activations[key])
    set_lowered_weights(graph, weights)
    return graph, weights
