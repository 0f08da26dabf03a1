from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from skdeepopt.report._transfer_points import scores_by_labels

RANDOM = np.random.default_rng(0)
Y = np.tile(["a", "b", "c"], 20)
X = RANDOM.normal(size=(60, 4)) + 2 * np.tile([0, 1, 2], 20)[:, None]

OPTIONS = {
    "labels_per_class": (1, 3),
    "n_repeats": 2,
    "test_size": 0.5,
    "random_state": 0,
    "owner": "Owner",
}


class Recorder(ClassifierMixin, BaseEstimator):
    """Notes what it is fitted and asked on, and answers with the first class."""

    def __init__(self, notes):
        self.notes = notes

    def __sklearn_clone__(self):
        return Recorder(self.notes)

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.notes.append(("fit", X.copy(), y.copy()))
        return self

    def predict(self, X):
        self.notes.append(("predict", X.copy()))
        return np.repeat(self.classes_[:1], len(X))


def scores(estimators, **changes):
    return scores_by_labels(estimators, X, Y, **{**OPTIONS, **changes})


def rows_of(images):
    return {row.tobytes() for row in images}


def test_every_estimator_is_fitted_on_the_same_labels_and_asked_about_others():
    notes: dict[str, list[tuple]] = {"one": [], "two": []}

    scores({name: Recorder(found) for name, found in notes.items()})

    assert all(
        np.array_equal(part, other)
        for one, two in zip(*notes.values(), strict=True)
        for part, other in zip(one[1:], two[1:], strict=True)
    )
    fits = [note for note in notes["one"] if note[0] == "fit"]
    asked = [note for note in notes["one"] if note[0] == "predict"]
    assert [len(y) for _, _, y in fits] == [3, 3, 9, 9]
    assert {len(X) for _, X in asked} == {30}
    assert not any(rows_of(fit[1]) & rows_of(ask[1]) for fit, ask in zip(fits, asked, strict=True))


def test_more_labels_hold_the_fewer_of_the_same_draw():
    notes: list[tuple] = []

    scores({"one": Recorder(notes)})

    first, second, more_of_first, more_of_second = [rows_of(n[1]) for n in notes if n[0] == "fit"]
    assert first < more_of_first
    assert second < more_of_second
    assert first != second


def test_more_repeats_add_to_those_of_before():
    few, more = (
        scores({"bayes": KNeighborsClassifier(1)}, n_repeats=n)["scores"]["bayes"] for n in (2, 4)
    )

    assert [row[:2] for row in more] == few


def test_the_estimators_handed_in_stay_unfitted():
    estimator = GaussianNB()

    scores({"bayes": estimator}, labels_per_class=(3,))

    assert not hasattr(estimator, "classes_")


def test_a_frozen_estimator_is_the_same_however_few_the_labels():
    frozen = FrozenEstimator(GaussianNB().fit(X, Y))

    found = scores({"frozen": frozen})["scores"]["frozen"]

    assert found[0] == found[1]


def test_tables_and_lists_will_do():
    pandas = pytest.importorskip("pandas")
    estimators = {"near": KNeighborsClassifier(1)}

    tables = scores_by_labels(estimators, pandas.DataFrame(X), pandas.Series(Y), **OPTIONS)
    lists = scores_by_labels(estimators, X.tolist(), Y.tolist(), **OPTIONS)

    assert tables == lists == scores(estimators)


def test_counts_are_sorted_and_each_is_there_once():
    assert scores({"b": KNeighborsClassifier(1)}, labels_per_class=[3, 1, 3])[
        "labels_per_class"
    ] == [1, 3]


def test_a_class_with_too_few_labels_is_named():
    with pytest.raises(ValueError, match=r"Owner\.labels_per_class is at most the 10 rows .* 'a'"):
        scores({"b": GaussianNB()}, labels_per_class=[11])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels_per_class": []}, r"labels_per_class is one or more integers"),
        ({"labels_per_class": [0, 1]}, r"labels_per_class is one or more integers"),
        ({"labels_per_class": [1.5]}, r"labels_per_class is one or more integers"),
        ({"labels_per_class": [True]}, r"labels_per_class is one or more integers"),
        ({"labels_per_class": "5"}, r"labels_per_class is one or more integers"),
        ({"n_repeats": 0}, r"n_repeats is an integer of at least 1, not 0"),
        ({"n_repeats": 1.5}, r"n_repeats is an integer of at least 1, not 1\.5"),
        ({"test_size": 1.5}, r"test_size is a part of each class to hold out, not 1\.5"),
        ({"test_size": 59}, r"test_size is a part of each class to hold out, not 59"),
        ({"random_state": "x"}, r"random_state"),
    ],
)
def test_a_bad_argument_is_refused_by_name_before_anything_is_fitted(changes, told):
    notes: list[tuple] = []

    with pytest.raises(ValueError, match=rf"Owner\.{told}"):
        scores({"one": Recorder(notes)}, **changes)

    assert not notes


@pytest.mark.parametrize(
    ("estimators", "told"),
    [
        (GaussianNB(), r"Owner\.estimators is a mapping .* Did you mean {\"transfer\""),
        ([GaussianNB()], r"Owner\.estimators is a mapping of names to classifiers"),
        ({"b": GaussianNB}, r"Owner\.estimators\['b'\] is a classifier, .* the brackets"),
        ({"b": None}, r"Owner\.estimators\['b'\] is a classifier, not None"),
    ],
)
def test_something_else_than_classifiers_by_name_is_refused(estimators, told):
    with pytest.raises(TypeError, match=told):
        scores(estimators)


def test_no_estimator_is_refused():
    with pytest.raises(ValueError, match=r"Owner\.estimators is a mapping"):
        scores({})


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.linspace(0, 1, 60), "continuous"),
        (np.zeros(60), "one class"),
        (np.eye(60, dtype=int), "multilabel-indicator"),
    ],
)
def test_labels_without_classes_are_refused(y, kind):
    with pytest.raises(ValueError, match=rf"Owner\.y holds labels of two or more .* not {kind}"):
        scores_by_labels({"b": GaussianNB()}, X, y, **OPTIONS)


def test_labels_for_other_rows_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        scores_by_labels({"b": GaussianNB()}, X[:50], Y, **OPTIONS)
