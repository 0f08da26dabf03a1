from __future__ import annotations

import pytest

from skdeepopt.cli._main import main
from skdeepopt.study._setting_file import read_setting_file
from skdeepopt.study._techniques import TECHNIQUES


@pytest.mark.parametrize(
    ("group", "accuracy", "time"),
    [("tuning", 10, -5), ("pruning", 5, -20), ("quantization", 2, -30), ("transfer", 15, -50)],
)
def test_the_studys_figures_are_in_the_file(group, accuracy, time):
    figures = read_setting_file()["study"][group]

    assert (figures["accuracy_percent"], figures["time_percent"]) == (accuracy, time)


def test_the_study_speaks_of_techniques_that_there_are():
    named = [
        name for group in read_setting_file()["study"].values() for name in group["techniques"]
    ]

    assert set(named) <= set(TECHNIQUES)
    assert len(named) == len(set(named))


def test_budgets_of_all_sizes_and_hurries_have_the_same_entries():
    file = read_setting_file()

    entries = {frozenset(file[size][hurry]) for size in ("small", "large") for hurry in file[size]}

    assert len(entries) == 1


def test_the_help_says_the_seeds_of_the_file(capsys):
    file = read_setting_file()
    full, quick = ({file[s][h]["seeds"] for s in ("small", "large")} for h in ("full", "quick"))

    with pytest.raises(SystemExit):
        main(["compare", "--help"])

    shown = " ".join(capsys.readouterr().out.split())
    assert f"(default: {full.pop()}, and {quick.pop()} with --quick)" in shown
    assert not full | quick
