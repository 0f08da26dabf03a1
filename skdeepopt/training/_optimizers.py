"""The optimizers by name, and which parameters they decay."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from skdeepopt.training._fused_steps import DirectAdam, DirectAdamW, DirectSGD

__all__ = ["OPTIMIZERS", "optimizer_arguments", "parameter_groups"]

OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adamw": (DirectAdamW, {"fused": True}),
    "adam": (DirectAdam, {"fused": True}),
    "sgd": (DirectSGD, {"momentum": 0.9, "nesterov": True, "fused": True}),
    "rmsprop": (torch.optim.RMSprop, {}),
}
"""Fused kernels update all parameters in one call, a third of a step of a small network."""


def optimizer_arguments(
    optimizer: str | type[torch.optim.Optimizer],
) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
    """Class and fixed arguments of an optimizer given by name or class."""
    if isinstance(optimizer, str):
        return OPTIMIZERS[optimizer]
    return optimizer, {}


def parameter_groups(
    module: nn.Module,
    weight_decay: float,
    rate_factors: Mapping[nn.Parameter, float] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Trainable parameters, those of one axis (biases, norms) without decay.

    Parameters
    ----------
    module : torch.nn.Module
    weight_decay : float
        Of parameters with more than one axis.
    rate_factors : mapping of torch.nn.Parameter to float, default={}
        Factors of the learning rate; those of 1 may be left out.

    Returns
    -------
    groups : list of dict
        As torch's optimizers take them. A group whose factor is not 1 has it as `rate_factor`.

    References
    ----------
    He, Zhang, Zhang, Zhang, Xie & Li (2019), arXiv:1812.01187, section 3.1.
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = []
    for factor in sorted({rate_factors.get(p, 1.0) for p in trainable}, reverse=True):
        alike = [p for p in trainable if rate_factors.get(p, 1.0) == factor]
        extra = {} if factor == 1 else {"rate_factor": factor}
        groups += [
            {"params": [p for p in alike if p.ndim > 1], "weight_decay": weight_decay, **extra},
            {"params": [p for p in alike if p.ndim <= 1], "weight_decay": 0.0, **extra},
        ]
    return [group for group in groups if group["params"]]
