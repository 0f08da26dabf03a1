"""Words and numbers as a page shows them: escaped, with units, in three digits."""

from __future__ import annotations

import datetime
import html
import math
import re
from collections.abc import Mapping
from typing import Any

__all__ = [
    "day",
    "duration",
    "escaped",
    "in_bytes",
    "in_points",
    "in_score",
    "milliseconds",
    "name_of",
    "seconds",
    "spread_of",
    "three_digits",
    "times",
]

# What HTML forbids even as a reference, and lone halves of a pair, as in a damaged file name.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

_MISSING = "not measured"


def escaped(value: object) -> str:
    """Text of a value for any place in a page, attributes too.

    Examples
    --------
    >>> escaped('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return html.escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(value)), quote=True)


def name_of(value: object) -> str:
    """Element with a name that somebody else gave, whose direction of writing stays its own.

    Examples
    --------
    >>> name_of("a<b")
    '<bdi>a&lt;b</bdi>'
    """
    return f"<bdi>{escaped(value)}</bdi>"


def three_digits(value: float) -> str:
    """Number in plain digits, of which three count.

    Examples
    --------
    >>> [three_digits(value) for value in (0.0, 0.01234, 1.999, 56.78, 12345.6)]
    ['0', '0.0123', '2.00', '56.8', '12,346']
    """
    if value == 0:
        return "0"
    places = 2 - math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{value:,.{max(0, places)}f}"


def in_bytes(value: float | None) -> str:
    """Size, where a kilobyte is 1,000 bytes.

    Examples
    --------
    >>> in_bytes(812), in_bytes(3_841), in_bytes(2_500_000)
    ('812 bytes', '3.84 KB', '2.50 MB')
    """
    if value is None:
        return _MISSING
    # Half a byte below the next unit is already "1,000" of the last one.
    if value < 999.5:
        return f"{value:.0f} bytes"
    return (
        f"{three_digits(value / 1e3)} KB" if value < 999_500 else f"{three_digits(value / 1e6)} MB"
    )


def milliseconds(value: float | None) -> str:
    """Latency with its unit."""
    return _MISSING if value is None else f"{three_digits(value)} ms"


def seconds(value: float | None) -> str:
    """Training time with its unit."""
    return _MISSING if value is None else f"{three_digits(value)} s"


def duration(value: float) -> str:
    """Length of a run or a budget, as people say it.

    Examples
    --------
    >>> duration(0.4), duration(20), duration(600), duration(95), duration(7500)
    ('0.400 s', '20 s', '10 min', '1 min 35 s', '2 h 5 min')
    >>> duration(1e-9)
    'less than 0.001 s'
    """
    if 0 < value < 0.001:
        return "less than 0.001 s"
    if value < 10 and value != round(value):
        return seconds(value)
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    big, small, unit = (whole // 60, whole % 60, "min s")
    if whole >= 3600:
        big, small, unit = (whole // 3600, whole % 3600 // 60, "h min")
    first, second = unit.split()
    return f"{big} {first}" + (f" {small} {second}" if small else "")


def in_score(value: float | None, metric: str) -> str:
    """Accuracy in percent, or the coefficient of determination as it is.

    Examples
    --------
    >>> in_score(0.98456, "accuracy"), in_score(0.98456, "R2")
    ('98.46 %', '0.985')
    """
    if value is None:
        return _MISSING
    return f"{100 * value:.2f} %" if metric == "accuracy" else f"{value:.3f}"


def in_points(value: float, metric: str, *, sign: bool = False) -> str:
    """Difference of two scores: percentage points, or plain.

    Examples
    --------
    >>> in_points(0.005, "accuracy"), in_points(-0.0022, "accuracy", sign=True)
    ('0.5 points', '\N{MINUS SIGN}0.22 points')
    """
    shown, places = (100 * value, 2) if metric == "accuracy" else (value, 3)
    number = f"{abs(shown):.{places}f}".rstrip("0").rstrip(".")
    if number == "0" and value:
        number = f"{abs(shown):.1g}"
    unit = "" if metric != "accuracy" else " point" if number == "1" else " points"
    before = "" if number == "0" else "\N{MINUS SIGN}" if value < 0 else "+" if sign else ""
    return before + number + unit


def times(before: float | None, after: float | None, words: tuple[str, str]) -> str:
    """Two figures as a factor, with the word for a lower and the word for a higher one.

    Examples
    --------
    >>> times(100, 4, ("smaller", "larger")), times(2, 3, ("smaller", "larger"))
    ('25.0 times smaller', '1.50 times larger')
    >>> times(5, 5, ("smaller", "larger"))
    'the same'
    """
    if not before or not after:
        return "no comparison"
    factor = max(before, after) / min(before, after)
    if factor < 1.005:
        return "the same"
    return f"{three_digits(factor)} times {words[after > before]}"


def day(date: str) -> str:
    """Date and time of ISO 8601 for a reader.

    Examples
    --------
    >>> day("2026-11-28T15:02:11+00:00")
    '2026-11-28 15:02 UTC'
    """
    moment = datetime.datetime.fromisoformat(date)
    return f"{moment:%Y-%m-%d %H:%M} {moment.tzname() or ''}".rstrip()


def spread_of(figure: Mapping[str, Any], show: Any) -> str:
    """How far a measured figure may be off; empty where it comes out the same each time."""
    low, high = figure["spread"]
    if low == high:
        return ""
    first, last = show(low), show(high)
    number, _, unit = first.partition(" ")
    return f"{number if unit and last.endswith(' ' + unit) else first} to {last}"
