from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.search._resource import (
    EpochFit,
    ParameterFit,
    SampleFit,
    check_resource,
    epochs_parameter,
    fit_for,
    nested_order,
)
from skdeepopt.search._trial import Trial

X, y = (array[:150] for array in load_digits(return_X_y=True))
FIRST, SECOND = Trial(0, {}, 1), Trial(0, {}, 3, 1)


def mlp(**params):
    return CNNClassifier("mlp", random_state=0, **params)


def two_rungs(estimator, **fit_params):
    """The estimator after each of two rungs, of 1 and 3 epochs."""
    fit = EpochFit(epochs_parameter(estimator), 3)
    first, state = fit(clone(estimator), X, y, fit_params, FIRST, None)
    second, none_left = fit(clone(estimator), X, y, fit_params, SECOND, state)
    assert none_left is None, "after the last rung nothing need be kept"
    return first, second


def test_a_later_rung_goes_on_from_the_weights_of_the_one_before():
    first, second = two_rungs(mlp())

    assert [row["lr"] for row in second.history_[:1]] == [row["lr"] for row in first.history_]
    assert len(second.history_) == 3
    losses = [row["train_loss"] for row in second.history_]
    assert losses[0] > losses[1] > losses[2]


def test_a_later_rung_ends_at_a_rate_of_zero_from_half_the_candidates_peak():
    peaks = []

    class Watched(CNNClassifier):
        """Tells at which peak it trains on."""

        def finetune(self, X, y, *, lr=None, **more):
            peaks.append(lr)
            return super().finetune(X, y, lr=lr, **more)

    _, second = two_rungs(Watched("mlp", lr=0.02, random_state=0))

    assert peaks == [0.01]
    assert second.history_[-1]["lr"] < 1e-3


def test_a_rung_is_the_same_wherever_its_state_has_been():
    one, other = (two_rungs(mlp())[1] for _ in range(2))

    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_batches_of_a_later_rung_are_not_those_of_the_first():
    first, second = two_rungs(mlp())

    assert second.net_.seed != first.net_.seed


@pytest.mark.parametrize(
    "make",
    [
        lambda: PrunedEstimator(mlp(), finetune_epochs=1, random_state=0),
        lambda: QuantizedEstimator(
            PrunedEstimator(mlp(), finetune_epochs=0), finetune_epochs=0, random_state=0
        ),
        lambda: TransferEstimator(random_state=0),
        lambda: DistilledEstimator(mlp(), FrozenEstimator(mlp(max_epochs=1).fit(X, y))),
        lambda: make_pipeline(StandardScaler(), PCA(20, random_state=0), mlp()),
        lambda: make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), mlp())),
        lambda: make_pipeline(mlp()),
    ],
    ids=["pruned", "quantized", "transferred", "distilled", "pipeline", "nested", "alone"],
)
def test_every_stack_goes_on(make):
    first, second = two_rungs(make())

    assert second.score(X, y) > first.score(X, y) or second.score(X, y) > 0.9


def test_a_pipeline_hands_weights_to_its_last_step_at_every_rung():
    weights = np.arange(len(y)) < 100
    model = make_pipeline(StandardScaler(), mlp())

    _, second = two_rungs(model, cnnclassifier__sample_weight=weights.astype(float))

    assert second.score(X[:100], y[:100]) > second.score(X[100:], y[100:])


def test_a_pipeline_routes_metadata_at_every_rung():
    weights = (np.arange(len(y)) < 100).astype(float)

    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        model = make_pipeline(scaler, mlp().set_fit_request(sample_weight=True))
        _, second = two_rungs(model, sample_weight=weights)

    assert second[0].n_samples_seen_ == pytest.approx(100)
    assert second.score(X[:100], y[:100]) > second.score(X[100:], y[100:])


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (mlp(), "max_epochs"),
        (PrunedEstimator(mlp()), "estimator__max_epochs"),
        (TransferEstimator(), "max_epochs"),
        (PrunedEstimator(TransferEstimator()), "estimator__max_epochs"),
        (DistilledEstimator(mlp(), mlp()), "estimator__max_epochs"),
        (make_pipeline(PCA(), PrunedEstimator(mlp())), "prunedestimator__estimator__max_epochs"),
        (PrunedEstimator(FrozenEstimator(mlp())), None),
        (LogisticRegression(), None),
        (make_pipeline(PCA(), LogisticRegression()), None),
    ],
)
def test_the_epochs_are_those_of_the_innermost_training(estimator, name):
    assert epochs_parameter(estimator) == name


