"""Networks as models, and the answers of both."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import torch
from torch import fx, nn

from skdeepopt.engines._onnxruntime import session_options
from skdeepopt.layers._trace import folded, traced
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._weights import set_lowered_weights
from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._registry import build_network
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._weights import quantize_weight


def built(architecture, shape, mean=33.3, **settings):
    """A built-in network with batch norms that have seen data, behind its Standardize."""
    torch.manual_seed(0)
    channels = torch.ones(shape[0])
    network = nn.Sequential()
    network.add_module("standardize", Standardize(channels * mean, channels * 78.6))
    network.add_module("network", build_network(architecture, shape, 10, **settings))
    with torch.no_grad():
        network.train()(255 * torch.rand(16, *shape))
    return network.eval()


def prepared(network):
    return folded(traced(network, owner="test"))


def opened(model, path=None):
    options = session_options(1)
    if path is not None:
        options.optimized_model_filepath = str(path)
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def answers(model, inputs, path=None):
    onnx.checker.check_model(onnx.load_from_string(model), full_check=True)
    return opened(model, path).run(None, {"inputs": np.asarray(inputs)})[0]


def operators(source):
    """Operators of a model, given as bytes or as a file."""
    model = onnx.load_from_string(source) if isinstance(source, bytes) else onnx.load(source)
    return [node.op_type for node in model.graph.node]


def assert_same_answers(network, inputs, tolerance=1e-5):
    """The model of a float network gives its answers, for other numbers of samples too."""
    model = to_onnx(prepared(network.eval()), tuple(inputs.shape[1:]))
    for batch in (inputs, inputs[:1]):
        with torch.no_grad():
            wanted = network(batch.clone())
        np.testing.assert_allclose(
            answers(model, batch), wanted.numpy(), rtol=tolerance, atol=tolerance
        )


class _Calibrated(fx.Interpreter):
    def call_module(self, target, args, kwargs):
        if target.startswith("activation_quantizers"):
            low, high = args[0].min().item(), args[0].max().item()
            self.fetch_attr(target).set_range(low, high)
        return super().call_module(target, args, kwargs)


def quantized(network, inputs, scheme="int8", bits=8, skip=()):
    """Graph with calibrated quantizers that simulates the integers, and its weights."""
    graph = prepared(network)
    rule = resolve_scheme(scheme, owner="test")
    weights = {
        name: quantize_weight(layer.weight.detach(), rule)
        for name, layer in weight_layers(graph).items()
        if name not in skip
    }
    place_quantizers(graph, bits=bits, skip=skip)
    with torch.no_grad():
        _Calibrated(graph).run(inputs)
    set_lowered_weights(graph, weights)
    return graph, weights


def assert_simulated(network, inputs, path=None, tolerance=0.01, **settings):
    """The integer model gives the answers that its simulation gives, but for rounding ties.

    Sums that lie in the middle between two codes may be rounded either way, which later layers
    see: that comes to less than `tolerance` of the largest answer.
    """
    graph, weights = quantized(network.eval(), inputs, **settings)
    model = to_onnx(graph, tuple(inputs.shape[1:]), weights=weights)
    with torch.no_grad():
        wanted = graph(inputs).numpy()
    given = answers(model, inputs, path)
    assert np.abs(given - wanted).max() < tolerance * np.abs(wanted).max()
    best = np.sort(wanted, axis=1)
    is_clear = best[:, -1] - best[:, -2] > 2 * tolerance * np.abs(wanted).max()
    assert (given.argmax(1) == wanted.argmax(1))[is_clear].all()
    return model


def share_of_equal_codes(network, inputs, **settings):
    """Of the answers of all quantizers, the share that the model gives as the simulation does."""
    graph, weights = quantized(network.eval(), inputs, **settings)
    model = onnx.load_from_string(to_onnx(graph, tuple(inputs.shape[1:]), weights=weights))
    seen = _Seen(graph)
    with torch.no_grad():
        seen.run(inputs)
    names = [n.output[0] for n in model.graph.node if n.op_type == "QuantizeLinear"]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 2, None))
    given = opened(model.SerializeToString()).run(names, {"inputs": inputs.numpy()})
    equal = [
        codes.ravel() == seen.codes[name.removesuffix("_codes")].ravel()
        for name, codes in zip(names, given, strict=True)
    ]
    return np.concatenate(equal).mean()


class _Seen(fx.Interpreter):
    def run_node(self, n):
        result = super().run_node(n)
        if str(n.target).startswith("activation_quantizers"):
            grid = self.fetch_attr(n.target)
            self.__dict__.setdefault("codes", {})
            self.codes[n.name] = (result / grid.scale + grid.zero_point).round().numpy()
        return result
