"""Training with the rounding of inference: quantization-aware, by a hook."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx

from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._learned import (
    bake_weight_quantizers,
    clip_weights,
    set_weight_quantizers,
)
from skdeepopt.quantization._scheme import Scheme

__all__ = ["QuantizedTraining"]


class QuantizedTraining(IdleHook):
    """Training hook under which weights and activations are rounded, and their steps learned.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        That trains, with quantizers in place whose ranges are set.
    schemes : dict of layer name to Scheme
        Layers without an entry stay in float.
    quantizers : dict of key to ActivationQuantizer

    Notes
    -----
    Weights are rounded a channel at a time, in front of a batch norm that trains on. At inference
    the norm multiplies each channel by a number, which the channel's scale takes in: what was
    trained is what runs.

    The grid of the network's input stays as it was calibrated: the data do not change, and the
    gradient of this one number would cost as much as half a network, that of all pixels.

    References
    ----------
    Esser, McKinstry, Bablani, Appuswamy & Modha (2020), arXiv:1902.08153 (learned steps).
    Courbariaux, Bengio & David (2015), arXiv:1511.00363 (binary weights, clipped).
    """

    def __init__(
        self,
        graph: fx.GraphModule,
        schemes: Mapping[str, Scheme],
        quantizers: Mapping[str, ActivationQuantizer],
    ) -> None:
        self.graph = graph
        self.schemes = dict(schemes)
        self.quantizers = dict(quantizers)
        self._binary = [
            layer for name, layer in weight_layers(graph).items() if self._is_binary(name)
        ]

    def before_training(self, n_steps: int) -> bool:
        """Put the quantizers of the weights in; their steps are new parameters."""
        set_weight_quantizers(self.graph, self.schemes)
        for key, quantizer in self.quantizers.items():
            quantizer.learn(key != "input")
        return True

    def after_step(self, progress: float) -> bool:
        """Keep binary weights within reach of a change of sign."""
        for layer in self._binary:
            clip_weights(layer)
        return False

    def after_training(self) -> None:
        """Write the rounded weights; the ranges stay as learned."""
        for quantizer in self.quantizers.values():
            quantizer.learn(False)
        bake_weight_quantizers(self.graph)

    def _is_binary(self, name: str) -> bool:
        return name in self.schemes and self.schemes[name].kind == "binary"
