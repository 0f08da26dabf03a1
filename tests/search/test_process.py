"""Ten results are not taken for noise."""

from __future__ import annotations

import numpy as np

from skdeepopt.search._process import QuietProcess


def drawn(n_points, n_axes=12):
    points = np.random.default_rng(0).random((n_points, n_axes))
    values = np.sin(3 * points[:, 0]) - points[:, 1]
    return points, (values - values.mean()) / values.std()


def test_what_matters_is_found_among_what_does_not():
    points, targets = drawn(40)

    process = QuietProcess(np.zeros(12, bool)).fit(points[:20], targets[:20])

    mean, _ = process.predict(points[20:])
    assert np.corrcoef(mean, targets[20:])[0, 1] > 0.7


def test_a_fit_is_not_worse_for_having_begun_in_noise():
    points, targets = drawn(12)
    process = QuietProcess(np.zeros(12, bool))
    process.logarithms_[1] = 0.0

    process.fit(points, targets)

    fresh = QuietProcess(np.zeros(12, bool)).fit(points, targets)
    gaps = process._gaps(points, points)
    loss = process._loss(process.logarithms_, gaps, targets)[0]
    assert loss <= fresh._loss(fresh.logarithms_, gaps, targets)[0] + 1e-3


def test_the_same_data_give_the_same_process():
    one, other = (QuietProcess(np.zeros(12, bool)).fit(*drawn(12)) for _ in range(2))

    np.testing.assert_array_equal(one.logarithms_, other.logarithms_)
