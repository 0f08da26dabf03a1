"""The four figures of a page: accuracy, file size, latency and training time, before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from skdeepopt.report._page_text import (
    escaped,
    in_bytes,
    in_points,
    in_score,
    milliseconds,
    seconds,
    spread_of,
    times,
)

__all__ = ["FIGURES", "Figure", "cards", "changed"]


@dataclass(frozen=True)
class Figure:
    """What a card tells of: a figure of which less is better."""

    name: str
    title: str
    show: Callable[[float | None], str]
    words: tuple[str, str]


FIGURES = (
    Figure("file_bytes", "File size", in_bytes, ("smaller", "larger")),
    Figure("latency_ms", "Latency of one sample", milliseconds, ("faster", "slower")),
    Figure("train_seconds", "Training time", seconds, ("quicker", "slower")),
)
"""Figures of which less is better, with the words for less and for more."""


@dataclass(frozen=True)
class _Change:
    text: str
    is_worse: bool
    note: str = ""


def cards(document: Mapping[str, Any]) -> str:
    """A card for each figure.

    Parameters
    ----------
    document : mapping
        As `build_page` takes it.
    """
    shown = [_score_card(document), *(_card(figure, document["test"]) for figure in FIGURES)]
    return f'<div class="cards">{"".join(shown)}</div>'


def changed(figure: Figure, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """A figure of two models as a factor; no factor where their spreads overlap."""
    old, new = before.get(figure.name), after.get(figure.name)
    if old is None or new is None:
        return "no comparison"
    (old_low, old_high), (new_low, new_high) = old["spread"], new["spread"]
    is_spread = old_low < old_high and new_low < new_high
    if is_spread and old_low <= new_high and new_low <= old_high:
        return "about the same"
    return times(old["value"], new["value"], figure.words)


def _score_card(document: Mapping[str, Any]) -> str:
    metric, test = document["metric"], document["test"]
    before, after = (test[which]["accuracy"] for which in ("baseline", "chosen"))
    difference = after["value"] - before["value"]
    change = _Change(
        in_points(difference, metric, sign=True) if difference else "the same",
        difference < -document["asked"]["max_accuracy_drop"],
        _paired(test.get("difference"), metric),
    )
    title = "Accuracy on test data" if metric == "accuracy" else "R² on test data"
    return _one(title, before, after, lambda value: in_score(value, metric), change)


def _paired(difference: Mapping[str, Any] | None, metric: str) -> str:
    if not difference:
        return ""
    low, high = (in_points(difference[end], metric, sign=True) for end in ("low", "high"))
    return (
        f". Of the same samples, {difference['n_gained']} became right and "
        f"{difference['n_lost']} wrong; 95 % interval of the change {low} to {high}"
    )


def _card(figure: Figure, test: Mapping[str, Any]) -> str:
    before, after = test["baseline"].get(figure.name), test["chosen"].get(figure.name)
    if before is None or after is None:
        missing = '<p class="now">not measured</p>'
        return f'<section class="card"><h3>{figure.title}</h3>{missing}</section>'
    text = changed(figure, test["baseline"], test["chosen"])
    change = _Change(text, text.endswith(figure.words[1]))
    return _one(figure.title, before, after, figure.show, change)


def _one(
    title: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    show: Callable[[float | None], str],
    change: _Change,
) -> str:
    rows = "".join(
        f'<tr><th scope="row">{when}</th><td>{show(figure["value"])}'
        f'<span class="spread">{spread_of(figure, show)}</span></td></tr>'
        for when, figure in (("before", before), ("after", after))
    )
    kind, count = escaped(after["spread_kind"]), after["n"]
    about = kind if count == 1 else f"{kind}, n = {count:,}"
    return (
        f'<section class="card"><h3>{title}</h3><p class="now">{show(after["value"])}</p>'
        f'<p class="change{" worse" if change.is_worse else ""}">{change.text}</p>'
        f'<table class="two"><caption class="unseen">{title} before and after</caption>'
        f'<tbody>{rows}</tbody></table><p class="quiet">{about}{change.note}.</p></section>'
    )
