"""Networks as ONNX models, in floating point or in integers."""

from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._weights import set_lowered_weights

__all__ = ["set_lowered_weights", "to_onnx"]
