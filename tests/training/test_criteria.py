from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from skdeepopt.training._criteria import ClassificationLoss, RegressionLoss

LOGITS = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 2, 1, 0])
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 1.5, 0.0, 1.0])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_is_torchs_cross_entropy(smoothing):
    expected = functional.cross_entropy(LOGITS, LABELS, label_smoothing=smoothing)

    assert ClassificationLoss(smoothing)(LOGITS, LABELS) == expected


def test_weights_of_one_change_no_loss():
    loss = ClassificationLoss()

    torch.testing.assert_close(
        loss(LOGITS, LABELS, torch.ones(6)), loss(LOGITS, LABELS), rtol=1e-6, atol=0
    )


def test_a_weight_multiplies_the_loss_of_its_sample():
    singles = functional.cross_entropy(LOGITS, LABELS, reduction="none")

    torch.testing.assert_close(
        ClassificationLoss()(LOGITS, LABELS, WEIGHTS), (singles * WEIGHTS).mean()
    )


def test_a_perfect_regression_loses_nothing():
    assert RegressionLoss()(LOGITS, LOGITS) == 0
    assert RegressionLoss()(LOGITS, LOGITS, WEIGHTS) == 0


def test_squares_are_averaged_over_samples_and_targets():
    torch.testing.assert_close(RegressionLoss()(LOGITS, LOGITS + 2), torch.tensor(4.0))
    torch.testing.assert_close(RegressionLoss()(LOGITS, LOGITS + 2, WEIGHTS), torch.tensor(4.0))


def test_half_precision_outputs_give_a_float32_loss():
    assert ClassificationLoss()(LOGITS.bfloat16(), LABELS).dtype == torch.float32
    assert RegressionLoss()(LOGITS.bfloat16(), LOGITS).dtype == torch.float32
