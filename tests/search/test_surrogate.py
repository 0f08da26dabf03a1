from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from skdeepopt.search._surrogate import Surrogate


def data(n_points=40, n_axes=4, seed=0):
    points = np.random.default_rng(seed).random((n_points, n_axes))
    targets = np.sin(5 * points[:, 0]) + points[:, 1]
    return points, (targets - targets.mean()) / targets.std()


def test_the_slope_is_that_of_the_loss():
    points, targets = data()
    points[:, 3] = points[:, 3] > 0.5
    model = Surrogate(np.array([False, False, False, True]))
    gaps = model._gaps(points, points)
    at = model.logarithms_ + np.linspace(-0.5, 0.5, 6)

    slope = model._loss(at, gaps, targets)[1]

    near = approx_fprime(at, lambda x: model._loss(x, gaps, targets)[0], 1e-6)
    np.testing.assert_allclose(slope, near, atol=1e-3)


def test_axes_that_matter_get_shorter_lengths_than_those_that_do_not():
    model = Surrogate(np.zeros(4, bool)).fit(*data())

    lengths = model.logarithms_[2:]

    assert max(lengths[:2]) < min(lengths[2:])


def test_the_doubt_is_least_where_points_are():
    points, targets = data()
    model = Surrogate(np.zeros(4, bool)).fit(points, targets)

    known, far = model.predict(points)[1], model.predict(points + 3.0)[1]

    assert known.max() < far.min()


@pytest.mark.parametrize("pending", [0, 2])
def test_a_batch_holds_each_point_once_and_none_that_is_pending(pending):
    model = Surrogate(np.zeros(4, bool)).fit(*data())
    pool = np.random.default_rng(1).random((10, 4))

    batch = model.batch(pool, 20, pending=pending)

    assert sorted(batch) == list(range(pending, 10))


def test_a_batch_is_what_single_choices_give_that_are_believed_in_between():
    points, targets = data()
    model = Surrogate(np.zeros(4, bool)).fit(points, targets)
    pool = np.random.default_rng(1).random((30, 4))

    batch = model.batch(pool, 3)

    believed, singles = Surrogate(np.zeros(4, bool)), []
    believed.logarithms_ = model.logarithms_
    for _ in range(3):
        (chosen,) = believed.learn(points, targets).batch(np.delete(pool, singles, 0), 1)
        chosen = int(np.delete(np.arange(30), singles)[chosen])
        singles.append(chosen)
        targets = np.append(targets, model.predict(pool[[chosen]])[0])
        points = np.vstack([points, pool[chosen]])
    assert batch == singles


def test_of_equal_doubt_the_better_point_is_chosen():
    points = np.linspace(0, 1, 12)[:, None]
    model = Surrogate(np.array([False])).fit(points, 3 * points[:, 0] - 1.5)

    (chosen,) = model.batch(np.array([[0.2], [0.95], [0.5]]), 1)

    assert chosen == 1
