from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from skdeepopt import CNNClassifier, NeuralClassifier, PackedEstimator, PrunedEstimator
from skdeepopt.auto import _course
from skdeepopt.auto._bases import (
    base_recipe,
    own_prefix,
    quick_rows,
    transfer_recipes,
    tuning_candidates,
)
from skdeepopt.auto._branches import Base, branches_for
from skdeepopt.auto._budget import Budget
from skdeepopt.auto._course import Course
from skdeepopt.auto._recipes import Recipe, made, shell_of
from skdeepopt.auto._rows import AutoRow
from skdeepopt.auto._split import divided
from skdeepopt.auto._trials import Trial

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
DIGITS = np.arange(10)


@pytest.fixture(scope="module", name="parts")
def divided_once(X, y):
    return divided(X, y, None, 0.2, seed=0, stratify=True, owner="test")


@pytest.fixture(scope="module", name="trained")
def trained_base(X, y):
    return CNNClassifier(widths=(4, 8), **SHORT).fit(X, y)


def row_of(name, *, fits=True, file_bytes=2000):
    return AutoRow(name, "base", 0.9, file_bytes, 1.0, 1.0, within_drop=fits)


def branches(trained, objective="bytes", techniques=("quantization", "pruning", "packing")):
    base = Base(row_of("base"), trained, epochs=2, engine="onnxruntime", seed=0, n_samples=60)
    recipe = base_recipe(CNNClassifier(widths=(4, 8), **SHORT), "")
    return branches_for(base, recipe, recipe, objective=objective, techniques=frozenset(techniques))


def rounds_of(branch, fits):
    """Recipes that a branch asks for, round by round, where `fits` says which are good enough."""
    rounds = []
    while recipes := branch.proposed():
        rounds.append([recipe.name for recipe in recipes])
        for recipe in recipes:
            good = fits(recipe)
            size = recipe.estimator.get_params().get("target_bytes", 1000)
            branch.tell(recipe, row_of(recipe.name, fits=good, file_bytes=size), branch.base.model)
    return rounds


@pytest.mark.parametrize(
    ("estimator", "prefix"),
    [
        (CNNClassifier(), ""),
        (PrunedEstimator(CNNClassifier()), "estimator__"),
        (PackedEstimator(PrunedEstimator(NeuralClassifier())), "estimator__estimator__"),
        (PackedEstimator(FrozenEstimator(CNNClassifier())), None),
        (FrozenEstimator(CNNClassifier()), None),
    ],
)
def test_parameters_of_the_network_are_found_in_all_wrappers(estimator, prefix):
    assert own_prefix(estimator) == prefix
    if prefix is not None:
        assert f"{prefix}lr" in estimator.get_params()


def test_the_first_look_takes_some_of_each_label(X, y):
    rare = np.where(np.arange(len(y)) == 7, 9, y)
    parts = divided(X, rare, None, 0.2, seed=0, stratify=True, owner="test")

    rows = quick_rows(parts, classifies=True)

    assert set(parts.training.y[rows]) == {0, 1, 2, 9}


def test_what_is_tuned_changes_little_first_and_never_repeats_the_baseline():
    estimator = CNNClassifier()

    points = list(tuning_candidates(estimator, "", (1, 28, 28), seed=0, most=99))

    assert [len(point) for point in points] == sorted(len(point) for point in points)
    assert len({repr(point) for point in points}) == len(points) == 11
    assert all(point for point in points)


def test_what_was_chosen_by_the_user_is_not_tuned_away():
    estimator = CNNClassifier(label_smoothing=0.05, augment=lambda batch, generator: batch)

    points = list(tuning_candidates(estimator, "", (1, 28, 28), seed=0, most=99))

    assert {name for point in points for name in point} == {"lr"}


def test_rows_that_are_no_images_are_not_augmented():
    points = list(tuning_candidates(CNNClassifier(), "", (1, 1, 64), seed=0, most=99))

    assert not any("augment" in point for point in points)


@pytest.mark.parametrize(
    ("classes", "shape", "n_recipes"),
    [
        (DIGITS, (1, 8, 8), 1),
        (DIGITS.astype(str), (1, 28, 28), 1),
        (DIGITS[:3], (1, 8, 8), 0),
        (np.array(["cat", "dog"]), (1, 8, 8), 0),
        (None, (1, 8, 8), 0),
        (DIGITS, (1, 1, 64), 0),
        (DIGITS, (1, 224, 224), 0),
    ],
)
def test_a_transfer_is_tried_where_the_source_knows_the_labels_and_images(
    classes, shape, n_recipes
):
    assert len(transfer_recipes(CNNClassifier(), classes, shape, seed=0)) == n_recipes


def test_files_become_smaller_until_they_do_not_fit(trained):
    (packing,) = branches(trained, techniques=["packing"])

    rounds = rounds_of(packing, lambda recipe: recipe.estimator.target_bytes >= 500)

    assert 500 <= packing.search.smallest < 580
    assert max(map(len, rounds)) == 2


def test_what_is_cut_narrower_is_also_quantized_where_it_fits(trained):
    (cutting,) = branches(trained, techniques=["pruning"])
    quantizing, both = branches(trained, techniques=["quantization", "pruning"])

    rounds = rounds_of(both, lambda recipe: "80.0%" in recipe.name)

    assert rounds[1] == [f"{rounds[0][0]}, int8", f"{rounds[0][0]}, by onnxruntime"]
    assert all(len(names) == 1 for names in rounds_of(cutting, lambda recipe: False))
    assert [recipe.name for recipe in quantizing.proposed()] == ["base, int8"]


