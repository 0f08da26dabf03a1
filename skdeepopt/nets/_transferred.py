"""A network on the features of another, for images of another shape."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from skdeepopt._typing import ImageShape
from skdeepopt._validation import did_you_mean
from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._match import MatchInput
from skdeepopt.nets._registry import ARCHITECTURES, build_network

__all__ = ["TransferNetwork"]


class TransferNetwork(nn.Sequential):
    """Images matched to another network's, that network without its head, and a new head.

    Parameters
    ----------
    image_shape : tuple of (channels, height, width)
        Of the images that come.
    n_outputs : int
        Logits or targets.
    body : str or torch.nn.Module, default="compact"
        Name of a built-in architecture, or a network that gives features of shape
        (n_samples, n_features); it is copied.
    source_shape : tuple of (channels, height, width), default=(1, 28, 28)
        Of the images that the body takes.
    widths : sequence of int, float or None, default=None
        Width of each stage of a built-in architecture, as in :func:`build_network`.
    depth : int or None, default=None
        Repeats of each of its stages.
    standardize : bool, default=True
        Whether a built-in architecture stands behind a layer that standardizes the pixels, as
        :class:`skdeepopt.CNNClassifier` has it.

    Attributes
    ----------
    match : MatchInput
    body : torch.nn.Module
    head : torch.nn.Linear

    Raises
    ------
    TypeError, ValueError
        There is no such architecture, the shapes cannot be matched, the body does not take images
        of `source_shape`, or gives something else than features.

    Examples
    --------
    >>> network = TransferNetwork((3, 8, 8), 5)
    >>> network(torch.zeros(2, 3, 8, 8)).shape, network.head.in_features
    (torch.Size([2, 5]), 256)
    """

    match: MatchInput
    body: nn.Module
    head: nn.Linear

    def __init__(
        self,
        image_shape: Sequence[int],
        n_outputs: int,
        *,
        body: str | nn.Module = "compact",
        source_shape: Sequence[int] = (1, 28, 28),
        widths: Sequence[int] | float | None = None,
        depth: int | None = None,
        standardize: bool = True,
    ) -> None:
        match = MatchInput(image_shape, source_shape)
        if isinstance(body, nn.Module):
            _refuse_settings(widths, depth)
            features = copy.deepcopy(body)
            n_features = _n_features(features, match.source_shape)
        else:
            features, n_features = _built(body, match.source_shape, widths, depth)
            if standardize:
                blank = (torch.zeros(source_shape[0]), torch.ones(source_shape[0]))
                parts = OrderedDict(standardize=Standardize(*blank), network=features)
                features = nn.Sequential(parts)
        head = nn.Linear(n_features, n_outputs)
        super().__init__(OrderedDict(match=match, body=features, head=head))


def _refuse_settings(widths: Any, depth: Any) -> None:
    given = [name for name, value in (("widths", widths), ("depth", depth)) if value is not None]
    if given:
        raise ValueError(
            f"TransferNetwork.{given[0]} is for a body given by the name of an architecture; a "
            f"module has its own. Did you mean {given[0]}=None?"
        )


def _built(name: Any, shape: ImageShape, widths: Any, depth: int | None) -> tuple[nn.Module, int]:
    """A built-in network without its head, and how many features it gives."""
    if not isinstance(name, str) or name not in ARCHITECTURES:
        error = ValueError if isinstance(name, str) else TypeError
        raise error(
            f"TransferNetwork.body is one of {sorted(ARCHITECTURES)} or a torch module, not "
            f"{name!r}.{did_you_mean(str(name), list(ARCHITECTURES))}"
        )
    network: Any = build_network(name, shape, 1, widths=widths, depth=depth)
    n_features = network.head.in_features
    network.head = nn.Identity()
    return network, n_features


def _n_features(body: nn.Module, shape: ImageShape) -> int:
    """Features of a body, found with two blank images."""
    modes = [(part, part.training) for part in body.modules()]
    parameter = next(body.parameters(), torch.zeros(()))
    blank = torch.zeros(2, *shape, device=parameter.device)
    try:
        with torch.no_grad():
            features = body.eval()(blank)
    except Exception as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ValueError(
            f"TransferNetwork.body takes images of source_shape {tuple(shape)}; this "
            f"{type(body).__name__} does not: {reason}"
        ) from error
    finally:
        for part, training in modes:
            part.training = training
    if isinstance(features, torch.Tensor) and features.ndim == 2:
        return features.shape[1]
    answer = type(features).__name__
    if isinstance(features, torch.Tensor):
        answer = f"{tuple(features.shape)}"
    raise ValueError(
        f"TransferNetwork.body gives features of shape (n_samples, n_features); this "
        f"{type(body).__name__} answers {tuple(blank.shape)} with {answer}. Did you mean to pool "
        f"and flatten its last feature map?"
    )
