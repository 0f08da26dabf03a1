"""What a deep estimator learned, as bytes that are quick to write and run nothing when read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from torch import nn

from skdeepopt.coding._stored import LAYOUTS, StoredTensor
from skdeepopt.storage._decode import Decoder
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node, estimator_value
from skdeepopt.storage._supplied import Supplied, qualified_name
from skdeepopt.storage._trail import Trail

__all__ = ["restore", "state_bytes"]

_LENGTH: Final = 8
"""Bytes of the number that says how long the description is."""


def state_bytes(model: Any) -> bytes | None:
    """What :func:`restore` needs besides the parameters, None where a file cannot hold it.

    Parameters
    ----------
    model : fitted deep estimator
        Its own classes may be of any library, what is in them not: see ``skdeepopt.save``.

    Notes
    -----
    The description is that of a model file, but the tensors lie open behind it: a file's coder
    takes longer than an epoch on a small network, and a search reads each of these once. There is
    no pickle in it, so that a search may go on from a journal that somebody else wrote.
    """
    encoder = Encoder(estimator_node)
    try:
        node = encoder.encode(model._fitted_state(), Trail(type(model).__name__))
    except (AttributeError, TypeError, ValueError):
        return None
    layout = [(stored.dtype, stored.shape) for stored in encoder.tensors]
    description = json.dumps({"state": node, "tensors": layout}).encode()
    parts = [stored.raw.tobytes() for stored in encoder.tensors]
    return b"".join([len(description).to_bytes(_LENGTH, "little"), description, *parts])


def restore(model: Any, kept: bytes) -> Any:
    """Estimator itself, as fitted as the one whose :func:`state_bytes` are given.

    Parameters
    ----------
    model : deep estimator
        Unfitted, with the parameters of the one whose state was kept.
    kept : bytes

    Raises
    ------
    ModelFileError
        The state belongs to another estimator.
    """
    data_at = _LENGTH + int.from_bytes(kept[:_LENGTH], "little")
    document = json.loads(kept[_LENGTH:data_at])
    tensors = _tensors(document["tensors"], bytearray(kept[data_at:]))
    decoder = Decoder(tensors, Supplied(_code_in(model)), estimator_value)
    model._restore_state(decoder.decode(document["state"], Trail(type(model).__name__)))
    return model


def _tensors(layout: list[Any], raw: bytearray) -> dict[str | int, StoredTensor]:
    # A bytearray, since the network trains on in this memory.
    numbers, at = np.frombuffer(raw, np.uint8), 0
    tensors: dict[str | int, StoredTensor] = {}
    for key, (dtype, shape) in enumerate(layout):
        size = math.prod(shape) * LAYOUTS[dtype].size_bytes
        tensors[key] = StoredTensor(dtype, tuple(shape), numbers[at : at + size])
        at += size
    return tensors


def _code_in(model: Any) -> Mapping[str, Any]:
    """Classes, functions and modules among the parameters, which only their owner has."""
    values = model.get_params(deep=True).values()
    named = [v if hasattr(v, "__qualname__") else type(v) for v in values]
    return {
        name: value
        for value, kind in zip(values, named, strict=True)
        if (callable(value) or isinstance(value, nn.Module))
        and (name := qualified_name(kind)) is not None
    }
