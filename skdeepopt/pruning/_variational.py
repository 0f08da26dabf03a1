"""Sparsity learned while training: each weight gets noise of its own, and noisy weights go."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from skdeepopt._validation import check_integer, check_ratio, check_real
from skdeepopt.layers._parametrizations import drop_parametrization
from skdeepopt.layers._weighted import Layer
from skdeepopt.pruning._cut import check_end
from skdeepopt.pruning._masks import Mask, bake_masks, masks_of, set_masks
from skdeepopt.pruning._prunable import check_prunable
from skdeepopt.pruning._ranking import highest, n_kept_of, one_each

__all__ = ["VariationalDropout", "divergence"]

_K1, _K2, _K3 = 0.63576, 1.87320, 1.48695
"""Of the approximation in Molchanov 2017, equation 14."""

_FIRST_LOG_SIGMA2 = -8.0
"""Noise at the start: too little to disturb, a tenth of a typical weight."""

_GAIN = 2.0
"""The log of the noise's variance has a long way to go, and steps of Adam are of one length."""

_TINY = 1e-16
"""Added to squared weights, so that the logarithm stands where one is zero."""


def divergence(weight: torch.Tensor, log_sigma2: torch.Tensor) -> torch.Tensor:
    """Sum of the divergences of weights' posteriors from the log-uniform prior, up to a constant.

    Parameters
    ----------
    weight, log_sigma2 : Tensor of one shape
        Mean, and log of the variance, of each weight.

    Returns
    -------
    divergence : Tensor of shape ()
        Nats; a weight that is all noise adds nothing.

    References
    ----------
    Molchanov, Ashukha & Vetrov (2017), arXiv:1701.05369, equation 14.

    Examples
    --------
    >>> one = torch.ones(1)
    >>> [round(divergence(one, x * one).item(), 2) for x in (-8.0, 0.0, 8.0)]
    [4.64, 0.43, 0.0]
    """
    return _Divergence.apply(weight, log_sigma2)


class _Divergence(torch.autograd.Function):
    """Both passes at once: the derivative shares its parts with the value."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, log_sigma2: torch.Tensor) -> torch.Tensor:
        log_alpha = _log_alpha(weight, log_sigma2)
        noise = torch.sigmoid(-log_alpha)
        known = log_alpha.mul(-_K3).sub_(_K2).sigmoid_()
        total = known.sum() * _K1 + functional.softplus(log_alpha.neg_()).sum() / 2
        slope = known.square().sub_(known).mul_(_K1 * _K3).sub_(noise, alpha=0.5)
        ctx.save_for_backward(weight, slope)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        weight, slope = ctx.saved_tensors
        slope = slope * gradient
        by_weight = slope.mul(-2).mul_(weight).div_(weight.square().add_(_TINY))
        return by_weight, slope


def _log_alpha(weight: torch.Tensor, log_sigma2: torch.Tensor) -> torch.Tensor:
    """Log of the noise's variance over the squared weight."""
    return log_sigma2 - weight.square().add_(_TINY).log_()


