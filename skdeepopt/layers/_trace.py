"""A network's operations as a graph that can be rewritten, on the network's own layers."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt.layers._operations import is_in_place, operation_of
from skdeepopt.layers._weighted import Layer
from skdeepopt.nets._blocks import Flatten, Standardize
from skdeepopt.nets._match import MatchInput

__all__ = ["foldable_pairs", "folded", "traced"]

_one_at_a_time = threading.RLock()
"""torch puts its own functions in the place of others while it traces, and back again."""

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def traced(module: nn.Module, *, owner: str) -> fx.GraphModule:
    """Operations of a module as a graph on the module's own layers, under the same names.

    Layers, Parameters and buffers are shared, so that to train the graph is to train the module.
    A call of one of torch's layers is one operation, parametrized or not, and so is one of
    :class:`Standardize`, :class:`Flatten` and :class:`MatchInput`; other modules are followed into.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one tensor and gives one; other arguments of its `forward` have defaults.
    owner : str
        Who asks; opens the messages.

    Raises
    ------
    ValueError
        What the module does depends on the numbers that it is given, or `forward` needs more than
        one tensor; the part that cannot be followed is named.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    >>> graph = traced(network, owner="traced")
    >>> [node.name for node in graph.graph.nodes], graph.get_submodule("0") is network[0]
    (['inputs', '_0', '_1', 'output'], True)
    """
    tracer = _Tracer()
    if tracer.is_leaf_module(module, ""):
        raise ValueError(
            f"{owner} takes a network of named layers, not a single {type(module).__name__}. "
            f"Did you mean nn.Sequential(layer)?"
        )
    try:
        with _one_at_a_time:
            graph = tracer.trace(module)
    except Exception as error:
        raise ValueError(
            f"{owner} takes a network whose operations are the same for all inputs; those of "
            f"{tracer.described(module)} cannot be followed ({_first_line(error)}). Did you mean "
            f"to put what depends on the input into a layer of its own, or outside the network?"
        ) from error
    result = fx.GraphModule(tracer.root, graph, type(module).__name__)
    graph.eliminate_dead_code(lambda node: _acts(result, node))
    result.recompile()
    return result


def folded(graph: fx.GraphModule, *, keep: Collection[str] = ()) -> fx.GraphModule:
    """A copy for inference, in evaluation mode, that gives the same answers with less work.

    Parametrizations are written into their weights. Every batch norm that is the only reader of a
    convolution or linear layer is folded into it, which multiplies each output channel by a number
    of its own. Dropout and identities vanish, and nothing works in place any more. Names stay.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From :func:`traced`; only looked at.
    keep : collection of str
        Layers that are left as they are, with the batch norm behind them.

    Notes
    -----
    Transposed convolutions keep their batch norm: the first axis of their weight is that of the
    inputs, so that a fold would take the weight off a grid with one step a channel.

    References
    ----------
    Jacob et al. (2018), arXiv:1712.05877, section 3.2, equation 14.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2)).eval()
    >>> graph = folded(traced(network, owner="folded"))
    >>> [node.name for node in graph.graph.nodes], graph.get_submodule("0").bias is None
    (['inputs', '_0', 'output'], False)
    """
    result = copy.deepcopy(graph).eval()
    for part in list(result.modules()):
        if is_parametrized(part):
            _bake(part)
    _drop(result, ("dropout", "identity"))
    _leave_in_place(result)
    for node in list(result.graph.nodes):
        source = _foldable(result, node)
        if source is not None and source.target not in keep:
            _fold(result.get_submodule(source.target), result.get_submodule(node.target))  # type: ignore[arg-type]
            _replace(result, node, source)
    result.delete_all_unused_submodules()
    result.recompile()
    return result


def foldable_pairs(graph: fx.GraphModule) -> dict[str, str]:
    """Layers that a batch norm can be folded into, each with the name of that batch norm.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        From :func:`traced`; only looked at.

    Examples
    --------
    >>> network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    >>> foldable_pairs(traced(network, owner="foldable_pairs"))
    {'0': '1'}
    """
    sources = ((_foldable(graph, node), node) for node in graph.graph.nodes)
    return {str(s.target): str(node.target) for s, node in sources if s is not None}


class _Tracer(fx.Tracer):
    """Follows one tensor, and knows in which part it failed.

    While torch traces, calls of all modules in the process lead here, those of other threads too,
    which train or answer meanwhile.
    """

    failed: tuple[str, nn.Module] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # What defines `forward` decides: torch parametrizes a layer by giving it a subclass.
        kind = next(kind for kind in type(m).__mro__ if "forward" in vars(kind))
        if kind in (Flatten, MatchInput, Standardize):
            return True
        is_torchs = kind.__module__.startswith("torch.nn.") and kind is not nn.Module
        return is_torchs and not isinstance(m, _CONTAINERS)

    def create_args_for_root(
        self, root_fn: Any, is_module: bool, concrete_args: Any = None
    ) -> tuple[Any, list[Any]]:
        return root_fn, [self.root, self.create_proxy("placeholder", "inputs", (), {})]

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        try:
            return super().call_module(m, forward, args, kwargs)
        except Exception:
            self.failed = self.failed or (self.path_of_module(m), m)
            raise

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def described(self, module: nn.Module) -> str:
        """The innermost part that could not be followed."""
        if self.failed is None:
            return type(module).__name__
        return f"{self.failed[0]!r} ({type(self.failed[1]).__name__})"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _acts(graph: fx.GraphModule, node: fx.Node) -> bool:
    """Whether a node matters even where nobody reads what it gives."""
    return node.op in ("placeholder", "output") or is_in_place(graph, node)


def _bake(layer: nn.Module) -> None:
    """Write parametrized tensors into Parameters.

    torch's own removal deletes the property from the class that it made for the layer, which the
    layer's copies share.
    """
    values = {name: getattr(layer, name).detach().clone() for name in layer.parametrizations}  # type: ignore[union-attr]
    behind = list(layer._parameters)
    layer.__class__ = type(layer).__bases__[0]
    del layer.parametrizations
    for name, value in values.items():
        layer.register_parameter(name, nn.Parameter(value))
    for name in behind:  # The weight comes first again, as in the states of a plain layer.
        layer._parameters[name] = layer._parameters.pop(name)


def _drop(graph: fx.GraphModule, operations: Collection[str]) -> None:
    for node in list(graph.graph.nodes):
        if operation_of(graph, node) in operations:
            _replace(graph, node, node.all_input_nodes[0])


def _replace(graph: fx.GraphModule, node: fx.Node, source: fx.Node) -> None:
    node.replace_all_uses_with(source)
    graph.graph.erase_node(node)


def _leave_in_place(graph: fx.GraphModule) -> None:
    """Let who reads a tensor after it was changed in place read the change's result."""
    for node in graph.graph.nodes:
        if not is_in_place(graph, node):
            continue
        source = node.all_input_nodes[0]
        for reader in list(source.users):
            if node < reader:
                reader.replace_input_with(source, node)
        if node.op == "call_module":
            graph.get_submodule(node.target).inplace = False  # type: ignore[assignment]


