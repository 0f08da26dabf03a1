from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.sources._shapes import image_body, of_samples


def of_side(side, channels=1):
    return nn.Sequential(nn.Conv2d(channels, 2, 3), nn.Flatten(), nn.Linear(2 * (side - 2) ** 2, 4))


@pytest.mark.parametrize(
    ("body", "image_shape", "found"),
    [
        (of_side(8), (1, 8, 8), (1, 8, 8)),
        (of_side(28), (1, 8, 8), (1, 28, 28)),
        (of_side(32, channels=3), (1, 8, 8), (3, 32, 32)),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), (1, 9, 7), None),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), (1, 16, 16), (1, 8, 8)),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), (1, 4, 16), (1, 4, 16)),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 4)), (3, 9, 9), (3, 8, 8)),
        (nn.Linear(10, 4), (1, 5, 5), (1, 1, 10)),
    ],
)
def test_a_body_takes_the_shape_that_was_found(body, image_shape, found):
    adapted, shape = image_body(body, image_shape, owner="test", name="body")

    assert shape == ((3, *image_shape[1:]) if found is None else found)
    assert adapted(torch.zeros(2, *shape)).ndim == 2


@pytest.mark.parametrize(
    "body", [nn.Conv2d(1, 2, 3), of_side(29), nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(0))]
)
def test_a_body_that_gives_no_features_is_refused(body):
    with pytest.raises(ValueError, match=r"test\.source body takes images.*FrozenEstimator"):
        image_body(body, (1, 8, 8), owner="test", name="body")


@pytest.mark.parametrize("sample_shape", [(64,), (10,), (8, 8), (3, 4, 5)])
def test_a_body_of_samples_sees_in_images_what_it_sees_in_samples(sample_shape):
    samples = torch.rand(3, *sample_shape)
    body = nn.Sequential(nn.Identity(), nn.Flatten())

    adapted, shape = of_samples(body, sample_shape)

    assert torch.equal(adapted(samples.reshape(3, *shape)), body(samples))


def test_looking_for_a_shape_leaves_a_body_in_its_mode():
    body = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(64))
    before = body[1].running_mean.clone()

    image_body(body.train(), (1, 8, 8), owner="test", name="body")

    assert body.training
    assert torch.equal(body[1].running_mean, before)
