from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.nets import MatchInput
from skdeepopt.training._invariance import batch_invariant
from skdeepopt.training._threads import fair_threads

LAYERS = {
    "linear": (nn.Linear(64, 10), (64,)),
    "wide linear": (nn.Linear(784, 300), (784,)),
    "deep linear": (nn.Linear(1024, 10), (1024,)),
    "convolution": (nn.Conv2d(3, 8, 3, padding=1), (3, 12, 12)),
    "strided convolution": (nn.Conv2d(1, 16, 5, stride=2), (1, 28, 28)),
    "grouped convolution": (nn.Conv2d(4, 8, 3, groups=2, bias=False), (4, 9, 9)),
    "dilated convolution": (nn.Conv2d(2, 4, 3, dilation=2), (2, 11, 11)),
    "named padding": (nn.Conv2d(2, 4, 3, padding="same"), (2, 11, 11)),
    "circular padding": (nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"), (2, 11, 11)),
}


@pytest.mark.parametrize("name", LAYERS)
@torch.inference_mode()
def test_outputs_are_those_of_the_layer(name):
    layer, shape = LAYERS[name]
    images = torch.rand(3, *shape)
    expected = layer(images)

    with batch_invariant(nn.Sequential(layer), len(images)):
        found = layer(images)

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


ODD = {
    "one column": (nn.Linear(1, 10), (1,)),
    "five columns": (nn.Linear(5, 3), (5,)),
    "many odd columns": (nn.Linear(135, 11), (135,)),
    "one output": (nn.Linear(256, 1), (256,)),
    "two outputs": (nn.Linear(512, 2), (512,)),
    "one channel more": (nn.Conv2d(7, 13, 3), (7, 13, 13)),
}


@pytest.mark.parametrize("name", ODD)
@torch.inference_mode()
def test_of_odd_widths_too_a_sample_alone_gets_what_it_gets_among_many(name):
    layer, shape = ODD[name]
    images = torch.rand(200, *shape)
    if len(shape) == 3:
        images = images.contiguous(memory_format=torch.channels_last)

    together, alone, sevens = (asked(layer, images, size) for size in (200, 1, 7))

    assert torch.equal(alone, together)
    assert torch.equal(sevens, together)


@pytest.mark.parametrize("n_columns", [1, 5, 7, 135])
@torch.inference_mode()
def test_columns_that_fill_up_a_block_change_no_output(n_columns):
    layer, rows = nn.Linear(n_columns, 3), torch.rand(100, n_columns)

    torch.testing.assert_close(asked(layer, rows, 100), layer(rows), rtol=1e-5, atol=1e-6)


def asked(layer, inputs, size):
    """Outputs for `inputs`, `size` at a time."""
    with batch_invariant(layer, size):
        return torch.cat([layer(part) for part in inputs.split(size)])


@pytest.mark.parametrize(
    "name", ["linear", "wide linear", "deep linear", "convolution", "strided convolution"]
)
@torch.inference_mode()
def test_a_sample_alone_gets_what_it_gets_among_many(name):
    layer, shape = LAYERS[name]
    images = torch.rand(200, *shape)
    if len(shape) == 3:
        images = images.contiguous(memory_format=torch.channels_last)

    together, alone, sevens = (asked(layer, images, size) for size in (200, 1, 7))

    assert torch.equal(alone, together)
    assert torch.equal(sevens, together)


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize("width", [2, 7, 8, 33])
@torch.inference_mode()
def test_a_sample_alone_is_matched_as_among_many(side, width):
    layer, images = MatchInput((1, side, width), (3, 11, 28)), torch.rand(100, 1, side, width)

    together, alone, sevens = (asked(layer, images, size) for size in (100, 1, 7))

    assert torch.equal(alone, together)
    assert torch.equal(sevens, together)
    torch.testing.assert_close(together, layer(images), rtol=0, atol=1e-6)


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    before = [dict(layer.__dict__) for layer in module.modules()]

    with pytest.raises(ZeroDivisionError), batch_invariant(module, 1):
        raise ZeroDivisionError

    assert [dict(layer.__dict__) for layer in module.modules()] == before


def test_many_samples_need_nothing_on_one_thread_in_layers_of_whole_blocks():
    module = nn.Sequential(nn.Linear(8, 2))

    with fair_threads(0.0), batch_invariant(module, 10**6):
        assert "forward" not in module[0].__dict__
