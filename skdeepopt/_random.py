"""Randomness that comes from one seed and leaves the global generators as it found them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

__all__ = ["TorchStream", "seed_from"]

_GLOBAL_GENERATOR = threading.RLock()


def seed_from(random_state: Any, *, owner: str = "") -> int:
    """Seed for one fit: an integer below 2**31.

    ``None`` draws fresh entropy and, unlike scikit-learn's helper, does not advance numpy's
    global generator; an integer is itself; a ``RandomState`` is asked for its next number.
    `owner` is who asks, and opens the message about anything else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    try:
        generator = check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"{owner}{'.' if owner else ''}random_state is None, an integer in [0, 2**32) or a "
            f"numpy RandomState, not {random_state!r}."
        ) from error
    return int(generator.randint(np.iinfo(np.int32).max))


class TorchStream:
    """A private state of torch's global generator, lent to code that draws from the global one.

    Dropout and weight initialisation know only the global generator. Within :meth:`borrowed`
    it holds this stream's state; outside it is as its owner left it. A lock keeps threads
    that train side by side from mixing their streams.

    Parameters
    ----------
    seed : int
        Where the stream starts.
    device : torch.device or str, default="cpu"
        A second generator that is lent too when it is a CUDA device.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self._cuda = torch.device(device) if torch.device(device).type == "cuda" else None
        with self._restored():
            torch.manual_seed(seed)
            self._states = self._read()

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """Lend this stream to the global generator, and take it back further along."""
        with self._restored():
            self._write(self._states)
            try:
                yield
            finally:
                self._states = self._read()

    @contextmanager
    def _restored(self) -> Iterator[None]:
        with _GLOBAL_GENERATOR:
            owner = self._read()
            try:
                yield
            finally:
                self._write(owner)

    def _read(self) -> list[torch.Tensor]:
        states = [torch.get_rng_state()]
        if self._cuda is not None:
            states.append(torch.cuda.get_rng_state(self._cuda))
        return states

    def _write(self, states: list[torch.Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self._cuda is not None:
            torch.cuda.set_rng_state(states[1], self._cuda)
