import os

import pytest

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._paths import as_path, check_writable, open_model, write_whole


def test_a_file_is_written_whole_and_alone(tmp_path):
    write_whole(tmp_path / "a", [b"one", b"two"])

    assert (tmp_path / "a").read_bytes() == b"onetwo"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    def interrupted():
        yield b"half"
        raise KeyboardInterrupt

    write_whole(tmp_path / "a", [b"old"])
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", interrupted())

    assert (tmp_path / "a").read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_link_leads_to_the_file_that_is_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "real")

    write_whole(check_writable(tmp_path / "link"), [b"new"])

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_missing_folder_is_named(tmp_path):
    (tmp_path / "models").mkdir()

    with pytest.raises(FileNotFoundError, match=r"model does not\. Did you mean models\?"):
        check_writable(tmp_path / "model" / "a.skdo")


def test_a_folder_is_no_file_to_write(tmp_path):
    with pytest.raises(IsADirectoryError, match=r"Did you mean .*model\.skdo"):
        check_writable(tmp_path)


def test_a_file_is_no_folder_to_write_into(tmp_path):
    (tmp_path / "a").touch()

    with pytest.raises(NotADirectoryError, match="is a file"):
        check_writable(tmp_path / "a" / "b")


def test_a_missing_file_is_answered_with_its_neighbours(tmp_path):
    (tmp_path / "lenet5.skdo").touch()

    with pytest.raises(FileNotFoundError, match=r"Did you mean lenet5\.skdo\?"):
        open_model(tmp_path / "lenet.skdo")


def test_a_missing_folder_is_told_when_reading(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist either"):
        open_model(tmp_path / "no" / "file")


def test_a_folder_is_no_file_to_read(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        open_model(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ModelFileError, match="not a regular file"):
        open_model(tmp_path / "pipe")


@pytest.mark.parametrize("path", [None, 3, b"bytes", ["a"]])
def test_a_path_of_another_type_is_refused(path):
    with pytest.raises(TypeError, match=r"str or pathlib\.Path, not"):
        as_path(path, "load")


def test_an_open_file_is_refused_with_the_likely_slip(tmp_path):
    with (tmp_path / "a").open("wb") as handle, pytest.raises(TypeError, match="open file"):
        as_path(handle, "save")


def test_an_empty_path_is_refused():
    with pytest.raises(ValueError, match="not an empty one"):
        as_path("", "save")
