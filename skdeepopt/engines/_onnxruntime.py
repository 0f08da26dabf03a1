"""ONNX Runtime on the processor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

from skdeepopt.engines._opening import BytesEngine, Opened

__all__ = ["OnnxRuntimeEngine", "session_options"]

_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(uint8)": np.dtype(np.uint8),
}


class OnnxRuntimeEngine(BytesEngine):
    """Runs an ONNX model in ONNX Runtime.

    Parameters
    ----------
    model : bytes
        An ONNX model of one input, whose first axis is the samples, and one output.
    threads : int, optional
        Threads of one run. None takes as many as torch has when the model is first run in a
        process.

    Raises
    ------
    TypeError, ValueError
        `model` is no bytes, or `threads` no positive integer. That the bytes are no model shows
        at the first run.

    Notes
    -----
    The session opens on first use and is no part of the state, so that the engine pickles, copies
    and survives a fork. Threads may share it.
    """

    name: ClassVar[str] = "onnxruntime"

    def _open(self) -> Opened:
        import onnxruntime as ort

        options = session_options(self.threads or torch.get_num_threads())
        session = ort.InferenceSession(
            self.model,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=False,  # A second try of the same would only print about the first.
        )
        (source,), (target,) = session.get_inputs(), session.get_outputs()
        run, name, names = session.run, source.name, [target.name]

        def call(inputs: np.ndarray) -> np.ndarray:
            return run(names, {name: inputs})[0]

        return Opened(call, tuple(map(int, source.shape[1:])), _DTYPES[source.type])


def session_options(threads: int) -> Any:
    """ONNX Runtime's options for a session that answers exactly, and leaves others their turn.

    Parameters
    ----------
    threads : int
        Threads of one run.

    Notes
    -----
    On x86 processors without VNNI, ONNX Runtime's products of 8-bit codes are added in pairs in 16
    bits, which cuts off large ones. ``session.x64quantprecision`` has it take slower kernels that
    do not, where weights are that large; with VNNI it would take them too, though it need not.

    References
    ----------
    ONNX Runtime, "Quantize ONNX models", section "When and why do I need to try U8U8?".
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # Errors.
    # Threads that wait for work in a loop would take the processor from other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "0" if _has_vnni() else "1")
    # Memory arena, memory pattern and all others are best as they are.
    return options


def _has_vnni() -> bool:
    # Older versions of torch do not tell: then sums are exact and slower.
    found: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(found.get("avx512_vnni") or found.get("avx_vnni"))
