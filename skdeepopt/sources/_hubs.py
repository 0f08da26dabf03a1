"""Sources from timm and Hugging Face, where those are installed and reachable."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from skdeepopt._random import TorchStream
from skdeepopt.sources._source import PixelRange, Source

__all__ = ["HUBS", "HubFeatures", "blank_hub_body", "hub_source"]

_HALF = (0.5, 0.5, 0.5)


class HubFeatures(nn.Module):
    """Features of a model of the transformers library, one row an image.

    Parameters
    ----------
    model : torch.nn.Module
        Answers with an object that has ``pooler_output``, or else ``last_hidden_state``.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Pooled features, or the mean over all places of the last layer's."""
        answer = self.model(pixel_values=images)
        pooled = getattr(answer, "pooler_output", None)
        if pooled is None:
            hidden = answer.last_hidden_state
            pooled = hidden.mean(1) if hidden.ndim == 3 else hidden.mean((2, 3))
        return pooled.flatten(1)


def hub_source(hub: str, model: str, *, owner: str) -> Source:
    """Source of a model by its name on a hub, or of a local folder.

    Parameters
    ----------
    hub : {"timm", "hf"}
    model : str
    owner : str
        Who asks; opens every message.

    Raises
    ------
    ImportError
        The library is not installed.
    ValueError
        There is no such model, or it cannot be reached.
    """
    library = _library(hub, owner)
    try:
        with TorchStream(0).borrowed():
            return (_of_timm if hub == "timm" else _of_transformers)(library, model)
    except Exception as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise ValueError(
            f"{owner}.source '{hub}:{model}' is a model that {library.__name__} finds and can "
            f"read; it says {type(error).__name__}: {reason}. Did you mean a local folder or "
            f"another name?"
        ) from error


def blank_hub_body(recipe: Mapping[str, Any], *, owner: str) -> nn.Module:
    """Body with any weights, built without a look at the hub.

    Parameters
    ----------
    recipe : mapping
        Of a source from :func:`hub_source`.
    owner : str
        Who asks; opens every message.
    """
    library = _library(recipe["hub"], owner)
    with TorchStream(0).borrowed():
        if recipe["hub"] == "timm":
            return _headless(library, recipe["model"], pretrained=False)
        config = library.AutoConfig.for_model(**recipe["config"])
        return HubFeatures(library.AutoModel.from_config(config))


HUBS = {"timm": "timm", "hf": "transformers"}
"""Library behind each prefix of a source's name."""


def _library(hub: str, owner: str) -> Any:
    try:
        return importlib.import_module(HUBS[hub])
    except ImportError as error:
        raise ImportError(
            f"{owner}.source '{hub}:...' needs the library {HUBS[hub]}, which is not installed. "
            f"Did you mean 'pip install {HUBS[hub]}'?"
        ) from error


def _headless(timm: Any, model: str, *, pretrained: bool) -> nn.Module:
    network: nn.Module = timm.create_model(model, pretrained=pretrained, num_classes=0)
    return network


def _of_timm(timm: Any, model: str) -> Source:
    body = _headless(timm, model, pretrained=True).cpu().float()
    settings = getattr(body, "pretrained_cfg", None) or getattr(body, "default_cfg", {})
    shape = tuple(settings.get("input_size", (3, 224, 224)))
    return Source(
        name=f"timm:{model}",
        body=body,
        body_state=body.state_dict(),
        image_shape=shape,
        pixel_range=_normalized(settings.get("mean"), settings.get("std"), shape[0]),
        recipe={"hub": "timm", "model": model},
    )


def _of_transformers(transformers: Any, model: str) -> Source:
    network = transformers.AutoModel.from_pretrained(model)
    config = network.config
    body = HubFeatures(network).cpu().float()
    side = getattr(config, "image_size", 224)
    channels = int(getattr(config, "num_channels", 3))
    size = tuple(side) if isinstance(side, list | tuple) else (side, side)
    mean, deviation = _processor_statistics(transformers, model)
    return Source(
        name=f"hf:{model}",
        body=body,
        body_state=body.state_dict(),
        image_shape=(channels, *(int(length) for length in size)),
        pixel_range=_normalized(mean, deviation, channels),
        recipe={"hub": "hf", "config": config.to_dict()},
    )


def _processor_statistics(transformers: Any, model: str) -> tuple[Any, Any]:
    """Mean and deviation that images are standardized by; a half where nothing says so."""
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(model)
    except (ImportError, OSError, ValueError):
        return None, None
    return getattr(processor, "image_mean", None), getattr(processor, "image_std", None)


def _normalized(mean: Any, deviation: Any, channels: int) -> PixelRange:
    """What pixels of 0 and 1 become in each channel."""
    means, deviations = (
        tuple(float(value) for value in (given or _HALF))[:channels] for given in (mean, deviation)
    )
    pairs = list(zip(means, deviations, strict=True))
    return tuple(-m / d for m, d in pairs), tuple((1 - m) / d for m, d in pairs)
