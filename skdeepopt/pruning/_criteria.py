"""How much a weight, or the weights of a channel, matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch

from skdeepopt._validation import did_you_mean

__all__ = ["CRITERIA", "Criterion", "Elements", "element_scores", "resolve_criterion"]

Elements: TypeAlias = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]
"""``elements(weight, gradient)``: scores of the weight's shape."""


def _as_they_are(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return scores


@dataclass(frozen=True)
class Criterion:
    """Scores of single weights, summed over what makes one unit, then finished per layer.

    Parameters
    ----------
    name : str
    elements : callable
        ``elements(weight, gradient)`` gives scores of the weight's shape; the gradient is None
        where no backward pass has been.
    finish : callable
        ``finish(scores, generator)`` maps the scores of a layer's weights, or of a group's
        channels, to those that are ranked, both of shape (n_units,).
    needs_gradient : bool, default=False
    reads_norm : bool, default=False
        A channel's score is the size of the batch norm's scale behind the layer, where there
        is one, and `elements` count only where there is none.
    """

    name: str
    elements: Elements
    finish: Callable[[torch.Tensor, torch.Generator], torch.Tensor] = _as_they_are
    needs_gradient: bool = False
    reads_norm: bool = False


def resolve_criterion(criterion: str | Elements, *, owner: str = "resolve_criterion") -> Criterion:
    """Criterion of that name, or one that calls the user's own ``elements(weight, gradient)``.

    ``"magnitude"`` is the squared weight, ``"magnitude_l1"`` its absolute value,
    ``"lamp"`` the squared weight over the sum of those of its layer that are not smaller (Lee
    2021), ``"taylor"`` the squared first-order change of the loss if the unit went (Molchanov
    2019), ``"batch_norm"`` the scale behind a channel (Liu 2017), ``"random"`` the control.

    Parameters
    ----------
    criterion : str or callable
    owner : str, default="resolve_criterion"
        Who asks; opens the messages.

    Raises
    ------
    ValueError, TypeError
        Unknown name; neither a name nor callable.

    References
    ----------
    Han, Pool, Tran & Dally (2015), arXiv:1506.02626, section 3 (magnitude).
    Li, Kadav, Durdanovic, Samet & Graf (2017), arXiv:1608.08710, section 3.1 (L1, of channels).
    Lee, Park, Mo, Ahn & Shin (2021), arXiv:2010.07611, section 3.
    Molchanov, Mallya, Tyree, Frosio & Kautz (2019), arXiv:1906.10771, section 3.
    Liu, Li, Shen, Huang, Yan & Zhang (2017), arXiv:1708.06519, section 3.

    Examples
    --------
    >>> resolve_criterion("magnitude").elements(torch.tensor([-2.0, 1.0]), None)
    tensor([4., 1.])
    """
    if isinstance(criterion, str) and criterion in CRITERIA:
        return CRITERIA[criterion]
    if callable(criterion):
        return Criterion(getattr(criterion, "__name__", type(criterion).__name__), criterion)
    error = ValueError if isinstance(criterion, str) else TypeError
    raise error(
        f"{owner}.criterion is one of {', '.join(map(repr, CRITERIA))} or a callable "
        f"elements(weight, gradient), not {criterion!r}.{did_you_mean(criterion, CRITERIA)}"
    )


@torch.no_grad()
def element_scores(
    criterion: Criterion, weight: torch.Tensor, gradient: torch.Tensor | None, *, layer: str
) -> torch.Tensor:
    """Scores of the weight's shape, after a check of what the criterion needs and answers.

    Parameters
    ----------
    criterion : Criterion
    weight, gradient : Tensor of one shape; the gradient may be None
    layer : str
        Named in the messages.

    Raises
    ------
    ValueError, TypeError
        The criterion needs a gradient and there is none, or its scores are not a Tensor, not of
        the weight's shape, or not finite.
    """
    where = f"criterion {criterion.name!r}"
    if gradient is None and criterion.needs_gradient:
        raise ValueError(
            f"{where} reads the gradient of each weight, and layer {layer!r} has none. Did you "
            "mean to run a backward pass first?"
        )
    scores = criterion.elements(weight.detach(), gradient)
    if not isinstance(scores, torch.Tensor):
        raise TypeError(
            f"{where} answers with a Tensor, not {type(scores).__name__}, in layer {layer!r}."
        )
    if scores.shape != weight.shape:
        raise ValueError(
            f"{where} answers with one score for each weight, of shape {tuple(weight.shape)}, "
            f"not {tuple(scores.shape)}, in layer {layer!r}."
        )
    if not torch.stack(scores.aminmax()).isfinite().all():
        raise ValueError(f"{where} answers with finite scores, not NaN or inf, in layer {layer!r}.")
    return scores.to(torch.float32)


def _squares(weight: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    return weight.square()


def _sizes(weight: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    return weight.abs()


def _first_order_changes(weight: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
    assert gradient is not None
    return weight * gradient


def _squared(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return scores.square()


def _shares_of_those_not_smaller(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Lee 2021, equation 4; in double precision, since neighbours differ by little."""
    ranked, order = scores.double().sort(descending=True)
    shares = ranked / ranked.cumsum(0).clamp_min(torch.finfo(torch.float64).tiny)
    return torch.empty_like(shares).scatter_(0, order, shares)


def _drawn(scores: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(scores.shape, generator=generator).to(scores.device)


CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion("magnitude", _squares),
        Criterion("magnitude_l1", _sizes),
        Criterion("lamp", _squares, _shares_of_those_not_smaller),
        Criterion("taylor", _first_order_changes, _squared, needs_gradient=True),
        Criterion("batch_norm", _squares, reads_norm=True),
        Criterion("random", _squares, _drawn),
    )
}
