from __future__ import annotations

import json

import pytest

from skdeepopt.cli._optimize_folder import OptimizeFolder

SETTING = {"data": "digits", "seed": 0, "time_budget": 20.0, "jobs": None}


def test_a_new_folder_is_made_with_its_parents_once_the_setting_is_known(tmp_path):
    folder = OptimizeFolder(tmp_path / "a" / "b")
    assert not folder.path.exists()

    folder.agree(SETTING)

    assert json.loads((folder.path / "setting.json").read_text())["data"] == "digits"
    assert folder.is_continued is False


def test_the_same_setting_goes_on_with_more_time_or_workers(tmp_path):
    OptimizeFolder(tmp_path).agree(SETTING)
    folder = OptimizeFolder(tmp_path)

    folder.agree({**SETTING, "time_budget": 60.0, "jobs": 2})

    assert folder.is_continued is True


def test_another_setting_is_refused_with_the_first_difference(tmp_path):
    OptimizeFolder(tmp_path).agree(SETTING)

    with pytest.raises(ValueError, match=r"with seed = 0, this one has seed = 1\. Did you mean"):
        OptimizeFolder(tmp_path).agree({**SETTING, "seed": 1})


def test_a_file_is_no_folder(tmp_path):
    file = tmp_path / "out"
    file.write_text("")

    with pytest.raises(ValueError, match="--out is a folder, not the file"):
        OptimizeFolder(file)


@pytest.mark.parametrize("content", ['{"data": "digits"}', "[1]", "{torn"])
def test_the_folder_of_another_command_is_refused(tmp_path, content):
    (tmp_path / "setting.json").write_text(content)

    with pytest.raises(ValueError, match="results of another command"):
        OptimizeFolder(tmp_path)


def test_somebody_else_s_model_is_not_written_over(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"precious")

    with pytest.raises(ValueError, match=r"holds model\.onnx of something else"):
        OptimizeFolder(tmp_path)


def test_other_files_in_the_folder_are_nobody_s_business(tmp_path):
    (tmp_path / "notes.txt").write_text("")

    OptimizeFolder(tmp_path).agree(SETTING)

    assert (tmp_path / "notes.txt").exists()
