"""A pretrained network without its head, and what is known of what it was trained on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import nn

from skdeepopt.sources._shapes import image_body

__all__ = ["PixelRange", "Source", "digest_of"]

PixelRange: TypeAlias = tuple[float | tuple[float, ...], float | tuple[float, ...]]
"""Darkest and brightest pixel, one for all channels or one for each."""


@dataclass(frozen=True, eq=False)
class Source:
    """What a transfer takes over, whatever it was made from.

    Parameters
    ----------
    name : str
        What it was made from, for messages.
    body : str or torch.nn.Module
        A built-in architecture, whose last linear layer is left out; or a module that gives
        features of shape (n_samples, n_features). Never changed.
    body_state : mapping of name to Tensor
        Weights of the body. Of a built-in architecture they may be fewer, where it was pruned.
    image_shape : tuple of (channels, height, width) or None
        Images that the body takes; None is what fits, found out from the images at hand.
    widths, depth, standardize
        Of a built-in architecture, as ``CNNClassifier`` has them.
    removed : tuple of str, default=()
        Parts of a built-in architecture that were pruned away.
    pixel_range : tuple of (low, high) or None, default=None
        Darkest and brightest pixel that the body was trained on; None where nothing tells.
    classes : ndarray of shape (n_classes,) or None, default=None
        Labels that its own head told apart.
    head_state : mapping of name to Tensor or None, default=None
        Weight and bias of its own head.
    recipe : mapping or None, default=None
        Plain values that :func:`skdeepopt.sources._recipes.rebuilt_body` makes a blank body of;
        None for a built-in architecture, and for a module that only the user has.
    """

    name: str
    body: str | nn.Module
    body_state: Mapping[str, torch.Tensor] = field(repr=False)
    image_shape: tuple[int, ...] | None = None
    widths: Any = None
    depth: int | None = None
    standardize: bool = False
    removed: tuple[str, ...] = ()
    pixel_range: PixelRange | None = None
    classes: np.ndarray | None = None
    head_state: Mapping[str, torch.Tensor] | None = field(default=None, repr=False)
    recipe: Mapping[str, Any] | None = field(default=None, repr=False)
    digest: str = ""

    def __post_init__(self) -> None:
        for name, tensor in self.body_state.items():
            if not tensor.isfinite().all():
                raise ValueError(
                    f"{self.name} has finite weights, not NaN or infinity as in {name!r}. Did its "
                    f"training diverge?"
                )
        if not self.digest:
            object.__setattr__(self, "digest", digest_of(self))

    def for_images(self, image_shape: tuple[int, ...], *, owner: str) -> Source:
        """Source itself, or one with an image shape, found out where nothing told it.

        Parameters
        ----------
        image_shape : tuple of (channels, height, width)
            Of the images at hand.
        owner : str
            Who asks; opens every message.

        Raises
        ------
        ValueError
            The body takes images neither of this shape nor of a usual one.
        """
        if self.image_shape is not None or isinstance(self.body, str):
            return self
        body, shape = image_body(self.body, image_shape, owner=owner, name=self.name)
        return replace(self, body=body, body_state=body.state_dict(), image_shape=shape)


def digest_of(source: Source) -> str:
    """SHA-256 of what a source computes: its structure and the bits of its weights, head too."""
    digest = hashlib.sha256()
    structure = [str(source.body), str(source.widths), source.depth, source.standardize]
    shape = source.image_shape and list(source.image_shape)
    digest.update(json.dumps([*structure, shape], default=str).encode())
    head = {f"head.{name}": tensor for name, tensor in (source.head_state or {}).items()}
    for name, tensor in {**source.body_state, **head}.items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{values.dtype}{tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
