from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skdeepopt.datasets import _cifar10
from skdeepopt.datasets._cifar10 import _CLASSES, load_cifar10
from skdeepopt.exceptions import DatasetError

N_PER_CLASS = 3


def jpeg(value: int, size: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((size, size, 3), value, dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive in small: image k of class c is all 20 c + k."""
    path = tmp_path / "cifar10-jpeg.zip"
    with zipfile.ZipFile(path, "w") as file:
        for part in ("test", "train"):
            for number, label in enumerate(_CLASSES):
                for k in range(N_PER_CLASS):
                    file.writestr(f"{part}/{label}/{k:04}.jpg", jpeg(20 * number + k))
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path))
    return path


@pytest.mark.usefixtures("archive")
def test_each_image_gets_the_label_of_its_folder():
    dataset = load_cifar10()

    assert dataset.X_train.shape == (10 * N_PER_CLASS, 32, 32, 3)
    assert dataset.X_train.dtype == np.uint8
    np.testing.assert_array_equal(dataset.X_train[:, 5, 5, 0] // 20, dataset.y_train)
    assert dataset.class_names[3] == "cat"


@pytest.mark.usefixtures("archive")
def test_a_second_call_reads_the_cache_and_gives_the_same(monkeypatch):
    first = load_cifar10()
    monkeypatch.setattr(_cifar10, "read_pixels", lambda *a, **k: pytest.fail("decoded again"))

    again = load_cifar10()

    np.testing.assert_array_equal(first.X_test, again.X_test)


def test_a_changed_archive_is_decoded_anew(archive):
    load_cifar10()
    os.utime(archive, ns=(1, 1))
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("train/cat/0009.jpg", jpeg(69))

    assert len(load_cifar10().X_train) == 10 * N_PER_CLASS + 1


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("is_cached", [False, True])
def test_a_limit_takes_the_first_images_of_each_class(is_cached):
    if is_cached:
        load_cifar10()

    dataset = load_cifar10(limit_per_class=2)

    assert np.bincount(dataset.y_train).tolist() == [2] * 10
    np.testing.assert_array_equal(dataset.X_test[::2, 0, 0, 0] % 20, 0)


@pytest.mark.usefixtures("archive")
def test_a_limited_call_leaves_no_cache_for_a_whole_one():
    load_cifar10(limit_per_class=1)

    assert len(load_cifar10().X_train) == 10 * N_PER_CLASS


def test_a_cache_folder_that_cannot_be_written_does_no_harm(archive, monkeypatch):
    monkeypatch.setattr(_cifar10, "cache_folder", lambda: archive)

    assert len(load_cifar10().X_train) == 10 * N_PER_CLASS


def test_a_damaged_image_is_named(archive):
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("train/cat/0009.jpg", b"no picture")

    with pytest.raises(DatasetError, match=r"train/cat/0009\.jpg, cannot be read as an image"):
        load_cifar10()


def test_an_image_of_another_size_is_named(archive):
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("train/cat/0009.jpg", jpeg(1, size=64))

    with pytest.raises(DatasetError, match=r"0009\.jpg, has 32 x 32 .* not 64 x 64"):
        load_cifar10()


def test_a_missing_class_is_named(archive):
    archive.unlink()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("train/airplane/0000.jpg", jpeg(1))

    with pytest.raises(DatasetError, match="train/automobile/, not none"):
        load_cifar10()


def test_a_cut_archive_is_refused(archive):
    archive.write_bytes(archive.read_bytes()[:-50])

    with pytest.raises(DatasetError, match="cannot be read as a zip archive"):
        load_cifar10()


def test_a_missing_archive_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("SKDEEPOPT_DATA", str(tmp_path))

    with pytest.raises(DatasetError, match=r"cifar10-jpeg\.zip .* SKDEEPOPT_DATA .* has none"):
        load_cifar10()


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("SKDEEPOPT_DATA", raising=False)

    with pytest.raises(DatasetError, match="SKDEEPOPT_DATA names, which is not set"):
        load_cifar10()


@pytest.mark.usefixtures("archive")
def test_a_limit_of_zero_is_refused():
    with pytest.raises(ValueError, match=r"at least 1, not 0\. Did you mean None"):
        load_cifar10(limit_per_class=0)


def test_the_real_archive_decodes():
    folder = os.environ.get("SKDEEPOPT_DATA")
    if not folder or not (Path(folder) / "cifar10-jpeg.zip").exists():
        pytest.skip("cifar10-jpeg.zip is not in the folder that SKDEEPOPT_DATA names")

    dataset = load_cifar10(limit_per_class=5)

    assert dataset.X_train.shape == (50, 32, 32, 3)
    assert 100 < dataset.X_train.mean() < 150
