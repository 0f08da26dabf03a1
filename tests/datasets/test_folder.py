from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from skdeepopt.datasets._folder import load_folder
from skdeepopt.exceptions import DatasetError


@pytest.fixture
def pets(tmp_path, write_image):
    """Four cats of values 0 to 3 and four dogs of values 100 to 103."""
    for k in range(4):
        write_image(tmp_path / "pets" / "cat" / f"{k}.png", k)
        write_image(tmp_path / "pets" / "dog" / f"{k}.png", 100 + k)
    return tmp_path / "pets"


def test_each_image_gets_the_label_of_its_folder(pets):
    dataset = load_folder(pets, test_size=0.5)

    images, labels = dataset.all
    assert dataset.class_names == ("cat", "dog")
    np.testing.assert_array_equal(labels, images[:, 0, 0] >= 100)


def test_gray_images_have_no_channel_axis_and_keep_their_type(pets):
    assert load_folder(pets).X_train.shape == (6, 8, 6)
    assert load_folder(pets).X_train.dtype == np.uint8


def test_one_colour_image_makes_all_of_them_colour(pets, write_image):
    write_image(pets / "cat" / "4.png", 5, mode="RGB")

    assert load_folder(pets).X_train.shape[1:] == (8, 6, 3)


def test_colour_can_be_asked_for_and_dropped(pets, write_image):
    write_image(pets / "cat" / "4.png", 5, mode="RGB")

    assert load_folder(pets, grayscale=True).X_train.shape[1:] == (8, 6)
    assert load_folder(pets, grayscale=False).X_train.shape[1:] == (8, 6, 3)


def test_parts_that_are_given_are_kept(tmp_path, write_image):
    for part, value in [("train", 10), ("test", 20)]:
        write_image(tmp_path / part / "cat" / "a.png", value)
        write_image(tmp_path / part / "dog" / "a.png", value + 1)

    dataset = load_folder(tmp_path)

    assert dataset.X_train[:, 0, 0].tolist() == [10, 11]
    assert dataset.X_test[:, 0, 0].tolist() == [20, 21]
    assert dataset.y_test.tolist() == [0, 1]


@pytest.mark.parametrize(("image_size", "shape"), [(4, (4, 4)), ((5, 7), (5, 7))])
def test_images_can_be_resized(pets, write_image, image_size, shape):
    write_image(pets / "cat" / "4.png", 5, size=(20, 10))

    dataset = load_folder(pets, image_size=image_size)

    assert dataset.X_train.shape[1:] == shape
    assert set(np.unique(dataset.all[0])) == {0, 1, 2, 3, 5, 100, 101, 102, 103}


def test_images_of_two_sizes_are_refused_with_a_cure(pets, write_image):
    write_image(pets / "dog" / "4.png", 5, size=(9, 9))

    with pytest.raises(DatasetError, match=r"4\.png has 8 x 6 .* not 9 x 9\. .*image_size"):
        load_folder(pets)


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        pixels = np.full((4, 4), 0x80FF, dtype=np.uint16)
        Image.fromarray(pixels).save(tmp_path / name / "a.png")
        Image.fromarray(pixels).save(tmp_path / name / "b.png")

    assert (load_folder(tmp_path, test_size=0.5).X_train == 0x80).all()


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_image_is_named(pets, content):
    (pets / "dog" / "2.png").write_bytes(content)

    with pytest.raises(DatasetError, match=r"2\.png cannot be read as an image"):
        load_folder(pets)


def test_a_cut_image_is_named(pets):
    path = pets / "dog" / "3.png"
    noise = np.random.default_rng(0).integers(0, 256, (8, 6), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-40])

    with pytest.raises(DatasetError, match=r"3\.png cannot be read as an image"):
        load_folder(pets)


def test_other_files_and_hidden_folders_are_left_alone(pets, write_image):
    (pets / "cat" / "notes.txt").write_text("x")
    write_image(pets / ".thumbnails" / "a.png", 1)

    assert len(load_folder(pets).all[0]) == 8


def test_a_missing_folder_gets_a_suggestion(pets):
    with pytest.raises(DatasetError, match=r"existing folder, not .*petz.* Did you mean 'pets'"):
        load_folder(pets.parent / "petz")


def test_a_class_folder_alone_points_to_its_parent(pets):
    with pytest.raises(DatasetError, match=r"at least two classes, not none.*Did you mean"):
        load_folder(pets / "cat")


def test_an_empty_class_is_refused(pets):
    (pets / "bird").mkdir()

    with pytest.raises(DatasetError, match="bird holds at least one image"):
        load_folder(pets)


def test_a_class_that_only_the_test_part_has_is_refused(tmp_path, write_image):
    for folder in ("train/cat", "train/dog", "test/cat", "test/dogs"):
        write_image(tmp_path / folder / "a.png", 1)

    with pytest.raises(DatasetError, match=r"not dogs. Did you mean 'dog'"):
        load_folder(tmp_path)


def test_an_impossible_image_size_is_refused(pets):
    with pytest.raises(DatasetError, match="image_size is a positive integer"):
        load_folder(pets, image_size=(0, 4))
