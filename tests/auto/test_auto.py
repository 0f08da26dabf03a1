from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    ImageScaler,
    NeuralClassifier,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    load,
    save,
)
from skdeepopt.auto import _trials
from skdeepopt.auto._auto import AutoOptimizer
from skdeepopt.auto._split import divided

SHORT = {"max_epochs": 2, "device": "cpu"}
TINY = CNNClassifier(widths=(4, 8), **SHORT)
AMPLE = {"time_budget": 900.0, "random_state": 0}
QUICK = {**AMPLE, "techniques": ["quantization"]}


@pytest.fixture(scope="module", name="optimizer")
def fitted_once(X, y):
    """Only to be looked at."""
    return AutoOptimizer(TINY, **AMPLE).fit(X, y)


@pytest.fixture(scope="module", name="quick")
def fitted_quickly(X, y):
    """Only to be looked at."""
    return AutoOptimizer(TINY, **QUICK).fit(X, y)


def recipes_made(monkeypatch):
    """Names of the recipes that are trained from now on."""
    names, made = [], _trials.made

    def counted(training, validation, recipe):
        names.append(recipe.name)
        return made(training, validation, recipe)

    monkeypatch.setattr(_trials, "made", counted)
    return names


def figures(optimizer):
    """What does not depend on clocks; reports in files hold some of their readings."""
    return [(row["name"], row["recipe"], row["accuracy"]) for row in optimizer.rows_]


@pytest.mark.slow
@parametrize_with_checks([AutoOptimizer(CNNClassifier(), **QUICK)])
def test_scikit_learns_own_checks_pass(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        AutoOptimizer(CNNRegressor(), **QUICK),
        AutoOptimizer(**QUICK),
    ]
)
def test_scikit_learns_own_checks_pass_for_more_settings(estimator, check):
    check(estimator)


def test_the_bytes_are_those_of_the_file_of_the_model_that_answers(optimizer, tmp_path):
    size = save(optimizer.best_estimator_, tmp_path / "model").stat().st_size

    assert optimizer.best_row_["file_bytes"] == size


def test_the_accuracy_is_that_on_samples_that_were_held_out(quick, X, y):
    parts = divided(X, y, None, 0.15, seed=optimizer_seed(), stratify=True, owner="test")
    base = next(row for row in quick.rows_ if row["name"] == "base")
    model = clone(quick.best_estimator_).estimator

    scores = [clone(model).fit(*seen[:2]).score(*unseen[:2]) for seen, unseen in parts.folds]

    assert len(scores) == 3
    assert base["accuracy"] == pytest.approx(np.mean(scores))


def optimizer_seed():
    return int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))


def test_a_file_of_the_model_answers_as_the_optimizer_does(optimizer, X, tmp_path):
    again = load(save(optimizer.best_estimator_, tmp_path / "model"))

    np.testing.assert_array_equal(again.predict_proba(X), optimizer.predict_proba(X))


def test_saving_the_optimizer_itself_says_what_to_save(optimizer, tmp_path):
    with pytest.raises(TypeError, match=r"Did you mean AutoOptimizer.best_estimator_\?"):
        save(optimizer, tmp_path / "model")


def test_one_row_is_chosen_and_it_is_accurate_enough_and_on_the_front(optimizer):
    frame = optimizer.trials_frame_

    (chosen,) = frame[frame["chosen"]].to_dict("records")
    assert chosen == optimizer.best_row_
    assert chosen["within_drop"]
    assert chosen["on_front"]
    assert chosen["accuracy"] >= optimizer.baseline_["accuracy"] - 0.005
    assert chosen["file_bytes"] == frame[frame["within_drop"]]["file_bytes"].min()


def test_the_front_holds_the_models_that_no_other_beats(optimizer):
    front = optimizer.pareto_front_

    assert set(front["name"]) == set(optimizer.front_models_)
    assert front["file_bytes"].is_monotonic_increasing
    assert optimizer.n_trials_ == len(optimizer.rows_) == len(optimizer.trials_frame_)


