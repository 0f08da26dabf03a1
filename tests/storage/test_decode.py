import contextlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._decode import Decoder
from skdeepopt.storage._estimators import estimator_value
from skdeepopt.storage._supplied import Supplied
from skdeepopt.storage._tensors import from_numpy
from skdeepopt.storage._trail import Trail

lawful = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=60,
)

NUMBERS = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="="),
    arrays.unsigned_integer_dtypes(endianness="="),
    arrays.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
)
TEXT_TYPES = arrays.unicode_string_dtypes(endianness="<") | arrays.byte_string_dtypes()
SHAPES = arrays.array_shapes(min_dims=0, min_side=0, max_side=4)
ARRAYS = st.one_of(
    NUMBERS.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES)),
    TEXT_TYPES.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES)),
    arrays.arrays(object, SHAPES, elements=st.text() | st.none() | st.floats(width=16)),
)
SCALARS = NUMBERS.flatmap(arrays.from_dtype) | st.builds(np.str_, st.text())
KEYS = st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.integers(), st.text())
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=20)
    | SCALARS
    | ARRAYS
    | st.builds(slice, st.none() | st.integers(0, 9), st.integers(0, 9), st.none())
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


def told(value):
    """Text that differs wherever two values differ, in type, order or bits."""
    if isinstance(value, np.ndarray):
        inside = told(value.tolist()) if value.dtype == object else value.tobytes()
        return f"{value.dtype} {value.shape} {inside}"
    if isinstance(value, dict):
        return f"dict {[(told(key), told(item)) for key, item in value.items()]}"
    if isinstance(value, list | tuple):
        return f"{type(value)} {[told(item) for item in value]}"
    return f"{type(value)} {value!r}"


@lawful
@given(value=VALUES)
def test_any_value_comes_back_as_it_was(through_json, value):
    assert told(through_json(value)) == told(value)


@lawful
@given(node=st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["int", "float", "tuple", "dict", "pairs", "slice", "bytes", "scalar",
                         "value", "array", "order", "tensor", "layout", "objects", "shape",
                         "text", "dtype", "wide", "type", "known", "supplied", "instance",
                         "estimator", "params", "state"]), inner, max_size=3),
    max_leaves=12,
))  # fmt: skip
def test_any_tree_is_read_or_refused(read_back, node):
    with contextlib.suppress(ModelFileError):
        read_back(node)


@pytest.mark.parametrize("value", [-0.0, float("inf"), -float("inf"), 5e-324, 0.1])
def test_a_float_keeps_its_bits(through_json, value):
    assert repr(through_json(value)) == repr(value)


def test_nan_comes_back_as_the_one_numpy_gives(through_json):
    assert id(through_json(float("nan"))) == id(np.nan)


@pytest.mark.parametrize(
    "value", [2**63 - 1, 2**64, -(2**64), 10**5000], ids=["", "+", "-", "long"]
)
def test_an_integer_of_any_length_comes_back(through_json, value):
    assert through_json(value) == value


def test_an_array_keeps_the_order_of_its_memory(through_json):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))

    found = through_json(array)

    assert found.flags.f_contiguous
    assert not found.flags.c_contiguous
    np.testing.assert_array_equal(found, array)


def test_a_loaded_array_can_be_written(through_json):
    found = through_json(np.zeros(3))

    found[0] = 1

    assert found[0] == 1


def test_part_of_a_columnwise_array_stays_columnwise(through_json):
    array = np.asfortranarray(np.arange(12.0).reshape(3, 4))[:2]

    assert through_json(array).flags.f_contiguous


def test_a_view_comes_back_as_the_values_it_shows(through_json):
    array = np.arange(10)[::-2]

    np.testing.assert_array_equal(through_json(array), array)


@pytest.mark.parametrize("array", [np.zeros(3), np.eye(90)])
def test_one_array_in_two_places_stays_one(through_json, array):

    first, second = through_json([array, array])

    assert first is second


@pytest.mark.parametrize("every", [1, 100])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_tensor_keeps_its_layout(through_json, layout, every):
    tensor = torch.arange(3840.0).reshape(16, 12, 4, 5).to(memory_format=layout)
    tensor *= tensor % every == 0

    found = through_json(tensor)

    assert found.equal(tensor)
    assert found.stride() == tensor.stride()


