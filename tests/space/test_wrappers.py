from __future__ import annotations

import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    DistilledEstimator,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    TransferEstimator,
)
from skdeepopt.pruning._granularity import GRANULARITIES
from skdeepopt.quantization._scheme import SCHEMES
from skdeepopt.space._wrappers import (
    distilled_parts,
    packed_parts,
    pruned_parts,
    quantized_parts,
    trains,
    transferred_parts,
)

BASE = CNNClassifier()


def by_name(parts):
    return {part.name: part for part in parts}


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_every_granularity_has_ratios_criteria_and_scopes(granularity):
    found = by_name(pruned_parts(PrunedEstimator(BASE, granularity=granularity)))

    assert list(found) == ["pruning_ratio", "criterion", "scope", "finetune_epochs"]
    values = found["pruning_ratio"].values
    assert all(values.low <= ratio <= values.high for ratio in found["pruning_ratio"].grid)


def test_no_residual_block_is_ranked_by_layer():
    found = by_name(pruned_parts(PrunedEstimator(BASE, granularity="block")))

    assert "layer" not in found["scope"].values.values


@pytest.mark.parametrize("method", ["static", "training", "dynamic", "weight_only"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes_are_known_and_begin_with_the_present_one(method, scheme):
    found = by_name(quantized_parts(QuantizedEstimator(BASE, method=method, scheme=scheme)))

    assert found["scheme"].values.values[0] == scheme
    assert set(found["scheme"].values.values) <= set(SCHEMES)


def test_a_training_with_no_epochs_has_none_to_search():
    model = QuantizedEstimator(BASE, method="training", finetune_epochs=0)

    assert "finetune_epochs" not in by_name(quantized_parts(model))


def test_a_size_that_is_set_is_searched_from_half_to_double():
    part = by_name(packed_parts(PackedEstimator(BASE, target_bytes=3000)))["target_bytes"]

    assert (part.values.low, part.values.high, part.grid) == (1500, 6000, (3000, 1500, 6000))


def test_the_size_of_what_is_not_trained_yet_is_unknown():
    model = PackedEstimator(FrozenEstimator(BASE))

    assert "target_bytes" not in by_name(packed_parts(model))


def test_features_have_only_batch_norms_to_search():
    model = TransferEstimator(strategy="features", batch_norm="estimate")

    assert by_name(transferred_parts(model))["batch_norm"].values.values == ("estimate", "keep")
    assert list(by_name(transferred_parts(model))) == ["batch_norm"]
    assert not trains(model)
    assert trains(TransferEstimator())


def test_a_student_that_learns_from_its_first_step_has_epochs_of_its_own():
    learns = DistilledEstimator(BASE, LogisticRegression(), finetune_epochs=3)
    frozen = DistilledEstimator(FrozenEstimator(BASE), LogisticRegression(), finetune_epochs=3)

    assert "finetune_epochs" not in by_name(distilled_parts(learns))
    assert "finetune_epochs" in by_name(distilled_parts(frozen))


def test_a_regressor_has_no_temperature():
    model = DistilledEstimator(CNNRegressor(), CNNRegressor())

    assert list(by_name(distilled_parts(model))) == ["alpha"]


@pytest.mark.parametrize(
    ("parts", "model", "message"),
    [
        (pruned_parts, PrunedEstimator(BASE, granularity="chanel"), "granularity"),
        (pruned_parts, PrunedEstimator(BASE, criterion="lam"), "criterion"),
        (quantized_parts, QuantizedEstimator(BASE, method="statc"), "method"),
        (packed_parts, PackedEstimator(BASE, finetune_epochs=0), "finetune_epochs"),
        (transferred_parts, TransferEstimator(strategy="feature"), "strategy"),
        (distilled_parts, DistilledEstimator(BASE, BASE, temperature=0), "temperature"),
    ],
)
def test_a_parameter_out_of_its_range_is_refused_by_name(parts, model, message):
    with pytest.raises(ValueError, match=f"{type(model).__name__}.{message}"):
        list(parts(model))