def test_a_file_becomes_smaller_and_an_engine_answers(optimizer):
    assert optimizer.best_row_["file_bytes"] < optimizer.baseline_["file_bytes"] / 2
    assert isinstance(optimizer.best_estimator_, PackedEstimator)
    assert optimizer.best_estimator_.engine_ == "onnxruntime"


def test_a_clone_of_the_model_can_be_fitted_on_other_data(optimizer, X, y):
    model = clone(optimizer.best_estimator_)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X[:40], y[:40])

    assert model.predict(X).shape == y.shape
    assert not any(isinstance(v, FrozenEstimator) for v in model.get_params().values())


def test_the_same_seed_takes_the_same_course(quick, X, y):
    again = AutoOptimizer(TINY, **QUICK).fit(X, y)

    assert figures(again) == figures(quick)
    np.testing.assert_array_equal(again.predict_proba(X), quick.predict_proba(X))


def test_the_order_of_the_samples_changes_no_figure(quick, X, y):
    order = np.random.default_rng(0).permutation(len(X))

    shuffled = AutoOptimizer(TINY, **QUICK).fit(X[order], y[order])

    assert figures(shuffled) == figures(quick)


def test_what_comes_in_is_left_as_it_was(X, y):
    images, labels, before = X.copy(), y.copy(), repr(TINY)
    global_state = torch.get_rng_state().tolist(), str(np.random.get_state())  # noqa: NPY002

    AutoOptimizer(TINY, **QUICK).fit(images, labels)

    np.testing.assert_array_equal(images, X)
    np.testing.assert_array_equal(labels, y)
    assert repr(TINY) == before
    assert not TINY.__sklearn_is_fitted__()
    assert (torch.get_rng_state().tolist(), str(np.random.get_state())) == global_state  # noqa: NPY002


def test_a_frozen_estimator_is_the_baseline_and_is_left_as_it_was(X, y):
    base = clone(TINY).set_params(random_state=3).fit(X, y)
    before = base.predict_proba(X)

    optimizer = AutoOptimizer(FrozenEstimator(base), **QUICK).fit(X, y)

    assert optimizer.rows_[0]["name"] == optimizer.baseline_["name"] == "base"
    np.testing.assert_array_equal(base.predict_proba(X), before)
    np.testing.assert_array_equal(optimizer.front_models_["base"].predict_proba(X), before)


@pytest.mark.parametrize("seconds", [1e-9, 0.5])
def test_a_model_is_there_however_short_the_time(X, y, seconds):
    optimizer = AutoOptimizer(TINY, time_budget=seconds, random_state=0).fit(X, y)

    assert optimizer.predict(X).shape == y.shape
    assert optimizer.best_row_["within_drop"]


def test_little_time_shortens_the_baseline(X, y):
    patient = clone(TINY).set_params(max_epochs=100_000)

    optimizer = AutoOptimizer(patient, time_budget=3, techniques=[], random_state=0).fit(X, y)

    assert optimizer.seconds_ < 60
    base, n_epochs, _ = optimizer.baseline_["name"].split()
    assert base == "base,"
    assert 2 < int(n_epochs) < 100_000


def test_samples_that_are_few_are_all_trained_on(X, y):
    optimizer = AutoOptimizer(TINY, **QUICK).fit(X[:9], y[:9])

    assert optimizer.score(X[:9], y[:9]) == optimizer.best_row_["accuracy"]


def test_numbers_are_predicted_by_a_regressor(X, numbers):
    optimizer = AutoOptimizer(CNNRegressor(widths=(4,), **SHORT), **QUICK).fit(X, numbers)

    assert is_regressor(optimizer)
    assert all(map(is_regressor, optimizer.front_models_.values()))
    assert optimizer.predict(X).shape == numbers.shape


def test_numbers_without_an_estimator_name_the_regressor(X, numbers):
    with pytest.raises(ValueError, match=r"Did you mean AutoOptimizer\(CNNRegressor\(\)\)"):
        AutoOptimizer(**QUICK).fit(X, numbers)


