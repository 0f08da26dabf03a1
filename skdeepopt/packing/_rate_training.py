"""Training with the length of the model file as a part of the loss, towards a length asked for."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from skdeepopt._validation import check_ratio, check_real
from skdeepopt.layers._parametrizations import (
    add_parametrization,
    drop_parametrization,
    latent_of,
    parametrizations_of,
)
from skdeepopt.layers._weighted import check_finite, weight_layers
from skdeepopt.packing._batch_norm import (
    ChannelShift,
    absorb_batch_norms,
    restore_batch_norms,
)
from skdeepopt.packing._coded_weight import CodedWeight

__all__ = ["RateTraining", "coded_parameters"]

_LARGEST_WEIGHT, _LARGEST_BIAS = 15, 127
"""Codes of weights are few, so that their steps are coarse; a bias is one among many weights."""

_FIRST_STEPS, _FIRST_STEP_OF_BIASES = (0.2, 1.5), 0.5
"""In standard deviations: at most so coarse a grid, which leaves most weights at zero and one step,
and a finer one where there are bits for it."""

_BITS_OF_NORMAL = 2.05
"""Of normal numbers in steps of their deviation: ``log2(sqrt(2 * pi * e))``."""

_FIRST_PRICE, _PRICES = 5e-6, (1e-9, 0.1)
"""Of a bit, in nats a sample."""

_STEPS_BETWEEN = 20
_WEIGHTS_BETWEEN = 2_500
"""Steps between two looks at the coder: so many, and one for every so many weights, whose look
takes longer."""

_MANY_LOOKS, _FEWEST_LOOKS = 100, 20
"""In a training of few steps, which would end before the price is right."""

_GAIN, _DAMPING, _MOST_CHANGE = 20.0, 5.0, 0.3
"""How the logarithm of the price follows that of the length over the length wanted: in a whole
training, with their change, and at a time. Weights take a while to follow the price; without
damping the length swings around the one wanted."""


class RateTraining:
    """Training hook under which all weights and biases lie on coarse grids that a coder likes.

    The price of a bit rises and falls so that the coded length goes from where it is to
    `target_bits`, along a curve that falls fast at first, and is there at `end`.

    Parameters
    ----------
    module : torch.nn.Module
        Parametrized while it trains; afterwards the coded numbers are in its parameters.
    target_bits : float or None
        Of all weights and biases together; None is what they take at the beginning.
    end : float, default=0.7
        Share of the training at which the length is as asked for.

    Attributes
    ----------
    coded_bits : float
        At the last look.

    References
    ----------
    Oktay, Balle, Singh & Shrivastava (2020), arXiv:1906.06624. Wiedemann et al. (2020),
    arXiv:1907.11900.

    Examples
    --------
    >>> layer = nn.Linear(100, 10)
    >>> hook = RateTraining(layer, 500.0)
    >>> hook.before_training(n_steps=100)
    True
    >>> hook.after_training()
    >>> len(layer.weight.unique()) < 16
    True
    """

    def __init__(self, module: nn.Module, target_bits: float | None, *, end: float = 0.7) -> None:
        self.module = module
        self.target_bits = target_bits
        self.end = end
        if target_bits is not None:
            check_real(self, "target_bits", inclusive=False)
        check_ratio(self, "end")
        self._price = _FIRST_PRICE
        self._progress = self._error = 0.0
        self._first_bits = self.coded_bits = 0.0
        self._step = self._between = 0

    def before_training(self, n_steps: int) -> bool:
        """Put the grids in; their steps are new parameters.

        Batch norms become shifts of their channels, as long as the training lasts.
        """
        check_finite(weight_layers(self.module), owner=type(self).__name__, does="codes")
        absorb_batch_norms(self.module, owner=type(self).__name__)
        parameters = coded_parameters(self.module)
        n_numbers = sum(getattr(layer, name).numel() for layer, name in parameters)
        grids: dict[nn.Parameter, CodedWeight] = {}  # Layers that share a Parameter share its grid.
        for layer, name in parameters:
            latent = latent_of(layer, name)
            if latent not in grids:
                grids[latent] = self._grid(getattr(layer, name), name, n_numbers)
            add_parametrization(layer, name, grids[latent])
        few = min(_STEPS_BETWEEN, n_steps // _MANY_LOOKS)
        often = min(n_numbers // _WEIGHTS_BETWEEN, n_steps // _FEWEST_LOOKS)
        self._between = max(1, few, often)
        self._look()
        self._first_bits = max(self.coded_bits, 1.0)
        return True

    def after_step(self, progress: float) -> bool:
        """Ask the coder now and then, and set the price of a bit anew."""
        self._step += 1
        if self._step % self._between == 0:
            self._look()
            self._set_price(progress)
        return False

    def penalty(self) -> torch.Tensor | None:
        """Nothing: the slopes of the length are added to the gradients as they pass."""
        return None

    def after_training(self) -> None:
        """Write the coded numbers, and put the batch norms back."""
        self._look()
        self.restore()

    def restore(self) -> None:
        """Do so wherever the training has ended, even before it began."""
        for layer, name in self._on_grids():
            value = getattr(layer, name).detach().clone()
            with torch.no_grad():
                latent_of(layer, name).copy_(value)
            drop_parametrization(layer, CodedWeight, name)
        restore_batch_norms(self.module)

    def wanted_bits(self, progress: float) -> float:
        """Length that is aimed at, `progress` of the way from 0 to 1.

        Parameters
        ----------
        progress : float
        """
        target = self._first_bits if self.target_bits is None else self.target_bits
        left = max(0.0, 1.0 - progress / self.end) if self.end else 0.0
        return float(target * (self._first_bits / target) ** (left**1.5))

    def _grid(self, tensor: torch.Tensor, name: str, n_numbers: int) -> CodedWeight:
        if name == "bias":
            return CodedWeight(tensor, _LARGEST_BIAS, _FIRST_STEP_OF_BIASES)
        return CodedWeight(tensor, _LARGEST_WEIGHT, self._first_step(n_numbers))

    def _first_step(self, n_numbers: int) -> float:
        """Of weights, in standard deviations: what as many normal numbers have the bits for."""
        finest, coarsest = _FIRST_STEPS
        bits = 0.0 if self.target_bits is None else self.target_bits / max(n_numbers, 1)
        return float(min(coarsest, max(finest, 2 ** (_BITS_OF_NORMAL - bits))))

    def _look(self) -> None:
        self.coded_bits = sum(coded.take_lengths(latent) for coded, latent in self._coded())

    def _set_price(self, progress: float) -> None:
        error = math.log(max(self.coded_bits, 1.0) / self.wanted_bits(progress))
        change = _GAIN * error * (progress - self._progress)
        change += _DAMPING * (error - self._error) if self._progress else 0.0
        self._price *= math.exp(max(-_MOST_CHANGE, min(_MOST_CHANGE, change)))
        self._price = max(_PRICES[0], min(_PRICES[1], self._price))
        self._progress, self._error = progress, error
        for part in self.module.modules():
            if isinstance(part, CodedWeight):
                part.price = self._price

    def _on_grids(self) -> list[tuple[nn.Module, str]]:
        parameters = coded_parameters(self.module)
        return [(layer, name) for layer, name in parameters if is_parametrized(layer, name)]

    def _coded(self) -> list[tuple[CodedWeight, torch.Tensor]]:
        """Grids with what lies under them; a shared one as often as the file has its numbers."""
        found = []
        for layer, name in self._on_grids():
            chain = parametrizations_of(layer, name)
            latent = latent_of(layer, name).detach()
            for part in chain:
                if isinstance(part, CodedWeight):
                    found.append((part, latent))
                    break
                latent = part(latent).detach()
        return found


def coded_parameters(module: nn.Module) -> list[tuple[nn.Module, str]]:
    """Layers with a weight or a bias that takes part in the coded length, each with its name.

    Parameters
    ----------
    module : torch.nn.Module

    Examples
    --------
    >>> [name for _, name in coded_parameters(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))]
    ['weight', 'bias']
    """
    found: list[tuple[nn.Module, str]] = []
    for layer in weight_layers(module).values():
        found += [(layer, name) for name in ("weight", "bias") if getattr(layer, name) is not None]
    return found + [(m, "bias") for m in module.modules() if isinstance(m, ChannelShift)]