def test_a_cut_that_failed_is_not_tried_again(trained):
    (cutting,) = branches(trained, techniques=["pruning"])

    (first,) = cutting.proposed()
    cutting.tell(first, row_of(first.name, fits=False), None)
    (second,) = cutting.proposed()

    assert first.name != second.name


def test_for_short_trainings_fewer_passes_are_tried(trained):
    first, *_ = branches(trained, objective="train_time")

    (recipe,) = first.proposed()

    assert recipe.epochs == 1


def test_a_recipe_fits_a_copy_and_leaves_what_it_starts_from(parts, trained):
    before = trained.predict_proba(parts.validation.X)
    recipe = Recipe(
        "narrower",
        "base -> pruned",
        "pruned",
        PrunedEstimator(FrozenEstimator(trained), finetune_epochs=1),
    )

    found = made(parts.training, parts.validation, recipe)

    np.testing.assert_array_equal(trained.predict_proba(parts.validation.X), before)
    assert found.accuracy == found.model.score(parts.validation.X, parts.validation.y)
    assert isinstance(recipe.estimator.estimator, FrozenEstimator)
    assert not isinstance(found.model.estimator, FrozenEstimator)
    assert repr(shell_of(recipe)) == repr(found.model)


def test_what_goes_on_trains_from_its_weights_and_says_how_long_in_all(parts, trained):
    estimator = CNNClassifier(widths=(4, 8), **{**SHORT, "max_epochs": 5})
    recipe = Recipe(
        "longer", "tuning", "base", estimator, epochs=3, epochs_name="max_epochs", going_on=trained
    )

    model = made(parts.training, parts.validation, recipe).model

    assert len(model.history_) == 5
    assert model.max_epochs == 5
    assert len(trained.history_) == 2
    assert repr(shell_of(recipe)) == repr(model)


def test_what_passes_are_left_follows_what_a_pass_took():
    budget = Budget(1000.0)
    assert budget.passes_left("base") == float("inf")

    budget.learn("quick", 10.0)

    assert 70 < budget.passes_left("base") < 100
    assert budget.passes_left("packed") < budget.passes_left("base")
    budget.learn("packed", 1.0)
    assert budget.passes_left("packed") > budget.passes_left("base")


def test_no_pass_is_left_when_the_time_is_over():
    budget = Budget(0.01, began=time.perf_counter() - 1)

    assert budget.left < 0
    assert budget.passes_left("base") == 0


class Heard:
    """Trials that carry nothing out."""

    budget = SimpleNamespace(left=1.0)
    held_out = SimpleNamespace(n_samples=600, sample_weight=None)
    parts = SimpleNamespace(training=SimpleNamespace(n_samples=60), folds=[(None, held_out)])

    def expect(self, scores, drop):
        self.least = sum(scores) / len(scores) - drop

    def run(self, recipes, *, is_wanted):
        return [Trial(recipe, row_of(recipe.name), None) for recipe in recipes]

    def forget_beaten(self):
        pass


def course():
    own = CNNClassifier(**SHORT)
    found = Course(own, Heard(), "bytes", frozenset(), 0.1, "onnxruntime", 0, is_refit=False)
    found.own = base_recipe(own, "")
    return found


def trial(recipe, name, accuracy, model=None):
    return Trial(recipe, replace(row_of(name), accuracy=accuracy), model, scores=(accuracy,))


def test_accuracy_is_lost_from_what_was_given_once_it_had_its_training():
    found = course()

    for recipe, name, accuracy in (
        (found.own, "base", 0.8),
        (replace(found.own, name="tuned"), "tuned", 0.9),
    ):
        found._note_base(trial(recipe, name, accuracy), recipe)

    assert found.baseline == "base"
    assert found.trials.least == pytest.approx(0.7)
    assert found._best_base()[0].row.name == "tuned"


def test_accuracy_is_lost_from_the_best_network_where_the_time_was_short():
    found = course()

    for name, accuracy in (("base, 1 epochs", 0.5), ("tuned", 0.9), ("transferred", 0.8)):
        recipe = replace(found.own, name=name)
        found._note_base(trial(recipe, name, accuracy), recipe)

    assert found.baseline == "tuned"
    assert found.trials.least == pytest.approx(0.8)


def test_what_promises_most_goes_on_in_every_round(trained, monkeypatch):
    asked = []

    class Patient:
        def __init__(self, name, n_rounds):
            self.name, self.left = name, n_rounds

        def proposed(self):
            self.left -= 1
            asked.append(self.name)
            return [Recipe(self.name, "base", "base", None)] if self.left >= 0 else []

        def tell(self, recipe, row, model):
            pass

    found = course()
    found._note_base(trial(found.own, "base", 0.8, trained), found.own)
    monkeypatch.setattr(
        _course, "branches_for", lambda *_, **__: [Patient(n, 3) for n in ("a", "b", "c")]
    )

    found._compress(*found._best_base())

    assert "".join(asked) == "ab" + "abc" + "ab" + "abc" + "c" + "c"
