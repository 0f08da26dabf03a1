"""A fitted estimator as a file that other runtimes read."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skdeepopt._validation import did_you_mean
from skdeepopt.formats._card import card
from skdeepopt.formats._files import checked_path, staged
from skdeepopt.formats._onnx import run_onnx, write_onnx
from skdeepopt.formats._openvino import run_openvino, write_openvino
from skdeepopt.formats._parity import measured_parity
from skdeepopt.formats._source import Source, read_source
from skdeepopt.formats._torch import (
    run_executorch,
    run_torch,
    run_torchscript,
    write_executorch,
    write_torch,
    write_torchscript,
)

__all__ = ["export"]

_TOLERANCE = 1e-3

_QUANTIZED_TOLERANCE = 0.05
"""Runtimes round halves and sums differently, and one step of a code is visible."""

_MOST_COMPARED = 256


@dataclass(frozen=True)
class _Format:
    suffix: str
    write: Callable[[Source, Path], None]
    run: Callable[[Path, np.ndarray], dict[str, np.ndarray]]
    package: str


_FORMATS = {
    "onnx": _Format(".onnx", write_onnx, run_onnx, "onnxruntime"),
    "openvino": _Format(".xml", write_openvino, run_openvino, "openvino"),
    "torch": _Format(".pt2", write_torch, run_torch, "torch"),
    "torchscript": _Format(".pt", write_torchscript, run_torchscript, "torch"),
    "executorch": _Format(".pte", write_executorch, run_executorch, "executorch"),
}


def export(
    estimator: Any,
    path: Any,
    format: str = "onnx",
    *,
    X: Any = None,
    tolerance: float | None = None,
) -> Path:
    """Path of a file that answers as the estimator does, and needs no skdeepopt.

    Scalers, network and the decoding of labels or targets are one graph, for any number of
    samples. The file is run and compared with the estimator before it takes its place, and a
    model card, ``<path>.md``, says what goes in and comes out and how to run it.

    Parameters
    ----------
    estimator : deep estimator or Pipeline
        Fitted. The steps before the last of a Pipeline are ``ImageScaler``, ``StandardScaler``,
        ``MinMaxScaler``, ``MaxAbsScaler`` or "passthrough".
    path : str or path-like
        File to write; an existing one is replaced. It ends as `format` does: ".onnx", ".xml",
        ".pt2", ".pt", ".pte". An .xml file has its weights in a .bin file beside it.
    format : {"onnx", "openvino", "torch", "torchscript", "executorch"}, default="onnx"
        ONNX, OpenVINO, ``torch.export``, TorchScript, which is deprecated and for old runtimes
        only, or ExecuTorch, for phones. The first two hold the integers of a quantized network,
        the others its weights as floats.
    X : array-like of shape (n_samples, ...), default=None
        Raw samples to compare on, of which the first 256 count. They say too in which shape the
        file takes samples: rows, or images with channels first or last; and whether as uint8 or,
        in any other case, as float32. None makes samples: images with channels first, or rows
        where the estimator was fitted on a table or a scaler takes no images.
    tolerance : float, default=None
        How far a probability, or a target in units of the targets' deviation, may be from the
        estimator's. None is 0.001, and 0.05 for a quantized network.

    Returns
    -------
    path : Path
        Where the file is.

    Raises
    ------
    TypeError, ValueError
        What cannot be written is named: a step of the pipeline, an operation of the network, the
        classes. Or the file's answers are too far from the estimator's; then it is not left behind.
    ImportError
        What runs the format is not installed; the message has the line that installs it.
    FileNotFoundError, IsADirectoryError
        The folder is missing, or `path` is one.

    Notes
    -----
    ONNX files name their tensors: "inputs", and "label" and "probabilities" or "prediction".
    Labels of str are strings in ONNX, and places in the classes in the other formats.

    ONNX Runtime cuts off sums of a quantized network on x86 processors without VNNI, unless its
    session has the option "session.x64quantprecision", as in the code on the file's card.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import onnxruntime
    >>> from skdeepopt import CNNClassifier
    >>> images = np.random.default_rng(0).random((40, 8, 8), np.float32)
    >>> model = CNNClassifier(max_epochs=1, random_state=0).fit(images, np.arange(40) % 2)
    >>> with TemporaryDirectory() as folder:
    ...     file = export(model, f"{folder}/model.onnx")
    ...     session = onnxruntime.InferenceSession(file)
    >>> labels, probabilities = session.run(None, {"inputs": images[:3, None]})
    >>> bool((labels == model.predict(images[:3])).all()), probabilities.shape
    (True, (3, 2))
    """
    form = _checked_format(format)
    target = checked_path(path, form.suffix, format)
    limit = _checked_tolerance(tolerance)
    array = None if X is None else _as_array(X)
    source = read_source(estimator, array)
    if limit is None:
        limit = _QUANTIZED_TOLERANCE if source.is_quantized else _TOLERANCE
    if array is None:
        X = array = source.made_samples()
    inputs = array[:_MOST_COMPARED].astype(source.dtype)
    with staged(target) as part:
        form.write(source, part)
        parity = measured_parity(
            lambda samples: form.run(part, samples),
            estimator,
            source,
            inputs,
            X[: len(inputs)],
            limit,
        )
        text = card(source, format, part, parity)
        part.with_name(f"{part.name}.md").write_text(text, encoding="utf-8")
    return Path(path)


def _checked_format(format: Any) -> _Format:
    if not isinstance(format, str) or format not in _FORMATS:
        error = ValueError if isinstance(format, str) else TypeError
        listed = ", ".join(repr(name) for name in _FORMATS)
        raise error(
            f"export.format is one of {listed}, not {format!r}.{did_you_mean(format, _FORMATS)}"
        )
    if importlib.util.find_spec(_FORMATS[format].package) is None:
        line = f'"skdeepopt[{format}]"' if format == "openvino" else format
        raise ImportError(
            f"export.format {format!r} needs {_FORMATS[format].package}, which is not installed. "
            f"Install it with: pip install {line}"
        )
    return _FORMATS[format]


def _checked_tolerance(tolerance: Any) -> float | None:
    if tolerance is None:
        return None
    allowed = f"export.tolerance is None or a number of at least 0, not {tolerance!r}."
    if not isinstance(tolerance, Real) or isinstance(tolerance, bool):
        raise TypeError(allowed)
    if not float(tolerance) >= 0:
        raise ValueError(allowed)
    return float(tolerance)


def _as_array(X: Any) -> np.ndarray:
    array = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else np.asarray(X)
    if array.ndim < 2 or len(array) == 0 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"export.X is one sample or more, of numbers, with the samples along its first axis, "
            f"not of {array.dtype} and shape {array.shape}. Did you mean X[:100]?"
        )
    return array
