from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeepopt.quantization._layerwise import LayerStep
from skdeepopt.quantization._rows import layer_rows


def rows_of(layer, inputs, has_relu=False):
    with torch.no_grad():
        step = LayerStep("layer", layer, None, [inputs], [layer(inputs)])
        return layer_rows(step, has_relu, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 3), (6, 4)),
        (nn.Linear(4, 3, bias=False), (6, 5, 4)),
        (nn.Conv2d(4, 6, 3, stride=2, padding=1), (2, 4, 7, 8)),
        (nn.Conv2d(4, 6, (3, 2), dilation=(2, 1), groups=2), (2, 4, 7, 8)),
        (nn.Conv2d(4, 4, 3, padding="same", groups=4, bias=False), (2, 4, 7, 8)),
        (nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"), (2, 4, 7, 8)),
        (nn.Conv1d(4, 6, 3, stride=2), (2, 4, 9)),
        (nn.Conv3d(2, 3, 2, padding=1), (2, 2, 4, 3, 4)),
    ],
)
def test_the_product_of_rows_and_weight_is_what_the_layer_gives(layer, shape):
    torch.manual_seed(0)

    rows = rows_of(layer, torch.randn(shape))

    weight = layer.weight.detach().reshape(rows.n_groups, rows.targets.shape[-1], -1)
    given = torch.bmm(rows.inputs, weight.mT) + rows.bias
    torch.testing.assert_close(given, rows.targets, rtol=1e-4, atol=1e-5)


def test_all_places_are_taken_while_they_are_few():
    assert rows_of(nn.Conv2d(1, 2, 3), torch.randn(4, 1, 8, 8)).inputs.shape == (1, 144, 9)


def test_many_places_are_thinned():
    rows = rows_of(nn.Conv2d(1, 2, 3), torch.randn(64, 1, 24, 24))

    assert rows.inputs.shape[1] == pytest.approx(2**14, rel=0.01)


def test_the_same_seed_takes_the_same_places():
    layer, images = nn.Conv2d(1, 2, 3), torch.randn(64, 1, 24, 24)

    assert torch.equal(rows_of(layer, images).inputs, rows_of(layer, images).inputs)


def test_where_a_relu_follows_only_what_passes_it_counts():
    rows = rows_of(nn.Linear(1, 1), torch.randn(3, 1), has_relu=True)
    outputs, targets = torch.tensor([-1.0, 2.0, -3.0]), torch.tensor([-2.0, 1.0, 1.0])

    assert rows.errors(outputs, targets).tolist() == [0, 1, -1]
    assert rows.slopes(outputs, targets).tolist() == [0, 1, 0]
