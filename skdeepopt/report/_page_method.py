"""What a page says last: how to use the files, what the words mean, how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepopt.formats._card import OPEN_ONNX
from skdeepopt.report._page_text import day, escaped, in_bytes, name_of

__all__ = ["files", "method", "words"]

_LOAD = """from skdeepopt import load
model = load("{file}")
{answers} = model.predict(samples)"""

_ONNX = "import onnxruntime\n" + OPEN_ONNX + '{answers} = session.run(None, {{"inputs": samples}})'

_REFITTED = (
    " At the end the chosen model was trained anew on all training samples: its file size, latency "
    "and training time are those of that training, its accuracy in the table is the one before."
)

WORDS = {
    "baseline, before": "the network that was given, trained once with its default settings, and "
    "made neither smaller nor faster",
    "reference": "the baseline on validation data; the accuracy that may be lost counts from there",
    "fold": "a choice of the samples that are held out; where these are few, there are three",
    "tuned": "settings of the training, such as its learning rate, were searched for",
    "transferred": "training starts from a network that learned on other data",
    "distilled": "a small network is taught by the answers of a larger one",
    "pruned": "the parts of the network that matter least are taken out",
    "quantized": "numbers in the network are rounded to few bits",
    "packed": "the file is written in as few bits as the numbers need",
    "front": "the candidates that no other one beats in every figure at once",
    "validation data": "part of the training data that no candidate learned from; on it, one was "
    "chosen",
    "test data": "samples that neither learning nor choosing has seen, looked at once, at the end",
}


def files(document: Mapping[str, Any]) -> str:
    """Table of the files that lie beside the page, and the lines of code that use them."""
    rows = "".join(
        f'<tr><th scope="row"><code>{escaped(file["name"])}</code></th>'
        f'<td class="number">{in_bytes(file["bytes"]) if file["bytes"] else ""}</td>'
        f"<td>{escaped(file['about'])}</td></tr>"
        for file in document["files"]
    )
    table = (
        '<div class="wide"><table><caption>Files in the same folder as this page</caption><thead>'
        '<tr><th scope="col">File</th><th scope="col">Size</th><th scope="col">What it is</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )
    return table + _snippets(document) + _labels(document["asked"])


def _snippets(document: Mapping[str, Any]) -> str:
    given = document["asked"]
    shape = ", ".join(["n", *map(str, given["sample_shape"])])
    classes = bool(given["class_names"])
    load = _LOAD.format(file=document["model_file"], answers="labels" if classes else "values")
    shown = (
        f"<p><code>samples</code> is an array of {escaped(given['sample_dtype'])} with the shape "
        f"({escaped(shape)}), as the training data was.</p>"
        f"<h3>In Python, with this package</h3><pre><code>{escaped(load)}</code></pre>"
    )
    if document.get("onnx_file"):
        answers = "labels, probabilities" if classes else "(values,)"
        onnx = _ONNX.format(file=document["onnx_file"], answers=answers)
        shown += (
            "<h3>Anywhere else, with ONNX Runtime alone</h3>"
            f"<pre><code>{escaped(onnx)}</code></pre>"
        )
    return shown


def _labels(given: Mapping[str, Any]) -> str:
    """Which label stands for which class, where labels are not the names themselves."""
    pairs = list(zip(given["labels"], given["class_names"], strict=True))
    if all(str(label) == name for label, name in pairs):
        return ""
    listed = "".join(
        f"<li><code>{escaped(label)}</code> {name_of(name)}</li>" for label, name in pairs
    )
    return f'<h3>What the labels stand for</h3><ul class="labels">{listed}</ul>'


def words(document: Mapping[str, Any]) -> str:
    """List that says in plain words what the page's own words mean."""
    inner = "".join(f"<div><dt>{word}</dt><dd>{text}</dd></div>" for word, text in WORDS.items())
    return f'<dl class="terms">{inner}</dl>'


def method(document: Mapping[str, Any]) -> str:
    """How each figure came about, and on what."""
    given, found = document["asked"], document["found"]
    held = document.get("validation_fraction")
    part = f"{held:.0%} of the training samples" if held else "a part of the training samples"
    if found.get("n_folds", 1) > 1:
        part += f", {found['n_folds']} times others of them"
    told = (
        f"Test data: {given['n_test']:,} samples, split off before anything else "
        f"({escaped(given['split'])}). They were looked at once, for the baseline and the chosen "
        "model alone. The baseline was trained for that on all training samples, after the "
        "search, and its training is not in the time allowed.",
        f"Validation data: {part}, held out from learning. All figures in the table and the chart "
        "are of that stage. They are a little too good for the chosen one, because it was chosen "
        f"by them.{_REFITTED if found.get('refit_seconds') else ''}",
        "File size is the number of bytes of the file that a fresh process loads and predicts "
        "from. 1 KB is 1,000 bytes.",
        "Latency is the median time of predict on one sample, with the range of the middle half "
        "of the calls, after some calls to warm up. Before and after ran on the same machine, in "
        "the same run.",
        "Training time is what it took to make the model, of all trainings that lead to it, "
        "measured once. That of the search is not in it.",
        f"{found['n_trials']:,} candidates, random seed {escaped(given['seed'])}, on "
        f"{escaped(day(document['date']))}.",
    )
    listed = "".join(f"<li>{line}</li>" for line in told)
    return (
        f"<ul>{listed}</ul>"
        + _facts("Machine", document["machine"])
        + _facts("Versions", document["versions"])
    )


def _facts(title: str, facts: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escaped(str(name).replace("_", " "))}</th>'
        f"<td>{escaped(_fact(value))}</td></tr>"
        for name, value in facts.items()
    )
    return (
        f'<div class="wide"><table class="facts"><caption>{title}</caption>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _fact(value: Any) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
