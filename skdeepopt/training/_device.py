"""Where a network trains, and in which number format."""

from __future__ import annotations

import torch

__all__ = ["PRECISIONS", "resolve_device", "training_dtype"]

PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(device: str | torch.device, *, owner: str = "") -> torch.device:
    """Device that `device` names; ``"auto"`` is the first CUDA device, else the CPU.

    `owner` is who asks, and opens every message.

    Raises
    ------
    TypeError, ValueError
        No device has that name, or it is not there.
    """
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    allowed = (
        f"{owner}{'.' if owner else ''}device is 'auto' or a torch device such as 'cpu' or "
        f"'cuda:0', not {device!r}."
    )
    if device == "gpu":
        raise ValueError(f"{allowed} Did you mean 'cuda'?")
    if not isinstance(device, (str, torch.device)):
        raise TypeError(allowed)
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{allowed} Torch says: {reason}") from error
    return resolved


def training_dtype(precision: str, device: torch.device, *, pixels: int) -> torch.dtype | None:
    """Format that autocast computes in while training, None for plain float32.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
        ``"auto"`` is bfloat16 where the processor multiplies it in hardware and a batch is
        large enough to be worth the casts.
    device : torch.device
    pixels : int
        Numbers in a batch of inputs.
    """
    if precision == "auto":
        worth = pixels >= _CASTS_PAY_FROM and _has_fast_bfloat16(device)
        return torch.bfloat16 if worth else None
    return torch.bfloat16 if precision == "bfloat16" else None


_CASTS_PAY_FROM = 16_384
"""Numbers in a batch below which casting costs more than bfloat16 saves (measured on 8x8 and
28x28 images at batch 32 to 256, one thread)."""


def _has_fast_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
