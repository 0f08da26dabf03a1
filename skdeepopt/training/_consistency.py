"""Unlabelled samples in a training: what a network is sure of has to survive a strong change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.nn import functional

from skdeepopt._random import TorchStream
from skdeepopt._validation import check_integer, check_ratio, check_real
from skdeepopt.layers._idle_hook import IdleHook
from skdeepopt.training._batches import as_network_input

__all__ = ["Consistency"]

Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]

_REMEMBERED = 0.99
"""Of the mean answer, from one step to the next."""


class Consistency(IdleHook):
    """Training hook under which unlabelled samples take part in a classifier's or regressor's loss.

    At each step a batch of them is drawn. Where the network is sure of the class of one that was
    changed weakly, it learns to answer so for the same one changed strongly.

    Parameters
    ----------
    module : torch.nn.Module
        That trains; emits logits, or numbers.
    inputs : Tensor of shape (n_samples, ...)
        Unlabelled samples as the module takes them, of any number type.
    augment_weak : callable or None, default=None
        ``augment(batch, generator)``, of what the network answers; None changes nothing.
    augment_strong : callable
        The same, of what it learns the answer for.
    threshold : float, default=0.95
        Largest probability from which an answer counts, in [0, 1).
    weight : float, default=1.0
        Factor of the unlabelled samples' loss.
    ratio : int, default=7
        Unlabelled samples to a labelled one, at most as many as there are.
    batch_size : int
        Labelled samples of a step.
    seed : int
        Of the draws, the changes and dropout.
    is_classifier : bool, default=True
        Whether outputs are logits; else the loss is the mean squared difference of the answers to
        the two changes, all of which count.
    align : bool, default=True
        Divide the probabilities by their mean over the last hundred steps or so, and multiply by
        `prior`, so that no class is forgotten.
    prior : Tensor of shape (n_classes,) or None, default=None
        Share of each class; None is an equal one.
    dtype : torch.dtype or None, default=None
        Format of the matrix products; None is float32.

    Notes
    -----
    The loss is the mean over all that were drawn, with zeros for those that do not count, as in
    the paper. Batch norms see the answers to both changes in their training mode; in evaluation
    mode, answers with statistics from before were right less often in the end (MNIST, 100 labels).

    References
    ----------
    Sohn et al. (2020), FixMatch, arXiv:2001.07685, equation 4. Berthelot et al. (2020), ReMixMatch,
    arXiv:1911.09785, section 3.1 (the alignment).

    Examples
    --------
    >>> network, images = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.rand(9, 1, 2, 2)
    >>> def darker(batch, generator):
    ...     return batch * torch.rand(len(batch), 1, 1, 1, generator=generator)
    >>> hook = Consistency(network, images, augment_strong=darker, batch_size=4, ratio=2, seed=0)
    >>> hook.before_training(n_steps=1)
    False
    >>> hook.penalty().item()  # An untrained network is sure of nothing.
    0.0
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: torch.Tensor,
        *,
        augment_weak: Change | None = None,
        augment_strong: Change,
        threshold: float = 0.95,
        weight: float = 1.0,
        ratio: int = 7,
        batch_size: int,
        seed: int,
        is_classifier: bool = True,
        align: bool = True,
        prior: torch.Tensor | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.module = module
        self.inputs = inputs
        self.augment_weak = augment_weak
        self.augment_strong = augment_strong
        self.threshold = threshold
        self.weight = weight
        self.ratio = ratio
        self.batch_size = batch_size
        self.seed = seed
        self.is_classifier = is_classifier
        self.align = align
        self.prior = prior
        self.dtype = dtype
        check_ratio(self, "threshold")
        check_real(self, "weight")
        check_integer(self, "ratio")
        check_integer(self, "batch_size")
        if len(inputs) < 2:
            raise ValueError(
                f"Consistency.inputs are at least 2 unlabelled samples, since batch norm cannot "
                f"take fewer, not {len(inputs)}."
            )

    def before_training(self, n_steps: int) -> bool:
        """Begin the draws anew."""
        self._device = next(self.module.parameters()).device
        self._generator = torch.Generator().manual_seed(self.seed)
        self._stream = TorchStream(self.seed, self._device)
        self._mean: torch.Tensor | None = None
        self._rows = self._draws()
        return False

    def penalty(self) -> torch.Tensor | None:
        """Loss of a batch of unlabelled samples."""
        rows = next(self._rows)
        images = as_network_input(self.inputs.index_select(0, rows), self._device)
        weak = images if self.augment_weak is None else self.augment_weak(images, self._generator)
        strong = self.augment_strong(images, self._generator)
        with self._stream.borrowed(), self._autocast():
            with torch.no_grad():
                wanted = self.module.forward(weak).float()
            # Past hooks that wait for the labelled batch, such as a teacher's.
            outputs = self.module.forward(strong).float()
        return self.weight * self._distance(outputs, wanted)

    def _autocast(self) -> AbstractContextManager[object]:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self._device.type, self.dtype)

    def _draws(self) -> Iterator[torch.Tensor]:
        """Rows of a batch at a time, over and over, in new orders."""
        size = min(len(self.inputs), self.ratio * self.batch_size)
        while True:
            order = torch.randperm(len(self.inputs), generator=self._generator)
            yield from (part for part in order.split(size) if len(part) == size)

    def _distance(self, outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        if not self.is_classifier:
            return functional.mse_loss(outputs, wanted)
        chances, labels = self._aligned(_logits(wanted).softmax(1)).max(1)
        losses = functional.cross_entropy(_logits(outputs), labels, reduction="none")
        return (losses * (chances >= self.threshold)).mean()

    def _aligned(self, chances: torch.Tensor) -> torch.Tensor:
        if not self.align:
            return chances
        now = chances.mean(0)
        before = now if self._mean is None else self._mean
        self._mean = _REMEMBERED * before + (1 - _REMEMBERED) * now
        prior = 1.0 if self.prior is None else self.prior.to(now.device)
        scaled = chances * prior / self._mean.clamp_min(1e-6)
        return scaled / scaled.sum(1, keepdim=True)


def _logits(outputs: torch.Tensor) -> torch.Tensor:
    """One column a class; a single output is the logit of the second of two."""
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return outputs
    column = outputs.reshape(-1, 1)
    return torch.cat([torch.zeros_like(column), column], 1)
