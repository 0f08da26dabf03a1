from __future__ import annotations

import dataclasses

import joblib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from skdeepopt.study._run import Task, missing_tasks, run_task, seconds_left, warm_up
from skdeepopt.study._store import CellStore
from skdeepopt.study._techniques import Technique


def run_all(folder, setting, dataset, techniques, n_seeds, stop_after=None):
    store = CellStore(folder, setting, machine="m", n_seeds=n_seeds)
    for index, task in enumerate(list(missing_tasks(store, techniques))):
        if index == stop_after:
            break
        run_task(task, setting, dataset, store)
    return store


def outcome(store, techniques, dataset):
    """Everything but the clock."""
    return [
        (
            cell.technique,
            cell.seed,
            cell.figures["accuracy"],
            dict(cell.chosen),
            joblib.load(store.folder / cell.model).predict(dataset.X_test).tolist(),
        )
        for cell in store.cells([technique.name for technique in techniques])
    ]


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_stopped_run_ends_up_where_an_undisturbed_one_does(
    tmp_path, setting, dataset, techniques, stop_after
):
    whole = run_all(tmp_path / "whole", setting, dataset, techniques, n_seeds=2)

    run_all(tmp_path / "parts", setting, dataset, techniques, 2, stop_after)
    parts = run_all(tmp_path / "parts", setting, dataset, techniques, n_seeds=2)

    assert outcome(parts, techniques, dataset) == outcome(whole, techniques, dataset)
    assert len(outcome(whole, techniques, dataset)) == 4


def test_finished_cells_are_not_computed_again(tmp_path, setting, dataset, techniques):
    store = run_all(tmp_path, setting, dataset, techniques, n_seeds=1)

    assert not list(missing_tasks(store, techniques))
    grown = CellStore(tmp_path, setting, machine="m", n_seeds=2)
    assert [task.seed for task in missing_tasks(grown, techniques)] == [1, 1]


def test_the_first_seed_of_all_techniques_comes_before_the_second(tmp_path, setting, techniques):
    store = CellStore(tmp_path, setting, machine="m", n_seeds=2)

    tasks = [(task.seed, task.technique.name) for task in missing_tasks(store, techniques)]

    names = [technique.name for technique in techniques]
    assert tasks == [(seed, name) for seed in (0, 1) for name in names]


def test_a_cell_knows_what_was_chosen_and_where_it_ran(tmp_path, setting, dataset, techniques):
    store = run_all(tmp_path, setting, dataset, techniques, n_seeds=1)

    search = store.find("random search", 0)

    assert set(search.chosen) == {"alpha"}
    assert {"machine", "versions", "date"} <= set(search.context)
    assert search.figures["model_seconds"].value < search.figures["fit_seconds"].value
    assert search.figures["file_bytes"].value == (tmp_path / search.model).stat().st_size
    assert search.figures["accuracy"].n == len(dataset.X_test)


def test_without_a_search_the_model_takes_all_of_fit(tmp_path, setting, dataset, techniques):
    store = run_all(tmp_path, setting, dataset, techniques[:1], n_seeds=1)

    figures = store.find("baseline", 0).figures

    assert figures["model_seconds"] == figures["fit_seconds"]


def test_a_training_cut_short_leaves_no_cell(tmp_path, setting, dataset, techniques):
    store = CellStore(tmp_path, setting, machine="m", n_seeds=1)
    task = next(missing_tasks(store, techniques))

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_task(task, setting, dataset, store, before_saving=stop)

    assert not store.cells(["baseline"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 100)), min_size=1, max_size=6))
def test_time_left_adds_up_over_the_remaining_cells(done):
    apart = [seconds_left(done, [name]) for name in "abcd"]
    means = [seconds_left(done, [name]) for name in {name for name, _ in done}]

    assert seconds_left(done, list("abcd")) == pytest.approx(sum(apart))
    assert seconds_left(done, []) == 0
    assert apart[3] == pytest.approx(sum(means) / len(means))


def test_before_the_first_cell_nobody_knows_the_time_left():
    assert seconds_left([], ["a"]) is None


def test_the_latency_is_that_of_one_thread(tmp_path, setting, dataset, techniques):
    store = run_all(tmp_path, setting, dataset, techniques[:1], n_seeds=1)

    assert store.find("baseline", 0).context["machine"]["torch_threads"] == 1


def few_labels_of(seed, name, setting, dataset, folder):
    store = CellStore(folder, setting, machine="m", n_seeds=2)
    few = Technique(name, "", lambda setting, seed: GaussianNB(), labels_per_class=4)
    return joblib.load(folder / run_task(Task(few, seed), setting, dataset, store).model)


def test_few_labels_are_as_many_of_each_class(tmp_path, setting, dataset):
    model = few_labels_of(0, "few", setting, dataset, tmp_path)

    assert model.class_count_.tolist() == [4, 4, 4]


def test_few_labels_are_the_same_for_all_techniques_and_others_for_another_seed(
    tmp_path, setting, dataset
):
    one, two, other = (
        few_labels_of(seed, name, setting, dataset, tmp_path).theta_.tolist()
        for seed, name in [(0, "one"), (0, "two"), (1, "one")]
    )

    assert one == two != other


def test_warming_up_trains_each_kind_of_estimator_once_on_some_images_of_every_class(
    setting, dataset
):
    built = []

    def build(setting, seed):
        built.append(GaussianNB())
        return built[-1]

    warm = set()
    for name in ("baseline", "like it"):
        warm_up(Task(Technique(name, "", build), 0), setting, dataset, warm)

    fitted = [model.class_count_.tolist() for model in built if hasattr(model, "class_count_")]
    assert fitted == [[3, 3, 3]]
    assert warm == {GaussianNB}


def test_a_search_is_not_warmed_up(setting, dataset, techniques):
    search = dataclasses.replace(techniques[1], kind="search")
    warm = set()

    warm_up(Task(search, 0), setting, dataset, warm)

    assert not warm
