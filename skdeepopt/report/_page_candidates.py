"""The table of a page: every candidate, its figures, and why it was or was not chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepopt.report._page_answer import OBJECTIVES, chosen_row
from skdeepopt.report._page_chart import kind_of
from skdeepopt.report._page_recipe import recipe_in_words
from skdeepopt.report._page_text import (
    escaped,
    in_bytes,
    in_points,
    in_score,
    milliseconds,
    name_of,
    seconds,
    three_digits,
)

__all__ = ["candidates", "reason"]

_BADGES = {"chosen": "chosen", "reference": "is_reference", "front": "on_front"}
"""Words beside a name, and the claims that they stand for."""

_FIGURES = {"bytes": "file_bytes", "latency": "latency_ms", "train_time": "train_seconds"}

_COMPARED = {
    "bytes": "its file is {} times as large as",
    "latency": "it answers {} times as slowly as",
    "train_time": "it takes {} times as long to train as",
}


def candidates(document: Mapping[str, Any]) -> str:
    """Table with a row for each candidate, the chosen one and the reference first."""
    rows = document["candidates"]
    score = "Accuracy, validation" if document["metric"] == "accuracy" else "R², validation"
    titles = ("Candidate", score, "File", "Latency", "Training", "Why, or why not")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(_row(row, document, titles) for row in sorted(rows, key=_order))
    return (
        '<div class="wide" role="region" aria-label="Table of candidates" tabindex="0">'
        f'<table class="all" role="table"><caption>{_caption(rows)}</caption>'
        f'<thead><tr role="row">{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def reason(row: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Why a candidate was chosen or not, as plain text.

    Parameters
    ----------
    row : mapping
        One of ``document["candidates"]``.
    document : mapping
        As `build_page` takes it.
    """
    given, metric = document["asked"], document["metric"]
    if row.get("chosen"):
        wanted = OBJECTIVES.get(given["objective"], "the best by the objective")
        return f"Chosen: {wanted} of all that may be used."
    if row.get("accuracy") is None:
        return f"Failed: {row.get('failure') or 'it gave no accuracy.'}"
    if row.get("is_reference"):
        return "The reference: what the accuracy of the others is held against."
    if not row.get("within_drop"):
        return _too_much(row, document.get("validation_reference"), given, metric)
    return _second(row, chosen_row(document), given["objective"])


def _too_much(
    row: Mapping[str, Any], reference: float | None, given: Mapping[str, Any], metric: str
) -> str:
    allowed = in_points(given["max_accuracy_drop"], metric)
    if reference is None:
        return f"Loses more than the {allowed} allowed."
    return f"Loses {in_points(reference - row['accuracy'], metric)}; {allowed} may be lost."


def _second(row: Mapping[str, Any], chosen: Mapping[str, Any], objective: str) -> str:
    figure = _FIGURES.get(objective, "")
    own, best = row.get(figure), chosen.get(figure)
    if not own or not best or own <= best * 1.005:
        return "Keeps the accuracy; the chosen one was preferred."
    compared = _COMPARED[objective].format(three_digits(own / best))
    return f"Keeps the accuracy, but {compared} the chosen one."


def _order(row: Mapping[str, Any]) -> tuple[int, bool, float]:
    place = ("chosen", "reference", "front", "other").index(kind_of(row))
    return place, row.get("accuracy") is None, row.get("file_bytes") or 0.0


def _caption(rows: Any) -> str:
    failed = sum(row.get("accuracy") is None for row in rows)
    front = sum(bool(row.get("on_front")) for row in rows)
    said = f"{len(rows)} candidates, {front} on the front"
    return f"{said}, {failed} failed" if failed else said


def _row(row: Mapping[str, Any], document: Mapping[str, Any], titles: tuple[str, ...]) -> str:
    kind = kind_of(row)
    badges = [word for word, claim in _BADGES.items() if row.get(claim)]
    shown = " ".join(f'<span class="badge {badge}">{badge}</span>' for badge in badges)
    head = (
        f'<th scope="row" role="rowheader">{name_of(row["name"])} {shown}'
        f'<span class="recipe">{name_of(recipe_in_words(row.get("recipe", "")))}</span></th>'
    )
    cells = (
        in_score(row.get("accuracy"), document["metric"]),
        in_bytes(row.get("file_bytes")),
        milliseconds(row.get("latency_ms")),
        seconds(row.get("train_seconds")),
    )
    shown_cells = "".join(
        f'<td role="cell" class="number" data-title="{title}">{cell}</td>'
        for title, cell in zip(titles[1:-1], cells, strict=True)
    )
    why = escaped(reason(row, document))
    return (
        f'<tr role="row" class="{kind}">{head}{shown_cells}'
        f'<td role="cell" data-title="{titles[-1]}">{why}</td></tr>'
    )
