from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from skdeepopt.datasets import _mnist
from skdeepopt.datasets._mnist import load_mnist
from skdeepopt.exceptions import DatasetError


@pytest.fixture
def arrays():
    generator = np.random.default_rng(0)
    return {
        "x_train": generator.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "y_train": np.arange(20, dtype=np.uint8) % 10,
        "x_test": generator.integers(0, 256, (10, 28, 28), dtype=np.uint8),
        "y_test": np.arange(10, dtype=np.uint8),
    }


@pytest.fixture
def openml(monkeypatch):
    """OpenML without a network and in small: 70 empty images, and a list of the calls."""
    calls = []

    def fetch(name, **options):
        calls.append(name)
        return np.zeros((70, 784), dtype=np.uint8), np.array(list("0123456789") * 7)

    monkeypatch.setattr(_mnist, "_N_TRAIN", 60)
    monkeypatch.setattr(_mnist, "fetch_openml", fetch)
    return calls


def test_a_local_file_wins_over_the_network(tmp_path, monkeypatch, arrays, openml):
    np.savez(tmp_path / "mnist.npz", **arrays)
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path))

    dataset = load_mnist()

    np.testing.assert_array_equal(dataset.X_train, arrays["x_train"])
    np.testing.assert_array_equal(dataset.y_test, arrays["y_test"])
    assert dataset.class_names == tuple("0123456789")
    assert openml == []


def test_without_a_local_file_openml_is_asked_once(tmp_path, monkeypatch, openml):
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path))

    first, again = load_mnist(), load_mnist()

    assert openml == ["mnist_784"]
    assert first.X_train.shape == again.X_train.shape == (60, 28, 28)
    assert again.y_test.tolist() == first.y_test.tolist()
    assert first.X_train.dtype == again.X_test.dtype == np.uint8


def test_a_cache_that_cannot_be_read_is_made_anew(tmp_path, monkeypatch, openml):
    monkeypatch.delenv("SKDEEPOPT_DATA", raising=False)
    monkeypatch.setattr(_mnist, "cache_folder", lambda: tmp_path)
    (tmp_path / "mnist.npz").write_bytes(b"damaged")

    load_mnist()

    assert openml == ["mnist_784"]


def test_no_network_says_where_a_file_could_lie(monkeypatch):
    def offline(*args, **options):
        raise OSError("no route")

    monkeypatch.delenv("SKDEEPOPT_DATA", raising=False)
    monkeypatch.setattr(_mnist, "fetch_openml", offline)

    with pytest.raises(DatasetError, match=r"mnist\.npz .* SKDEEPOPT_DATA .* no route"):
        load_mnist()


def test_a_local_file_with_other_keys_is_refused(tmp_path, monkeypatch, arrays):
    np.savez(tmp_path / "mnist.npz", X=arrays["x_train"])
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path))

    with pytest.raises(DatasetError, match="x_train, y_train, x_test, y_test, not X"):
        load_mnist()


def test_a_data_folder_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path / "absent"))

    with pytest.raises(DatasetError, match=r"an existing folder, not .*absent"):
        load_mnist()


def test_the_real_mnist_has_its_known_counts():
    folder = os.environ.get("SKDEEPOPT_DATA")
    if not folder or not (Path(folder) / "mnist.npz").exists():
        pytest.skip("mnist.npz is not in the folder that SKDEEPOPT_DATA names")

    dataset = load_mnist()

    assert dataset.X_train.shape == (60_000, 28, 28)
    assert np.bincount(dataset.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
