"""What every public estimator promises, scikit-learn's list and ours."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skopt
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepopt import (
    BayesSearchCV,
    CNNClassifier,
    CNNRegressor,
    DistilledEstimator,
    HyperbandSearchCV,
    ImageAugmenter,
    ImageScaler,
    NeuralClassifier,
    NeuralRegressor,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    TransferEstimator,
)

ROOT = Path(__file__).parents[1]
RANDOM = np.random.default_rng(0)
# Whole numbers, so that no number type rounds them.
X = RANDOM.integers(0, 17, (60, 64)).astype(np.float32)
LABELS = np.array(["cat", "dog", "owl"])[RANDOM.integers(0, 3, 60)]
NUMBERS = X @ RANDOM.normal(size=64)
SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
TUNED = {"finetune_epochs": 1, "random_state": 0}

ESTIMATORS = {
    "compact": CNNClassifier(widths=(4, 8), **SHORT),
    "residual": CNNClassifier("residual", widths=0.25, **SHORT),
    "mlp": CNNClassifier("mlp", widths=(16,), dropout=0.2, **SHORT),
    "augmented": CNNClassifier(
        widths=(4, 8),
        augment=ImageAugmenter(rotation=9, shift=0.1, flip=True, cutout=0.2),
        validation_fraction=0.2,
        **SHORT,
    ),
    "CNNRegressor": CNNRegressor(widths=(4, 8), **SHORT),
    "NeuralClassifier": NeuralClassifier(module__widths=(16,), module__dropout=0.2, **SHORT),
    "NeuralRegressor": NeuralRegressor(module__widths=(16,), **SHORT),
    "pruned, channels": PrunedEstimator(CNNClassifier(widths=(4, 8), **SHORT), **TUNED),
    "pruned, weights": PrunedEstimator(
        CNNClassifier(widths=(4, 8), **SHORT), granularity="weight", **TUNED
    ),
    "quantized": QuantizedEstimator(CNNClassifier(widths=(4, 8), **SHORT), random_state=0),
    "quantized, training": QuantizedEstimator(
        CNNClassifier(widths=(4, 8), **SHORT), scheme="int4", method="training", **TUNED
    ),
    "pruned, then quantized": QuantizedEstimator(
        PrunedEstimator(CNNClassifier(widths=(4, 8), **SHORT), **TUNED), random_state=0
    ),
    "distilled": DistilledEstimator(
        CNNClassifier(widths=(4, 8), **SHORT), LogisticRegression(max_iter=999), random_state=0
    ),
    "transferred": TransferEstimator(**SHORT),
}
SLOWER = {
    "pruned regressor": PrunedEstimator(CNNRegressor(widths=(4, 8), **SHORT), **TUNED),
    "quantized regressor": QuantizedEstimator(CNNRegressor(widths=(4, 8), **SHORT), random_state=0),
    "quantized, then pruned": PrunedEstimator(
        QuantizedEstimator(CNNClassifier(widths=(4, 8), **SHORT), random_state=0), **TUNED
    ),
    "distilled by a network": DistilledEstimator(
        CNNClassifier(widths=(4, 8), **SHORT),
        CNNClassifier("mlp", widths=(16,), **SHORT),
        unlabelled=X[::-2] // 2,
        consistency=True,
        random_state=0,
    ),
    "distilled regressor": DistilledEstimator(
        CNNRegressor(widths=(4, 8), **SHORT), Ridge(), unlabelled=X[::-2] // 2, random_state=0
    ),
    "transferred regressor": TransferEstimator(
        strategy="gradual", head="linear_regression", rate_decay=0.5, l2_sp=0.1, **SHORT
    ),
    "transferred, then pruned": PrunedEstimator(TransferEstimator(**SHORT), **TUNED),
    "packed": PackedEstimator(CNNClassifier(widths=(4, 8), **SHORT), **TUNED),
    "packed regressor": PackedEstimator(CNNRegressor(widths=(4, 8), **SHORT), **TUNED),
    "pruned, then packed": PackedEstimator(
        PrunedEstimator(CNNClassifier(widths=(4, 8), **SHORT), **TUNED), **TUNED
    ),
    "packed, then quantized": QuantizedEstimator(
        PackedEstimator(CNNClassifier(widths=(4, 8), **SHORT), **TUNED), random_state=0
    ),
    "quantized, then packed": PackedEstimator(
        QuantizedEstimator(CNNClassifier(widths=(4, 8), **SHORT), random_state=0), **TUNED
    ),
}
FEW = {
    name: ESTIMATORS[name]
    for name in (
        "compact",
        "CNNRegressor",
        "NeuralClassifier",
        "pruned, channels",
        "quantized",
        "distilled",
        "transferred",
    )
}

each = pytest.mark.parametrize(
    "estimator",
    [
        *(pytest.param(estimator, id=name) for name, estimator in ESTIMATORS.items()),
        *(pytest.param(e, id=name, marks=pytest.mark.slow) for name, e in SLOWER.items()),
    ],
)
some = pytest.mark.parametrize("estimator", FEW.values(), ids=FEW)


def targets_for(estimator):
    return LABELS if is_classifier(estimator) else NUMBERS


def fitted(estimator, images=X, targets=None, **rest):
    return clone(estimator).fit(
        images, targets_for(estimator) if targets is None else targets, **rest
    )


def seeded(estimator, seed):
    """Clone with `seed` as its random state, and as that of all estimators inside."""
    names = [name for name in estimator.get_params() if name.endswith("random_state")]
    return clone(estimator).set_params(**dict.fromkeys(names, seed))


def where(estimator, name):
    """`name` as set_params knows it: a wrapper's base has the parameters of its training."""
    return min((n for n in estimator.get_params() if n.split("__")[-1] == name), key=len)


