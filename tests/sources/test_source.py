from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeepopt.sources import Source


def source_of(body, **rest):
    return Source("body", body, body.state_dict(), **rest)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value):
    body = nn.Linear(4, 2)
    with torch.no_grad():
        body.bias[0] = value

    with pytest.raises(ValueError, match=r"body has finite weights, not NaN.*'bias'"):
        source_of(body)


def test_a_digest_is_that_of_the_weights_and_the_structure():
    body = nn.Sequential(nn.Linear(4, 2), nn.ReLU())
    other, changed = nn.Sequential(body[0], nn.Tanh()), copy.deepcopy(body)
    with torch.no_grad():
        changed[0].weight[1, 2] += 1e-6

    digest = source_of(body).digest

    assert source_of(copy.deepcopy(body)).digest == digest
    assert len({digest, source_of(other).digest, source_of(changed).digest}) == 3


def test_a_source_that_knows_its_shape_is_not_asked_for_another():
    known = source_of(nn.Flatten(), image_shape=(1, 4, 4))

    assert known.for_images((1, 8, 8), owner="test") is known


def test_a_source_that_does_not_know_its_shape_gets_one_that_fits():
    source = source_of(nn.Sequential(nn.Linear(64, 2)))

    found = source.for_images((1, 16, 16), owner="test")

    assert (source.image_shape, found.image_shape) == (None, (1, 8, 8))
    assert found.digest == source.digest
    assert found.body_state.keys() == found.body.state_dict().keys()
