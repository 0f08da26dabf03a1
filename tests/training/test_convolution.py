import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.training._chain import Chain
from skdeepopt.training._convolution import (
    has_fast_gradients,
    has_unsound_gradients,
    sound_gradients,
    strided_gradients,
)


@settings(deadline=None, max_examples=40)
@given(
    kernel=st.integers(2, 5),
    stride=st.integers(2, 3),
    extra=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    channels=st.integers(1, 5),
    outputs=st.integers(1, 4),
)
def test_strided_gradients_are_autograds(kernel, stride, extra, channels, outputs):
    kernel = max(kernel, stride)
    generator = torch.Generator().manual_seed(0)
    shape = (2, channels, kernel + extra[0], kernel + extra[1])
    inputs = torch.randn(shape, generator=generator, dtype=torch.float64)
    inputs = inputs.contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(
        outputs, channels, kernel, kernel, generator=generator, dtype=torch.float64
    ).requires_grad_()
    convolved = nn.functional.conv2d(inputs, weight, None, stride)
    gradient = torch.randn(convolved.shape, generator=generator, dtype=torch.float64)
    convolved.backward(gradient)

    of_inputs, of_weight = strided_gradients(gradient, inputs.detach(), weight.detach(), stride)

    torch.testing.assert_close(of_inputs, inputs.grad)
    torch.testing.assert_close(of_weight, weight.grad)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(16, 4, 3, 1, bias=False),
        nn.Conv2d(16, 4, 3, 2, padding=1, bias=False),
        nn.Conv2d(16, 4, 3, 2),
        nn.Conv2d(16, 4, (3, 5), 2, bias=False),
        nn.Conv2d(16, 4, 3, (2, 3), bias=False),
        nn.Conv2d(16, 4, 1, 2, bias=False),
        nn.Conv2d(16, 4, 3, 2, dilation=2, bias=False),
        nn.Conv2d(16, 4, 3, 2, groups=2, bias=False),
        nn.Conv2d(3, 4, 3, 2, bias=False),
    ],
    ids=str,
)
def test_other_convolutions_keep_torchs_gradients(layer):
    inputs = torch.zeros(2, layer.in_channels, 9, 9, dtype=torch.bfloat16)
    inputs = inputs.contiguous(memory_format=torch.channels_last)

    assert not has_fast_gradients(layer, inputs)


def test_only_bfloat16_images_that_lie_channels_last_have_fast_gradients():
    layer = nn.Conv2d(16, 4, 3, 2, bias=False)
    images = torch.zeros(2, 16, 9, 9, dtype=torch.bfloat16)

    assert has_fast_gradients(layer, images.contiguous(memory_format=torch.channels_last))
    assert not has_fast_gradients(layer, images)
    assert not has_fast_gradients(
        layer, images.float().contiguous(memory_format=torch.channels_last)
    )


def pointwise(channels=4, outputs=8, stride=2, **options):
    torch.manual_seed(0)
    return nn.Conv2d(channels, outputs, 1, stride, **options)


def gradients_of(layer, images):
    layer.zero_grad()
    images = images.detach().requires_grad_()
    torch.sin(layer(images)).sum().backward()
    return [images.grad, *(parameter.grad for parameter in layer.parameters())]


@settings(deadline=None, max_examples=40)
@given(
    channels=st.integers(1, 17),
    outputs=st.integers(1, 9),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    bias=st.booleans(),
)
def test_skipping_convolutions_have_right_gradients_while_they_train(
    channels, outputs, stride, size, bias
):
    layer = pointwise(channels, outputs, stride, bias=bias)
    images = torch.randn(3, channels, *size, generator=torch.Generator().manual_seed(0))
    expected = [part.float() for part in gradients_of(layer.double(), images.double())]

    with sound_gradients(layer.float()):
        found = gradients_of(layer, images.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)  # Sums in float32.


def test_a_layer_is_afterwards_as_it_was_whatever_happens():
    layer = pointwise()
    before = set(vars(layer))

    with pytest.raises(KeyboardInterrupt), sound_gradients(layer):
        raise KeyboardInterrupt

    assert set(vars(layer)) == before


def test_copies_made_in_training_compute_with_their_own_weights():
    layer, images = pointwise(bias=False), torch.ones(1, 4, 3, 3)

    with sound_gradients(layer):
        copies = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))]
        layer.weight.data.zero_()

    assert not layer(images).any()
    assert all(other(images).all() for other in copies)


def test_answers_without_gradients_are_torchs_own_to_the_last_bit():
    layer = pointwise(bias=True)
    images = torch.randn(5, 4, 9, 9).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = layer(images)

        with sound_gradients(layer):
            found = layer(images)

    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (pointwise(), True),
        (pointwise(15), True),
        (pointwise(16), False),
        (pointwise(stride=1), False),
        (pointwise(stride=(1, 2)), True),
        (pointwise(groups=2), False),
        (nn.Conv2d(4, 8, 3, 2), False),
        (nn.Conv2d(4, 8, 1, 2, padding=1), False),
        (nn.Conv2d(4, 8, 1, 2, padding="valid"), True),
    ],
    ids=str,
)
def test_only_skipping_convolutions_of_few_channels_are_left_to_autograd(layer, expected):
    assert has_unsound_gradients(layer) is expected
    if layer.padding != "valid":
        assert (Chain.of(nn.Sequential(layer, nn.ReLU())) is None) is expected


def test_a_layer_that_convolves_in_its_own_way_keeps_it():
    class Doubled(nn.Conv2d):
        def _conv_forward(self, inputs, weight, bias):
            return 2 * super()._conv_forward(inputs, weight, bias)

    layer, images = Doubled(4, 8, 1, 2), torch.ones(1, 4, 3, 3)
    expected = layer(images)

    with sound_gradients(layer):
        assert torch.equal(layer(images), expected)
