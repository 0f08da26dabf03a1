from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from skdeepopt.data._rows import as_rows

IMAGES = np.arange(96, dtype=np.uint8).reshape(2, 3, 4, 4)


@pytest.mark.parametrize("X", [IMAGES, torch.tensor(IMAGES), list(IMAGES), IMAGES.tolist()])
def test_images_become_rows_that_remember_their_shape(X):
    rows, shape = as_rows(X, owner="Net")

    np.testing.assert_array_equal(rows, IMAGES.reshape(2, 48))
    assert shape == (2, 3, 4, 4)


@pytest.mark.parametrize(
    "X", [IMAGES.reshape(2, 48), pd.DataFrame({"a": [1, 2]}), [[1, 2], [3, 4]], [], "text", None]
)
def test_anything_flatter_is_passed_on_as_it_is(X):
    rows, shape = as_rows(X, owner="Net")

    assert rows is X
    assert shape is None


@pytest.mark.parametrize("X", [IMAGES, torch.tensor(IMAGES)])
def test_memory_is_shared(X):
    rows, _ = as_rows(X, owner="Net")

    assert np.shares_memory(rows, np.asarray(X))


def test_tensors_of_a_type_that_numpy_lacks_become_float32():
    rows, _ = as_rows(torch.tensor(IMAGES).bfloat16(), owner="Net")

    assert rows.dtype == np.float32


def test_tensors_lose_their_gradient():
    rows, _ = as_rows([torch.zeros(4, 4, requires_grad=True)] * 2, owner="Net")

    assert rows.shape == (2, 16)


@pytest.mark.parametrize(
    ("X", "told"),
    [
        (IMAGES[:0], "at least one image"),
        (IMAGES[None], "2, 3 or 4 axes"),
        ([IMAGES[0], IMAGES[0, :2]], "one shape, not of the shapes"),
        ([[[1, 2], [3]]] * 2, "rows are of one length"),
        (torch.zeros(2, 3).to_sparse(), "dense tensors"),
    ],
)
def test_what_are_no_images_is_refused_by_name(X, told):
    with pytest.raises((TypeError, ValueError), match=f"Net takes .*{told}"):
        as_rows(X, owner="Net")
