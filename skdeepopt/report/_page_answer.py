"""What a page says first: what was asked, what the answer does not tell, and the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skdeepopt.report._page_cards import FIGURES, cards, changed
from skdeepopt.report._page_text import (
    duration,
    escaped,
    in_points,
    in_score,
    name_of,
)

__all__ = ["OBJECTIVES", "answer", "asked", "chosen_row", "limits", "plain_sentence"]

OBJECTIVES = {
    "bytes": "the smallest file",
    "latency": "the lowest latency",
    "train_time": "the shortest training",
}


def chosen_row(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The candidate that was chosen, or an empty mapping."""
    return next((row for row in document["candidates"] if row.get("chosen")), {})


def asked(document: Mapping[str, Any]) -> str:
    """List of what the run was given."""
    given, metric = document["asked"], document["metric"]
    shape = " x ".join(str(length) for length in given["sample_shape"])
    classes = len(given["class_names"])
    kind = f"{classes} classes" if classes else "a continuous target"
    techniques = given["techniques"]
    listed = techniques if isinstance(techniques, str) else ", ".join(map(str, techniques))
    terms = {
        "Data": f"{name_of(given['data'])}: {given['n_train']:,} samples to learn from and "
        f"{given['n_test']:,} to test on, each {escaped(shape)} of "
        f"{escaped(given['sample_dtype'])}; {kind}",
        "Baseline": f"the network {name_of(given['baseline'])} in its default settings, trained "
        "once on all training samples",
        "May lose": f"at most {in_points(given['max_accuracy_drop'], metric)} of accuracy "
        "against the baseline",
        "Wanted": escaped(OBJECTIVES.get(given["objective"], given["objective"])),
        "Techniques": escaped(listed),
        "Time": f"{duration(given['time_budget'])} allowed, "
        f"{duration(document['found']['seconds'])} used",
    }
    return _list(terms)


def limits(document: Mapping[str, Any]) -> str:
    """List of what the figures do not tell, the gravest first."""
    return "<ul>" + "".join(f"<li>{text}</li>" for text in _limits(document)) + "</ul>"


def _limits(document: Mapping[str, Any]) -> Iterator[str]:
    given, metric, test = document["asked"], document["metric"], document["test"]
    drop = test["baseline"]["accuracy"]["value"] - test["chosen"]["accuracy"]["value"]
    if drop > given["max_accuracy_drop"]:
        yield (
            f"<strong>On the test data the model loses {in_points(drop, metric)}, more than the "
            f"{in_points(given['max_accuracy_drop'], metric)} allowed.</strong> The limit was kept "
            "on the validation data, which the choice was made on."
        )
    accuracy = test["chosen"]["accuracy"]
    n_test, (low, high) = accuracy["n"], accuracy["spread"]
    sure = (
        f"The accuracy comes from {n_test:,} test samples, so it is known to lie between "
        f"{in_score(low, metric)} and {in_score(high, metric)} only."
    )
    if metric == "accuracy":
        sure += f" One sample more or less is {in_points(1 / n_test, metric)}."
    yield sure
    yield (
        "The accuracy holds for samples like these. Other cameras, scanners or places give other "
        "samples, and were not tested."
    )
    yield (
        f"Times hold for one machine ({escaped(document['machine'].get('cpu') or 'unnamed')}) and "
        "its load at the time. On another one the ratios differ, and the order may."
    )
    load, cores = (document["machine"].get(name) for name in ("load_average", "usable_cpus"))
    if load and cores and load > cores + 1:
        yield (
            f"The machine was busy, with {load:.3g} programs at work for {cores} usable "
            f"core{'s' if cores > 1 else ''}: the times are longer and less steady than need be."
        )
    yield f"One run, with the random seed {escaped(given['seed'])}: another finds another model."
    failed = sum(row.get("accuracy") is None for row in document["candidates"])
    if failed:
        yield f"{failed} of {len(document['candidates'])} candidates failed; the table says why."
    if document.get("onnx_missing"):
        yield f"There is no ONNX file: {escaped(document['onnx_missing'])}"


def answer(document: Mapping[str, Any]) -> str:
    """A sentence, and four figures before and after."""
    told = _sentence(document, lambda name: f"<q>{name_of(name)}</q>")
    return f'<p class="lede">{told}</p>{cards(document)}'


def plain_sentence(document: Mapping[str, Any]) -> str:
    """The outcome in one sentence, for a terminal."""
    return _sentence(document, lambda name: f'"{name}"')


def _sentence(document: Mapping[str, Any], named: Callable[[object], str]) -> str:
    metric, test, row = document["metric"], document["test"], chosen_row(document)
    before, after = test["baseline"], test["chosen"]
    score = in_score(after["accuracy"]["value"], metric)
    right = (
        f"answers {score} of the test samples right" if metric == "accuracy" else f"has R² {score}"
    )
    name = named(row.get("name", "unnamed"))
    opening = f"The model that was chosen, {name},"
    if row.get("is_reference"):
        opening = f"Nothing better than the network {name} was found; it"
    return (
        f"{opening} {right}, "
        f"{_against(before, after, metric)}, and is {_joined(_ratios(before, after))}."
    )


def _against(before: Mapping[str, Any], after: Mapping[str, Any], metric: str) -> str:
    change = after["accuracy"]["value"] - before["accuracy"]["value"]
    if not change:
        return "as many as the baseline" if metric == "accuracy" else "as the baseline has"
    return f"{in_points(abs(change), metric)} {'more' if change > 0 else 'less'} than the baseline"


def _ratios(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    found = []
    for figure in FIGURES:
        said = changed(figure, before, after)
        if said[0].isdigit():
            found.append(f"{said}{' to train' if figure.name == 'train_seconds' else ''}")
    return found


def _list(terms: Mapping[str, str]) -> str:
    inner = "".join(f"<div><dt>{term}</dt><dd>{text}</dd></div>" for term, text in terms.items())
    return f'<dl class="terms">{inner}</dl>'


def _joined(parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts) or "as large and as fast"
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
