from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._transferred import TransferEstimator
from skdeepopt.storage import load, save
from skdeepopt.study._together import together


@pytest.mark.parametrize(("data", "base"), [("digits", TransferEstimator), ("own", CNNClassifier)])
def test_a_stack_begins_with_a_source_only_where_it_fits(setting, data, base):
    stack = together(dataclasses.replace(setting, data=data), 3)

    assert isinstance(stack.estimator, PrunedEstimator)
    assert isinstance(stack.estimator.estimator, base)
    assert stack.random_state == stack.estimator.random_state == 3
    assert stack.estimator.estimator.random_state == 3


@pytest.mark.slow
@pytest.mark.parametrize("data", ["digits", "own"])
def test_the_stack_answers_the_same_from_its_file(setting, tmp_path, data):
    X = np.random.default_rng(0).integers(0, 17, (60, 8, 8)).astype(np.float32)
    y = np.arange(60) % 3
    stack = together(dataclasses.replace(setting, data=data), 0).fit(X, y)

    save(stack, tmp_path / "all.skdo")

    np.testing.assert_allclose(
        load(tmp_path / "all.skdo").predict_proba(X), stack.predict_proba(X), atol=1e-6
    )
