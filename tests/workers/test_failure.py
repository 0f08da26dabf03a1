from __future__ import annotations

import pytest
import torch

from skdeepopt.exceptions import TrainingDivergedError
from skdeepopt.workers._failure import answer, failure_of, first_line


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("no such layer"), "exception"),
        (ValueError("Input X contains NaN."), "not finite"),
        (TrainingDivergedError("loss is nan"), "not finite"),
        (MemoryError(), "out of memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "out of memory",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "out of memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "exception"),
    ],
)
def test_an_exception_tells_its_kind(error, kind):
    assert failure_of(error).kind == kind


def test_torch_running_out_of_memory_is_recognised():
    came = answer(torch.empty, ((2**60,),))

    assert came.failure.kind == "out of memory"


def test_a_reason_is_one_line():
    assert first_line(ValueError("first\nsecond")) == "ValueError: first"
    assert first_line(KeyError()) == "KeyError"


def test_a_failure_has_the_traceback():
    came = answer(raises, (KeyError("lost"),))

    assert came.failure.reason == "KeyError: 'lost'"
    assert "in raises" in came.failure.traceback
    assert came.value is None


def test_a_call_that_ends_the_program_is_a_failure():
    assert answer(raises, (SystemExit(3),)).failure.reason == "SystemExit: 3"


def test_an_interrupt_passes():
    with pytest.raises(KeyboardInterrupt):
        answer(raises, (KeyboardInterrupt(),))
