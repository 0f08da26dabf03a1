from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, DistilledEstimator, NeuralClassifier, PrunedEstimator, save
from skdeepopt.auto import _trials
from skdeepopt.auto._auto import AutoOptimizer
from skdeepopt.auto._refit import is_refit_due
from skdeepopt.auto._split import divided

SHORT = {"max_epochs": 2, "device": "cpu"}
TINY = CNNClassifier(widths=(4, 8), **SHORT)
QUICK = {"time_budget": 900.0, "random_state": 0, "techniques": ["quantization"]}


@pytest.fixture(scope="module", name="refitted")
def fitted_again(X, y):
    """Only to be looked at."""
    return AutoOptimizer(TINY, **QUICK).fit(X, y)


@pytest.fixture(scope="module", name="as_it_was")
def not_fitted_again(X, y):
    """Only to be looked at."""
    return AutoOptimizer(TINY, refit=False, **QUICK).fit(X, y)


def refits_as(monkeypatch, outcome):
    """Let the last training do something else; the others are as they were."""
    made = _trials.made

    def other(training, validation, recipe):
        return (
            outcome(made(training, validation, recipe))
            if recipe.kind == "refit"
            else made(training, validation, recipe)
        )

    monkeypatch.setattr(_trials, "made", other)


def test_the_chosen_model_is_that_of_its_clone_on_all_samples(refitted, X, y):
    again = clone(refitted.best_estimator_).fit(X, y)

    np.testing.assert_array_equal(again.predict_proba(X), refitted.predict_proba(X))
    assert refitted.front_models_[refitted.best_row_["name"]] is refitted.best_estimator_


def test_the_row_tells_of_the_new_file_and_of_the_accuracy_before(
    refitted, as_it_was, X, y, tmp_path
):
    size = save(refitted.best_estimator_, tmp_path / "model").stat().st_size

    assert refitted.best_row_["file_bytes"] == size
    assert refitted.best_row_["accuracy"] == as_it_was.best_row_["accuracy"]
    assert refitted.best_row_ == next(row for row in refitted.rows_ if row["chosen"])
    assert refitted.refit_time_ == refitted.best_row_["train_seconds"] > 0
    assert refitted.refit_time_ < refitted.seconds_


def test_without_it_the_model_is_that_of_the_training_part(as_it_was, X, y):
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    parts = divided(X, y, None, 0.15, seed=seed, stratify=True, owner="test")

    again = clone(as_it_was.best_estimator_).fit(*parts.training[:2])

    assert as_it_was.refit_time_ == 0.0
    np.testing.assert_array_equal(again.predict_proba(X), as_it_was.predict_proba(X))


@pytest.mark.parametrize(
    ("refit", "n_samples", "is_due"),
    [
        ("auto", 9_999, True),
        ("auto", 10_000, False),
        (True, 10_000, True),
        (False, 100, False),
        (True, 9, False),
    ],
)
def test_few_samples_are_worth_it_and_none_held_out_leave_nothing_to_add(refit, n_samples, is_due):
    X = np.arange(float(n_samples))[:, None]
    parts = divided(X, X[:, 0], None, 0.15, seed=0, stratify=False, owner="test")

    assert is_refit_due(refit, TINY, parts) is is_due


@pytest.mark.parametrize(
    "estimator",
    [
        FrozenEstimator(TINY),
        PrunedEstimator(FrozenEstimator(TINY)),
        DistilledEstimator(TINY, FrozenEstimator(TINY)),
    ],
)
def test_what_is_frozen_is_not_trained_anew(estimator, X, y):
    parts = divided(X, y, None, 0.15, seed=0, stratify=True, owner="test")

    assert is_refit_due(True, TINY, parts)
    assert not is_refit_due(True, estimator, parts)


def test_a_module_of_ones_own_is_fitted_again_too(X, y):
    optimizer = AutoOptimizer(NeuralClassifier(**SHORT), **QUICK).fit(X, y)

    assert optimizer.refit_time_ > 0
    assert optimizer.score(X, y) > 0.8


def test_a_model_that_became_worse_is_dropped(X, y, as_it_was, monkeypatch):
    refits_as(monkeypatch, lambda found: found._replace(accuracy=0.1))

    optimizer = AutoOptimizer(TINY, **QUICK).fit(X, y)

    np.testing.assert_array_equal(optimizer.predict_proba(X), as_it_was.predict_proba(X))
    assert optimizer.refit_time_ == 0.0


def test_a_training_that_fails_is_told_and_loses_nothing(X, y, as_it_was, monkeypatch):
    def fails(found):
        raise MemoryError("no room for all")

    refits_as(monkeypatch, fails)
    optimizer = AutoOptimizer(TINY, **QUICK)

    with pytest.warns(UserWarning, match=r"AutoOptimizer could not fit .* no room for all"):
        optimizer.fit(X, y)

    np.testing.assert_array_equal(optimizer.predict_proba(X), as_it_was.predict_proba(X))


def test_an_interrupt_in_the_last_training_keeps_the_model_before(X, y, as_it_was, monkeypatch):
    def interrupts(found):
        raise KeyboardInterrupt

    refits_as(monkeypatch, interrupts)
    optimizer = AutoOptimizer(TINY, **QUICK)

    with pytest.raises(KeyboardInterrupt):
        optimizer.fit(X, y)

    np.testing.assert_array_equal(optimizer.predict_proba(X), as_it_was.predict_proba(X))
    assert optimizer.refit_time_ == 0.0


def test_a_journal_keeps_it(X, y, tmp_path, monkeypatch):
    first = AutoOptimizer(TINY, journal=tmp_path / "j", **QUICK).fit(X, y)
    refits_as(monkeypatch, None)

    second = AutoOptimizer(TINY, journal=tmp_path / "j", **QUICK).fit(X, y)

    np.testing.assert_array_equal(second.predict_proba(X), first.predict_proba(X))
    assert second.refit_time_ > 0


def test_it_is_left_out_where_there_is_no_time(X, y):
    optimizer = AutoOptimizer(TINY, **{**QUICK, "time_budget": 1e-9}).fit(X, y)

    assert optimizer.refit_time_ == 0.0
    assert optimizer.predict(X).shape == y.shape