def test_without_an_estimator_labels_are_told_apart_by_a_cnn(X):
    optimizer = AutoOptimizer(**{**AMPLE, "techniques": []})
    assert is_classifier(optimizer)

    optimizer.fit(X, np.array(["cat", "dog", "owl"])[np.arange(60) % 3])

    assert isinstance(optimizer.best_estimator_, CNNClassifier)
    assert optimizer.classes_.tolist() == ["cat", "dog", "owl"]


def test_columns_of_a_frame_are_remembered(X, y):
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])

    optimizer = AutoOptimizer(TINY, **QUICK).fit(frame, pd.Series(y))

    assert optimizer.feature_names_in_.tolist() == list(frame.columns)
    assert optimizer.predict(frame).shape == y.shape


def test_it_stacks_under_a_wrapper_and_behind_a_transformer(X, y):
    optimizer = AutoOptimizer(TINY, **{**AMPLE, "techniques": []})

    model = make_pipeline(ImageScaler(), PrunedEstimator(optimizer, finetune_epochs=1))

    assert model.fit(X, y).predict(X).shape == y.shape


def test_pickles_and_copies_answer_alike(quick, X):
    for again in (pickle.loads(pickle.dumps(quick)), copy.deepcopy(quick)):
        np.testing.assert_array_equal(again.predict_proba(X), quick.predict_proba(X))
        assert again.pareto_front_.equals(quick.pareto_front_)


def test_further_training_goes_to_the_model(quick, X, y):
    model = copy.deepcopy(quick)

    model.finetune(X, y, epochs=1, lr=0.05)

    assert np.abs(model.predict_proba(X) - quick.predict_proba(X)).max() > 1e-4
    assert model.best_estimator_ is model.estimator_


@pytest.mark.parametrize(
    ("techniques", "steps"),
    [
        ([], {"quick", "base"}),
        (["pruning"], {"quick", "base", "base -> channels pruned"}),
        (["quantization"], {"quick", "base", "base -> int8", "base -> onnxruntime"}),
        (["packing"], {"quick", "base", "base -> packed"}),
        (["distillation"], {"quick", "base", "base -> student"}),
        (["tuning", "transfer"], {"quick", "base"}),
    ],
)
def test_only_the_techniques_asked_for_are_used(X, y, techniques, steps):
    optimizer = AutoOptimizer(TINY, **{**AMPLE, "techniques": techniques}).fit(X, y)

    assert {row["recipe"] for row in optimizer.rows_} == steps


@pytest.mark.parametrize("objective", ["latency", "train_time", lambda row: -row["accuracy"]])
def test_the_objective_chooses_among_the_models_that_are_accurate_enough(X, y, objective):
    optimizer = AutoOptimizer(TINY, objective=objective, **QUICK).fit(X, y)

    key = {"latency": "latency_ms", "train_time": "train_seconds"}.get(objective, "accuracy")
    rows = [row for row in optimizer.rows_ if row["name"] != "quick"]  # Tried in one fold only.
    values = [row[key] for row in rows if row["within_drop"] and row["on_front"]]
    best = max(values) if key == "accuracy" else min(values)
    assert optimizer.best_row_[key] == best


def test_a_candidate_that_fails_costs_only_itself(X, y, monkeypatch):
    def fails(self, *args, **kwargs):
        raise MemoryError("no room for it")

    monkeypatch.setattr(QuantizedEstimator, "fit", fails)

    optimizer = AutoOptimizer(TINY, **QUICK).fit(X, y)

    failures = {row["name"]: row["failure"] for row in optimizer.rows_ if row["failure"]}
    assert failures["base, int8"] == "MemoryError: no room for it"
    assert optimizer.best_row_["name"] in ("quick", "base")


def test_a_baseline_that_fails_raises_what_it_raises_and_keeps_the_last_fit(X, y, monkeypatch):
    optimizer = AutoOptimizer(TINY, **QUICK).fit(X, y)
    before = optimizer.predict_proba(X)

    with pytest.raises(ValueError, match="inf"):
        optimizer.fit(np.full_like(X, np.inf), y)

    np.testing.assert_array_equal(optimizer.predict_proba(X), before)