@lawful
@given(
    array=arrays.array_shapes(min_dims=1, max_dims=3, min_side=9, max_side=17).flatmap(
        lambda shape: arrays.arrays(np.float32, shape, fill=st.just(0))
    ),
    is_columnwise=st.booleans(),
)
def test_mostly_zeros_come_back_bit_for_bit(through_json, array, is_columnwise):
    array = np.asfortranarray(array) if is_columnwise else array

    found = through_json({"array": array, "tensor": torch.from_numpy(array.copy())})

    assert told(found["array"]) == told(array)
    assert found["array"].strides == array.strides
    assert found["tensor"].numpy().tobytes() == array.tobytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_sparse_tensor_keeps_its_type(through_json, dtype):
    tensor = torch.eye(64, dtype=dtype)

    found = through_json(tensor)

    assert found.dtype == dtype
    assert found.equal(tensor)


def test_a_parameter_comes_back_as_a_tensor(through_json):
    parameter = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))

    found = through_json({"weight": parameter})["weight"]

    assert type(found) is torch.Tensor
    assert found.dtype == torch.bfloat16
    assert found.equal(parameter.data)


def test_one_long_label_among_many_costs_no_more_than_in_memory(through_json):
    labels = np.array(["a"] * 1000 + ["b" * 500])

    assert told(through_json(labels)) == told(labels)


@pytest.mark.parametrize("value", [np.float64, np.int8, bool, float, object, np.str_, np.object_])
def test_a_type_of_numbers_comes_back(through_json, value):
    assert through_json(value) is value


@pytest.mark.parametrize("name", ["f4", "i8", "bool", "O", "U7", "S3"])
def test_a_dtype_comes_back(through_json, name):
    assert through_json(np.dtype(name)) == np.dtype(name)


@pytest.mark.parametrize("value", [np.random.RandomState(0), np.random.default_rng(0)])
def test_a_random_state_is_not_stored(through_json, value):
    assert through_json(value) is None


REFUSED = [
    {},
    {"unknown": 1},
    {"int": "1"},
    {"int": 1},
    {"int": "0x1", "more": 1},
    {"float": "1.0"},
    {"float": None},
    {"tuple": 3},
    {"dict": []},
    {"pairs": [[1]]},
    {"pairs": [[1, 2, 3]]},
    {"pairs": [3]},
    {"pairs": [[1, 2], [1, 3]]},
    {"pairs": [[[1], 2]]},
    {"slice": [1, 2]},
    {"bytes": "missing"},
    {"array": "missing"},
    {"array": ["t"]},
    {"array": "t", "order": "C"},
    {"tensor": "t", "layout": "NHWC"},
    {"scalar": "int8", "value": 300},
    {"scalar": "int8", "value": 1.0},
    {"scalar": "float16", "value": 0.1},
    {"scalar": "float32", "value": 1e300},
    {"scalar": "bool", "value": 1},
    {"scalar": "str_", "value": 1},
    {"scalar": "bytes_", "value": "\u20ac"},
    {"scalar": "complex64", "value": 1.0},
    {"scalar": ["int8"], "value": 1},
    {"objects": [1], "shape": [2]},
    {"objects": [1], "shape": [True]},
    {"objects": [], "shape": [0, 2**40]},
    {"objects": [], "shape": [0] + [2**30] * 4},
    {"objects": [1], "shape": 1},
    {"text": ["ab"], "dtype": "<U1", "shape": [1]},
    {"text": ["a"], "dtype": "<U999999999", "shape": [1]},
    {"text": ["a"], "dtype": "<U9999999999", "shape": [1]},
    {"text": ["a"], "dtype": "<f4", "shape": [1]},
    {"text": [1], "dtype": "<U1", "shape": [1]},
    {"text": ["\u20ac"], "dtype": "|S1", "shape": [1]},
    {"text": ["a"], "dtype": "<U1", "shape": [0]},
    {"wide": "t", "dtype": "<U1", "shape": [2]},
    {"dtype": "V8"},
    {"dtype": "<f3"},
    {"dtype": "i4,i4"},
    {"type": "os"},
    {"known": "os.system"},
    {"supplied": "os.system"},
    {"supplied": 3},
    {"instance": "os.system"},
    {"estimator": "os.system", "params": {}},
]


