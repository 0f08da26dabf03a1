"""``compare``: the techniques of the study against the baseline, on data of the user's choice."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skdeepopt._validation import did_you_mean
from skdeepopt.cli._command import Command, add_data, add_out
from skdeepopt.cli._interrupt import InterruptWatch

if TYPE_CHECKING:
    from skdeepopt.report import Row
    from skdeepopt.report._standing import Rivals
    from skdeepopt.study import CellStore, StudySetting, Technique

__all__ = ["COMPARE"]

DESCRIPTION = """\
Train the baseline and each technique with several seeds, measure them on data that chose nothing,
and print two tables: the changes of accuracy and training time against the baseline beside what the
study says of such techniques, and accuracy, training time, file size, latency and throughput as
measured. The setting is one file of the package, study/setting.toml. The folder of --out gets
results.json, results.csv, chart.png and every model. Ctrl-C writes what is done so far; the same
command goes on from there.
"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser)
    parser.add_argument(
        "--seeds",
        type=_positive,
        metavar="N",
        help="trainings per technique, with seeds 0 to N - 1 (default: 3, and 1 with --quick)",
    )
    parser.add_argument("--quick", action="store_true", help="small budgets, for a first look")
    add_out(parser, "skdeepopt-compare")
    parser.add_argument(
        "--only",
        action="append",
        metavar="TECHNIQUE",
        help="this technique and the baseline alone; may be given several times",
    )


def _positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"a whole number of at least 1, not {text!r}")
    return value


def _run(options: argparse.Namespace) -> int:
    # Here rather than above: the help, and an unknown word, answer without waiting for torch.
    from skdeepopt.datasets import load_dataset

    dataset = load_dataset(options.data)

    from skdeepopt.measurement import describe_machine
    from skdeepopt.study import CellStore, setting_for

    chosen = _chosen(options.only)
    left_out = _left_out(chosen, dataset)
    techniques = [technique for technique in chosen if technique.name not in left_out]
    setting = setting_for(dataset, quick=options.quick)
    cpu = str(describe_machine()["cpu"])
    n_seeds = options.seeds or setting.default_seeds
    store = CellStore(options.out, setting, machine=cpu, n_seeds=n_seeds)
    print(_opening(dataset, techniques, left_out, store), flush=True)
    try:
        _compute(techniques, setting, dataset, store)
    except KeyboardInterrupt:
        _report(setting, dataset, store, is_complete=False)
        print(f"stopped; the same command goes on from {store.folder}", flush=True)
        return 130
    except Exception:
        _report(setting, dataset, store, is_complete=False)
        raise
    _report(setting, dataset, store, is_complete=True)
    return 0


def _chosen(only: Sequence[str] | None) -> list[Technique]:
    from skdeepopt.report import BASELINE
    from skdeepopt.study import TECHNIQUES

    for name in only or ():
        if name not in TECHNIQUES:
            known = ", ".join(map(repr, TECHNIQUES))
            slip = did_you_mean(name, TECHNIQUES)
            raise ValueError(f"--only is one of {known}, not {name!r}.{slip}")
    names = TECHNIQUES if only is None else [n for n in TECHNIQUES if n in (BASELINE, *only)]
    return [TECHNIQUES[name] for name in names]


def _left_out(chosen: Sequence[Technique], dataset: Any) -> dict[str, str]:
    """Why, by name, techniques do not run on the data."""
    reasons = {technique.name: technique.left_out(dataset) for technique in chosen}
    return {name: why for name, why in reasons.items() if why}


def _opening(
    dataset: Any, techniques: Sequence[Technique], left_out: Mapping[str, str], store: CellStore
) -> str:
    done = len(store.cells([technique.name for technique in techniques]))
    seeds = "seed" if store.n_seeds == 1 else "seeds"
    shape = "x".join(str(length) for length in dataset.X_train.shape[1:])
    lines = [
        f"{dataset.name}: {len(dataset.X_train)} training and {len(dataset.X_test)} test images "
        f"of {shape}, {len(dataset.class_names)} classes; "
        f"{len(techniques)} techniques x {store.n_seeds} {seeds}"
    ]
    lines += [f"left out: {name} ({why})" for name, why in left_out.items()]
    lines += [
        f"{technique.name}: {technique.labels_per_class} training images of each class, by the seed"
        for technique in techniques
        if technique.labels_per_class is not None
    ]
    if done:
        total = len(techniques) * store.n_seeds
        lines.append(f"{store.folder} holds {done} of {total} trainings; going on from there")
    return "\n".join(lines)


def _compute(
    techniques: Sequence[Technique], setting: StudySetting, dataset: Any, store: CellStore
) -> None:
    from skdeepopt.cli._progress import progress_for
    from skdeepopt.study import missing_tasks, run_task, seconds_left, warm_up

    todo = list(missing_tasks(store, techniques))
    before = store.cells([technique.name for technique in techniques])
    done = [(cell.technique, cell.figures["fit_seconds"].value) for cell in before]
    total = len(before) + len(todo)
    with InterruptWatch() as watch, progress_for(total, len(before)) as progress:
        warm: set[type] = set()
        for index, task in enumerate(todo):
            left = [later.technique.name for later in todo[index:]]
            progress.begins(task.technique.name, task.seed, seconds_left(done, left))
            warm_up(task, setting, dataset, warm)
            start = time.perf_counter()
            cell = run_task(task, setting, dataset, store, before_saving=watch.check)
            done.append((cell.technique, time.perf_counter() - start))
            progress.ends(cell, seconds_left(done, left[1:]))


