import datetime
import functools
import pathlib
from collections import namedtuple
from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.nets import MLP
from skdeepopt.storage._container import pack
from skdeepopt.storage._document import write_document
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node
from skdeepopt.storage._trail import Trail


class MyNet(nn.Module):
    pass


def encoded(value):
    return Encoder(estimator_node).encode(value, Trail("value"))


REFUSED = [
    datetime.datetime(2020, 1, 1),
    np.datetime64("2020-01-01"),
    np.array(["2020-01-01"], dtype="datetime64[D]"),
    np.array([datetime.date(2020, 1, 1)], dtype=object),
    np.zeros(2, dtype=complex),
    np.complex64(1j),
    np.longdouble(1),
    np.zeros(2, dtype=np.longdouble),
    np.zeros(2, dtype="i4,i4"),
    np.ma.masked_array([1, 2]),
    np.zeros(2).view(type("Marked", (np.ndarray,), {})),
    1j,
    {1, 2},
    pathlib.Path("a"),
    namedtuple("Pair", "a b")(1, 2),
    functools.partial(MLP, n_hidden=3),
    np.dtype("i4,i4"),
    torch.zeros(2, dtype=torch.complex64),
    torch.zeros(2, device="meta"),
    object(),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda value: type(value).__name__)
def test_what_a_file_cannot_hold_is_refused_where_it_is(value):
    with pytest.raises(TypeError, match=r"value\['a'\]\[1\]"):
        encoded({"a": [0, value]})


def test_a_lambda_has_no_name_to_find_it_by():
    with pytest.raises(TypeError, match="made with def"):
        encoded(lambda: 0)


def test_a_list_inside_itself_is_refused():
    endless = []
    endless.append(endless)

    with pytest.raises(ValueError, match="contains itself"):
        encoded(endless)


def test_text_is_json_and_numbers_are_tensors():
    encoder = Encoder(estimator_node)

    node = encoder.encode({"classes": np.array(["cat", "dog"]), "w": np.eye(2)}, Trail("net"))

    assert node["dict"]["classes"] == {"text": ["cat", "dog"], "dtype": "<U3", "shape": [2]}
    assert node["dict"]["w"] == {"array": "w"}
    assert encoder.tensors.keys() == {"w"}


def test_mostly_zeros_are_two_tensors():
    encoder = Encoder(estimator_node)

    node = encoder.encode({"w": np.eye(100)}, Trail("net"))

    assert node["dict"]["w"] == {"array": {"values": "w", "gaps": "w.gaps", "shape": [100, 100]}}
    assert encoder.tensors["w"].dtype == "F64"
    assert encoder.tensors["w"].shape == encoder.tensors["w.gaps"].shape == (100,)
    assert encoder.is_sparse


def test_the_second_part_takes_a_name_of_its_own():
    encoder = Encoder(estimator_node)

    encoder.encode({"w.gaps": np.zeros(1), "w": np.eye(100)}, Trail("net"))

    assert encoder.tensors.keys() == {"w.gaps", "w", "w.gaps~2"}


@settings(deadline=None, max_examples=60)
@given(
    names=st.lists(st.text(), max_size=3, unique=True),
    n_zeros=st.integers(0, 1500),
    dtype=st.sampled_from(["f2", "f4", "f8"]),
)
def test_a_file_never_grows_because_of_zeros(names, n_zeros, dtype):
    array = np.concatenate([np.zeros(n_zeros, dtype), np.ones(7, dtype), np.zeros(n_zeros, dtype)])
    values = {name: array.copy() for name in names}

    with patch("skdeepopt.storage._encode.to_sparse", return_value=None):
        whole = size_bytes(values)

    assert size_bytes(values) <= whole


def size_bytes(value) -> int:
    encoder = Encoder(estimator_node)
    document = write_document(encoder.encode(value, Trail("net")), is_sparse=encoder.is_sparse)
    return sum(len(bytes(part)) for part in pack(document, encoder.tensors))


def test_two_tensors_never_share_a_name():
    encoder = Encoder(estimator_node)

    encoder.encode({"a.b": np.zeros(1), "a": {"b": np.ones(1)}}, Trail("net"))

    assert encoder.tensors.keys() == {"a.b", "a.b~2"}


def test_no_tensor_takes_the_name_of_the_metadata():
    encoder = Encoder(estimator_node)

    encoder.encode({"__metadata__": np.zeros(1)}, Trail("net"))

    assert "__metadata__" not in encoder.tensors


@pytest.mark.parametrize(
    ("value", "node"),
    [
        (MLP, {"known": "skdeepopt.nets.MLP"}),
        (nn.ReLU, {"known": "torch.nn.ReLU"}),
        (nn.Linear, {"supplied": "torch.nn.modules.linear.Linear"}),
        (MyNet, {"supplied": f"{__name__}.MyNet"}),
        (MyNet(), {"instance": f"{__name__}.MyNet"}),
        (np.log1p, {"supplied": "numpy.log1p"}),
    ],
    ids=str,
)
def test_code_is_stored_as_a_name(value, node):
    assert encoded(value) == node
