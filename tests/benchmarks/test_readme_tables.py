from __future__ import annotations

import copy
import json

import pytest

from benchmarks.readme_tables import (
    BEGIN,
    DISTILLED,
    END,
    FIGURES,
    LEARNERS,
    LESSONS,
    PACKED,
    PRUNING,
    QUANTIZED,
    SPEED,
    TRANSFERRED,
    UNMEASURED,
    main,
    table,
    updated,
)

README = f"# Title\n\nBefore.\n\n{BEGIN}\n{END}\n\nAfter.\n"


def spread(mean, std, n=5):
    return {"mean": mean, "std": std, "min": mean, "max": mean, "n": n}


def quartiles(median, n=9):
    return {"median": median, "q25": median - 0.01, "q75": median + 0.01, "n": n}


def figure_to(accuracy, reached):
    return {
        "accuracy": spread(accuracy, 0.0005),
        "seconds": spread(3.25, 0.125),
        "tutorial_seconds": spread(250.4, 10.2),
        "tutorial_epochs": [4, 4, 8, 4, 4],
        "tutorial_reached": reached,
        "tutorial_best_accuracy": spread(0.991, 0.001),
        "ratio": {**spread(77.0, 4.04), "median": 77.0},
        "ratio_is_a_lower_bound": reached < 5,
    }


def rates():
    labels = ("ours", "skorch_defaults", "skorch_literal", "skorch_fast")
    return {
        "samples_per_second": {label: spread(20_000.4, 250.2) for label in labels},
        "ratio_to": {label: quartiles(1.9) for label in labels},
    }


