from __future__ import annotations

import copy
import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.quantization._tensor import QuantizedTensor

KINDS = [
    *(("uniform", bits) for bits in range(2, 9)),
    ("ternary", 2),
    ("binary", 1),
    *(("codebook", bits) for bits in range(1, 9)),
]


@st.composite
def quantized(draw):
    kind, bits = draw(st.sampled_from(KINDS))
    shape = tuple(draw(st.lists(st.integers(0, 7), min_size=0, max_size=4)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    if kind == "codebook":
        table = torch.randn(draw(st.integers(1, 2**bits)), generator=generator)
        codes = torch.randint(0, len(table), shape, generator=generator, dtype=torch.uint8)
        return QuantizedTensor(codes, table, bits, kind)
    top = 1 if kind == "binary" else 2 ** (bits - 1) - 1
    codes = torch.randint(-top, top + 1, shape, generator=generator, dtype=torch.int8)
    if kind == "binary":
        codes = codes | 1
    per_channel = shape and draw(st.booleans())
    scale = torch.rand(shape[:1] if per_channel else (), generator=generator) + 0.01
    return QuantizedTensor(codes, scale, bits, kind)


def again(tensor, data=None, scale=None, shape=None, bits=None, kind=None):
    return QuantizedTensor.unpacked(
        tensor.packed() if data is None else data,
        tensor.scale if scale is None else scale,
        tensor.codes.shape if shape is None else shape,
        bits or tensor.bits,
        kind or tensor.kind,
    )


def same(one, other):
    return (
        one.kind == other.kind
        and one.bits == other.bits
        and one.codes.dtype == other.codes.dtype
        and torch.equal(one.codes, other.codes)
        and torch.equal(one.scale, other.scale)
    )


@settings(deadline=None, max_examples=200)
@given(quantized())
def test_packed_codes_come_back_exactly(tensor):
    assert same(again(tensor), tensor)


@settings(deadline=None)
@given(quantized())
def test_codes_take_their_bits_and_no_more(tensor):
    n_codes = math.prod(tensor.codes.shape)
    n_bits = 8 / 5 if tensor.kind == "ternary" else tensor.bits

    assert tensor.packed().dtype == torch.uint8
    assert tensor.packed().shape == (math.ceil(n_codes * n_bits / 8),)


@settings(deadline=None)
@given(quantized())
def test_values_are_the_codes_times_the_scale_of_their_channel(tensor):
    values = tensor.values()

    assert values.dtype == torch.float32
    assert values.shape == tensor.codes.shape
    if tensor.kind == "codebook":
        assert all(value in tensor.scale for value in values.flatten())
    elif tensor.scale.ndim == 0:
        assert torch.equal(values, tensor.codes * tensor.scale)
    else:
        rows = zip(tensor.codes, tensor.scale, strict=True)
        wanted = [code * scale for code, scale in rows]
        assert all(torch.equal(row, want) for row, want in zip(values, wanted, strict=True))


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_every_code_of_a_kind_can_be_packed(kind, bits):
    if kind == "codebook":
        codes, scale = torch.arange(2**bits).to(torch.uint8), torch.arange(2.0**bits)
    else:
        top = 1 if kind == "binary" else 2 ** (bits - 1) - 1
        codes = torch.arange(-top, top + 1, 2 if kind == "binary" else 1).to(torch.int8)
        scale = torch.tensor(0.1)
    tensor = QuantizedTensor(codes, scale, bits, kind)

    assert same(again(tensor), tensor)


def test_codes_of_any_memory_format_are_packed_in_the_order_of_their_places():
    codes = torch.randint(-7, 8, (3, 4, 2, 2), dtype=torch.int8)
    plain = QuantizedTensor(codes, torch.tensor(1.0), 4, "uniform")
    last = QuantizedTensor(
        codes.to(memory_format=torch.channels_last), torch.tensor(1.0), 4, "uniform"
    )

    assert torch.equal(plain.packed(), last.packed())


@settings(deadline=None)
@given(quantized(), st.integers(0, 2**30), st.integers(0, 7))
def test_a_flipped_bit_is_another_weight_or_an_error(tensor, place, bit):
    data = tensor.packed().clone()
    if not len(data):
        return
    data[place % len(data)] ^= 1 << bit

    try:
        found = again(tensor, data)
    except ValueError as error:
        assert "QuantizedTensor." in str(error)  # noqa: PT017 - Either is right.
    else:
        assert not torch.equal(found.codes, tensor.codes)


@settings(deadline=None)
@given(quantized(), st.integers(-3, 3).filter(bool))
def test_data_of_another_length_are_refused(tensor, extra):
    data = tensor.packed()
    data = data[:extra] if extra < 0 else torch.cat([data, torch.zeros(extra, dtype=torch.uint8)])
    if len(data) == len(tensor.packed()):
        return

    with pytest.raises(ValueError, match=r"QuantizedTensor\.unpacked\.data .* cut short"):
        again(tensor, data)


def test_data_that_are_no_bytes_are_refused():
    tensor = QuantizedTensor(torch.ones(4, dtype=torch.int8), torch.tensor(1.0), 8, "uniform")

    with pytest.raises(ValueError, match=r"data is a uint8 Tensor of shape \(4,\)"):
        again(tensor, tensor.packed().float())


@pytest.mark.parametrize(
    ("kind", "bits", "message"),
    [
        ("uniform", 1, "bits is from 2 to 8 for uniform codes, not 1"),
        ("uniform", 9, "bits is from 2 to 8 for uniform codes, not 9"),
        ("ternary", 3, "bits is 2 for ternary codes, not 3"),
        ("float", 32, "kind is one of .*'codebook', not 'float'"),
    ],
)
def test_kinds_and_bits_that_are_none_are_refused(kind, bits, message):
    with pytest.raises(ValueError, match=message):
        QuantizedTensor(torch.ones(4, dtype=torch.int8), torch.tensor(1.0), bits, kind)


@pytest.mark.parametrize(
    ("codes", "kind", "bits"),
    [
        (torch.tensor([-128], dtype=torch.int8), "uniform", 8),
        (torch.tensor([4], dtype=torch.int8), "uniform", 3),
        (torch.tensor([0], dtype=torch.int8), "binary", 1),
        (torch.tensor([1]), "ternary", 2),
        (torch.tensor([1.0]), "uniform", 8),
    ],
)
def test_codes_outside_their_range_are_refused(codes, kind, bits):
    with pytest.raises(ValueError, match=r"QuantizedTensor\.codes are torch.int8, .*, not"):
        QuantizedTensor(codes, torch.tensor(1.0), bits, kind)


def test_codes_outside_their_table_are_refused():
    codes = torch.tensor([0, 3], dtype=torch.uint8)

    with pytest.raises(ValueError, match=r"codes are torch.uint8, from 0 to 2, .* from 0 to 3"):
        QuantizedTensor(codes, torch.arange(3.0), 2, "codebook")


@pytest.mark.parametrize(
    "scale",
    [
        torch.tensor([1.0, float("nan")]),
        torch.tensor([1.0, 0.0]),
        torch.tensor([1.0, -1.0]),
        torch.ones(3),
        torch.ones(2, 1),
        torch.ones(2, dtype=torch.float64),
    ],
)
def test_scales_that_are_none_are_refused(scale):
    codes = torch.ones((2, 3), dtype=torch.int8)

    with pytest.raises(ValueError, match=r"scale is float32 and, .* \(2,\) or \(\), positive"):
        QuantizedTensor(codes, scale, 4, "uniform")


@pytest.mark.parametrize("table", [torch.zeros(5), torch.tensor([0.0, float("inf")])])
def test_tables_that_are_none_are_refused(table):
    with pytest.raises(ValueError, match=r"\(n_values,\) with at most 4 finite numbers"):
        QuantizedTensor(torch.zeros(2, dtype=torch.uint8), table, 2, "codebook")


def test_copies_and_pickles_are_equal():
    tensor = QuantizedTensor(torch.ones(4, dtype=torch.int8), torch.tensor(1.0), 8, "uniform")

    assert same(copy.deepcopy(tensor), tensor)
    assert same(pickle.loads(pickle.dumps(tensor)), tensor)
