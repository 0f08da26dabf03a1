"""The body of a source, built anew where the source itself is not at hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from skdeepopt.sources._estimators import blank_module
from skdeepopt.sources._hubs import blank_hub_body
from skdeepopt.sources._modules import built_module, parted
from skdeepopt.sources._shapes import image_body, of_samples

__all__ = ["rebuilt_body"]


def rebuilt_body(
    recipe: Mapping[str, Any] | None, given: Any, image_shape: tuple[int, ...], *, owner: str
) -> nn.Module:
    """Body with any weights, as the source had it.

    Parameters
    ----------
    recipe : mapping or None
        Of the source.
    given : object
        What the user gave as the source, where there is no recipe: a module, its class or
        factory, or a pair of a file and one of these.
    image_shape : tuple of (channels, height, width)
        Of the images at hand.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    TypeError
        There is no recipe, and the source is none of these.
    """
    if recipe is None:
        module = given[1] if isinstance(given, tuple) else given
        if not isinstance(module, nn.Module) and not callable(module):
            raise TypeError(
                f"{owner} builds its network anew from a built-in architecture, or from a source "
                f"that is a torch module or its class, not from {type(given).__name__}."
            )
        body, _ = parted(built_module(module, owner=owner), owner=owner, name="module")
        return image_body(body, image_shape, owner=owner, name="module")[0]
    if "hub" in recipe:
        return blank_hub_body(recipe, owner=owner)
    shape = tuple(recipe["sample_shape"])
    module = blank_module(recipe["estimator"], shape, recipe["n_outputs"])
    body, _ = parted(module, owner=owner, name="estimator", sample_shape=shape)
    return of_samples(body, shape)[0]
