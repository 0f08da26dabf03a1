"""Number grids by name: what a layer's weights and the tensors that it reads are rounded to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from skdeepopt._validation import did_you_mean

__all__ = ["SCHEMES", "Scheme", "resolve_scheme"]


@dataclass(frozen=True)
class Scheme:
    """Number grid of a layer.

    Parameters
    ----------
    name : str
    kind : {"float", "uniform", "ternary", "binary", "codebook"}
        Of the weights.
    bits : int
        Of a weight; 32 for float.
    activation_bits : int or None
        Of a number that the layer reads; None where these stay in float.
    """

    name: str
    kind: Literal["float", "uniform", "ternary", "binary", "codebook"]
    bits: int
    activation_bits: int | None


_KNOWN: dict[str, Scheme] = {
    scheme.name: scheme
    for scheme in (
        *(Scheme(f"int{bits}", "uniform", bits, 8) for bits in range(2, 9)),
        Scheme("ternary", "ternary", 2, 8),
        Scheme("binary", "binary", 1, 8),
        *(Scheme(f"codebook{bits}", "codebook", bits, None) for bits in range(1, 9)),
        Scheme("float32", "float", 32, None),
    )
}

SCHEMES: tuple[str, ...] = tuple(_KNOWN)
"""Names of all schemes."""

_SLIPS = {"int1": "binary", "float": "float32", "none": "float32", "kmeans": "codebook4"}
"""What is meant by names that are near to no other."""


def resolve_scheme(scheme: str, *, owner: str) -> Scheme:
    """Scheme of that name.

    ``"int2"`` to ``"int8"`` are evenly spaced and symmetric about zero, ``"ternary"`` is -1, 0
    and 1 times a scale, ``"binary"`` -1 and 1 times a scale, ``"codebook1"`` to ``"codebook8"``
    are 2 to 256 values that a layer's weights share, and ``"float32"`` leaves a layer as it is.

    Parameters
    ----------
    scheme : str
    owner : str
        Who asks, such as ``"QuantizedEstimator.scheme"``; opens the messages.

    Raises
    ------
    ValueError, TypeError
        Unknown name; not a string.

    Examples
    --------
    >>> resolve_scheme("int4", owner="Example.scheme")
    Scheme(name='int4', kind='uniform', bits=4, activation_bits=8)
    """
    if isinstance(scheme, str) and scheme in _KNOWN:
        return _KNOWN[scheme]
    error = ValueError if isinstance(scheme, str) else TypeError
    raise error(
        f"{owner} is 'int' or 'codebook' and a number of bits ('int2' to 'int8', 'codebook1' to "
        f"'codebook8'), 'ternary', 'binary' or 'float32', not {scheme!r}.{_slip(scheme)}"
    )


def _slip(scheme: object) -> str:
    name = f"int{scheme}" if isinstance(scheme, int) else str(scheme)
    name = re.sub(r"[\s_-]", "", name.lower())
    name = _SLIPS.get(name, name)
    with_bits = re.fullmatch(r"u?(int|codebook)(\d{1,9})", name)
    if with_bits is not None:
        family, fewest = with_bits[1], 2 if with_bits[1] == "int" else 1
        name = f"{family}{min(max(int(with_bits[2]), fewest), 8)}"
    return did_you_mean(name, SCHEMES)
