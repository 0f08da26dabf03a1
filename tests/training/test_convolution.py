import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skdeepopt.training._convolution import has_fast_gradients, strided_gradients


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
