"""A page that a colleague can read: one file, which needs no network, script or other file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepopt.report._page_answer import OBJECTIVES, answer, asked, limits
from skdeepopt.report._page_candidates import candidates
from skdeepopt.report._page_chart import chart
from skdeepopt.report._page_method import files, method, words
from skdeepopt.report._page_style import STYLE
from skdeepopt.report._page_text import day, escaped, in_points, name_of

__all__ = ["build_page"]

# Nothing may be loaded or run, even where something had got past the escaping.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header><p class="quiet">skdeepopt optimize, {date}</p><h1>{heading}</h1></header>
<main>
{sections}
</main>
</body>
</html>
"""

_SECTIONS = {
    "asked": ("What was asked", asked),
    "limits": ("What this does not tell", limits),
    "answer": ("The answer", answer),
    "chart": ("Accuracy against size and speed", chart),
    "candidates": ("All candidates", candidates),
    "files": ("How to use the files", files),
    "words": ("What the words mean", words),
    "method": ("How it was measured", method),
}


def build_page(document: Mapping[str, Any]) -> str:
    """Text of an HTML page about a finished optimization.

    Parameters
    ----------
    document : mapping
        As `page_document` makes it, and as results.json holds it: plain values only.

    Returns
    -------
    page : str
        The same for the same document. It refers to nothing outside of itself, and whatever text
        the document holds, names of classes and files too, is shown and not obeyed.

    Raises
    ------
    KeyError
        The document lacks a part.
    """
    data, wanted = document["asked"]["data"], escaped(_wanted(document))
    sections = "\n".join(
        f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>\n'
        f"{build(document)}\n</section>"
        for name, (title, build) in _SECTIONS.items()
    )
    return _PAGE.format(
        policy=_POLICY,
        title=f"{escaped(data)}: {wanted}",
        style=STYLE,
        date=escaped(day(document["date"])),
        heading=f"{name_of(data)}: {wanted}",
        sections=sections,
    )


def _wanted(document: Mapping[str, Any]) -> str:
    given = document["asked"]
    best = OBJECTIVES.get(given["objective"], "the best model")
    drop = in_points(given["max_accuracy_drop"], document["metric"])
    return f"{best} within {drop} of the full network"
