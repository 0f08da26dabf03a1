from __future__ import annotations

import pytest

from skdeepopt.quantization._scheme import SCHEMES, resolve_scheme


def test_every_scheme_has_the_name_that_it_is_asked_by():
    assert [resolve_scheme(name, owner="Owner.scheme").name for name in SCHEMES] == list(SCHEMES)


def test_bits_are_those_of_a_stored_weight():
    bits = {name: resolve_scheme(name, owner="Owner.scheme").bits for name in SCHEMES}

    assert bits == {
        **{f"int{n}": n for n in range(2, 9)},
        "ternary": 2,
        "binary": 1,
        **{f"codebook{n}": n for n in range(1, 9)},
        "float32": 32,
    }


def test_activations_are_integers_where_weights_are_multiples_of_a_scale():
    read = {name: resolve_scheme(name, owner="Owner.scheme").activation_bits for name in SCHEMES}

    assert {name for name, bits in read.items() if bits is None} == {
        *(f"codebook{n}" for n in range(1, 9)),
        "float32",
    }
    assert set(read.values()) == {8, None}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("int16", "int8"),
        ("int1", "binary"),
        ("INT8", "int8"),
        ("int-4", "int4"),
        ("uint8", "int8"),
        ("codebook12", "codebook8"),
        ("codebook0", "codebook1"),
        ("float", "float32"),
        ("float16", "float32"),
        ("tenary", "ternary"),
        ("kmeans", "codebook4"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name, meant):
    message = rf"Owner\.scheme is .*'int2' to 'int8'.*, not '{name}'\. Did you mean '{meant}'\?"
    with pytest.raises(ValueError, match=message):
        resolve_scheme(name, owner="Owner.scheme")


@pytest.mark.parametrize(
    ("value", "meant"), [(8, "'int8'"), (1, "'binary'"), (32, "'int8'"), (0, "'int2'")]
)
def test_bits_are_no_name(value, meant):
    with pytest.raises(TypeError, match=rf"not {value}\. Did you mean {meant}\?"):
        resolve_scheme(value, owner="Owner.scheme")


def test_a_name_near_to_no_other_gets_no_suggestion():
    with pytest.raises(ValueError, match=r"not 'xyz'\.$"):
        resolve_scheme("xyz", owner="Owner.scheme")
