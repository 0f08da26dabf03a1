"""The tables of docs/scaling.md: measured on two workers, and modelled out to a thousand.

What stands between the markers ``<!-- scaling: begin -->`` and ``<!-- scaling: end -->`` is
replaced from the record of ``scaling.py``.

    python benchmarks/scaling_table.py            writes the tables into docs/scaling.md
    python benchmarks/scaling_table.py --check    exits 1 when docs/scaling.md is out of date
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- scaling: begin -->", "<!-- scaling: end -->"
UNMEASURED = "Not measured yet."

WORKERS = (1, 10, 100, 1000)
CANDIDATES = 10_000
TASK_SECONDS = (1.0, 10.0, 60.0, 600.0)
BYTES_PER_SECOND = 125e6
"""Of a network of 1 Gbit/s, over which the searching machine ships to one worker after another."""

Record = dict[str, Any]


def modelled_seconds(
    n_workers: int,
    task_seconds: float,
    *,
    dispatch_seconds: float,
    pause_seconds: float,
    shipping_seconds: float,
) -> float:
    """Seconds of a search on so many workers, counted high.

    Shipping to one worker after another and handing out one candidate after another are serial,
    and taken as if nothing were trained meanwhile. Then the workers train side by side, each with
    a pause before its next candidate.

    Examples
    --------
    >>> free = {"dispatch_seconds": 0.0, "pause_seconds": 0.0, "shipping_seconds": 0.0}
    >>> modelled_seconds(10, 60.0, **free)
    60000.0
    """
    serial = dispatch_seconds * CANDIDATES + shipping_seconds * n_workers
    return serial + math.ceil(CANDIDATES / n_workers) * (task_seconds + pause_seconds)


def tables(record: Record | None) -> str:
    """What was measured and what follows from it, as Markdown."""
    if record is None:
        return UNMEASURED
    return "\n\n".join([_sentence(record), _measured(record), _bytes(record), _modelled(record)])


def _sentence(record: Record) -> str:
    config, machine = record["config"], record["machine"]
    candidate = record["results"]["candidate_seconds"]
    return (
        f"Measured on {machine['cpu']}, {len(record['seeds'])} rounds: {config['workers']} local "
        f"workers against one, {config['candidates']} candidates that train for "
        f"{candidate['mean']:.2f} s each; dispatch over {config['idle_candidates']} candidates "
        "that do nothing. Mean ± standard deviation."
    )


def _measured(record: Record) -> str:
    rows = [
        "| workers | speedup | dispatch a candidate | a worker's pause between two | first start |",
        "|---|---|---|---|---|",
    ]
    for kind, found in record["results"]["kinds"].items():
        speedup, dispatch = found["speedup"], found["dispatch_seconds"]
        pause = _told(found["pause_seconds"], 1, 1000)
        rows.append(
            f"| {kind} | {_told(speedup, 2)} | {_told(dispatch, 1, 1000)} ms | {pause} ms | "
            f"{_told(found['start_seconds'], 1)} s |"
        )
    return "\n".join(rows)


def _bytes(record: Record) -> str:
    found = record["results"]["bytes"]
    return "\n".join(
        [
            "| shipped | bytes |",
            "|---|---|",
            f"| once to each worker: function, {record['config']['images']:,} images, labels | "
            f"{found['package']:,} |",
            f"| with a candidate | {found['arguments']:,} |",
            f"| back from it | {found['answer']:,} |",
            f"| besides, where it goes on with training, each way | {found['weights']:,} |",
        ]
    )


def _modelled(record: Record) -> str:
    results = record["results"]
    dask = results["kinds"]["dask"]
    dispatch, pause = (dask[name]["mean"] for name in ("dispatch_seconds", "pause_seconds"))
    shipping = results["bytes"]["package"] / BYTES_PER_SECOND
    costs = {"dispatch_seconds": dispatch, "pause_seconds": pause, "shipping_seconds": shipping}
    head = "".join(f" {seconds:g} s |" for seconds in TASK_SECONDS)
    rows = [
        f"Modelled, not measured: {CANDIDATES:,} candidates, dispatch and pause as on dask here "
        f"({1000 * dispatch:.1f} and {1000 * pause:.1f} ms), shipping at "
        f"{BYTES_PER_SECOND / 1e6:.0f} MB/s ({1000 * shipping:.0f} ms a worker). Share of the "
        "workers' time spent on training, by what a candidate takes:",
        "",
        f"| workers |{head}",
        "|---|" + "---|" * len(TASK_SECONDS),
    ]
    for n in WORKERS:
        shares = [
            CANDIDATES * task / (n * modelled_seconds(n, task, **costs)) for task in TASK_SECONDS
        ]
        rows.append(f"| {n:,} |" + "".join(f" {100 * share:.1f} % |" for share in shares))
    return "\n".join(rows)


def _told(values: Record, digits: int, factor: float = 1.0) -> str:
    deviation = values["std"]
    spread = "" if deviation is None else f" ± {deviation * factor:.{digits}f}"
    return f"{values['mean'] * factor:.{digits}f}{spread}"


def updated(page: str, content: str) -> str:
    """`page` with `content` between the markers.

    Raises
    ------
    ValueError
        It does not hold the two markers once each, in order.
    """
    if (page.count(BEGIN), page.count(END)) != (1, 1) or page.index(BEGIN) > page.index(END):
        raise ValueError(f"scaling_table: the page holds {BEGIN} and {END} once each, in order.")
    before, after = page.partition(BEGIN)[0], page.partition(END)[2]
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Write the tables or check them; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if out of date")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "scaling.md")
    parser.add_argument("--records", type=Path, default=ROOT / "benchmarks" / "records")
    asked = parser.parse_args(arguments)
    path = asked.records / "scaling.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    page = asked.page.read_text(encoding="utf-8")
    wanted = updated(page, tables(record))
    if asked.check:
        return int(wanted != page)
    asked.page.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
