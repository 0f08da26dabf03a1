from __future__ import annotations

import numpy as np
import pytest
from torch import nn

from skdeepopt import TransferEstimator
from skdeepopt.meta._transfer_network import (
    image_shapes,
    inside_estimator,
    matched,
    network_arguments,
)
from skdeepopt.sources import Source, resolve_source


@pytest.mark.parametrize(
    ("shape", "given", "said", "seen"),
    [
        ((5, 64), None, (1, 8, 8), (1, 8, 8)),
        ((5, 10), None, (1, 1, 10), (1, 1, 10)),
        ((5, 12), (2, 6), (2, 6), (1, 2, 6)),
        ((5, 12), (2, 2, 3), (2, 2, 3), (2, 2, 3)),
        ((5, 8, 9), None, (1, 8, 9), (1, 8, 9)),
        ((5, 3, 8, 9), None, (3, 8, 9), (3, 8, 9)),
        ((5, 8, 9, 3), None, (8, 9, 3), (3, 8, 9)),
        ((5, 12), (2, 6, 1), (2, 6, 1), (2, 6, 1)),
    ],
)
def test_a_shape_is_read_as_an_image_estimator_reads_it(shape, given, said, seen):
    assert image_shapes(np.zeros(shape), given, owner="test") == (said, seen)


@pytest.mark.parametrize("X", [np.zeros(5), np.zeros((0, 3)), np.zeros((3, 0)), 5, [[1, 2], [3]]])
def test_what_is_wrong_with_the_data_is_told_when_they_are_read(X):
    assert image_shapes(X, None, owner="test") == (None, None)


def test_images_that_cannot_be_matched_are_refused_with_both_shapes():
    source = resolve_source("mnist-compact", owner="test")

    with pytest.raises(ValueError, match=r"'mnist-compact'.*\(1, 28, 28\).*\(2, 8, 8\)"):
        matched(source, (2, 8, 8), owner="test")


def test_a_module_has_no_widths_and_an_architecture_has():
    module = Source("module", nn.Flatten(), {}, image_shape=(1, 8, 8))

    assert network_arguments(module).keys() == {"body", "source_shape"}
    assert network_arguments(resolve_source("mnist-compact", owner="test")).keys() == {
        "body",
        "source_shape",
        "widths",
        "depth",
        "standardize",
    }


def test_the_parameters_of_the_transfer_are_those_inside():
    outer = TransferEstimator(lr=0.5, label_smoothing=0.1, batch_size=7, class_weight="balanced")

    inside = inside_estimator(outer, {"body": "mlp"}, (8, 8)).get_params()

    names = ("lr", "label_smoothing", "batch_size", "class_weight")
    assert [inside[name] for name in names] == [0.5, 0.1, 7, "balanced"]
    assert (inside["module__body"], inside["image_shape"]) == ("mlp", (8, 8))
