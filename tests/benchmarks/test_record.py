from __future__ import annotations

import json
import platform
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from benchmarks._record import ROOT, SeedStore, load_record, recorded_runs, spread, write_record

CONFIG = {"seeds": [0, 1], "epochs": 2}


def test_a_record_comes_back_as_it_was_written(tmp_path):
    path = write_record("speed", CONFIG, {"seconds": [1.0, 2.0]}, folder=tmp_path)

    record = load_record("speed", folder=tmp_path)

    assert path == tmp_path / "speed.json"
    assert record["config"] == CONFIG
    assert record["results"] == {"seconds": [1.0, 2.0]}
    assert record["seeds"] == [0, 1]


def test_a_record_says_when_how_on_what_and_with_what(tmp_path):
    write_record("speed", CONFIG, {}, folder=tmp_path)

    record = load_record("speed", folder=tmp_path)

    assert datetime.fromisoformat(record["date"]).utcoffset().total_seconds() == 0
    assert record["command"].startswith("python ")
    assert {"cpu", "instructions", "physical_cores", "torch_threads"} <= set(record["machine"])
    assert record["versions"]["numpy"] == np.__version__
    assert "commit" in record


def test_a_record_names_neither_the_machine_nor_a_path_of_it(tmp_path):
    text = write_record("speed", CONFIG, {}, folder=tmp_path).read_text()

    assert f'"{platform.node()}"' not in text
    assert str(ROOT) not in text


def test_a_path_in_a_result_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no path of a machine"):
        write_record("speed", CONFIG, {"model": str(ROOT / "a.bin")}, folder=tmp_path)


def test_numpy_numbers_become_plain_ones(tmp_path):
    results = {"mean": np.float32(0.5), "counts": np.arange(3)}

    write_record("speed", CONFIG, results, folder=tmp_path)

    assert load_record("speed", folder=tmp_path)["results"] == {"mean": 0.5, "counts": [0, 1, 2]}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_a_number_that_is_not_finite_leaves_the_earlier_record(tmp_path, value):
    write_record("speed", CONFIG, {"seconds": 1.0}, folder=tmp_path)

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_record("speed", CONFIG, {"seconds": value}, folder=tmp_path)

    assert load_record("speed", folder=tmp_path)["results"] == {"seconds": 1.0}
    assert [file.name for file in tmp_path.iterdir()] == ["speed.json"]


def test_a_record_that_is_missing_is_named_with_those_that_are_there(tmp_path):
    write_record("speed", CONFIG, {}, folder=tmp_path)

    with pytest.raises(FileNotFoundError, match=r"'sped' is not among the records \['speed'\]"):
        load_record("sped", folder=tmp_path)


def test_the_deviation_is_that_of_a_sample():
    assert spread([1, 2, 3, 4]) == {
        "mean": 2.5,
        "std": pytest.approx(np.std([1, 2, 3, 4], ddof=1)),
        "min": 1.0,
        "max": 4.0,
        "n": 4,
    }


def test_one_value_has_no_deviation():
    assert spread([2.0])["std"] is None


def test_a_run_that_was_cut_goes_on_after_its_last_finished_seed(tmp_path):
    def cut(seed):
        if seed == 2:
            raise KeyboardInterrupt
        return {"seed": seed}

    with pytest.raises(KeyboardInterrupt):
        SeedStore("speed", CONFIG, folder=tmp_path).run([0, 1, 2], cut)
    done: list[int] = []

    results = SeedStore("speed", CONFIG, folder=tmp_path).run(
        [0, 1, 2], lambda seed: done.append(seed) or {"seed": seed}
    )

    assert done == [2]
    assert results == {seed: {"seed": seed} for seed in range(3)}


def test_a_record_gives_its_runs_back_to_the_same_question(tmp_path):
    runs = {0: {"accuracy": 0.9}, 1: {"accuracy": 0.8}}
    config = {"epochs": 3}
    write_record("row", {**config, "seeds": [0, 1]}, {"runs": runs}, folder=tmp_path)

    assert recorded_runs("row", config, folder=tmp_path) == runs
    assert recorded_runs("row", {"epochs": 4}, folder=tmp_path) == {}
    assert recorded_runs("other", config, folder=tmp_path) == {}


def test_a_changed_configuration_starts_anew(tmp_path):
    SeedStore("speed", CONFIG, folder=tmp_path).put(0, 1.0)

    changed = SeedStore("speed", {**CONFIG, "epochs": 3}, folder=tmp_path)

    assert 0 in SeedStore("speed", CONFIG, folder=tmp_path)
    assert 0 not in changed


def test_a_tuple_in_the_configuration_is_no_change(tmp_path):
    config = {"widths": (1, 2)}
    SeedStore("speed", config, folder=tmp_path).put(0, 1.0)

    assert 0 in SeedStore("speed", config, folder=tmp_path)


def test_a_damaged_store_starts_anew(tmp_path):
    (tmp_path / "speed.json").write_text("{")

    assert SeedStore("speed", CONFIG, folder=tmp_path).results == {}


def test_a_store_can_be_cleared(tmp_path):
    store = SeedStore("speed", CONFIG, folder=tmp_path)
    store.put(0, 1.0)

    store.clear()

    assert not Path(store.path).exists()
    assert 0 not in store


def test_a_store_on_disk_is_json(tmp_path):
    store = SeedStore("speed", CONFIG, folder=tmp_path)
    store.put(0, np.float64(1.5))

    assert json.loads(store.path.read_text()) == {"config": CONFIG, "results": {"0": 1.5}}