def test_a_parameter_is_set_and_all_of_it_fitted_anew():
    forest = RandomForestClassifier(random_state=0)

    fitted, state = ParameterFit("n_estimators")(forest, X, y, {}, Trial(0, {}, 4), None)

    assert len(fitted.estimators_) == 4
    assert state is None


def test_samples_are_as_many_as_the_rung_says_and_weights_go_with_them():
    seen = {}

    class Watched(LogisticRegression):
        """Tells what it is fitted to."""

        def fit(self, X, y, sample_weight=None):
            seen.update(n=len(X), y=y, weight=sample_weight)
            return self

    SampleFit(0)(Watched(), X, y, {"sample_weight": y + 0.5}, Trial(0, {}, 40), None)

    assert seen["n"] == 40
    assert np.unique(seen["y"]).tolist() == list(range(10))
    np.testing.assert_array_equal(seen["weight"], seen["y"] + 0.5)


LABELS = st.lists(st.integers(0, 4), min_size=8, max_size=60).filter(lambda y: len(set(y)) > 1)


@given(LABELS, st.integers(0, 99))
def test_the_nested_order_holds_every_row_once(labels, seed):
    assert sorted(nested_order(labels, len(labels), seed)) == list(range(len(labels)))


@given(LABELS, st.integers(0, 99), st.data())
def test_every_beginning_has_each_class_in_its_share(labels, seed, data):
    n_rows = data.draw(st.integers(1, len(labels)))

    counts = np.bincount(np.array(labels)[nested_order(labels, len(labels), seed)][:n_rows])

    shares = n_rows / len(labels) * np.bincount(labels)[: len(counts)]
    n_classes = len(set(labels))
    assert (np.abs(counts - shares) <= n_classes).all()
    if n_rows >= n_classes:
        assert set(labels) == set(np.flatnonzero(counts))


def test_numbers_are_drawn_without_regard_to_their_value():
    order = nested_order(np.linspace(0, 1, 50), 50, seed=3)

    np.testing.assert_array_equal(order, nested_order(None, 50, seed=3))


def test_samples_without_labels_are_drawn_too():
    fitted, _ = SampleFit(0)(PCA(2), X, None, {}, Trial(0, {}, 40), None)

    assert fitted.n_samples_ == 40


@pytest.mark.parametrize(
    ("estimator", "resource", "message"),
    [
        (Ridge(), "epochs", "which Ridge is not. Did you mean 'n_samples'?"),
        (mlp(), "epoch", "Did you mean 'epochs'?"),
        (RandomForestClassifier(), "n_estimator", "Did you mean 'n_estimators'?"),
        (mlp(), "lr", "an integer parameter of CNNClassifier, not 'lr'"),
    ],
)
def test_a_resource_that_the_estimator_does_not_have_is_refused(estimator, resource, message):
    with pytest.raises(ValueError, match=message):
        check_resource("Search", estimator, resource)


def test_a_resource_that_is_no_name_is_refused():
    with pytest.raises(TypeError, match="resource is a name such as 'epochs', not 3"):
        check_resource("Search", mlp(), 3)


def test_each_resource_has_its_own_fit():
    fits = [fit_for(name, name, 9, 0) for name in ("epochs", "n_samples", "max_iter")]

    assert fits == [EpochFit("epochs", 9), SampleFit(0), ParameterFit("max_iter")]
