from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt.report._byte_table import byte_rows, byte_table, whole_file
from skdeepopt.storage import ByteSpan

SPANS = [
    ByteSpan("", "magic and checksum", 0, 0, 176.0),
    ByteSpan("", "description", 0, 0, 800.0),
    ByteSpan("head.weight", "tables", 100, 10, 80.0),
    ByteSpan("head.weight", "positions", 100, 10, 40.0),
    ByteSpan("head.weight", "values", 100, 10, 84.0),
    ByteSpan("", "padding", 0, 0, 4.0),
]

NAMES = st.text(min_size=1)
BITS = st.floats(0, 1e9)
TENSORS = st.dictionaries(NAMES, st.tuples(BITS, BITS, BITS), max_size=6)


def spans_of(tensors):
    parts = ("tables", "positions", "values")
    return [
        ByteSpan(name, part, 7, 5, bits)
        for name, sizes in tensors.items()
        for part, bits in zip(parts, sizes, strict=True)
    ]


@given(TENSORS, BITS)
def test_no_byte_is_lost_on_the_way_to_the_rows(tensors, description):
    spans = [ByteSpan("", "description", 0, 0, description), *spans_of(tensors)]

    rows = byte_rows(spans)

    total = math.fsum(span.bits for span in spans) / 8
    assert whole_file(rows).total_bytes == pytest.approx(total)
    assert whole_file(rows).n_values == 7 * len(tensors)


@given(TENSORS)
def test_a_table_has_a_line_for_each_tensor_whatever_its_name(tensors):
    lines = byte_table(byte_rows([SPANS[0], *spans_of(tensors)])).split("\n")

    assert len(lines) == 2 + 1 + len(tensors) + 2
    assert "".join(lines).isprintable()


def test_rows_are_in_the_order_of_the_file():
    rows = byte_rows(SPANS)

    assert [row.name for row in rows] == [
        "magic and checksum", "description", "head.weight", "padding",
    ]  # fmt: skip
    assert [row.n_nonzero for row in rows] == [0, 0, 10, 0]
    assert rows[2].size_bytes == {"tables": 10.0, "positions": 5.0, "values": 10.5}
    assert rows[2].bits_a_value == pytest.approx(2.04)


def test_a_part_of_the_file_that_takes_nothing_has_no_row():
    rows = byte_rows([*SPANS[:2], ByteSpan("", "padding", 0, 0, 0.0)])

    assert [row.name for row in rows] == ["magic and checksum", "description"]


def test_the_table_ends_with_the_whole_file():
    lines = byte_table(byte_rows(SPANS)).splitlines()

    assert lines[-1].split() == [
        "whole", "file", "100", "10", "10.0", "5.0", "10.5", "148.0", "11.84", "100.0",
    ]  # fmt: skip
    assert lines[4].split()[0] == "head.weight"


def test_a_name_cannot_command_the_terminal():
    table = byte_table(byte_rows(spans_of({"\x1b[2Jweights": (1, 2, 3)})))

    assert "\x1b" not in table
    assert "?[2Jweights" in table


def test_long_names_are_told_apart_by_their_ends():
    names = [f"{'network.' * 20}{end}" for end in ("weight", "bias")]

    table = byte_table(byte_rows(spans_of(dict.fromkeys(names, (1, 2, 3)))))

    assert max(map(len, table.splitlines())) <= 120
    assert ".weight " in table
    assert ".bias " in table
