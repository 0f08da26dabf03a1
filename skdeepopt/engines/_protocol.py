"""What every engine does."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

__all__ = ["Engine"]


@runtime_checkable
class Engine(Protocol):
    """Answers for arrays of samples. It pickles, copies, and may be shared by threads."""

    @property
    def name(self) -> str:
        """One of ``ENGINES``."""

    def run(self, inputs: np.ndarray) -> np.ndarray:
        """Outputs of the network.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, ...)
            Samples as the network takes them. They are not checked for NaN.

        Returns
        -------
        outputs : ndarray of shape (n_samples, n_outputs), float32
        """