COUNTS = {"passed": 60, "failed": 0, "skipped": 1, "expected_failures": 0}
PRUNED = {
    "figures": {
        "accuracy": {name: spread(0.99, 0.001) for name in ("dense", "pruned", "random", "small")},
        "kept_share": spread(0.05, 0.0),
        "seconds_share": spread(1.5, 0.1),
    }
}
CUT = {
    "figures": {
        **PRUNED["figures"],
        "accuracy": {**PRUNED["figures"]["accuracy"], "longer": spread(0.991, 0.001)},
        "loss": {name: spread(0.0005, 0.0001) for name in ("dense", "longer")},
        "multiply_adds_share": spread(0.25, 0.0),
        "latency_share": spread(0.4, 0.01),
    }
}
SCHEME = {
    "loss": spread(0.0005, 0.0001),
    "accuracy": spread(0.99, 0.001),
    "file_share": spread(0.26, 0.0),
    "agreement": spread(1.0, 0.0),
}
FASTER = {name: quartiles(4.2) for name in ("eager", "eager, bfloat16", "onnxruntime, int8")}
LATENCY = {"faster_eager": "eager", "times_eager": FASTER, "times_float": quartiles(1.8)}
RESULTS = {
    "conformance": {"estimators": {"A": COUNTS, "B": COUNTS}, "laws": {**COUNTS, "failed": 2}},
    "time_to_accuracy": {"figures": {"99.0": figure_to(0.9905, 5), "99.4": figure_to(0.994, 3)}},
    "throughput": {"lenet5": rates(), "compact": rates()},
    "fit_overhead": {"ratio": quartiles(1.012)},
    "predict_overhead": {
        "lenet5": {"ratio": quartiles(1.02)},
        "compact": {"ratio": quartiles(1.05)},
    },
    "import_time": {"added_s": quartiles(0.12, n=20), "imports_torch": False},
    "peak_memory": {
        "warm": {"peak_bytes": spread(52e6, 1e6)},
        "cold": {"peak_bytes": spread(160e6, 2e6)},
    },
    "damage": {
        "n": 2000,
        "n_failures": 0,
        "load_ms_median": 0.43,
        "load_ms_max": 18.4,
    },
    **{
        f"quantization-{row}": {"figures": {"schemes": dict.fromkeys(("int8", "int4"), SCHEME)}}
        for row, *_ in QUANTIZED
    },
    "quantization-lenet5": {
        "figures": {
            "longer": spread(0.99, 0.001),
            "schemes": dict.fromkeys(("int8", "int4", "ternary", "binary"), SCHEME),
        }
    },
    "quantization-binary-mlp": {"figures": {"schemes": {"binary": SCHEME}}},
    **{
        f"quantization-speed-{net}": {
            "latency": dict.fromkeys(("1", "64", "1024"), LATENCY),
            "predict_proba_overhead": {"median_us": 25, "q25_us": 20, "q75_us": 30, "bare_us": 60},
            "quantizing_s": spread(1.5, 0.1),
        }
        for net, *_ in SPEED
    },
    "model_file": {
        "dense": {
            "file_bytes": 900,
            "entropy_bytes": 850.0,
            "lzma_9e_bytes": 1000,
            "zstandard_22_bytes": 1200,
            "save_ms": 120.0,
            "load_and_predict_ms": 12.3,
        }
    },
    "pruning_latency": {
        net: {"shares": {"4x16": {"torch": 0.6, "onnxruntime": quartiles(0.4)}}}
        for net in ("lenet5", "compact")
    },
    **{
        f"packing-{row}": {
            "figures": {
                "dense": spread(0.99, 0.001),
                "sizes": {
                    size: {
                        "accuracy": spread(0.99, 0.001),
                        "file_bytes": spread(2900.0, 10.0),
                        "ratio": spread(580.0, 2.0),
                        "largest_file_bytes": 2990,
                        "answers_equal": True,
                    }
                    for of, _, size, *_ in PACKED
                    if of == row
                },
            }
        }
        for row, *_ in PACKED
    },
    **{f"pruning-{row}": CUT if row.startswith("channels") else PRUNED for row, *_ in PRUNING},
}
RESULTS |= {
    f"transfer-{row}": {
        "figures": {
            "error": {name: spread(5.0, 0.5) for name in ("transferred", "scratch", *LESSONS)},
            "error_divided_by": 1.0,
            "points_over_scratch": 0.0,
            "points_over_plain": 0.0,
            "n_reached": 4,
            "seconds_share": spread(0.02, 0.001),
        }
    }
    for row, *_ in TRANSFERRED
}
RESULTS["distillation-mnist-unlabelled"] = {
    "figures": {
        "accuracy": {
            name: spread(0.98, 0.001) for name in ("teacher", "spread labels", "with unlabelled")
        }
    }
}
RESULTS |= {
    f"distillation-{row}": {
        "figures": {
            "accuracy": {name: spread(0.98, 0.001) for name in LEARNERS},
            "n_parameters": {"teacher": 1000, "student": 90, "distilled": 90},
            "gap_closed": 0.7,
        }
    }
    for row, _ in DISTILLED
}
RESULTS["feature_search"] = {"first_s": 7.5, "share": spread(0.03, 0.001)}
REACHED = {"n_reached": 4, "median_share_of_budget": 0.2, "mean_share_of_budget": 0.3}
SEARCHED = {"accuracy": spread(0.99, 0.001), "overhead": spread(0.02, 0.001)}
RESULTS |= {
    f"search-{row}": {
        "figures": {
            name: {**SEARCHED, "until_random_any": REACHED} for name in ("random", "hyperband")
        }
    }
    for row in ("digits", "mnist-6000")
}
RESULTS["search_resume"] = {
    "figures": {"bayes": {"n_same_best": 20, "n_kills": 20, "n_finished_again": 0}}
}
RESULTS["search_failures"] = {
    "figures": {"bayes": {"n_results": 70, "n_named_reasons": 30, "n_candidates": 100}}
}
BOTH = {"accuracy": spread(0.99, 0.001), "seconds": spread(900.0, 9.0)}
RESULTS |= {
    f"auto-{row}": {
        "figures": {
            "baseline": BOTH,
            "optimized": BOTH,
            "file_bytes_ratio": spread(200.0, 9.0),
            "latency_ms_ratio": spread(5.0, 0.1),
            "points_lost": spread(0.1, 0.01),
        }
    }
    for row in ("mnist", "digits")
}
RESULTS["scaling"] = {"kinds": {"dask": {"speedup": spread(1.9, 0.01)}}}
MACHINE = {"cpu": "A CPU", "instructions": ["avx2", "avx512f"], "torch_threads": 2}
VERSIONS = {"python": "3.11.7", "scipy": "1.17", "scikit-learn": "1.9.1", "torch": "2.13.0"}


@pytest.fixture
def records():
    return {
        name: {
            "config": {"threads": 1},
            "results": copy.deepcopy(results),
            "machine": dict(MACHINE),
            "versions": dict(VERSIONS),
        }
        for name, results in RESULTS.items()
    }


@pytest.fixture
def places(tmp_path, records):
    """Arguments of the script that point to a README and a folder with all records."""
    for name, record in records.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(record))
    readme = tmp_path / "README.md"
    readme.write_text(README)
    return ["--readme", str(readme), "--records", str(tmp_path)], readme


def cells(text, words):
    """Cells of the one row whose figure contains `words`."""
    (row,) = [line for line in text.splitlines() if line.startswith("|") and words in line]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_every_figure_has_four_cells_and_is_measured(records):
    rows = [line for line in table(records).splitlines() if line.startswith("|")][2:]

    assert len(rows) == len(FIGURES)
    assert all(row.count("|") == 5 for row in rows)
    assert UNMEASURED not in "".join(rows)


