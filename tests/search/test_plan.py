from __future__ import annotations

import pytest

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.search._hyperband import HyperbandSearchCV
from skdeepopt.search._plan import check_plan, planned


def search(estimator=None, **changed):
    return HyperbandSearchCV(
        estimator or CNNClassifier(max_epochs=9), {"lr": (0.1, 1.0)}, **changed
    )


def resources(searched, parameter="max_epochs", n_train=100):
    return [bracket.resources for bracket in planned(searched, parameter, n_train)]


def test_the_most_epochs_are_the_estimators_own_and_the_least_is_one():
    assert resources(search()) == [(1, 3, 9), (3, 9), (9,)]


def test_the_most_samples_are_those_of_a_split():
    searched = search(resource="n_samples")

    assert resources(searched, "n_samples", 135)[0] == (5, 15, 45, 135)


def test_the_first_bracket_begins_with_the_least():
    assert resources(search(min_resources=2, max_resources=8, factor=2))[0] == (2, 4, 8)


def test_rounds_repeat_the_brackets_asked_for():
    assert resources(search(n_brackets=2, n_rounds=2)) == [(1, 3, 9), (3, 9)] * 2


def test_more_samples_than_there_are_are_refused():
    searched = search(resource="n_samples", max_resources=101)

    with pytest.raises(ValueError, match="the 100 samples of the smallest training split, not 101"):
        planned(searched, "n_samples", 100)


def test_a_least_resource_above_the_most_is_refused():
    with pytest.raises(ValueError, match="at most max_resources, which is 9, not 10"):
        planned(search(min_resources=10), "max_epochs", 100)


def test_an_estimator_without_a_number_of_its_own_needs_one():
    with pytest.raises(ValueError, match="own max_epochs is none, and that is 'auto'"):
        planned(search(TransferEstimator()), "max_epochs", 100)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"factor": 1}, ValueError, "factor is an integer of at least 2, not 1"),
        ({"n_finalists": 0}, ValueError, "n_finalists is an integer of at least 1, not 0"),
        ({"n_rounds": 0}, ValueError, "n_rounds is an integer of at least 1, not 0"),
        ({"n_brackets": 0}, ValueError, "n_brackets is an integer of at least 1, not 0"),
        ({"max_resources": 0}, ValueError, "max_resources is an integer of at least 1, not 0"),
        ({"min_resources": 1.0}, TypeError, "Did you mean 1?"),
        ({"sampler": "baies"}, ValueError, "Did you mean 'bayes'?"),
        ({"asynchronous": "yes"}, TypeError, "Did you mean True?"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused(changed, error, message):
    with pytest.raises(error, match=message):
        check_plan(search(**changed))
