from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from skdeepopt.nets import Standardize
from skdeepopt.sources._ranges import standardized_range, usual_range

SHARES = arrays(np.float64, (40,), elements=st.floats(0, 1))


@given(SHARES, st.sampled_from([1.0, 16.0, 255.0, 65535.0]))
def test_pixels_of_a_usual_range_are_never_taken_for_brighter_ones(shares, brightest):
    pixels = torch.from_numpy(shares * brightest)

    found = usual_range(pixels.mean()[None], pixels.std(correction=0)[None])

    assert found is None or found[1] <= brightest


@pytest.mark.parametrize("brightest", [1.0, 16.0, 255.0])
def test_half_dark_images_tell_their_range(brightest):
    pixels = torch.tensor([0.0, 0.0, brightest, brightest])

    assert usual_range(pixels.mean()[None], pixels.std(correction=0)[None]) == (0.0, brightest)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (-0.5, 1.0), (0.01, 1.0), (1e6, 1e5)])
def test_nothing_tells_the_range_of_pixels_that_were_shifted(mean, deviation):
    assert usual_range(torch.tensor([mean]), torch.tensor([deviation])) is None


def test_a_network_without_a_standardizing_layer_tells_nothing():
    layer = Standardize(torch.tensor([33.3]), torch.tensor([78.6]))

    assert standardized_range(nn.Sequential(nn.Flatten())) is None
    assert standardized_range(nn.Sequential(layer, nn.Flatten())) == (0.0, 255.0)