def answers(estimator, images=X):
    """Everything an estimator says, to the last bit."""
    if not is_classifier(estimator):
        return estimator.predict(images).tobytes()
    said = estimator.predict_proba(images).tobytes(), estimator.decision_function(images).tobytes()
    return *said, estimator.predict(images).tolist()


def weights(estimator):
    return {name: value.clone() for name, value in estimator.module_.state_dict().items()}


def global_states():
    return torch.get_rng_state().tolist(), str(np.random.get_state())  # noqa: NPY002


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@parametrize_with_checks(
    [
        CNNClassifier(),
        CNNRegressor(),
        NeuralClassifier(),
        NeuralRegressor(),
        ImageScaler(),
        PrunedEstimator(CNNClassifier()),
        QuantizedEstimator(CNNClassifier()),
        DistilledEstimator(CNNClassifier(), LogisticRegression()),
        TransferEstimator(strategy="features"),
        TransferEstimator(strategy="features", head="linear_regression"),
    ]
)
def test_scikit_learns_own_checks_pass(estimator, check):
    # With SCIPY_ARRAY_API=1 in the environment these include the array-API checks.
    check(estimator)


# scikit-learn itself casts targets to whole numbers before it looks for infinite ones.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@parametrize_with_checks(
    [
        BayesSearchCV(LogisticRegression(), {"C": (0.1, 1.0)}, n_iter=2, error_score="raise"),
        HyperbandSearchCV(
            LogisticRegression(tol=0.1),
            {"C": (0.1, 1.0)},
            resource="max_iter",
            min_resources=50,
            cv=2,
            error_score="raise",
        ),
    ]
)
def test_scikit_learns_own_checks_pass_for_searches(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        PrunedEstimator(CNNRegressor()),
        PrunedEstimator(CNNClassifier(), granularity="weight", finetune_epochs=1),
        QuantizedEstimator(CNNRegressor()),
        DistilledEstimator(CNNRegressor(), Ridge()),
        QuantizedEstimator(CNNClassifier(), scheme="int4", method="training", finetune_epochs=1),
        PackedEstimator(CNNClassifier(), finetune_epochs=2),
        PackedEstimator(CNNRegressor(), finetune_epochs=2),
        DistilledEstimator(CNNClassifier(), CNNClassifier()),
        TransferEstimator(),
        TransferEstimator(head="linear_regression"),
    ]
)
def test_scikit_learns_own_checks_pass_for_more_estimators(estimator, check):
    check(estimator)


