from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from skopt.space import Categorical, Integer, Real
from torch import nn

from skdeepopt import (
    CNNClassifier,
    ImageAugmenter,
    ImageScaler,
    NeuralClassifier,
    PrunedEstimator,
    QuantizedEstimator,
)
from skdeepopt.space._check import check_space, parts_of

STACK = make_pipeline(ImageScaler(), QuantizedEstimator(PrunedEstimator(CNNClassifier())))


@pytest.mark.parametrize(
    "choices",
    [
        (1e-4, 1e-1),
        (1e-4, 1e-1, "log-uniform"),
        (1, 8, "log-uniform", 2),
        ("a", "b"),
        [0.1],
        [(1, 2), (2, 4, 8)],
        [None, np.zeros(3), LogisticRegression()],
        np.array([0.1, 0.2]),
        loguniform(1e-4, 1e-1),
        Real(1e-4, 1e-1),
        Integer(1, 3),
        Categorical(["a", "b"]),
    ],
)
def test_what_skopt_and_scipy_take_passes(choices):
    check_space("Search", CNNClassifier(), {"lr": choices})


def test_lists_of_spaces_with_and_without_a_count_pass():
    space = [({"lr": (0.1, 0.2)}, 4), {"max_epochs": [1, 2]}]

    check_space("Search", CNNClassifier(), space)

    assert parts_of("Search", space) == [{"lr": (0.1, 0.2)}, {"max_epochs": [1, 2]}]


def test_names_of_any_depth_pass():
    names = [name for name in STACK.get_params() if "__" in name]

    check_space("Search", STACK, {name: [None] for name in names})


def test_what_a_choice_brings_along_passes():
    space = {"augment": [ImageAugmenter()], "augment__rotation": (0.0, 20.0)}

    check_space("Search", CNNClassifier(), space)


def test_arguments_of_a_module_pass():
    model = NeuralClassifier(nn.Linear)

    check_space("Search", model, {"module__widths": [(8,), (16,)]})

    assert "module__widths" not in model.get_params()


def test_the_search_itself_may_ask():
    with pytest.raises(
        ValueError, match=r"^LogisticRegression: CNNClassifier has no parameter 'u'"
    ):
        check_space(LogisticRegression(), CNNClassifier(), {"u": [1]})


@pytest.mark.parametrize(
    ("name", "slip"),
    [
        ("pruning_ratio", "'quantizedestimator__estimator__pruning_ratio'"),
        (
            "quantizedestimator__estimator__prunning_ratio",
            "'quantizedestimator__estimator__pruning",
        ),
        ("scheme", "'quantizedestimator__scheme'"),
        ("learning_rate", "'quantizedestimator__estimator__estimator__lr'"),
        ("quantizedestimator__lr", "'quantizedestimator__estimator__estimator__lr'"),
        ("max_epoch", "'quantizedestimator__estimator__estimator__max_epochs'"),
    ],
)
def test_an_unknown_parameter_is_named_with_the_nearest_ones(name, slip):
    with pytest.raises(ValueError, match=f"no parameter '{name}'. Did you mean {slip}"):
        check_space("Search", STACK, {name: [1]})


def test_where_nothing_is_near_nothing_is_suggested():
    with pytest.raises(ValueError, match=r"no parameter 'zzqqxx'\.$"):
        check_space("Search", CNNClassifier(), {"zzqqxx": [1]})


def test_the_nearest_is_none_that_the_space_has_already():
    with pytest.raises(ValueError, match=r"no parameter 'epochs'\.$"):
        check_space("Search", CNNClassifier(), {"max_epochs": [1], "epochs": [1]})


def test_what_is_frozen_cannot_be_searched():
    model = PrunedEstimator(FrozenEstimator(CNNClassifier()))

    with pytest.raises(ValueError, match="'estimator__estimator__lr' lies in the FrozenEstimator"):
        check_space("Search", model, {"estimator__estimator__lr": [0.1]})


def test_a_check_leaves_the_estimator_as_it_is():
    model = clone(STACK)
    before = repr(model.get_params())

    with pytest.raises(ValueError, match="no parameter"):
        check_space("Search", model, {"quantizedestimator__nonsense": [1]})

    assert repr(model.get_params()) == before


@pytest.mark.parametrize("space", [{}, [], [{}], [({}, 3)]])
def test_an_empty_space_is_refused(space):
    with pytest.raises(ValueError, match="Search takes a space"):
        check_space("Search", CNNClassifier(), space)


@pytest.mark.parametrize("space", [None, "lr", 3, {"lr"}, ["lr"], [("lr", (0.1, 0.2))]])
def test_a_space_of_another_type_is_refused(space):
    with pytest.raises(TypeError, match="Search takes a space that is a dict"):
        check_space("Search", CNNClassifier(), space)


@pytest.mark.parametrize("choices", [[], (), np.array([])])
def test_a_parameter_without_a_choice_is_refused(choices):
    with pytest.raises(ValueError, match=r"space of 'lr' holds at least one choice"):
        check_space("Search", CNNClassifier(), {"lr": choices})


@pytest.mark.parametrize(
    ("choices", "slip"),
    [
        (0.1, r"Did you mean \[0.1\]\?"),
        ("adam", r"Did you mean \['adam'\]\?"),
        (None, r"Did you mean \[None\]\?"),
        ({1, 2}, "Did you mean a list of it"),
        (range(3), "Did you mean a list of it"),
        (np.array(3), "not array"),
        (CNNClassifier(), "not CNNClassifier"),
    ],
)
def test_choices_of_another_type_are_refused(choices, slip):
    with pytest.raises(TypeError, match=f"space of 'lr' is a list.*{slip}"):
        check_space("Search", CNNClassifier(), {"lr": choices})


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ((0.1, 0.01), r"Did you mean \(0.01, 0.1\)"),
        ((3, 3), r"Did you mean \[3\]"),
        ((0.0, 0.1, "log-uniform"), "begins above 0"),
        ((0.1, 0.2, "log"), "Did you mean log-uniform"),
        ((0.1, 0.2, "normal"), "has the prior"),
        ((0.1, float("inf")), "finite"),
    ],
)
def test_a_range_that_is_none_is_refused(choices, message):
    with pytest.raises(ValueError, match=f"space of 'lr' .*{message}"):
        check_space("Search", CNNClassifier(), {"lr": choices})


def test_names_are_strings():
    with pytest.raises(TypeError, match="names of parameters are strings, not 3"):
        check_space("Search", CNNClassifier(), {3: [1]})