def _report(setting: StudySetting, dataset: Any, store: CellStore, *, is_complete: bool) -> None:
    from skdeepopt.report import build_rows, results_document, write_csv, write_json
    from skdeepopt.study import TECHNIQUES

    cells = store.cells(TECHNIQUES)
    against = {name: technique.against for name, technique in TECHNIQUES.items()}
    rows = build_rows(cells, list(TECHNIQUES), against=against)
    claims = _claims(setting)
    found = _rivals(cells)
    about = _about(setting, dataset, store, is_complete=is_complete)
    document = results_document(rows, cells, about=about, claims=claims, found=found)
    write_json(store.folder / "results.json", document)
    write_csv(store.folder / "results.csv", rows, claims=claims)
    if not rows:
        print("no training is finished yet", flush=True)
        return
    _draw(setting, store.folder / "chart.png", rows, claims)
    _print_tables(rows, claims, found)
    print(f"results.json, results.csv, chart.png and the models are in {store.folder}", flush=True)


def _claims(setting: StudySetting) -> Mapping[str, Any]:
    from skdeepopt.study import TECHNIQUES, claims_for

    return {name: claim for name, claim in claims_for(setting).items() if name in TECHNIQUES}


def _rivals(cells: Sequence[Any]) -> Rivals | None:
    """How all techniques together stand against each alone."""
    from skdeepopt.report import BASELINE
    from skdeepopt.report._standing import rivals
    from skdeepopt.study import TECHNIQUES, TOGETHER

    alike = {
        name: technique.kind
        for name, technique in TECHNIQUES.items()
        if technique.against == BASELINE and name not in (BASELINE, TOGETHER)
    }
    singles = [name for name, kind in alike.items() if kind == "single"]
    return rivals(cells, TOGETHER, singles=singles, others=list(alike))


def _draw(
    setting: StudySetting, path: Path, rows: Sequence[Row], claims: Mapping[str, Any]
) -> None:
    from skdeepopt.report import chart_subtitle, write_chart
    from skdeepopt.study import TOGETHER

    title = f"{setting.data}, {chart_subtitle(rows)}"
    compared = [row for row in rows if row.technique in claims or row.technique == TOGETHER]
    write_chart(path, _charted(rows), title=title, claims=claims, compared=compared)


def _charted(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of one picture: those of few labels would leave the others no room."""
    from skdeepopt.study import TECHNIQUES

    whole = [row for row in rows if TECHNIQUES[row.technique].labels_per_class is None]
    return whole or rows


def _about(
    setting: StudySetting, dataset: Any, store: CellStore, *, is_complete: bool
) -> Mapping[str, Any]:
    from datetime import UTC, datetime

    from skdeepopt import __version__
    from skdeepopt.measurement import describe_machine, package_versions
    from skdeepopt.study import TECHNIQUES

    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_complete": is_complete,
        "setting": {**setting.to_plain(), "seeds": list(range(store.n_seeds))},
        "n_train": len(dataset.X_train),
        "n_test": len(dataset.X_test),
        "left_out": _left_out(list(TECHNIQUES.values()), dataset),
        "summaries": {name: technique.summary for name, technique in TECHNIQUES.items()},
        "split": dataset.split,
        "machine": describe_machine(),
        "versions": {"skdeepopt": __version__, **package_versions()},
    }


def _print_tables(rows: Sequence[Row], claims: Mapping[str, Any], found: Rivals | None) -> None:
    from skdeepopt.cli._progress import is_ascii_only
    from skdeepopt.report import rich_table, table_caption, text_table, to_ascii
    from skdeepopt.report._standing import standing_text
    from skdeepopt.report._study_table import claims_caption, rich_claims, text_claims

    options = {"ascii_only": is_ascii_only(sys.stdout)}
    width = _text_width()
    texts = [claims_caption(rows, claims, width=width), table_caption(rows, width=width)]
    texts += [standing_text(found, width=width)] if found else []
    said, meant, *stands = map(to_ascii, texts) if options["ascii_only"] else texts
    print()
    if sys.stdout.isatty():
        from rich.console import Console

        console = Console()
        console.print(rich_claims(rows, claims, width=console.width, **options))
        print(f"\n{said}\n")
        console.print(rich_table(rows, width=console.width, **options))
    else:
        print(f"{text_claims(rows, claims, **options)}\n\n{said}\n")
        print(text_table(rows, **options))
    print("\n" + "\n\n".join([meant, *stands]) + "\n", flush=True)


def _text_width() -> int:
    """Columns of a paragraph: those of a terminal, and no more than one reads with ease."""
    from shutil import get_terminal_size

    return min(96, get_terminal_size().columns) if sys.stdout.isatty() else 96


COMPARE = Command(
    "compare", "hold the techniques against the baseline", DESCRIPTION, _add_arguments, _run
)
