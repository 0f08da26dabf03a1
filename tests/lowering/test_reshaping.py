from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.lowering._onnx import to_onnx
from tests.lowering.conftest import assert_same_answers, assert_simulated, operators, prepared


class Reshaped(nn.Module):
    def __init__(self, function):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.function = nn.Conv2d(2, 4, 1), function
        self.last = nn.Linear(self.function(torch.zeros(5, 4, 3, 3)).shape[-1], 3)

    def forward(self, images):
        return self.last(self.function(self.first(images)))


FUNCTIONS = {
    "flatten": nn.Flatten(),
    "torch.flatten": lambda x: torch.flatten(x, 1),
    "flatten some": lambda x: x.flatten(2),
    "flatten into the batch": lambda x: x.flatten(0, 1).flatten(1),
    "view": lambda x: x.view(x.size(0), -1),
    "view by sizes": lambda x: x.view(x.size(0), x.shape[1] * x.size(2) * x.size(3)),
    "view without the batch": lambda x: x.reshape(-1, 12),
    "squeeze": lambda x: x.unsqueeze(1).squeeze(1).flatten(1),
    "unflatten": nn.Sequential(nn.Flatten(), nn.Unflatten(1, (6, 6))),
    "concatenation": lambda x: torch.cat([x, x], dim=-1).flatten(1),
    "concatenation along an axis": lambda x: torch.cat((x, x.relu()), axis=1).flatten(1),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_an_arrangement_gives_its_answers_for_any_number_of_samples(function):
    assert_same_answers(Reshaped(function), torch.randn(5, 2, 3, 3))


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_an_arrangement_gives_the_simulated_answers(function):
    assert_simulated(Reshaped(function), torch.randn(32, 2, 3, 3))


def test_codes_are_arranged_as_codes():
    run = operators(assert_simulated(Reshaped(nn.Flatten()), torch.randn(8, 2, 3, 3)))

    assert run[run.index("Flatten") - 1] == "QuantizeLinear"


def test_channels_of_images_come_first_in_what_is_flattened():
    assert_same_answers(nn.Sequential(nn.Flatten()), torch.arange(24.0).view(2, 3, 2, 2))


def test_a_shape_in_which_the_batch_is_everywhere_is_refused():
    class Squared(nn.Module):
        def forward(self, inputs):
            pairs = inputs.view(-1, 1, 3) * inputs.view(1, -1, 3)
            return pairs.view(3, inputs.size(0), inputs.size(0))

    with pytest.raises(ValueError, match="more than one size that grows with the batch"):
        to_onnx(prepared(Squared()), (3,))