class VariationalDropout:
    """Training hook that learns how much noise each weight bears, and masks those that bear most.

    While it learns, every weight is noisy, and a penalty pays for what is known of it: the
    variational bound with a log-uniform prior. At `end` the weights stay that have the least
    noise for their size, as many as asked, and the training goes on under masks. Masks that the
    module has before stay.

    Parameters
    ----------
    module : torch.nn.Module
        Parametrized while it trains; afterwards the zeros are in its weights.
    ratio : float
        Share of the weights that is zero in the end, in [0, 1).
    n_samples : int
        Training samples, over which the loss is a mean; sets the penalty's weight.
    strength : float, default=5.0
        Of the penalty. 1 is the variational bound itself, which needs hundreds of epochs to make
        a network sparse; in ten, 5 leaves LeNet-300-100 more accurate than 1 or 20 do.
    warm_up : float, default=0.3
        Share of the training over which the penalty rises from nothing to `strength`.
    end : float, default=0.6
        Share of the training after which noise turns into masks.

    References
    ----------
    Molchanov, Ashukha & Vetrov (2017), arXiv:1701.05369, sections 4 and 5. The noise is drawn
    for a batch as a whole, where the paper draws it for each output.

    Examples
    --------
    >>> layer = nn.Linear(10, 2)
    >>> hook = VariationalDropout(layer, 0.75, n_samples=100)
    >>> hook.before_training(n_steps=10), hook.after_step(0.6)
    (True, True)
    >>> int((layer.weight != 0).sum())
    5
    """

    def __init__(
        self,
        module: nn.Module,
        ratio: float,
        *,
        n_samples: int,
        strength: float = 5.0,
        warm_up: float = 0.3,
        end: float = 0.6,
    ) -> None:
        self.module = module
        self.ratio = ratio
        self.n_samples = n_samples
        self.strength = strength
        self.warm_up = warm_up
        self.end = end
        check_ratio(self, "ratio")
        check_integer(self, "n_samples")
        check_real(self, "strength")
        check_ratio(self, "warm_up")
        check_end(self)
        self._noisy: dict[str, Layer] = {}
        self._progress = 0.0

    def before_training(self, n_steps: int) -> bool:
        """Make every weight noisy; True, for the size of its noise is a new Parameter.

        Parameters
        ----------
        n_steps : int
            Not read: the course follows the share of the training.

        Raises
        ------
        ValueError
            A weight is not finite, shared, or parametrized by anything but a mask.
        """
        layers = check_prunable(self.module, owner="VariationalDropout")
        for name, layer in layers.items():
            _check_plain(name, layer)
        masks = masks_of(self.module)
        bake_masks(self.module)
        modes = {layer: layer.training for layer in layers.values()}
        for layer in modes:
            layer.eval()  # torch asks for every new weight, and no noise is to be drawn for that.
            parametrize.register_parametrization(layer, "weight", _Noise(layer.weight))
        set_masks(self.module, masks)  # Behind the noise, which would bring zeros to life.
        for layer, mode in modes.items():
            layer.train(mode)
        self._noisy = layers
        self._progress = 0.0
        return True

    def after_step(self, progress: float) -> bool:
        """Turn noise into masks where it is time; True then, for Parameters are gone.

        Parameters
        ----------
        progress : float
            Share of the training that is over.
        """
        self._progress = progress
        return progress > self.end - 1e-9 and self._turn_into_masks()

    def penalty(self) -> torch.Tensor | None:
        """Divergence per training sample, in nats; None before the first step and under masks."""
        rise = self._progress / self.warm_up if self.warm_up else 1.0
        if not self._noisy or not self._progress:
            return None
        totals = [divergence(*_mean_and_noise(layer)) for layer in self._noisy.values()]
        return torch.stack(totals).sum() * (self.strength * min(1.0, rise) / self.n_samples)

    def after_training(self) -> None:
        """Write the zeros into the weights, also of a training that ended early."""
        self._turn_into_masks()
        bake_masks(self.module)

    @torch.no_grad()
    def _turn_into_masks(self) -> bool:
        if not self._noisy:
            return False
        present = masks_of(self.module)
        scores = {n: -_log_alpha(*_mean_and_noise(layer)) for n, layer in self._noisy.items()}
        for name, mask in present.items():
            scores[name].masked_fill_(~mask, -torch.inf)
        for layer in self._noisy.values():
            drop_parametrization(layer, _Noise)
        self._noisy = {}
        set_masks(self.module, _masks_by(scores, self.ratio))
        return True


class _Noise(nn.Module):
    """Parametrization that adds Gaussian noise of learned size to a weight while training."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        # Along one axis, so that weight decay, which takes those with more, leaves it alone.
        self.raw = nn.Parameter(weight.detach().new_zeros(weight.numel()))

    def log_sigma2(self, weight: torch.Tensor) -> torch.Tensor:
        """Log of the noise's variance, of the weight's shape."""
        return (self.raw * _GAIN + _FIRST_LOG_SIGMA2).view_as(weight)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight`, with noise from torch's global generator while training."""
        if not self.training:
            return weight
        return weight + (self.log_sigma2(weight) / 2).exp() * torch.randn_like(weight)

    def right_inverse(self, weight: torch.Tensor) -> torch.Tensor:
        """`weight` itself, so that the Parameter stays."""
        return weight


def _mean_and_noise(layer: Layer) -> tuple[torch.Tensor, torch.Tensor]:
    chain: Any = layer.parametrizations.weight  # type: ignore[union-attr]
    return chain.original, chain[0].log_sigma2(chain.original)


def _masks_by(scores: dict[str, torch.Tensor], ratio: float) -> dict[str, torch.Tensor]:
    flat = [part.flatten() for part in scores.values()]
    n_kept = max(n_kept_of(sum(map(len, flat)), ratio), len(flat))
    survivors = one_each(flat, lambda ranked: highest(ranked, n_kept))
    return {
        name: kept.view_as(score) & (score > -torch.inf)
        for (name, score), kept in zip(scores.items(), survivors.kept, strict=True)
    }


def _check_plain(name: str, layer: Layer) -> None:
    if not parametrize.is_parametrized(layer, "weight"):
        return
    chain: Any = layer.parametrizations.weight  # type: ignore[union-attr]
    others = [type(part).__name__ for part in chain if not isinstance(part, Mask)]
    if others:
        raise ValueError(
            f"VariationalDropout learns the noise of plain weights, not below {others[0]} of "
            f"layer {name!r}. Did you mean to remove that parametrization first?"
        )
