"""Unlabelled images in the training of a deep estimator."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.base import is_classifier
from torch import nn

from skdeepopt.data._canonical import canonical_order
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.training._consistency import Consistency

__all__ = ["consistency_for"]

_STRONG = ImageAugmenter(rotation=20, shift=0.12, stretch=0.2)
_WEAK = ImageAugmenter(shift=0.08)
"""Changes of unlabelled images where the estimator has none of its own. A cutout besides costs
accuracy on MNIST with 100 labels."""


def consistency_for(
    owner: Any,
    module: nn.Module,
    images: torch.Tensor,
    *,
    prior: torch.Tensor | None,
    seed: int,
    ratio: int = 7,
) -> Consistency:
    """Hook under which unlabelled images take part in a training of an estimator's network.

    Parameters
    ----------
    owner : deep estimator
        Whose net trains, with its batch size, number format and augmentation.
    module : torch.nn.Module
        Of the net.
    images : Tensor of shape (n_samples, channels, height, width)
        As the network takes them; the order in which they come changes nothing.
    prior : Tensor of shape (n_classes,) or None
        Share of each class; None for a regressor.
    seed : int
    ratio : int, default=7
        Unlabelled images to a labelled one.
    """
    net = owner.net_
    return Consistency(
        module,
        images[torch.from_numpy(canonical_order(images.numpy()))],
        augment_weak=_WEAK,
        augment_strong=getattr(owner, "augment", None) or _STRONG,
        ratio=ratio,
        batch_size=net.batch_size,
        seed=seed,
        is_classifier=is_classifier(owner),
        prior=prior,
        dtype=getattr(net, "autocast_dtype", None),
    )