def _foldable(graph: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """Call of the layer that the batch norm `node` can be folded into, None where there is none."""
    if operation_of(graph, node) != "batch_norm":
        return None
    source = node.all_input_nodes[0]
    if operation_of(graph, source) not in ("conv", "linear") or len(source.users) > 1:
        return None
    calls = [other.target for other in graph.graph.nodes if other.op == "call_module"]
    once = calls.count(source.target) == 1 and calls.count(node.target) == 1
    layer: Any = graph.get_submodule(str(source.target))
    norm: Any = graph.get_submodule(str(node.target))
    fits = norm.running_mean is not None and norm.num_features == layer.weight.shape[0]
    return source if once and fits else None


@torch.no_grad()
def _fold(layer: Layer, norm: _BatchNorm) -> None:
    assert not isinstance(layer, _ConvTransposeNd)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    # In double precision, so that all that is rounded is the result.
    factor = torch.rsqrt(variance.double() + norm.eps)
    if norm.weight is not None:
        factor = factor * norm.weight.double()
    bias = -mean.double() if layer.bias is None else layer.bias.double() - mean.double()
    bias = bias * factor + (0.0 if norm.bias is None else norm.bias.double())
    by_channel = factor.reshape(-1, *[1] * (layer.weight.ndim - 1))
    weight = layer.weight.double() * by_channel
    layer.weight = nn.Parameter(weight.to(layer.weight.dtype))
    layer.bias = nn.Parameter(bias.to(layer.weight.dtype))
