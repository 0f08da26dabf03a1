from __future__ import annotations

import dataclasses
import json

import pytest

from skdeepopt.measurement._record import Measurement
from skdeepopt.report._cells import Cell
from skdeepopt.study._setting import CONFIG_VERSION
from skdeepopt.study._store import CellStore


@pytest.fixture
def open_store(tmp_path, setting):
    def open_(n_seeds=2, machine="a processor", **changes):
        changed = dataclasses.replace(setting, **changes)
        return CellStore(tmp_path / "out", changed, machine=machine, n_seeds=n_seeds)

    return open_


def put(store, technique, seed):
    accuracy = Measurement(0.5, "ratio", (0.4, 0.6), "Wilson 95 % interval", 30)
    path = store.model_path(technique, seed)
    path.write_bytes(b"a model")
    cell = Cell(technique, seed, {"accuracy": accuracy}, path.relative_to(store.folder).as_posix())
    store.add(cell)
    return cell


def test_a_cell_is_found_again_by_a_later_run(open_store):
    cell = put(open_store(), "Bayesian search", 1)

    store = open_store()

    assert store.find("Bayesian search", 1) == cell
    assert store.find("Bayesian search", 0) is None
    assert store.cells(["baseline", "Bayesian search"]) == [cell]


def test_a_cell_without_its_model_counts_as_missing(open_store):
    store = open_store()
    put(store, "baseline", 0)

    store.model_path("baseline", 0).unlink()

    assert store.find("baseline", 0) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"figures": {}}', "null"])
def test_a_damaged_cell_is_named_with_its_cure(open_store, content):
    store = open_store()
    put(store, "baseline", 0)
    (store.folder / "cells" / "baseline-seed0.json").write_text(content)

    with pytest.raises(ValueError, match=r"baseline-seed0.json .* Delete the file"):
        store.find("baseline", 0)


def test_more_seeds_go_on_and_fewer_are_refused(open_store):
    open_store(n_seeds=2)

    assert open_store(n_seeds=3).n_seeds == 3
    with pytest.raises(ValueError, match="seeds = 3, this one has seeds = 2"):
        open_store(n_seeds=2)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"data": "mnist"}, "data = 'toy', this one has data = 'mnist'"),
        ({"quick": False}, "quick = True, this one has quick = False"),
        ({"version": 99}, f"version = {CONFIG_VERSION}, this one has version = 99"),
        ({"max_epochs": 77}, "max_epochs"),
        ({"recipes": {"packed": {"passes": 77}}}, "packed.passes = 1.0, this one .* = 77"),
        ({"fingerprint": "0"}, "fingerprint"),
        ({"machine": "another"}, "machine"),
    ],
)
def test_another_study_in_the_same_folder_is_refused_by_name(open_store, changes, named):
    open_store()

    with pytest.raises(ValueError, match=named):
        open_store(**changes)

    assert open_store()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, setting):
    (tmp_path / "out").write_text("")

    with pytest.raises(ValueError, match="--out is a folder"):
        CellStore(tmp_path / "out", setting, machine="m", n_seeds=1)


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_a_foreign_setting_file_is_refused(open_store, content):
    store = open_store()
    (store.folder / "setting.json").write_text(content)

    with pytest.raises(ValueError, match="no setting of a study"):
        open_store()


def test_the_setting_lies_in_the_folder(open_store, setting):
    store = open_store(n_seeds=4)

    written = json.loads((store.folder / "setting.json").read_text())
    assert written == {**setting.to_plain(), "machine": "a processor", "seeds": 4}
