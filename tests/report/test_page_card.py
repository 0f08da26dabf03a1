from __future__ import annotations

import json
from pathlib import Path

import pytest

from skdeepopt.report._page_card import model_card


@pytest.fixture
def document():
    path = Path(__file__).parent / "page_document.json"
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_card_has_limits_first_and_the_figures_of_both_models(document):
    card = model_card(document)

    assert card.index("## Limits") < card.index("## Data") < card.index("## Figures")
    assert "| file | 88.9 KB | 3.84 KB |" in card
    assert "98.22 % (Wilson 95 % interval 96.60 to 99.10 %, n=450)" in card


def test_names_cannot_become_markup_or_end_a_cell(document):
    document["asked"]["baseline"] = "a | b\n# c"
    card = model_card(document)

    assert "<script>" not in card.replace("\\<", "")
    assert "baseline (a \\| b \\# c)" in card


def test_the_card_of_the_onnx_file_is_a_section_whose_code_is_left_alone(document):
    own = "# model.onnx\n\n## Input\n\n```python\n# a comment\n```\n"

    card = model_card(document, onnx_card=own)

    assert card.count("\n# ") == 1
    assert "\n## model.onnx\n" in card
    assert "\n### Input\n" in card
    assert "\n# a comment\n" in card
    assert card.startswith("# model.skdo\n")


def test_a_regression_has_no_classes(document):
    document["metric"] = "R2"
    document["asked"] |= {"class_names": [], "labels": []}

    card = model_card(document)

    assert "The target is continuous." in card
    assert "| R² |" in card
