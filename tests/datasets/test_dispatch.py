from __future__ import annotations

import numpy as np
import pytest

from skdeepopt.datasets._dispatch import DATASET_NAMES, load_dataset
from skdeepopt.exceptions import DatasetError


def test_the_names_are_those_of_the_built_in_loaders():
    assert DATASET_NAMES == ("digits", "mnist", "cifar10")


def test_a_folder_is_read_as_images(tmp_path, write_image):
    for k in range(8):
        write_image(tmp_path / "pets" / ("cat" if k % 2 else "dog") / f"{k}.png", 1)

    assert load_dataset(str(tmp_path / "pets")).name == "pets"


def test_an_archive_is_read_as_arrays(tmp_path):
    path = tmp_path / "pets.npz"
    np.savez(path, X=np.zeros((8, 2, 2)), y=np.arange(8) % 2)

    assert load_dataset(path).name == "pets"


@pytest.mark.parametrize(("spec", "meant"), [("mnits", "mnist"), ("CIFAR-10", "cifar10")])
def test_a_misspelt_name_gets_a_suggestion(spec, meant):
    with pytest.raises(DatasetError, match=f"digits, mnist, cifar10.*Did you mean '{meant}'"):
        load_dataset(spec)


def test_a_misspelt_path_gets_a_suggestion(tmp_path):
    (tmp_path / "pets").mkdir()

    with pytest.raises(DatasetError, match="Did you mean 'pets'"):
        load_dataset(tmp_path / "petz")


def test_a_path_into_nowhere_names_the_folder_that_is_missing(tmp_path):
    with pytest.raises(DatasetError, match=r"There is no folder .*absent"):
        load_dataset(tmp_path / "absent" / "pets")


def test_a_file_of_another_kind_points_to_its_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")

    with pytest.raises(DatasetError, match="Did you mean"):
        load_dataset(tmp_path / "a.png")
