"""The card of a model: for whom it is, how good it is, and what is not known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from skdeepopt.report._page_answer import chosen_row
from skdeepopt.report._page_recipe import recipe_in_words
from skdeepopt.report._page_text import (
    day,
    in_bytes,
    in_points,
    in_score,
    milliseconds,
    seconds,
    spread_of,
)

__all__ = ["model_card"]

_SHOWN = {"file_bytes": in_bytes, "latency_ms": milliseconds, "train_seconds": seconds}
_TITLES = {"file_bytes": "file", "latency_ms": "latency", "train_seconds": "training"}

_CARD = """# {file}

Made by `skdeepopt optimize` on {date}: {recipe}.

## Limits

- The accuracy comes from {n_test} test samples like those of the training data; others were not
  tested.
- Times hold for {cpu}.
- One run with the random seed {seed}.

## Data

{data}: {n_train} samples to learn from, {n_test} to test on, {shape} of {dtype}.

{classes}

## Figures, on test data

| figure | baseline ({baseline}) | this model |
|---|---|---|
{rows}

At most {drop} of accuracy was to be lost against the baseline, on validation data.

## How to load it

```python
from skdeepopt import load

model = load("{file}")
```
"""


def model_card(document: Mapping[str, Any], *, onnx_card: str = "") -> str:
    """Markdown about the chosen model.

    Parameters
    ----------
    document : mapping
        As `build_page` takes it.
    onnx_card : str, default=""
        What `export` wrote about the ONNX file; it becomes the last section.

    Returns
    -------
    card : str
    """
    given, test = document["asked"], document["test"]
    row = chosen_row(document)
    text = _CARD.format(
        file=document["model_file"],
        date=day(document["date"]),
        recipe=_plain(recipe_in_words(row.get("recipe", "")) or "no recipe"),
        n_test=f"{given['n_test']:,}",
        n_train=f"{given['n_train']:,}",
        cpu=_plain(document["machine"].get("cpu") or "an unnamed machine"),
        seed=given["seed"],
        data=_plain(given["data"]),
        shape=" x ".join(map(str, given["sample_shape"])),
        dtype=given["sample_dtype"],
        classes=_classes(given),
        baseline=_plain(given["baseline"]),
        rows="\n".join(_rows(test, document["metric"])),
        drop=in_points(given["max_accuracy_drop"], document["metric"]),
    )
    return f"{text}\n{_lowered(onnx_card)}" if onnx_card else text


def _rows(test: Mapping[str, Any], metric: str) -> list[str]:
    both = [test[which]["accuracy"] for which in ("baseline", "chosen")]
    shown = [_with_spread(figure, lambda value: in_score(value, metric)) for figure in both]
    rows = [f"| {'accuracy' if metric == 'accuracy' else 'R²'} | {' | '.join(shown)} |"]
    for name, show in _SHOWN.items():
        figures = [test[which].get(name) for which in ("baseline", "chosen")]
        if None not in figures:
            cells = " | ".join(_with_spread(figure, show) for figure in figures)
            rows.append(f"| {_TITLES[name]} | {cells} |")
    return rows


def _with_spread(figure: Mapping[str, Any], show: Any) -> str:
    spread = spread_of(figure, show)
    said = f" ({figure['spread_kind']} {spread}, n={figure['n']})" if spread else ""
    return f"{show(figure['value'])}{said}"


def _classes(given: Mapping[str, Any]) -> str:
    if not given["class_names"]:
        return "The target is continuous."
    pairs = zip(given["labels"], given["class_names"], strict=True)
    listed = (
        f"`{label}`" if str(label) == name else f"`{label}` {_plain(name)}" for label, name in pairs
    )
    return f"Labels: {', '.join(listed)}."


def _plain(value: object) -> str:
    """Text without anything that Markdown or HTML would obey, or that would end a line or cell."""
    text = re.sub(r"\s+", " ", str(value)).encode("utf-8", "replace").decode()
    return re.sub(r"([\\`*_{}\[\]<>#|!])", r"\\\1", text)


def _lowered(card: str) -> str:
    """The card with its headings a level further down, and comments in code left alone."""
    parts = card.split("```")
    parts[::2] = [re.sub(r"^#", "##", part, flags=re.MULTILINE) for part in parts[::2]]
    return "```".join(parts)
