from __future__ import annotations

import json

import pytest

from benchmarks.scaling_table import (
    BEGIN,
    CANDIDATES,
    END,
    UNMEASURED,
    main,
    modelled_seconds,
    tables,
    updated,
)

FREE = {"dispatch_seconds": 0.0, "pause_seconds": 0.0, "shipping_seconds": 0.0}


def spread(mean, std=0.25):
    return {"mean": mean, "std": std, "min": mean, "max": mean, "n": 5}


RECORD = {
    "config": {"workers": 2, "candidates": 16, "idle_candidates": 300, "images": 6000},
    "seeds": [0, 1, 2, 3, 4],
    "machine": {"cpu": "a processor"},
    "results": {
        "bytes": {"package": 4_704_000, "arguments": 18, "answer": 21, "weights": 105_864},
        "candidate_seconds": spread(1.02),
        "kinds": {
            kind: {
                "speedup": spread(1.9, 0.02),
                "dispatch_seconds": spread(0.004, 0.001),
                "pause_seconds": spread(0.010, 0.001),
                "start_seconds": spread(3.5),
            }
            for kind in ("loky", "dask", "ray")
        },
    },
}


@pytest.mark.parametrize("n_workers", [1, 10, 1000])
def test_without_overhead_workers_divide_the_time(n_workers):
    assert modelled_seconds(n_workers, 2.0, **FREE) * n_workers == CANDIDATES * 2.0


def test_what_is_serial_stays_however_many_work():
    costs = {**FREE, "dispatch_seconds": 0.004, "shipping_seconds": 0.1}

    assert modelled_seconds(CANDIDATES, 0.0, **costs) == pytest.approx(40 + 0.1 * CANDIDATES)


def test_the_tables_tell_what_was_measured():
    told = tables(RECORD)

    assert "| dask | 1.90 ± 0.02 | 4.0 ± 1.0 ms | 10.0 ± 1.0 ms | 3.5 ± 0.2 s |" in told
    assert "| once to each worker: function, 6,000 images, labels | 4,704,000 |" in told
    assert "Modelled, not measured: 10,000 candidates" in told
    assert "| 1,000 |" in told


def test_without_a_record_the_tables_say_so():
    assert tables(None) == UNMEASURED


def test_only_what_stands_between_the_markers_changes():
    page = f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n"

    assert updated(page, "new") == f"Before.\n{BEGIN}\n\nnew\n\n{END}\nAfter.\n"


@pytest.mark.parametrize("page", ["", f"{BEGIN}", f"{END}{BEGIN}", f"{BEGIN}{END}{END}"])
def test_a_page_without_its_markers_is_refused(page):
    with pytest.raises(ValueError, match="once each"):
        updated(page, "new")


def test_a_page_is_up_to_date_once_it_is_written(tmp_path):
    page = tmp_path / "scaling.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    (tmp_path / "scaling.json").write_text(json.dumps(RECORD))
    arguments = ["--page", str(page), "--records", str(tmp_path)]

    before = main([*arguments, "--check"])
    written = main(arguments)

    assert (before, written, main([*arguments, "--check"])) == (1, 0, 0)


def test_the_page_holds_what_its_record_says():
    assert main(["--check"]) == 0
