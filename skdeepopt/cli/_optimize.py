"""``optimize``: the smallest, fastest or quickest model that keeps the accuracy, and its files."""

from __future__ import annotations

import argparse
from typing import Any

from skdeepopt.cli._command import Command
from skdeepopt.cli._interrupt import InterruptWatch
from skdeepopt.cli._optimize_folder import OptimizeFolder
from skdeepopt.cli._optimize_options import add_arguments

__all__ = ["OPTIMIZE"]

DESCRIPTION = """\
Train the baseline, then tune, transfer, distil, prune, quantize and pack it within the time
budget, and take the best model by the objective that loses no more accuracy than allowed. The
folder of --out gets the model, its ONNX file, its card, chart.png, results.json and page.html,
which a colleague can read. Ctrl-C keeps what is found so far; the same command goes on from there.
"""


def _run(options: argparse.Namespace) -> int:
    folder = OptimizeFolder(options.out)
    # Here rather than above: the help, and an unknown word, answer without waiting for torch.
    from skdeepopt.datasets import load_dataset

    dataset = load_dataset(options.data)

    from skdeepopt.cli._optimize_files import write_files
    from skdeepopt.cli._optimize_run import build_optimizer, opening, setting_of

    folder.agree(setting_of(options, dataset))
    _say(opening(options, dataset, folder))
    try:
        with InterruptWatch() as watch:
            auto = build_optimizer(options, dataset, folder).fit(*dataset.train)
            watch.check()
            document = write_files(auto, options, dataset, folder)
            watch.check()
    except KeyboardInterrupt:
        _say(f"stopped; the same command goes on from {folder.path}")
        return 130
    _say(_closing(document, folder))
    return 0


def _closing(document: dict[str, Any], folder: OptimizeFolder) -> str:
    from skdeepopt.report._page_answer import plain_sentence

    lines = [plain_sentence(document)]
    if document["onnx_missing"]:
        lines.append(f"model.onnx is not written: {document['onnx_missing']}")
    names = ", ".join(file["name"] for file in document["files"])
    return "\n".join([*lines, f"{names} are in {folder.path}"])


def _say(text: str) -> None:
    from skdeepopt.cli._optimize_progress import say

    say(text)


OPTIMIZE = Command(
    "optimize",
    "find the smallest or fastest model that keeps the accuracy",
    DESCRIPTION,
    add_arguments,
    _run,
)
