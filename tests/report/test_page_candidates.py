from __future__ import annotations

import json
from pathlib import Path

import pytest

from skdeepopt.report._page_candidates import candidates, reason


@pytest.fixture
def document():
    path = Path(__file__).parent / "page_document.json"
    return json.loads(path.read_text(encoding="utf-8"))


def reasons(document):
    return {row["name"]: reason(row, document) for row in document["candidates"]}


def test_every_candidate_has_a_reason_of_its_own_kind(document):
    said = reasons(document)

    assert said["base, packed to 3,800 bytes"].startswith("Chosen: the smallest file")
    assert said["base"].startswith("The reference")
    assert said["base, int8"] == (
        "Keeps the accuracy, but its file is 6.27 times as large as the chosen one."
    )
    assert said["base, packed to 1,200 bytes"] == "Loses 2.2 points; 0.5 points may be lost."
    assert said["student <wide>"] == "Failed: FloatingPointError: loss <nan>"


@pytest.mark.parametrize(
    ("objective", "said"),
    [("latency", "answers 3.20 times as slowly"), ("train_time", "takes 1.86 times as long")],
)
def test_reasons_speak_of_what_was_asked_for(document, objective, said):
    document["asked"]["objective"] = objective
    row = document["candidates"][1] | {"latency_ms": 0.051 * 3.2, "train_seconds": 7.9 * 1.86}

    assert said in reason(row, document)


def test_one_as_good_as_the_chosen_is_not_called_worse(document):
    row = document["candidates"][1] | {"file_bytes": 3841.0}

    assert reason(row, document) == "Keeps the accuracy; the chosen one was preferred."


def test_the_chosen_and_the_reference_come_first(document):
    table = candidates(document)

    places = [table.index(name) for name in ("packed to 3,800", "trained as given<", "int8</bdi>")]
    assert places == sorted(places)


def test_a_reference_that_is_missing_leaves_the_rest_readable(document):
    document["validation_reference"] = None
    document["candidates"] = [r for r in document["candidates"] if not r["is_reference"]]

    assert "Loses more than the 0.5 points allowed." in candidates(document)
