"""Whether a module fits the data, found out before any training."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

__all__ = ["check_module"]


def check_module(
    module: nn.Module, sample_shape: tuple[int, ...], n_outputs: int, *, owner: str
) -> None:
    """Find out with two blank samples whether shapes agree, before any training.

    Parameters
    ----------
    module : torch.nn.Module
    sample_shape : tuple of int
        What the module is about to see, without the sample axis.
    n_outputs : int
        What it shall answer with.
    owner : str
        Who asks; opens every message.

    Raises
    ------
    ValueError
        The module cannot take such samples, or answers with something else.
    """
    blank = torch.zeros(2, *sample_shape)
    expected = (2, n_outputs)
    module.eval()
    try:
        with torch.no_grad():
            outputs = module(blank)
    except Exception as error:
        text = str(error).partition("\n")[0]
        reason = f"{type(error).__name__}{text and ': '}{text}"
        raise ValueError(
            f"{owner}: the module {type(module).__name__} cannot take inputs of shape "
            f"{tuple(blank.shape)}: {reason}"
        ) from error
    answer: Any = f"a {type(outputs).__name__}"
    if isinstance(outputs, torch.Tensor):
        answer = f"{tuple(outputs.shape)} of {outputs.dtype}"
        if tuple(outputs.shape) == expected and outputs.is_floating_point():
            return
    raise ValueError(
        f"{owner}: the module {type(module).__name__} answers inputs of shape "
        f"{tuple(blank.shape)} with a float tensor of shape {expected}, not {answer}."
    )
