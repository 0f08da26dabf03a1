from __future__ import annotations

import numpy as np
import pytest

from skdeepopt.formats._parity import measured_parity
from skdeepopt.formats._source import read_source


@pytest.fixture
def measured(named, images):
    source = read_source(named, images)

    def measure(change, tolerance=1e-3):
        def run(inputs):
            scores = named.predict_proba(inputs)
            return change({"label": named.predict(inputs), "probabilities": scores})

        return measured_parity(run, named, source, images, images, tolerance)

    return measure


def test_equal_answers_are_at_no_distance(measured):
    parity = measured(lambda answers: answers)

    assert (parity.n_samples, parity.largest, parity.agreement) == (60, 0.0, 1.0)


def test_a_distance_within_the_tolerance_is_told(measured):
    parity = measured(
        lambda answers: {**answers, "probabilities": answers["probabilities"] + 0.001}, 0.01
    )

    assert parity.largest == pytest.approx(0.001)
    assert str(parity) == "at most 0.001 in a probability on 60 samples, 100.00% of labels equal"


def test_a_probability_that_is_no_number_does_not_pass(measured):
    with pytest.raises(ValueError, match=r"export\.tolerance .* they are nan apart"):
        measured(lambda answers: {**answers, "probabilities": answers["probabilities"] * np.nan})


def test_another_label_does_not_pass_where_the_probabilities_are_clear(measured):
    with pytest.raises(ValueError, match="the file's labels differ from those of predict"):
        measured(lambda answers: {**answers, "label": answers["label"][::-1]})


def test_another_label_passes_where_the_probabilities_are_near(measured):
    parity = measured(lambda answers: {**answers, "label": answers["label"][::-1]}, tolerance=0.51)

    assert parity.agreement < 1


def test_targets_are_compared_in_units_of_their_deviation(regressor, images):
    source = read_source(regressor, images)

    parity = measured_parity(
        lambda inputs: {"prediction": regressor.predict(inputs) + source.target_scale / 100},
        regressor,
        source,
        images,
        images,
        0.02,
    )

    assert parity.largest == pytest.approx(0.01)
    assert str(parity) == "at most 0.01 targets' deviations on 60 samples"
