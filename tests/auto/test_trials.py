from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, CNNRegressor, DistilledEstimator, PackedEstimator
from skdeepopt.auto import _trials
from skdeepopt.auto._bases import base_recipe, taught_recipe
from skdeepopt.auto._budget import Budget
from skdeepopt.auto._recipes import Made, Recipe, made
from skdeepopt.auto._split import divided
from skdeepopt.auto._trials import Trials
from skdeepopt.journal._journal import Journal

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu", "widths": (4, 8)}
SCORES = st.lists(st.floats(0, 1), min_size=3, max_size=3).map(tuple)


@pytest.fixture(scope="module", name="parts")
def divided_once(X, y):
    return divided(X, y, None, 0.2, seed=0, stratify=True, owner="test")


@pytest.fixture(scope="module", name="trained")
def trained_base(parts):
    return CNNClassifier(**SHORT).fit(*parts.training[:2])


def trials_of(parts, *, seconds=900.0, journal=None):
    journal = Journal(None, {}, owner="t") if journal is None else journal
    return Trials(parts, Budget(seconds), journal, None, id)


def recipe_of(name):
    return Recipe(name, "base", "base", CNNClassifier(**SHORT))


def scoring(monkeypatch, **scores):
    """Let trainings have these scores in each fold; gives the names of those that ran."""
    ran = []

    def score(training, validation, recipe):
        ran.append(recipe.name)
        name = recipe.name.split(",")[0]
        accuracy = scores[name][recipe.fold]
        if isinstance(accuracy, Exception):
            raise accuracy
        return Made(CNNClassifier(**SHORT), accuracy, 100, 1.0, 0.5, None)

    monkeypatch.setattr(_trials, "made", score)
    return ran


def test_a_base_is_tried_in_all_folds_and_its_accuracy_is_the_mean(parts, monkeypatch):
    scoring(monkeypatch, one=(1.0, 0.5, 0.9), two=(0.6, 0.6, 0.6))
    trials = trials_of(parts)

    one, two = trials.run([recipe_of("one"), recipe_of("two")], everywhere=True)

    assert one.scores == (1.0, 0.5, 0.9)
    assert one.row.accuracy == pytest.approx(0.8)
    assert len(one.models) == len(two.models) == 3
    assert [trial.row for trial in trials.done] == [one.row, two.row]


def test_what_is_not_accurate_enough_is_tried_in_no_further_fold(parts, monkeypatch):
    ran = scoring(monkeypatch, early=(0.7, 1, 1), late=(0.8, 0.1, 1), good=(0.8, 0.6, 0.7))
    trials = trials_of(parts)
    trials.expect((0.8, 0.6, 0.7), 0.0)
    recipes = [recipe_of(name) for name in ("early", "late", "good")]

    early, late, good = trials.run(recipes, is_wanted=lambda row: True)

    assert [len(trial.scores) for trial in (early, late, good)] == [1, 3, 3]
    assert [trial.row.within_drop for trial in (early, late, good)] == [False, False, True]
    assert good.row.accuracy == pytest.approx(0.7)
    assert "early, fold 2" not in ran


def test_what_nobody_would_choose_is_tried_in_no_further_fold(parts, monkeypatch):
    ran = scoring(monkeypatch, one=(1.0, 1.0, 1.0))
    trials = trials_of(parts)
    trials.expect((0.8, 0.6, 0.7), 0.0)

    trials.run([recipe_of("one")], is_wanted=lambda row: row.file_bytes < 50)

    assert ran == ["one"]


@given(SCORES, st.integers(1, 3))
def test_who_is_as_good_as_the_reference_in_some_folds_is_expected_to_be_in_all(scores, n_folds):
    trials = trials_of(
        divided(np.eye(60), np.zeros(60), None, 0.2, seed=0, stratify=False, owner="test")
    )
    trials.expect(scores, 1e-9)
    row = _trials._failed(recipe_of("one"), "")

    found = trials._scored(row, scores[:n_folds])

    assert found.accuracy == pytest.approx(sum(scores) / 3, abs=1e-12)
    assert found.within_drop
    assert trials._scored(row, (1.0,)).accuracy <= 1