@each
def test_the_same_seed_gives_the_same_weights_to_the_last_bit(estimator):
    assert same(weights(fitted(estimator)), weights(fitted(estimator)))


@each
def test_another_seed_gives_other_weights(estimator):
    assert not same(weights(fitted(estimator)), weights(fitted(seeded(estimator, 1))))


@some
def test_a_random_state_instance_is_drawn_from(estimator):
    state = np.random.RandomState(0)
    first = seeded(estimator, state).fit(X, targets_for(estimator))
    again = seeded(estimator, np.random.RandomState(0))

    assert same(weights(first), weights(again.fit(X, targets_for(estimator))))
    assert state.get_state()[2] != np.random.RandomState(0).get_state()[2]


@some
def test_no_seed_gives_other_weights_each_time(estimator):
    unseeded = seeded(estimator, None)

    assert not same(weights(fitted(unseeded)), weights(fitted(unseeded)))


@each
@pytest.mark.parametrize("seed", [0, None])
def test_the_global_generators_are_left_as_they_were(estimator, seed):
    unseeded = seeded(estimator, seed)
    before = global_states()

    answers(fitted(unseeded).finetune(X, targets_for(estimator), epochs=1))

    assert global_states() == before


@each
def test_the_state_of_the_global_generators_changes_nothing(estimator):
    expected = weights(fitted(estimator))
    torch.manual_seed(99)

    assert same(weights(fitted(estimator)), expected)


@each
def test_a_clone_fits_to_the_same_answers(estimator):
    first = fitted(estimator)

    assert answers(clone(first).fit(X, targets_for(estimator))) == answers(first)


@each
def test_pickle_keeps_every_bit_of_the_answers(estimator):
    first = fitted(estimator)

    assert answers(pickle.loads(pickle.dumps(first))) == answers(first)


@each
def test_joblib_keeps_every_bit_of_the_answers(estimator):
    first, buffer = fitted(estimator), io.BytesIO()

    joblib.dump(first, buffer)
    buffer.seek(0)

    assert answers(joblib.load(buffer)) == answers(first)


@each
def test_a_pickled_estimator_goes_on_as_the_original_does(estimator):
    first = fitted(estimator)
    other = pickle.loads(pickle.dumps(first))

    for model in (first, other):
        model.finetune(X, targets_for(estimator), epochs=2)

    assert answers(other) == answers(first)


@each
@pytest.mark.parametrize("number", [np.uint8, np.float32, np.float64])
def test_what_comes_in_is_left_untouched(estimator, number):
    images, targets = X.astype(number), targets_for(estimator).copy()
    weight = np.linspace(0.5, 2, len(X))
    before = images.copy(), targets.copy(), weight.copy()

    model = clone(estimator).fit(images, targets, sample_weight=weight)
    model.finetune(images, targets).predict(images)

    for now, then in zip((images, targets, weight), before, strict=True):
        np.testing.assert_array_equal(now, then)


@some
def test_a_data_frame_is_left_untouched(estimator):
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    before = frame.copy()

    fitted(estimator, frame).predict(frame)

    pd.testing.assert_frame_equal(frame, before)


@some
def test_read_only_and_memory_mapped_arrays_are_taken(estimator, tmp_path):
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", targets_for(estimator))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")

    model = fitted(estimator, mapped, np.load(tmp_path / "y.npy", mmap_mode="r"))

    assert answers(model, mapped) == answers(fitted(estimator))


@each
def test_the_order_of_the_rows_changes_nothing(estimator):
    order = np.random.default_rng(1).permutation(len(X))

    shuffled = fitted(estimator, X[order], targets_for(estimator)[order])

    assert answers(shuffled) == answers(fitted(estimator))


