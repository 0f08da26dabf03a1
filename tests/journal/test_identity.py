"""Equal things are described equally in every process, and different ones are not."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, f1_score, make_scorer
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skopt.space import Categorical, Integer, Real

from skdeepopt.journal._identity import data_digest, described, fingerprint, splits_digest

THINGS = {
    "number": [0, 1, 0.5, True, None, "1", np.float32(2)],
    "container": [[1, 2], [2, 1], {"a": [1]}, {"a": [2]}, {"b": [1]}],
    "array": [np.zeros(3), np.ones(3), np.zeros((3, 1)), np.zeros(3, np.float32)],
    "estimator": [Ridge(), Ridge(2.0), make_pipeline(Ridge()), make_pipeline(StandardScaler())],
    "scorer": [make_scorer(accuracy_score), make_scorer(f1_score), accuracy_score, f1_score],
    "splitter": [KFold(3), KFold(4), KFold(3, shuffle=True), ShuffleSplit(3, random_state=1)],
    "choices": [
        *(Real(0, 1), Real(0, 2), Real(1e-3, 1), Real(1e-3, 1, prior="log-uniform"), Integer(0, 1)),
        *(
            Categorical(["a"]),
            Categorical(["b"]),
            loguniform(1, 2),
            loguniform(1, 3),
            randint(1, 2),
        ),
    ],
    "function": [lambda x: x + 1, lambda x: x.a, len, print],
}


@pytest.mark.parametrize("things", THINGS.values(), ids=THINGS)
def test_different_things_have_different_fingerprints(things):
    assert len({fingerprint(thing) for thing in things}) == len(things)


@pytest.mark.parametrize("things", THINGS.values(), ids=THINGS)
def test_a_description_is_json(things):
    assert json.loads(json.dumps(described(things))) == described(things)


def test_the_order_of_names_does_not_matter():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_a_circle_is_described():
    one = {}
    one["self"] = one

    assert fingerprint(one)


def test_what_skopt_does_to_a_dimension_does_not_change_its_fingerprint():
    dimension = Real(1e-3, 1.0, prior="log-uniform")
    before = fingerprint(dimension)

    dimension.set_transformer("normalize")

    assert fingerprint(dimension) == before


@pytest.mark.slow
def test_another_process_says_the_same():
    code = (
        "from tests.journal.test_identity import *;"
        "print(*[fingerprint(t) for k, ts in THINGS.items() for t in ts])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    ours = [fingerprint(thing) for kind, things in THINGS.items() for thing in things]
    # Functions of this file go by another module name there.
    assert told[:-4] == ours[:-4]


def test_data_digests_differ_by_a_bit():
    X = np.zeros((4, 2))
    other = X.copy()
    other[0, 0] = 1e-300

    assert data_digest(X, None) == data_digest(X.copy(), None) != data_digest(other, None)


def test_the_order_of_splits_matters():
    splits = [(np.arange(3), np.arange(3, 5)), (np.arange(2, 5), np.arange(2))]

    assert splits_digest(splits) != splits_digest(splits[::-1])
    assert splits_digest(splits) == splits_digest([(a.astype(np.int32), b) for a, b in splits])