def test_what_was_tried_in_fewer_folds_is_neither_chosen_nor_makes_another_forgotten(
    parts, monkeypatch
):
    scoring(monkeypatch, base=(0.8, 0.8, 0.8), lucky=(0.9, 0.9, 0.9))
    trials = trials_of(parts)
    base = trials.run([recipe_of("base")], everywhere=True)[0]
    trials.expect(base.scores, 0.0)
    trials.run([recipe_of("lucky")])

    trials.forget_beaten()

    assert trials.chosen("bytes", owner="test").row.name == "base"
    assert all(trial.model is not None for trial in trials.done)
    assert trials.eligible == {"base"}


def test_a_fold_that_fails_leaves_what_was_known(parts, monkeypatch):
    scoring(monkeypatch, one=(0.9, MemoryError("full"), 0.5))
    trials = trials_of(parts)

    (one,) = trials.run([recipe_of("one")], everywhere=True)

    assert one.scores == (0.9,)
    assert one.model is not None


def test_where_there_is_no_time_one_fold_has_to_do(parts, monkeypatch):
    scoring(monkeypatch, one=(0.9, 0.5, 0.5))
    trials = trials_of(parts, seconds=3.0)

    (one,) = trials.run([recipe_of("one")], everywhere=True)

    assert one.scores == (0.9,)


def test_what_is_made_of_a_base_is_made_of_the_one_of_the_same_fold(parts, trained):
    others = (trained, *(CNNClassifier(**SHORT).fit(*seen[:2]) for seen, _ in parts.folds[1:]))
    wrapper = PackedEstimator(FrozenEstimator(trained), target_bytes=900, finetune_epochs=1)
    recipe = Recipe("small", "base -> packed", "packed", wrapper, ("base",))
    model = made(parts.training, parts.validation, recipe).model

    swapped = recipe.on_fold(2, model, others)
    anew = recipe.on_fold(2, model, ())

    assert swapped.estimator.estimator.estimator is others[2]
    assert isinstance(anew.estimator.estimator, CNNClassifier)
    assert swapped.fold == anew.fold == 2
    assert wrapper.estimator.estimator is trained


def test_several_networks_teach_another_and_a_clone_trains_them_all(parts, trained):
    other = CNNClassifier(**{**SHORT, "random_state": 1}).fit(*parts.training[:2])
    template = base_recipe(CNNClassifier(**SHORT), "")
    row = _trials._failed(template, "")
    rows = [replace(row, name=name) for name in ("a", "b")]

    recipe = taught_recipe(template, rows, [trained, other])
    found = made(parts.training, parts.validation, recipe)

    X = parts.validation.X
    together = (trained.predict_proba(X) + other.predict_proba(X)) / 2
    np.testing.assert_allclose(found.model.teacher_.predict_proba(X), together, atol=1e-6)
    assert isinstance(found.model, DistilledEstimator)
    assert not any(isinstance(v, FrozenEstimator) for v in found.model.get_params().values())
    again = recipe.on_fold(1, found.model, ()).estimator
    assert not again.teacher.estimators[0][1].__sklearn_is_fitted__()
    assert recipe.parents == ("a", "b")
    assert math.isnan(rows[0].accuracy)


def test_several_regressors_teach_another(X, numbers):
    parts = divided(X, numbers, None, 0.2, seed=0, stratify=False, owner="test")
    members = [CNNRegressor(**{**SHORT, "random_state": s}) for s in (0, 1)]
    members = [member.fit(*parts.training[:2]) for member in members]
    template = base_recipe(CNNRegressor(**SHORT), "")
    row = _trials._failed(template, "")

    found = made(parts.training, parts.validation, taught_recipe(template, [row, row], members))

    together = (members[0].predict(X) + members[1].predict(X)) / 2
    np.testing.assert_allclose(found.model.teacher_.predict(X), together, rtol=1e-5)
    assert found.model.predict(X).shape == numbers.shape


def test_a_journal_gives_a_taught_network_its_teacher_back(parts, trained, tmp_path):
    template = base_recipe(CNNClassifier(**SHORT), "")
    row = _trials._failed(template, "")
    recipe = taught_recipe(template, [row], [trained, trained])
    for _ in range(2):
        trials = trials_of(parts, journal=Journal(tmp_path / "j", {"a": 1}, owner="t"))
        (trial,) = trials.run([recipe])
        trials.journal.close()

        assert trial.model.teacher_ is recipe.estimator.teacher.estimator