@each
def test_an_integer_weight_equals_repeating_the_sample(estimator):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    targets = targets_for(estimator)

    weighted = fitted(estimator, sample_weight=weight)
    repeated = fitted(estimator, np.repeat(X, weight, 0), np.repeat(targets, weight))

    assert answers(weighted) == answers(repeated)


@each
def test_weights_of_one_are_no_weights(estimator):
    assert answers(fitted(estimator, sample_weight=np.ones(len(X)))) == answers(fitted(estimator))


@each
def test_the_scale_of_weights_that_are_no_integers_does_not_matter(estimator):
    weight = np.random.default_rng(1).uniform(0.1, 2, len(X))

    # A power of two rounds nothing.
    scaled = fitted(estimator, sample_weight=weight * 2.0**-9)

    assert answers(scaled) == answers(fitted(estimator, sample_weight=weight))


@each
def test_weights_that_are_no_integers_matter(estimator):
    weight = np.random.default_rng(1).uniform(0.1, 2, len(X))

    assert answers(fitted(estimator, sample_weight=weight)) != answers(fitted(estimator))


ARCHITECTURES = ["compact", "residual", "mlp", "lenet5", "lenet300"]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("widths", [None, 0.45], ids=["own widths", "odd widths"])
@pytest.mark.parametrize("side", [28, 17])
def test_a_sample_alone_gets_the_answer_it_gets_among_others(architecture, side, widths):
    together, alone, threes = asked_in_parts(architecture, side, widths)

    np.testing.assert_array_equal(alone, together[::7])
    np.testing.assert_array_equal(threes, together[:69])


def asked_in_parts(architecture, side, widths):
    """Logits of 70 images: asked about together, every seventh alone, and three at a time."""
    images = np.random.default_rng(0).random((70, side, side), dtype=np.float32)
    model = CNNClassifier(architecture, widths=widths, max_epochs=1, random_state=0)
    logits = model.fit(images, np.arange(70) % 3).decision_function

    alone = [logits(images[i : i + 1]) for i in range(0, 70, 7)]
    threes = [logits(images[i : i + 3]) for i in range(0, 69, 3)]
    return logits(images), np.concatenate(alone), np.concatenate(threes)


@each
def test_the_size_and_order_of_the_batch_change_no_answer(estimator):
    model, order = fitted(estimator), np.random.default_rng(1).permutation(len(X))
    together = model.predict(X)

    alone = np.concatenate([model.predict(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_array_equal(alone, together)
    np.testing.assert_array_equal(model.predict(X[order]), together[order])
    np.testing.assert_array_equal(model.predict(np.tile(X, (20, 1)))[-len(X) :], together)


@each
def test_kinds_of_estimators_are_told_apart(estimator):
    assert is_classifier(estimator) != is_regressor(estimator)


@each
def test_set_params_gives_what_get_params_says(estimator):
    # A wrapper cannot do without a base.
    needed = {"estimator": CNNClassifier(), "teacher": LogisticRegression()}
    blank = type(estimator)(*(e for name, e in needed.items() if name in estimator.get_params()))

    blank.set_params(**estimator.get_params(deep=False))

    assert repr(blank) == repr(estimator)


@each
def test_data_frame_columns_are_remembered_and_checked(estimator):
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    model = fitted(estimator, frame)

    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert answers(model, frame) == answers(fitted(estimator))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


@each
def test_what_is_frozen_stays_as_it_is(estimator):
    model = fitted(estimator)
    before = answers(model)

    frozen = FrozenEstimator(model).fit(X[:30], targets_for(estimator)[:30])

    assert clone(frozen).estimator is model
    assert answers(model) == before
    assert frozen.predict(X).tolist() == model.predict(X).tolist()


@each
def test_it_works_behind_a_transformer(estimator):
    pipeline = make_pipeline(ImageScaler(), clone(estimator)).fit(X, targets_for(estimator))

    assert pipeline.predict(X).shape == (60,)
    assert np.isfinite(pipeline.score(X, targets_for(estimator)))


SEARCHES = {
    "grid": lambda model: GridSearchCV(model, {where(model, "lr"): [0.001, 0.01]}, cv=2),
    "random": lambda model: RandomizedSearchCV(
        model, {where(model, "lr"): [0.001, 0.01, 0.1]}, n_iter=2, cv=2, random_state=0
    ),
    "halving": lambda model: HalvingRandomSearchCV(
        model,
        {where(model, "lr"): [0.001, 0.01, 0.1]},
        n_candidates=2,
        resource=where(model, "max_epochs"),
        max_resources=2,
        factor=2,
        cv=2,
        random_state=0,
    ),
    "bayes": lambda model: BayesSearchCV(
        model, {where(model, "lr"): (1e-3, 1e-1, "log-uniform")}, n_iter=2, cv=2, random_state=0
    ),
    "skopt's bayes": lambda model: skopt.BayesSearchCV(
        model, {where(model, "lr"): (1e-3, 1e-1, "log-uniform")}, n_iter=2, cv=2, random_state=0
    ),
    "hyperband": lambda model: HyperbandSearchCV(
        model,
        {where(model, "lr"): (1e-3, 1e-1, "log-uniform")},
        max_resources=2,
        factor=2,
        cv=2,
        random_state=0,
    ),
}
SLOWER_SEARCHES = {"skopt's bayes", "hyperband"}


@some
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] if kind in SLOWER_SEARCHES else [])
        for kind in SEARCHES
    ],
)
def test_searches_find_parameters(estimator, kind):
    model = clone(estimator).set_params(**{where(estimator, "max_epochs"): 1})

    search = SEARCHES[kind](model).fit(X, targets_for(estimator))

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(X).tolist() == search.best_estimator_.predict(X).tolist()


