"""Layers by depth: what is near the input is general, and shall change later and less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from skdeepopt._validation import check_ratio, check_real
from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.layers._trace import traced
from skdeepopt.nets._transferred import TransferNetwork
from skdeepopt.transfer._frozen import Frozen

__all__ = ["GradualUnfreezing", "RatesByDepth", "rates_by_depth", "stages"]


def stages(body: nn.Module) -> list[list[nn.Parameter]]:
    """Parameters of a network by depth, those of the layer nearest to the input first.

    A stage is a layer with a weight, and the norms behind it. Layers come in the order in which
    they run, where that can be followed, else in the order in which they were defined.

    Parameters
    ----------
    body : torch.nn.Module

    Returns
    -------
    stages : list of list of torch.nn.Parameter
        Every parameter once.

    Examples
    --------
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 2, 3))
    >>> [[tuple(p.shape) for p in stage] for stage in stages(net)]
    [[(2, 1, 3, 3), (2,), (2,), (2,)], [(2, 2, 3, 3), (2,)]]
    """
    found: list[list[nn.Parameter]] = []
    seen: set[int] = set()
    for parameters in _by_layer(body):
        fresh = [parameter for parameter in parameters if id(parameter) not in seen]
        seen.update(map(id, fresh))
        if found and not (_has_weight(fresh) and _has_weight(found[-1])):
            found[-1] += fresh
        elif fresh:
            found.append(fresh)
    return found


def rates_by_depth(network: TransferNetwork, decay: float) -> dict[nn.Parameter, float]:
    """Factor of each parameter's learning rate: 1 in the head, `decay` in the stage before, ….

    Parameters
    ----------
    network : TransferNetwork
    decay : float
        Factor from a stage to the one nearer to the input, above 0; 1 is one rate for all.

    References
    ----------
    Howard & Ruder (2018), arXiv:1801.06146, section 3.2; their factor is 1 / 2.6.

    Examples
    --------
    >>> network = TransferNetwork((1, 28, 28), 10)
    >>> rates = rates_by_depth(network, 0.5)
    >>> rates[network.head.weight], rates[network.body.network.features[0].weight]
    (1.0, 0.125)
    """
    factor = float(decay)
    rates = dict.fromkeys(network.head.parameters(), 1.0)
    for stage in reversed(stages(network.body)):
        rates |= dict.fromkeys(stage, factor)
        factor *= float(decay)
    return rates


class RatesByDepth(IdleHook):
    """Training hook under which layers near the input learn at smaller rates.

    Parameters
    ----------
    network : TransferNetwork
    decay : float, default=1 / 2.6
        As in :func:`rates_by_depth`.

    Examples
    --------
    >>> network = TransferNetwork((1, 28, 28), 10)
    >>> RatesByDepth(network, 0.5).rate_factors[network.head.weight]
    1.0
    """

    def __init__(self, network: TransferNetwork, decay: float = 1 / 2.6) -> None:
        self.network = network
        self.decay = decay
        check_real(self, "decay", inclusive=False)

    @property
    def rate_factors(self) -> Mapping[nn.Parameter, float]:
        """Of the parameters as they are now."""
        return {} if self.decay == 1 else rates_by_depth(self.network, self.decay)


class GradualUnfreezing(Frozen):
    """Training hook under which the head learns first, and one stage more from time to time.

    Parameters
    ----------
    network : TransferNetwork
    share : float, default=0.5
        Share of the training after which all layers learn, in [0, 1). The stages of the body join
        at equal distances until then, the one next to the head first.

    References
    ----------
    Howard & Ruder (2018), arXiv:1801.06146, section 3.3.

    Examples
    --------
    >>> network = TransferNetwork((1, 28, 28), 10)
    >>> hook = GradualUnfreezing(network, share=0.6)
    >>> hook.before_training(n_steps=10)
    True
    >>> [p.requires_grad for p in network.parameters()].count(True)
    2
    >>> hook.after_step(0.1), hook.after_step(0.2)
    (False, True)
    >>> hook.after_training()
    """

    def __init__(self, network: TransferNetwork, *, share: float = 0.5) -> None:
        super().__init__(network.body)
        self.share = share
        check_ratio(self, "share")
        self._n_stages = self._n_joined = 0

    def before_training(self, n_steps: int) -> bool:
        """Freeze all but the head."""
        self._n_stages, self._n_joined = len(stages(self.module)), 0
        return super().before_training(n_steps)

    def after_step(self, progress: float) -> bool:
        """Let the next stage learn when its moment has come; True where it did."""
        before = self._n_joined
        # A step is at a share of the training, of which rounding may leave a little less.
        while (
            self._n_joined < self._n_stages
            and progress >= self.share * (self._n_joined + 1) / self._n_stages - 1e-9
        ):
            self._n_joined += 1
        if self._n_joined == before:
            return False
        n_waiting = self._n_stages - self._n_joined
        # As they are now: a cut may have replaced parameters, or removed a block.
        for stage in stages(self.module)[n_waiting:]:
            self.thaw(stage)
        return True


def _by_layer(body: nn.Module) -> Iterable[list[nn.Parameter]]:
    """Parameters of each part that has any, in the order of calls; unused ones come last."""
    try:
        graph: Any = traced(body, owner="stages")
    except ValueError:
        graph = None
    if graph is not None:
        for node in graph.graph.nodes:
            if node.op == "call_module":
                yield list(graph.get_submodule(node.target).parameters())
            elif node.op == "get_attr":
                yield [p for p in [_attribute(graph, node.target)] if isinstance(p, nn.Parameter)]
    for name, part in body.named_modules():
        if "parametrizations." not in f"{name}.":
            yield _own(part)


def _own(part: nn.Module) -> list[nn.Parameter]:
    """Parameters of a layer itself, those behind its parametrized tensors among them."""
    behind = getattr(part, "parametrizations", None)
    more = list(behind.parameters()) if isinstance(behind, nn.Module) else []
    return [*more, *part.parameters(recurse=False)]


def _attribute(graph: Any, target: str) -> Any:
    for name in target.split("."):
        graph = getattr(graph, name)
    return graph


def _has_weight(parameters: list[nn.Parameter]) -> bool:
    return any(parameter.ndim > 1 for parameter in parameters)