def test_without_records_nothing_is_measured_yet():
    rows = [line for line in table({}).splitlines() if line.startswith("|")][2:]

    assert len(rows) == len(FIGURES)
    assert all(UNMEASURED in row for row in rows)


def test_a_missing_record_leaves_the_other_rows(records):
    del records["import_time"]

    text = table(records)

    assert cells(text, "`import skdeepopt`")[1] == UNMEASURED
    assert text.count(UNMEASURED) == 1


def test_figures_carry_their_spread_and_count(records):
    text = table(records)

    assert cells(text, "hand-written")[1:] == [
        "1.012x its time (1.002 to 1.022, 9 rounds)",
        "at most 1.05x",
        "1.02x",
    ]
    assert cells(text, "peak memory")[1].startswith("52 ± 1 MB (5 runs)")
    assert "20,000 ± 250" in cells(text, "LeNet-5, against skorch's defaults")[1]
    assert "0.120 s (0.110 to 0.130, 20 rounds)" in cells(text, "`import skdeepopt`")[1]


def test_a_ratio_of_clocks_says_what_was_reached(records):
    measured = cells(table(records), "until 99.0 %")[1]

    assert measured == (
        "1/77 (median; ratio 77.0 ± 4.0, 77 to 77, 5 seeds); 3.25 ± 0.12 s to 99.05 ± 0.05 %; "
        "tutorial 250 ± 10 s"
    )


def test_a_tutorial_that_never_arrives_makes_the_ratio_a_lower_bound(records):
    measured = cells(table(records), "until 99.4 %")[1]

    assert measured.startswith("at least 1/77")
    assert measured.endswith(
        "reached 99.4 % with 3 of 5 seeds in 8 epochs, so the ratio is a lower bound"
    )


def test_a_mean_accuracy_below_the_goal_is_not_hidden(records):
    records["time_to_accuracy"]["results"]["figures"]["99.0"]["accuracy"]["mean"] = 0.98994

    assert "**goal missed**" in cells(table(records), "until 99.0 %")[1]


def test_conformance_counts_are_summed_over_estimators(records):
    measured = cells(table(records), "check_estimator")[1]

    assert measured == (
        "checks of 2 estimators: 120 passed, 0 failed, 2 skipped, 0 expected failures; "
        "own laws: 60 passed, 2 failed, 1 skipped, 0 expected failures"
    )


def test_one_machine_is_one_line(records):
    lines = [line for line in table(records).splitlines() if line.startswith("Measured on")]

    assert lines == [
        "Measured on A CPU (avx2, avx512f), threads: 1, with python 3.11.7, scikit-learn 1.9.1, "
        "torch 2.13.0."
    ]


def test_a_record_that_sets_no_threads_is_no_line_of_its_own(records):
    before = table(records)
    del records["conformance"]["config"]["threads"]

    assert table(records) == before


def test_a_record_of_another_machine_is_named_with_it(records):
    records["import_time"]["machine"]["cpu"] = "Another CPU"

    lines = [line for line in table(records).splitlines() if line.startswith("Measured on")]

    assert len(lines) == 2
    assert next(line for line in lines if "Another CPU" in line).endswith(": import_time.")


def test_a_record_of_an_older_shape_is_named(records):
    del records["fit_overhead"]["results"]["ratio"]

    with pytest.raises(ValueError, match=r"record 'fit_overhead' .* Did you forget"):
        table(records)


def test_only_what_stands_between_the_markers_changes():
    once = updated(README, "table")

    assert once == f"# Title\n\nBefore.\n\n{BEGIN}\ntable\n{END}\n\nAfter.\n"
    assert updated(once, "table") == once


@pytest.mark.parametrize("readme", ["", BEGIN, END, f"{END}\n{BEGIN}", README + README])
def test_missing_or_repeated_markers_are_refused(readme):
    with pytest.raises(ValueError, match="holds the markers"):
        updated(readme, "table")


def test_a_written_readme_passes_the_check(places):
    arguments, readme = places

    assert main(arguments) == 0
    assert main([*arguments, "--check"]) == 0
    assert "A CPU" in readme.read_text()


def test_a_readme_out_of_date_fails_the_check_and_stays(places, capsys):
    arguments, readme = places

    assert main([*arguments, "--check"]) == 1
    assert readme.read_text() == README
    assert "out of date" in capsys.readouterr().out


def test_a_readme_without_markers_fails_with_a_word_about_them(places, capsys):
    arguments, readme = places
    readme.write_text("# Title\n")

    assert main(arguments) == 1
    assert "markers" in capsys.readouterr().out
    assert readme.read_text() == "# Title\n"


def test_a_readme_that_is_not_there_is_said_to_be_missing(places, capsys):
    arguments, readme = places
    readme.unlink()

    assert main(arguments) == 1
    assert "there is no README.md" in capsys.readouterr().out