@pytest.mark.parametrize("node", REFUSED, ids=str)
def test_a_node_that_is_never_written_is_refused(read_back, node):
    if node.get("tensor") == "t" or "array" in node or "wide" in node:
        tensors = {"t": from_numpy(np.zeros(2))}
    else:
        tensors = {}

    with pytest.raises(ModelFileError):
        read_back([node], tensors)


PAIR = {"values": "v", "gaps": "g", "shape": [3]}
SPARSE_REFUSED = [
    {"tensor": {}},
    {"tensor": {"values": "v", "gaps": "g"}},
    {"tensor": {**PAIR, "dtype": "F32"}},
    {"tensor": {**PAIR, "values": "missing"}},
    {"tensor": {**PAIR, "gaps": "missing"}},
    {"tensor": {**PAIR, "gaps": ["g"]}},
    {"tensor": {**PAIR, "values": PAIR}},
    {"tensor": {**PAIR, "gaps": "v"}},
    {"tensor": {**PAIR, "values": "g"}},
    {"tensor": {**PAIR, "shape": [2]}},
    {"tensor": {**PAIR, "shape": [2**40]}},
    {"tensor": {**PAIR, "shape": "3"}},
    {"tensor": PAIR, "layout": "NHWC"},
    {"array": PAIR, "order": "C"},
    {"bytes": PAIR},
    {"wide": PAIR, "dtype": "<U1", "shape": [1]},
    {"tuple": [{"array": PAIR}, {"array": {**PAIR, "shape": [3, 1]}}]},
]


@pytest.mark.parametrize("node", SPARSE_REFUSED, ids=str)
def test_a_sparse_node_that_is_never_written_is_refused(read_back, node):
    tensors = {"v": from_numpy(np.ones(3, "f4")), "g": from_numpy(np.zeros(3, "u1"))}

    with pytest.raises(ModelFileError):
        read_back([node], tensors)


def test_an_error_says_where_a_sparse_tensor_is_wrong(read_back):
    tensors = {"v": from_numpy(np.ones(3, "f4")), "g": from_numpy(np.zeros(2, "u1"))}

    with pytest.raises(ModelFileError, match=r"at value\[0\], a sparse tensor of numbers of shape"):
        read_back([{"tensor": PAIR}], tensors)


def test_gaps_that_belong_to_nothing_are_refused():
    tensors = {"v": from_numpy(np.ones(3, "f4")), "g": from_numpy(np.zeros(3, "u1"))}
    decoder = Decoder({**tensors, "h": tensors["g"]}, Supplied(None), estimator_value)
    decoder.decode({"array": PAIR}, Trail("value"))

    with pytest.raises(ModelFileError, match="tensor 'h', which belongs to nothing"):
        decoder.check_all_used()


def test_naming_a_sparse_tensor_often_takes_its_memory_once(read_back):
    tensors = {"v": from_numpy(np.ones(3, "f4")), "g": from_numpy(np.zeros(3, "u1"))}

    found = read_back([{"array": dict(PAIR)} for _ in range(1000)], tensors)

    assert len({id(array) for array in found}) == 1


def test_a_code_point_that_unicode_lacks_is_refused(read_back):
    raw = np.array([0x110000], dtype=np.uint32).view(np.uint8)

    with pytest.raises(ModelFileError, match="above U"):
        read_back({"wide": "t", "dtype": "<U1", "shape": [1]}, {"t": from_numpy(raw)})


def test_naming_a_tensor_often_takes_its_memory_once(read_back):
    node = {"array": "t", "order": "F"}

    found = read_back([node] * 1000, {"t": from_numpy(np.zeros((3, 4)))})

    assert len({id(array) for array in found}) == 1


def test_an_error_says_where(read_back):
    node = {"dict": {"a": [0, {"tuple": [{"float": "x"}]}]}}

    with pytest.raises(ModelFileError, match=r"at value\['a'\]\[1\]\[0\], a special float"):
        read_back(node)
