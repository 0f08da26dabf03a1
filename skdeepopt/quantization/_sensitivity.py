"""How much each layer's rounding disturbs the answers, and bits for each layer by that."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import fx

from skdeepopt._validation import did_you_mean
from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.layers._weighted import Layer, weight_layers
from skdeepopt.quantization._calibration import checked_batches
from skdeepopt.quantization._scheme import Scheme

__all__ = ["layer_sensitivities", "mixed_schemes", "signal_to_noise"]

_MOST_CHOICES = 1000
_ROUNDING = 1e-6
"""Of a product of a budget and a number of weights, in bits."""


def layer_sensitivities(
    graph: fx.GraphModule,
    quantize_one: Callable[[str, Layer], None],
    batches: Iterable[torch.Tensor],
    *,
    names: Iterable[str] | None = None,
) -> dict[str, float]:
    """Signal-to-quantization-noise ratio of the answers with one layer quantized at a time.

    The layer with the lowest ratio is the most sensitive one. Measured and not estimated: each
    layer costs one run over the batches.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        In float, for inference. Left as it was.
    quantize_one : callable
        ``quantize_one(name, layer)`` puts the layer's weight on its grid, in place; weight and
        bias are put back afterwards.
    batches : iterable of Tensor of shape (n_samples, ...)
        Inputs, all kept at once.
    names : iterable of str or None, default=None
        Layers to look at; None for all.

    Returns
    -------
    ratios : dict of layer name to float
        Decibels; infinite where no answer changes.

    Raises
    ------
    ValueError
        No data, or data that is not finite; a name is no layer's.

    References
    ----------
    Dong, Yao, Gholami, Mahoney & Keutzer (2019), arXiv:1905.03696, rank layers by the curvature
    of the loss; what is measured here, each layer quantized alone, is the sensitivity analysis of
    Wu, Judd, Zhang, Isaev & Micikevicius (2020), arXiv:2004.09602, section 4.2, on the answers
    in place of the accuracy.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeepopt.layers._trace import traced
    >>> graph = traced(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), owner="example")
    >>> def rounded(name, layer):
    ...     layer.weight.mul_(1.1 if name == "0" else 1.01)
    >>> ratios = layer_sensitivities(graph, rounded, [torch.rand(8, 2)])
    >>> ratios["0"] < ratios["1"], round(ratios["1"])
    (True, ...)
    """
    kept = list(checked_batches(batches, owner="layer_sensitivities"))
    layers = weight_layers(graph)
    ratios: dict[str, float] = {}
    with in_evaluation(graph):
        answers = [graph(batch) for batch in kept]
        for name in layers if names is None else _checked(names, layers):
            before = {key: part.clone() for key, part in layers[name].state_dict().items()}
            try:
                quantize_one(name, layers[name])
                ratios[name] = signal_to_noise(answers, (graph(batch) for batch in kept))
            finally:
                layers[name].load_state_dict(before)
    return ratios


def _checked(names: Iterable[str], layers: Mapping[str, Layer]) -> list[str]:
    known = list(names)
    for name in known:
        if name not in layers:
            raise ValueError(
                f"layer_sensitivities.names has names of convolutions and linear layers, not "
                f"{name!r}.{did_you_mean(name, layers)}"
            )
    return known


def signal_to_noise(answers: Iterable[torch.Tensor], noisy: Iterable[torch.Tensor]) -> float:
    """Power of the answers over that of the differences, in decibels.

    Parameters
    ----------
    answers, noisy : iterable of Tensor
        Of the same shapes.

    Raises
    ------
    ValueError
        A number is not finite.

    Examples
    --------
    >>> signal_to_noise([torch.tensor([10.0])], [torch.tensor([9.0])])
    20.0
    """
    signal = noise = 0.0
    for answer, other in zip(answers, noisy, strict=True):
        signal += answer.double().square().sum().item()
        noise += (other.double() - answer.double()).square().sum().item()
    if not (math.isfinite(signal) and math.isfinite(noise)):
        raise ValueError(
            "signal_to_noise compares finite answers, not NaN or infinity. Did you mean to check "
            "that the network has trained?"
        )
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal > 0 else -math.inf


def mixed_schemes(
    sensitivities: Mapping[str, Mapping[str, float]],
    sizes: Mapping[str, int],
    schemes: Sequence[Scheme],
    budget_bits: float,
) -> dict[str, Scheme]:
    """Scheme for each layer, such that a weight has no more than so many bits in the mean.

    Of all choices within the budget it is the one with the least noise; that of the layers is taken
    to add up. Where many layers leave more than a thousand choices that none beats in both bits
    and noise, an even sample of them is followed.

    Parameters
    ----------
    sensitivities : mapping of scheme name to mapping of layer name to float
        What :func:`layer_sensitivities` gives with each scheme, in decibels.
    sizes : mapping of layer name to int
        Weights in each layer.
    schemes : sequence of Scheme
        To choose from, each with sensitivities.
    budget_bits : float
        Mean number of bits a weight.

    Returns
    -------
    chosen : dict of layer name to Scheme

    Raises
    ------
    ValueError
        The budget is below the fewest bits, or not a number.

    References
    ----------
    Dong, Yao, Arfeen, Gholami, Mahoney & Keutzer (2020), arXiv:1911.03852, section 3.3, choose
    bits by the sum of the layers' perturbations too, which they estimate from the Hessian.

    Examples
    --------
    >>> from skdeepopt.quantization._scheme import resolve_scheme
    >>> four, eight = (resolve_scheme(name, owner="example") for name in ("int4", "int8"))
    >>> decibels = {"int8": {"first": 40.0, "last": 50.0}, "int4": {"first": 10.0, "last": 30.0}}
    >>> chosen = mixed_schemes(decibels, {"first": 100, "last": 100}, [four, eight], 6)
    >>> {name: scheme.name for name, scheme in chosen.items()}
    {'first': 'int8', 'last': 'int4'}
    """
    _check_budget(schemes, budget_bits)
    fewest = min(scheme.bits for scheme in schemes)
    room = budget_bits * sum(sizes.values()) - fewest * sum(sizes.values())
    choices = [_Choice(0, 0.0, ())]
    for name, size in sizes.items():
        choices = _undominated(
            _Choice(
                choice.extra_bits + size * (scheme.bits - fewest),
                choice.noise + 10 ** (-sensitivities[scheme.name][name] / 10),
                (*choice.schemes, scheme),
            )
            for choice in choices
            for scheme in schemes
            if choice.extra_bits + size * (scheme.bits - fewest) <= room + _ROUNDING
        )
    return dict(zip(sizes, choices[-1].schemes, strict=True))


class _Choice(NamedTuple):
    """Schemes of the first layers, the bits that they take beyond the fewest, and the noise."""

    extra_bits: int
    noise: float
    schemes: tuple[Scheme, ...]


def _undominated(choices: Iterable[_Choice]) -> list[_Choice]:
    """Those that no other one undercuts in bits and noise, by rising bits and falling noise."""
    kept: list[_Choice] = []
    for choice in sorted(choices, key=lambda choice: choice[:2]):
        if not kept or choice.noise < kept[-1].noise:
            kept.append(choice)
    if len(kept) <= _MOST_CHOICES:
        return kept
    last = len(kept) - 1
    return [kept[last * place // (_MOST_CHOICES - 1)] for place in range(_MOST_CHOICES)]


def _check_budget(schemes: Sequence[Scheme], budget_bits: float) -> None:
    fewest = min((scheme.bits for scheme in schemes), default=0)
    if not schemes or not budget_bits >= fewest:
        raise ValueError(
            f"mixed_schemes.budget_bits is at least {fewest}, the fewest bits among the schemes, "
            f"not {budget_bits!r}. Did you mean {fewest}, or to allow schemes of fewer bits?"
        )
