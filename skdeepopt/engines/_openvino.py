"""OpenVINO on the processor."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from typing import Any, ClassVar

import numpy as np
import torch

from skdeepopt._validation import check_choice
from skdeepopt.engines._opening import BytesEngine, Opened

__all__ = ["OpenVINOEngine"]

_PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}

_DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "u8": np.dtype(np.uint8),
}


class OpenVINOEngine(BytesEngine):
    """Runs an ONNX model in OpenVINO.

    Parameters
    ----------
    model : bytes
        An ONNX model of one input, whose first axis is the samples, and one output.
    threads : int, optional
        Threads of one run. None takes as many as torch has when the model is first run in a
        process.
    precision : {"float32", "bfloat16"}, default="float32"
        What float layers compute in. The second is faster where the processor has it, and rounds
        to three digits.

    Raises
    ------
    ImportError
        OpenVINO is not installed.
    TypeError, ValueError
        `model` is no bytes, `threads` no positive integer, or `precision` none of the two. That
        the bytes are no model shows at the first run.

    Notes
    -----
    The model is compiled on first use and is no part of the state, so that the engine pickles,
    copies and survives a fork. Threads that share it take turns.
    """

    name: ClassVar[str] = "openvino"

    def __init__(
        self, model: bytes, *, threads: int | None = None, precision: str = "float32"
    ) -> None:
        if importlib.util.find_spec("openvino") is None:
            raise ImportError(
                "OpenVINOEngine runs in OpenVINO, which is not installed. Install it with: "
                'pip install "skdeepopt[openvino]"'
            )
        super().__init__(model, threads=threads)
        self.precision = precision
        check_choice(self, "precision", _PRECISIONS)

    def _open(self) -> Opened:
        openvino: Any = importlib.import_module("openvino")
        core = openvino.Core()
        settings = {
            "INFERENCE_NUM_THREADS": self.threads or torch.get_num_threads(),
            "INFERENCE_PRECISION_HINT": _PRECISIONS[self.precision],
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
        }
        compiled = core.compile_model(core.read_model(self.model), "CPU", settings)
        (source,), _ = compiled.inputs, compiled.output()
        sample_shape = tuple(axis.get_length() for axis in list(source.partial_shape)[1:])
        dtype = _DTYPES[source.element_type.get_type_name()]
        return Opened(_call(openvino, compiled.create_infer_request()), sample_shape, dtype)


def _call(openvino: Any, request: Any) -> Any:
    turn = threading.Lock()

    def call(inputs: np.ndarray) -> np.ndarray:
        with turn:
            if not inputs.flags.writeable:
                inputs = inputs.copy()  # OpenVINO shares no other memory.
            # A tensor set in place takes half the time of one passed to `infer`.
            request.set_input_tensor(openvino.Tensor(inputs, shared_memory=True))
            request.infer()
            return request.get_output_tensor().data.copy()

    return call
