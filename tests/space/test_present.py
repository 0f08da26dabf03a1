from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skopt.space import Categorical, Integer, Real

from skdeepopt import CNNClassifier, PrunedEstimator
from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._present import present_parameters

SPACE = {
    "widths": Real(0.25, 1.0, "log-uniform"),
    "depth": Integer(1, 3),
    "batch_size": Integer(16, 256, "log-uniform"),
    "lr": Real(1e-4, 1.0, "log-uniform"),
}


def present(estimator, space=SPACE, n_samples=4_000):
    return present_parameters(estimator, Coordinates(space), n_samples)


def test_what_is_left_to_the_network_is_what_the_network_makes_of_it():
    found = present(CNNClassifier())

    assert (found["widths"], found["depth"], found["batch_size"]) == (1.0, 1, 64)
    assert found["lr"] == CNNClassifier().lr


def test_batches_are_those_of_so_many_samples():
    assert present(CNNClassifier(), n_samples=800)["batch_size"] == 16
    assert present(CNNClassifier(), n_samples=10)["batch_size"] == 10


def test_what_the_user_has_set_stays():
    own = CNNClassifier(widths=0.5, depth=2, batch_size=100)

    found = present(own)

    assert found == own.get_params()


def test_a_space_that_holds_none_keeps_it():
    space = {"widths": Categorical([None, 0.5, 1.0]), "batch_size": Categorical(["auto", 64])}

    found = present(CNNClassifier(), space)

    assert found["widths"] is None
    assert found["batch_size"] == "auto"


def test_what_is_not_searched_stays():
    found = present(CNNClassifier(), {"lr": SPACE["lr"]})

    assert found == CNNClassifier().get_params()


@pytest.mark.parametrize("architecture", ["lenet5", "none such"])
def test_a_network_without_a_depth_has_none(architecture):
    found = present(CNNClassifier(architecture=architecture))

    assert found["depth"] is None
    assert found["widths"] == 1.0


@pytest.mark.parametrize(
    ("stack", "prefix"),
    [
        (PrunedEstimator(CNNClassifier()), "estimator__"),
        (PrunedEstimator(PrunedEstimator(CNNClassifier())), "estimator__estimator__"),
        (make_pipeline(StandardScaler(), CNNClassifier()), "cnnclassifier__"),
    ],
)
def test_networks_in_stacks_are_found_by_their_names(stack, prefix):
    space = {f"{prefix}{name}": dimension for name, dimension in SPACE.items()}

    found = present(stack, space)

    assert found[f"{prefix}widths"] == 1.0
    assert found[f"{prefix}depth"] == 1
    assert found[f"{prefix}batch_size"] == 64


def test_any_other_estimator_has_its_own_parameters():
    model = LogisticRegression(max_iter=7)

    assert present(model, {"C": Real(0.1, 10.0)}) == model.get_params()
