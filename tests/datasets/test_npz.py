from __future__ import annotations

import numpy as np
import pytest

from skdeepopt.datasets._npz import load_npz
from skdeepopt.exceptions import DatasetError

IMAGES = np.arange(20 * 16, dtype=np.uint16).reshape(20, 4, 4)
LABELS = np.array(["cat", "dog"] * 10)


@pytest.fixture
def write(tmp_path):
    def written(**arrays):
        path = tmp_path / "pets.npz"
        np.savez(path, **arrays)
        return path

    return written


@pytest.mark.parametrize("keys", [("X", "y"), ("images", "labels")])
def test_images_without_a_test_part_are_split(write, keys):
    dataset = load_npz(write(**dict(zip(keys, (IMAGES, LABELS), strict=True))), test_size=0.5)

    assert dataset.name == "pets"
    assert dataset.class_names == ("cat", "dog")
    assert sorted(dataset.y_test) == ["cat"] * 5 + ["dog"] * 5
    assert dataset.X_train.dtype == np.uint16


def test_parts_that_are_given_are_kept(write):
    path = write(x_train=IMAGES[:15], y_train=LABELS[:15], x_test=IMAGES[15:], y_test=LABELS[15:])

    dataset = load_npz(path)

    np.testing.assert_array_equal(dataset.X_test, IMAGES[15:])
    assert dataset.split == "given by the data"


def test_labels_in_one_column_are_flattened(write):
    dataset = load_npz(write(X=IMAGES, y=np.arange(20)[:, None] % 2))

    assert dataset.y_train.shape == (15,)


def test_continuous_labels_have_no_class_names(write):
    dataset = load_npz(write(X=IMAGES, y=np.linspace(0, 1, 20)))

    assert dataset.class_names == ()


def test_other_keys_are_named_with_the_allowed_ones(write):
    with pytest.raises(DatasetError, match=r"X, y or images, labels or x_train.*not imgs, y\b"):
        load_npz(write(imgs=IMAGES, y=LABELS))


def test_a_misspelt_key_gets_a_suggestion(write):
    with pytest.raises(DatasetError, match="Did you mean 'images'"):
        load_npz(write(image=IMAGES, labels=LABELS))


def test_pickled_objects_are_refused_and_never_run(write):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    with pytest.raises(DatasetError, match="arrays of numbers or text"):
        load_npz(write(X=np.array([Bomb()], dtype=object), y=LABELS))


def test_one_hot_labels_are_refused_with_a_cure(write):
    with pytest.raises(DatasetError, match="argmax"):
        load_npz(write(X=IMAGES, y=np.eye(20)))


def test_images_of_text_are_refused(write):
    with pytest.raises(DatasetError, match="X holds numbers"):
        load_npz(write(X=LABELS, y=LABELS))


def test_fewer_labels_than_images_are_refused(write):
    with pytest.raises(DatasetError, match="not 19 labels for 20 images"):
        load_npz(write(X=IMAGES, y=LABELS[:19]))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"existing .npz file, not .*absent.npz"):
        load_npz(tmp_path / "absent.npz")


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "text.npz"
    path.write_text("no archive")

    with pytest.raises(DatasetError, match=r"no .npz archive"):
        load_npz(path)


def test_a_damaged_archive_is_refused(write):
    path = write(X=IMAGES, y=LABELS)
    content = bytearray(path.read_bytes())
    content[200:260] = b"\0" * 60
    path.write_bytes(content)

    with pytest.raises(DatasetError, match=r"pets.npz"):
        load_npz(path)
