"""Inference runtimes behind one small interface: arrays in, arrays out."""

from skdeepopt.engines._choice import ENGINES, check_engine, fastest, installed_engines
from skdeepopt.engines._onnxruntime import OnnxRuntimeEngine
from skdeepopt.engines._openvino import OpenVINOEngine
from skdeepopt.engines._protocol import Engine
from skdeepopt.engines._torch import TorchEngine

__all__ = [
    "ENGINES",
    "Engine",
    "OnnxRuntimeEngine",
    "OpenVINOEngine",
    "TorchEngine",
    "check_engine",
    "fastest",
    "installed_engines",
]
