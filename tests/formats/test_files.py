from __future__ import annotations

import pytest

from skdeepopt.formats._files import checked_path, staged


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_all_files_of_a_block_take_their_places(tmp_path):
    with staged(tmp_path / "model.xml") as part:
        part.write_text("graph")
        part.with_suffix(".bin").write_text("weights")
        assert not (tmp_path / "model.xml").exists()

    assert names(tmp_path) == ["model.bin", "model.xml"]


def test_a_block_that_fails_leaves_what_stood_there(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("old")

    def fail():
        with staged(path) as part:
            part.write_text("new")
            raise KeyError("stop")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["model.onnx"]


def test_a_link_stays_a_link(tmp_path):
    real, link = tmp_path / "real.onnx", tmp_path / "link.onnx"
    real.write_text("old")
    link.symlink_to(real)

    with staged(link) as part:
        part.write_text("new")

    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_path_of_another_ending_is_refused_with_the_right_one(tmp_path):
    with pytest.raises(ValueError, match=r"ends in '\.onnx' .* Did you mean 'model\.onnx'\?"):
        checked_path(tmp_path / "model.pt", ".onnx", "onnx")


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "model.onnx").mkdir()

    with pytest.raises(IsADirectoryError, match=r"export\.path is a file to write"):
        checked_path(tmp_path / "model.onnx", ".onnx", "onnx")


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none does not"):
        checked_path(tmp_path / "none" / "model.onnx", ".onnx", "onnx")


def test_something_else_in_place_of_the_path_is_refused():
    with pytest.raises(TypeError, match=r"export\.path is a str or pathlib\.Path, not int"):
        checked_path(3, ".onnx", "onnx")