def raises_for_int8(row):
    if "int8" in row["name"]:
        raise KeyError("no such column")
    return row["file_bytes"]


def test_an_objective_that_raises_is_told_and_loses_no_model(X, y):
    optimizer = AutoOptimizer(TINY, objective=raises_for_int8, **QUICK)

    with pytest.raises(ValueError, match=r"AutoOptimizer\.objective takes a row .*'base, int8'"):
        optimizer.fit(X, y)

    assert "base" in {row["name"] for row in optimizer.rows_}
    assert optimizer.predict(X).shape == y.shape


def interrupting(after):
    """Callback that interrupts at a row."""
    seen = []

    def interrupts(row):
        seen.append(row["name"])
        if len(seen) == after:
            raise KeyboardInterrupt

    return interrupts


def test_an_interrupt_keeps_the_best_model_so_far(X, y):
    optimizer = AutoOptimizer(TINY, callbacks=[interrupting(3)], **QUICK)

    with pytest.raises(KeyboardInterrupt):
        optimizer.fit(X, y)

    assert optimizer.n_trials_ == 3
    assert optimizer.predict(X).shape == y.shape


def test_a_callback_that_has_seen_enough_ends_the_search(X, y):
    optimizer = AutoOptimizer(TINY, callbacks=[lambda row: row["name"] == "base"], **QUICK)

    optimizer.fit(X, y)

    assert optimizer.rows_[-1]["name"] == "base"


def test_a_line_is_written_for_each_candidate(X, y, capsys):
    optimizer = AutoOptimizer(TINY, verbose=1, **QUICK).fit(X, y)

    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == optimizer.n_trials_
    assert lines[1].startswith("base: ")
    assert last == f"{optimizer.best_row_['name']}: fitted again on all samples"