def test_a_search_reaches_the_parameters_of_the_augmenter():
    model = CNNClassifier(augment=ImageAugmenter(), **SHORT)

    search = GridSearchCV(model, {"augment__shift": [0.0, 0.2]}, cv=2).fit(X, LABELS)

    assert search.best_estimator_.augment.shift == search.best_params_["augment__shift"]
    assert search.estimator.augment.shift == 0


@some
def test_threads_find_what_one_thread_finds(estimator):
    found = both_ways(estimator, "threading")

    np.testing.assert_array_equal(*found)


@pytest.mark.slow
@some
def test_processes_find_what_one_process_finds(estimator):
    found = both_ways(estimator, "loky")

    np.testing.assert_allclose(*found, rtol=1e-3)


def both_ways(estimator, backend):
    """Predictions of one thread of torch after another, and of two workers side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        method = "predict_proba" if is_classifier(estimator) else "predict"
        task = clone(estimator), X, targets_for(estimator)
        serial = cross_val_predict(*task, cv=3, method=method)
        with joblib.parallel_backend(backend, n_jobs=2):
            return cross_val_predict(*task, cv=3, method=method), serial
    finally:
        torch.set_num_threads(before)


FORKING = """
import multiprocessing, sys
import joblib, numpy as np, torch
from sklearn.model_selection import cross_val_score
from skdeepopt import CNNClassifier
multiprocessing.set_start_method("fork")
X = np.random.default_rng(0).random((60, 28, 28), dtype=np.float32)
y = np.arange(60) % 3
model = CNNClassifier("lenet5", max_epochs=1, random_state=0, device="cpu")
torch.set_num_threads(2)
model.fit(X, y)  # starts the threads that a forked child does not have
with joblib.parallel_backend("multiprocessing", n_jobs=2):
    scores = cross_val_score(model, X.reshape(60, -1), y, cv=3)
sys.stdout.write(str(np.isfinite(scores).all()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_forked_workers_do_not_hang():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKING],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip

    assert done.stdout == "True", done.stderr


@some
def test_cross_validation_leaves_the_estimator_unfitted(estimator):
    model = clone(estimator)

    scores = cross_val_score(model, X, targets_for(estimator), cv=2)

    assert np.isfinite(scores).all()
    assert not model.__sklearn_is_fitted__()
