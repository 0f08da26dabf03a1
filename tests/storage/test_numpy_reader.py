"""The page that describes the format is enough to read it: a reader written from it agrees."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.storage._description import preset
from skdeepopt.storage._document import write_description
from skdeepopt.storage._packed import pack, unpack
from skdeepopt.storage._tensors import from_numpy

SPEC = importlib.util.spec_from_file_location(
    "numpy_reader", Path(__file__).with_name("numpy_reader.py")
)
numpy_reader = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(numpy_reader)

CHANCE = np.random.default_rng(0)
SPARSE = CHANCE.random((12, 5, 3, 3)) < 0.1 * np.arange(12).reshape(-1, 1, 1, 1) / 6
LISTED = CHANCE.normal(size=4).astype("f4")[CHANCE.integers(0, 4, (9, 30))]
FLAGS = CHANCE.random((9, 6, 3, 3)) < 0.2
CHANNELS, PLACES = np.arange(6).reshape(1, -1, 1, 1), np.arange(9).reshape(1, 1, 3, 3)
FORMS = {
    "constant": [np.full((3, 2), 0.5, "f4"), np.zeros(()), np.full(4, -7, "i8")],
    "whole": [CHANCE.integers(-9, 9, (20, 30)), np.arange(10, dtype="u1"), np.eye(5, dtype=bool)],
    "grid": [(SPARSE * CHANCE.integers(-3, 4, SPARSE.shape) * np.float32(0.3)).astype("f4")],
    "law": [np.rint(CHANCE.laplace(size=(40, 60)) * 4).astype("i1")],
    "list": [LISTED, LISTED[::-1].copy(), LISTED[0, :2].copy()],
    "planes": [CHANCE.normal(size=(30, 4)).astype(kind) for kind in ("f2", "f4", "f8")],
    "integers": [CHANCE.integers(0, 2**62, 40), CHANCE.integers(0, 2**16, 40, dtype="u2")],
    "sparse": [(SPARSE * CHANCE.normal(size=SPARSE.shape)).astype("f4"),
               np.r_[0, CHANCE.random(9)]],
    "channels": [np.where(CHANNELS % 3, FLAGS, 1)],
    "places": [np.where(PLACES % 4, FLAGS, 1)],
    "empty": [np.zeros((0, 3), "f4"), np.zeros((2, 0))],
    "special": [np.array([-0.0, 0.0, np.nan, np.inf, 5e-324])],
}  # fmt: skip


def agrees(values):
    tensors = [from_numpy(value) for value in values]
    blob = pack(write_description({"a": 1}), tensors)

    document, found = numpy_reader.read(blob, preset())

    expected = unpack(blob).tensors.values()
    assert document["model"] == {"a": 1}
    assert found == [(t.dtype, t.shape, t.raw.tobytes()) for t in expected]
    assert found == [(t.dtype, t.shape, t.raw.tobytes()) for t in tensors]


@pytest.mark.parametrize("form", FORMS)
def test_both_readers_find_what_was_written(form):
    agrees(FORMS[form])


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(["?", "u1", "i1", "i4", "u8", "f2", "f4", "f8"]).flatmap(
            lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_side=4))
        ),
        max_size=3,
    )
)
def test_both_readers_find_any_arrays(values):
    agrees(values)
