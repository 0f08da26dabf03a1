"""Features of a network before its head, kept for those who ask again."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from skdeepopt.layers._batch_norm import reestimate_batch_norm
from skdeepopt.nets._transferred import TransferNetwork
from skdeepopt.training._batches import as_network_input
from skdeepopt.training._invariance import batch_invariant
from skdeepopt.training._threads import fair_threads, work_of

__all__ = ["FEATURES", "KeptFeatures", "adapt_batch_norm", "features_of"]

_BATCH = 512

_MOST_BYTES = 2**28
"""Of all features that are kept: those of MNIST's training images take a quarter of it."""

_WORTH_KEEPING = 64
"""Images; fewer are through the network sooner than they are recognized."""


class KeptFeatures:
    """Features by what they were computed from, those used last, up to a number of bytes.

    Parameters
    ----------
    most_bytes : int

    Examples
    --------
    >>> kept = KeptFeatures(most_bytes=100)
    >>> kept.get("key", lambda: np.ones(3)), kept.get("key", lambda: np.zeros(3))
    (array([1., 1., 1.]), array([1., 1., 1.]))
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._arrays: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """Array that is kept under a key, computed where there is none. Not to be written to."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        computed = compute()
        computed.flags.writeable = False
        if computed.nbytes <= self.most_bytes:
            with self._lock:
                self._arrays[key] = computed
                while sum(array.nbytes for array in self._arrays.values()) > self.most_bytes:
                    self._arrays.popitem(last=False)
        return computed

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._arrays.clear()


FEATURES = KeptFeatures(_MOST_BYTES)
"""Of all estimators in the process, so that those of a search share them."""


def features_of(
    network: TransferNetwork, images: torch.Tensor, device: str | torch.device, *, keep: bool
) -> np.ndarray:
    """Float32 features of shape (n_samples, n_features), the same however many are asked about.

    Parameters
    ----------
    network : TransferNetwork
    images : Tensor of shape (n_samples, channels, height, width)
    device : torch.device
        Where the network is.
    keep : bool
        Whether to look for them among those kept, and to keep them.
    """
    trunk = nn.Sequential(network.match, network.body)

    def compute() -> np.ndarray:
        return _computed(trunk, images, torch.device(device))

    if not keep or len(images) < _WORTH_KEEPING:
        return compute()
    return FEATURES.get(_key(trunk, images, "features"), compute)


def adapt_batch_norm(
    network: TransferNetwork, images: torch.Tensor, device: str | torch.device
) -> None:
    """Set the statistics of batch norms to those of the images.

    Parameters
    ----------
    network : TransferNetwork
    images : Tensor of shape (n_samples, channels, height, width)
        Two or more, in an order that does not depend on where they stood.
    device : torch.device
        Where the network is.

    References
    ----------
    Li, Wang, Shi, Liu & Hou (2016), arXiv:1603.04779, algorithm 1.
    """
    trunk = nn.Sequential(network.match, network.body)
    norms: list[Any] = [
        part
        for part in trunk.modules()
        if isinstance(part, _BatchNorm) and part.running_mean is not None
    ]
    if not norms:
        return
    statistics = [s for norm in norms for s in (norm.running_mean, norm.running_var)]

    def compute() -> np.ndarray:
        parts = images.tensor_split(-(-len(images) // _BATCH))
        counts = {norm: norm.num_batches_tracked.clone() for norm in norms}
        with fair_threads(work_of(trunk, images.numel())):
            reestimate_batch_norm(trunk, (as_network_input(p, torch.device(device)) for p in parts))
        for norm, count in counts.items():
            norm.num_batches_tracked.copy_(count)
        return torch.cat([statistic.cpu() for statistic in statistics]).numpy()

    kept = torch.from_numpy(FEATURES.get(_key(trunk, images, "statistics"), compute).copy())
    for statistic, values in zip(statistics, kept.split([len(s) for s in statistics]), strict=True):
        statistic.copy_(values)


def _computed(trunk: nn.Module, images: torch.Tensor, device: torch.device) -> np.ndarray:
    modes = [(part, part.training) for part in trunk.modules()]
    work = work_of(trunk, images.numel())
    try:
        trunk.eval()
        with fair_threads(work), torch.inference_mode(), _exact(trunk, len(images), device):
            parts = [
                trunk(as_network_input(part, device)).float().cpu()
                for part in images.tensor_split(-(-len(images) // _BATCH))
            ]
    finally:
        for part, training in modes:
            part.training = training
    return torch.cat(parts).numpy()


def _exact(trunk: nn.Module, n_samples: int, device: torch.device) -> AbstractContextManager[None]:
    onednn = device.type == "cpu" and torch.backends.mkldnn.is_available()
    return batch_invariant(trunk, n_samples) if onednn else nullcontext()


def _key(trunk: nn.Module, images: torch.Tensor, wanted: str) -> str:
    digest = hashlib.sha256(f"{wanted} of {trunk}".encode())
    for name, tensor in trunk.state_dict().items():
        _add(digest, name, tensor)
    _add(digest, "images", images)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, name: str, tensor: torch.Tensor) -> None:
    values = tensor.detach().cpu().contiguous()
    digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
    digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