def test_a_search_that_was_cut_goes_on_and_trains_nothing_again(
    optimizer, X, y, tmp_path, monkeypatch
):
    cut = AutoOptimizer(TINY, journal=tmp_path / "j", callbacks=[interrupting(4)], **AMPLE)
    names = recipes_made(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        cut.fit(X, y)
    before = list(names)

    resumed = AutoOptimizer(TINY, journal=tmp_path / "j", **AMPLE).fit(X, y)

    finished = {row["name"] for row in cut.rows_} - {"quick"}
    assert before
    assert not finished & set(names[len(before) :])
    assert figures(resumed) == figures(optimizer)
    np.testing.assert_array_equal(resumed.predict_proba(X), optimizer.predict_proba(X))


def test_another_objective_uses_what_the_journal_has(X, y, tmp_path, monkeypatch):
    AutoOptimizer(TINY, journal=tmp_path / "j", **QUICK).fit(X, y)
    names = recipes_made(monkeypatch)

    fast = AutoOptimizer(TINY, journal=tmp_path / "j", objective="latency", **QUICK).fit(X, y)

    assert {name for name in names if ", fold" not in name} <= {"quick", names[-1]}
    assert names[-1] == f"{fast.best_row_['name']}, on all samples"
    assert fast.n_trials_ == 4


def test_a_journal_of_other_data_is_refused(X, y, tmp_path):
    options = {**AMPLE, "techniques": [], "journal": tmp_path / "j"}
    AutoOptimizer(TINY, **options).fit(X, y)

    with pytest.raises(ValueError, match=r"AutoOptimizer\.journal"):
        AutoOptimizer(TINY, **options).fit(X[::-1] + 1, y)


def test_where_labels_are_few_the_networks_teach_one_more():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    optimizer = AutoOptimizer(
        TINY,
        techniques=["transfer", "distillation"],
        refit=False,
        callbacks=[lambda row: row["name"].startswith("taught")],
        **AMPLE,
    ).fit(X[:200], y[:200])

    base, transferred, taught = optimizer.rows_[-3:]
    assert taught["name"] == "taught by 2 networks"
    assert taught["recipe"] == "student of several"
    assert taught["train_seconds"] > base["train_seconds"] + transferred["train_seconds"]


@pytest.mark.slow
def test_two_processes_find_what_one_finds(optimizer, X, y):
    two = AutoOptimizer(TINY, n_jobs=2, **AMPLE).fit(X, y)

    assert figures(two) == figures(optimizer)
    assert two.best_row_["name"] == optimizer.best_row_["name"]


@pytest.mark.slow
def test_digits_become_twenty_times_smaller():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    optimizer = AutoOptimizer(
        CNNClassifier(max_epochs=5),
        techniques=["packing"],
        max_accuracy_drop=0.02,
        callbacks=[lambda row: row["within_drop"] and row["file_bytes"] < 4_400],
        **AMPLE,
    ).fit(X[:1200], y[:1200])

    assert optimizer.best_row_["file_bytes"] < optimizer.baseline_["file_bytes"] / 20
    assert optimizer.score(X[1200:], y[1200:]) > 0.9


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"time_budget": 0}, ValueError, "time_budget is a finite number above 0, not 0"),
        ({"time_budget": -5}, ValueError, "Did you mean 5"),
        ({"time_budget": float("inf")}, ValueError, "time_budget is a finite number"),
        ({"time_budget": "600"}, TypeError, "Did you mean 600"),
        ({"max_accuracy_drop": 5}, ValueError, r"in \[0, 1\] for a classifier.*mean 0.05"),
        ({"max_accuracy_drop": -0.1}, ValueError, "Did you mean 0.1"),
        ({"objective": "size"}, ValueError, "objective is one of 'bytes', 'latency'"),
        ({"objective": "byte"}, ValueError, "Did you mean 'bytes'"),
        ({"objective": None}, TypeError, "objective is one of"),
        ({"objective": dict}, TypeError, "objective is one of"),
        ({"techniques": "pruning"}, ValueError, r"Did you mean \['pruning'\]"),
        ({"techniques": ["prune"]}, ValueError, "Did you mean 'pruning'"),
        ({"techniques": [3]}, TypeError, "techniques is 'all' or a list of"),
        ({"techniques": None}, TypeError, "techniques is 'all' or a list of"),
        ({"validation_fraction": 15}, ValueError, "Did you mean 0.15"),
        ({"validation_fraction": 0}, ValueError, r"ratio in \(0, 1\)"),
        ({"refit": "Auto"}, ValueError, "refit is True, False or 'auto'.*Did you mean 'auto'"),
        ({"refit": None}, TypeError, "refit is True, False or 'auto', not None"),
        ({"engine": "onnx"}, ValueError, "Did you mean 'onnxruntime'"),
        ({"n_jobs": 0}, ValueError, "n_jobs is None or an integer other than 0"),
        ({"n_jobs": 1.5}, TypeError, "n_jobs is None or an integer"),
        ({"callbacks": print}, TypeError, "Did you mean a list of it"),
        ({"callbacks": ["print"]}, TypeError, "callbacks is None or a list of callables"),
        ({"estimator": CNNClassifier}, TypeError, r"Did you mean CNNClassifier\(\)"),
        ({"estimator": 3}, TypeError, "AutoOptimizer.estimator is a deep estimator"),
        ({"estimator": CNNClassifier(lr=-1)}, ValueError, "CNNClassifier.lr"),
        ({"random_state": "zero"}, ValueError, "AutoOptimizer.random_state"),
    ],
)
def test_what_is_out_of_range_is_refused_before_anything_is_trained(
    X, y, parameters, error, message, monkeypatch
):
    monkeypatch.setattr(_trials, "made", None)
    options = {"estimator": TINY, **parameters}

    with pytest.raises(error, match=message):
        AutoOptimizer(**options).fit(X, y)


def test_a_module_of_ones_own_is_optimized_too(X, y):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))

    optimizer = AutoOptimizer(NeuralClassifier(module, **SHORT), **QUICK).fit(X, y)

    assert optimizer.predict(X).shape == y.shape
    assert any("int8" in row["name"] for row in optimizer.rows_)
