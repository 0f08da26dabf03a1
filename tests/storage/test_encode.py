import datetime
import functools
import pathlib
from collections import namedtuple

import numpy as np
import pytest
import torch
from torch import nn

from skdeepopt.nets import MLP
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
    assert node["dict"]["w"] == {"array": 0}
    assert [stored.shape for stored in encoder.tensors] == [(2, 2)]


def test_one_object_is_one_tensor_however_often_it_is_named():
    encoder, shared = Encoder(estimator_node), np.zeros(3)

    node = encoder.encode([shared, np.zeros(3), shared], Trail("net"))

    assert node == [{"array": 0}, {"array": 1}, {"array": 0}]
    assert len(encoder.tensors) == 2


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
