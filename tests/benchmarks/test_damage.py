import pytest

from benchmarks.damage import attack, write_models


@pytest.mark.slow
def test_damaged_files_are_refused_or_give_the_right_answer(tmp_path):
    write_models(tmp_path)

    found = attack(tmp_path, seed=10**6, n=300)

    assert found["failures"] == []
    assert sum(found["ends"].values()) == 300
