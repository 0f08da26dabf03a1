"""What can be searched in an estimator that trains a network, with its parameters as they are."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from numbers import Real
from typing import Any

from torch import nn

from skdeepopt._validation import check_choice, check_flag, check_integer, check_ratio, check_real
from skdeepopt.nets._registry import ARCHITECTURES
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.space._values import Choice, Part, Range

__all__ = [
    "OWN_DEPTH",
    "OWN_WIDTHS",
    "augmenter_parts",
    "cnn_parts",
    "decay_part",
    "epochs_part",
    "is_named",
    "neural_parts",
    "rate_part",
    "raw_net_parts",
    "smoothing_part",
    "with_present",
]

OWN_WIDTHS, OWN_DEPTH = 1.0, 1
"""What None stands for: the architecture's own widths, once, and one repeat of each stage."""

_UNDECAYED = (1e-5, 1e-2)
"""Weight decays where the present one is none."""

_MOST_SMOOTHING = 0.2
_MOST_DROPOUT = 0.5


def cnn_parts(estimator: Any) -> Iterator[Part]:
    """Of a CNNClassifier or CNNRegressor.

    Parameters
    ----------
    estimator : CNNClassifier or CNNRegressor
    """
    check_choice(estimator, "architecture", ARCHITECTURES)
    accepted = inspect.signature(ARCHITECTURES[estimator.architecture]).parameters
    yield rate_part(estimator)
    if estimator.widths is None or isinstance(estimator.widths, Real):
        yield _widths_part(estimator)
    if "depth" in accepted:
        yield _depth_part("depth", estimator.depth)
    if "dropout" in accepted:
        yield _dropout_part("dropout", check_ratio(estimator, "dropout"))
    yield from _training_parts(estimator)


def neural_parts(estimator: Any) -> Iterator[Part]:
    """Of a NeuralClassifier or NeuralRegressor; an instance of a module is as it is.

    Parameters
    ----------
    estimator : NeuralClassifier or NeuralRegressor
    """
    yield rate_part(estimator)
    parameters = estimator.get_params(deep=False)
    if not isinstance(estimator.module, nn.Module) and is_named(estimator.module, "dropout"):
        yield _dropout_part("module__dropout", parameters.get("module__dropout", 0.0))
    if estimator.module in ARCHITECTURES.values() and is_named(estimator.module, "depth"):
        yield _depth_part("module__depth", parameters.get("module__depth"))
    yield from _training_parts(estimator)


def raw_net_parts(net: Any, *, is_wrapped: bool) -> Iterator[Part]:
    """Of a skorch net.

    Parameters
    ----------
    net : skorch.NeuralNet
    is_wrapped : bool
        Whether a wrapper of this package trains it. Else its epochs are searched too, since
        nothing but the search could know them.
    """
    yield rate_part(net)
    if not is_wrapped and net.max_epochs:
        yield epochs_part(net, "max_epochs")


def rate_part(estimator: Any) -> Part:
    """Learning rate, a hundredfold range around the present one.

    Parameters
    ----------
    estimator : estimator
        With an attribute `lr`.
    """
    rate = check_real(estimator, "lr", inclusive=False)
    grid = (rate, _rounded(rate / 3), _rounded(rate * 3))
    return Part("lr", Range(_rounded(rate / 20), _rounded(rate * 5), log=True), grid)


def decay_part(estimator: Any) -> Part:
    """Weight decay, a thousandfold range around the present one.

    Parameters
    ----------
    estimator : estimator
        With an attribute `weight_decay`.
    """
    decay = check_real(estimator, "weight_decay")
    low, high = (_rounded(decay / 100), _rounded(decay * 10)) if decay else _UNDECAYED
    other = high if decay else _UNDECAYED[1] / 10
    return Part("weight_decay", Range(low, high, log=True), (decay, other), rank=2)


def epochs_part(estimator: Any, name: str, *, rank: int = 4) -> Part:
    """Epochs, from half as many as now to twice as many; not in grids.

    Parameters
    ----------
    estimator : estimator
        With at least 1 under that name.
    name : str
    rank : int, default=4
    """
    epochs = check_integer(estimator, name)
    return Part(name, Range(max(1, epochs // 2), 2 * epochs, log=True, integer=True), rank=rank)


def smoothing_part(estimator: Any) -> Part:
    """Smoothing of the labels.

    Parameters
    ----------
    estimator : estimator
        With an attribute `label_smoothing`.
    """
    share = check_ratio(estimator, "label_smoothing")
    grid = (share, 0.0 if share else _MOST_SMOOTHING / 2)
    return Part("label_smoothing", Range(0.0, max(_MOST_SMOOTHING, share)), grid, rank=3)


def augmenter_parts(augmenter: ImageAugmenter) -> Iterator[Part]:
    """Of an ImageAugmenter.

    Parameters
    ----------
    augmenter : ImageAugmenter
    """
    augmenter.check()
    usual = {"rotation": 20.0, "shift": 0.2, "stretch": 0.2, "cutout": 0.4}
    for name, most in usual.items():
        present = float(getattr(augmenter, name))
        grid = (present, 0.0 if present else most / 2)
        yield Part(name, Range(0.0, max(most, present)), grid, rank=3)
    flips = with_present(bool(augmenter.flip), (False, True))
    yield Part("flip", Choice(flips), flips, rank=3)


def with_present(present: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """The values, with the present one among them and first.

    Parameters
    ----------
    present : object
        Hashable.
    values : tuple
    """
    return (present, *(value for value in values if value != present))


def is_named(function: Any, argument: str) -> bool:
    """Whether a class or function takes an argument by its name.

    Parameters
    ----------
    function : callable
    argument : str
    """
    try:
        parameter = inspect.signature(function).parameters.get(argument)
    except (TypeError, ValueError):  # not every callable tells
        return False
    return parameter is not None and parameter.kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )


def _training_parts(estimator: Any) -> Iterator[Part]:
    """What every estimator that trains has."""
    yield decay_part(estimator)
    if isinstance(estimator.schedule, str):
        usual = with_present(estimator.schedule, ("onecycle", "cosine"))
        yield Part("schedule", Choice(usual), usual[:2], rank=4)
    if hasattr(estimator, "label_smoothing"):
        yield smoothing_part(estimator)
    if check_flag(estimator, "early_stopping"):
        yield epochs_part(estimator, "n_iter_no_change")


def _widths_part(estimator: Any) -> Part:
    is_own = estimator.widths is None
    wide = OWN_WIDTHS if is_own else check_real(estimator, "widths", inclusive=False)
    grid = (wide, _rounded(wide / 2), _rounded(wide * 2))
    return Part("widths", Range(grid[1], grid[2], log=True), grid, rank=1)


def _depth_part(name: str, depth: int | None) -> Part:
    deep = int(depth or OWN_DEPTH)
    return Part(name, Range(max(1, deep - 1), deep + 1, integer=True), (deep, deep + 1), rank=4)


def _dropout_part(name: str, present: float) -> Part:
    most = max(_MOST_DROPOUT, present)
    return Part(name, Range(0.0, most), (present, 0.0 if present else 0.3), rank=2)


def _rounded(value: float) -> float:
    """Three digits, so that a space can be read."""
    return float(f"{value:.3g}")
