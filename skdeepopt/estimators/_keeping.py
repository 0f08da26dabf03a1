"""What is left behind when a fit ends in an exception: everything as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from skdeepopt.training._net import TensorNet
from skdeepopt.training._threads import fair_threads

__all__ = ["attributes_kept_on_failure", "named_messages", "weights_kept_on_failure"]


@contextmanager
def attributes_kept_on_failure(estimator: Any) -> Iterator[None]:
    """Leave an estimator as it was when an exception ends a fit; an interrupt keeps its net.

    All of it runs with a fair number of threads: in a forked process each single operation may
    hang otherwise.
    """
    before = dict(estimator.__dict__)
    try:
        with fair_threads():
            yield
    except Exception:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise


@contextmanager
def weights_kept_on_failure(net: TensorNet, *, may_be_replaced: bool) -> Iterator[None]:
    """Put weights and history back when an exception ends a training.

    An interrupt keeps the weights that were reached, and the history of whole epochs. Where layers
    `may_be_replaced` meanwhile, the module is put back as a whole.
    """
    module, epochs = net.module_, len(net.history)
    before = copy.deepcopy(module if may_be_replaced else module.state_dict())
    try:
        yield
    except Exception:
        if may_be_replaced:
            net.module_ = before
        else:
            module.load_state_dict(before)
        del net.history[epochs:]
        net.renew_optimizer()  # its moments may not be finite any more
        raise
    except KeyboardInterrupt:
        if net.history and "lr" not in net.history[-1]:
            del net.history[-1]
        raise


@contextmanager
def named_messages(owner: str) -> Iterator[None]:
    """Open scikit-learn's messages with the name of the estimator where they lack it.

    Numbers too large for float32 become infinite here without a warning, and are then refused as
    such.
    """
    try:
        with np.errstate(over="ignore"):
            yield
    except (TypeError, ValueError) as error:
        if owner in str(error):
            raise
        plain = TypeError if isinstance(error, TypeError) else ValueError
        raise plain(f"{owner}: {error}") from error
