"""OpenVINO's own files, a graph and its weights."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from skdeepopt.formats._onnx import onnx_model
from skdeepopt.formats._source import Source

__all__ = ["run_openvino", "write_openvino"]


def write_openvino(source: Source, path: Path) -> None:
    """Write a source as an .xml file and a .bin file beside it; labels are never strings."""
    openvino: Any = importlib.import_module("openvino")
    model = onnx_model(source, text=False).SerializeToString()
    openvino.save_model(openvino.Core().read_model(model), path, compress_to_fp16=False)


def run_openvino(path: Path, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Answers of an OpenVINO file by name."""
    openvino: Any = importlib.import_module("openvino")
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    answers = compiled([inputs])
    return {output.any_name: answers[output] for output in compiled.outputs}
