"""Where in a network tensors are put on a grid, so that an engine computes in integers."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import fx

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._operations import operation_of
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.quantization._activations import ActivationQuantizer

__all__ = ["place_quantizers"]

_WEIGHTED = {"conv", "conv_transpose", "linear"}
_SMOOTH = {"sigmoid", "tanh", "gelu", "silu", "elu", "leaky_relu", "hardswish", "softplus"}
_ARITHMETIC = {"add", "sub", "mul", "div"}
_POOLS = {"avg_pool", "global_avg_pool", "adaptive_avg_pool", "mean"}
_PASSED = {"relu", "relu6", "clip"}
"""An engine computes these together with the operation before."""
_UNCHANGING = {"dropout", "identity"}
"""Passed to find more of the chain. A quantizer goes before the last ones, so that a training sees
the range that inference has, and not one that dropout stretches."""
_KEEPING = {"max_pool", "flatten", "reshape", "relu", *_UNCHANGING}
"""What comes in on a grid goes out on it."""
_COMPUTING = (
    _WEIGHTED
    | _SMOOTH
    | _ARITHMETIC
    | _POOLS
    | {"cat", "batch_norm", "relu6", "clip", "standardize", "match_input"}
)
_BEFORE_STANDARDIZE = {"flatten", "reshape", "match_input", *_UNCHANGING}
_OUTWARD = _KEEPING | _SMOOTH | {"relu6", "clip", "batch_norm", "standardize"}
_OUTWARD_ALONE = _ARITHMETIC | {"other"}
"""On the way to the output where they read one tensor only, such as a softmax."""


def place_quantizers(
    graph: fx.GraphModule, *, bits: int = 8, skip: Collection[str] = ()
) -> dict[str, ActivationQuantizer]:
    """New quantizers in the graph, as its submodules ``activation_quantizers.<key>``.

    One comes after the input, behind a MatchInput and a Standardize that come first, and one after
    each operation that computes, behind the batch norm and the rectifier that alone read it. What
    keeps a grid (max pooling, flatten) gets none. From the last layer on all is float: its answers
    are not rounded.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        Changed in place.
    bits : int, default=8
        From 2 to 8.
    skip : collection of str
        Layers that stay in float, by qualified name. A tensor that only these read gets no
        quantizer.

    Returns
    -------
    quantizers : dict of str to ActivationQuantizer
        Keys are names of nodes: the first one of each group, ``"input"`` for the input. They are
        the same for a network before and after its batch norms are folded. None has a range yet.

    Raises
    ------
    ValueError
        A name in `skip` is no layer's, or the graph has quantizers already.

    References
    ----------
    Jacob et al. (2018), arXiv:1712.05877, section 3; Wu, Judd, Zhang, Isaev & Micikevicius
    (2020), arXiv:2004.09602, section 3.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeepopt.layers._trace import traced
    >>> network = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> list(place_quantizers(traced(network, owner="example")))
    ['input', '_0']
    """
    operations = {node: operation_of(graph, node) for node in graph.graph.nodes}
    _check(graph, operations, skip)
    places = [
        (key, last, [reader for reader in last.users if _wants(reader, operations, skip)])
        for key, last in _groups(operations)
    ]
    placed = {
        key: _insert(graph, key, last, readers, bits) for key, last, readers in places if readers
    }
    graph.recompile()
    return placed


def _groups(operations: dict[fx.Node, str]) -> Iterator[tuple[str, fx.Node]]:
    """Key, and node whose value goes on the grid."""
    passed: set[fx.Node] = set()
    n_inputs = 0
    for node, operation in operations.items():
        if node in passed:
            continue
        if operation == "input":
            n_inputs += 1
            last = _behind_standardize(node, operations)
            key = "input" if n_inputs == 1 else node.name
        elif operation in _COMPUTING:
            last, key = _end_of_chain(node, operations), node.name
        else:
            continue
        passed.update(_between(node, last))
        yield key, last


def _end_of_chain(node: fx.Node, operations: dict[fx.Node, str]) -> fx.Node:
    last, folds = node, operations[node] in _WEIGHTED
    while (reader := _only_reader(node)) is not None:
        operation = operations[reader]
        if operation not in _UNCHANGING:
            if not (operation in _PASSED or (operation == "batch_norm" and folds)):
                break
            last, folds = reader, False
        node = reader
    return last


def _behind_standardize(node: fx.Node, operations: dict[fx.Node, str]) -> fx.Node:
    last = found = node
    while (reader := _only_reader(last)) is not None:
        last = reader
        if operations[reader] == "standardize":
            return reader
        if operations[reader] not in _BEFORE_STANDARDIZE:
            break
        if operations[reader] == "match_input":
            found = reader
    return found


def _between(first: fx.Node, last: fx.Node) -> list[fx.Node]:
    nodes = [first]
    while nodes[-1] is not last:
        nodes.append(next(iter(nodes[-1].users)))
    return nodes


def _only_reader(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _wants(reader: fx.Node, operations: dict[fx.Node, str], skip: Collection[str]) -> bool:
    """Something behind computes on this tensor, and it does not go on to the output."""
    if _is_outward(reader, operations):
        return False
    if operations[reader] in _KEEPING:
        return any(_wants(behind, operations, skip) for behind in reader.users)
    return not (reader.op == "call_module" and reader.target in skip)


def _is_outward(node: fx.Node, operations: dict[fx.Node, str]) -> bool:
    """The output, or what leads to it with no layer in between."""
    operation = operations[node]
    if operation == "output":
        return True
    tensors = [tensor for tensor in node.all_input_nodes if operations[tensor] != "attribute"]
    alone = operation in _OUTWARD_ALONE and len(tensors) == 1
    if not (alone or operation in _OUTWARD):
        return False
    return any(_is_outward(reader, operations) for reader in node.users)


def _insert(
    graph: fx.GraphModule, key: str, last: fx.Node, readers: list[fx.Node], bits: int
) -> ActivationQuantizer:
    quantizer = ActivationQuantizer(bits).train(graph.training)
    quantizer.name = key
    target = f"activation_quantizers.{key}"
    graph.add_submodule(target, quantizer)
    with graph.graph.inserting_after(last):
        node = graph.graph.call_module(target, (last,))
    for reader in readers:
        reader.replace_input_with(last, node)
    return quantizer


def _check(graph: fx.GraphModule, operations: dict[fx.Node, str], skip: Collection[str]) -> None:
    if "quantizer" in operations.values():
        raise ValueError(
            "place_quantizers.graph is a graph without quantizers, not one that has them already. "
            "Did you mean a fresh one, traced from the module?"
        )
    layers = weight_layers(graph)
    for name in skip:
        if name not in layers:
            raise ValueError(
                f"place_quantizers.skip has names of convolutions and linear layers, not {name!r}."
                f"{did_you_mean(name, layers)}"
            )
