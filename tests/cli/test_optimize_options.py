from __future__ import annotations

import argparse

import pytest

from skdeepopt.auto import _checks, _rows
from skdeepopt.cli import _optimize_options
from skdeepopt.cli._main import main
from skdeepopt.nets._registry import ARCHITECTURES


def parsed(*arguments):
    parser = argparse.ArgumentParser()
    _optimize_options.add_arguments(parser)
    return parser.parse_args(arguments)


def test_the_words_of_the_command_are_those_of_the_search_and_the_nets():
    assert _optimize_options.OBJECTIVES == _rows.OBJECTIVES
    assert _optimize_options.TECHNIQUES == _checks.TECHNIQUES
    assert set(_optimize_options.ARCHITECTURES) == set(ARCHITECTURES)


def test_nothing_said_is_the_issue_s_own_setting():
    options = parsed()

    assert (options.data, options.max_accuracy_drop, options.objective) == (
        "digits",
        0.005,
        "bytes",
    )
    assert (options.time_budget, options.techniques, options.jobs) == (600.0, "all", None)


def test_techniques_come_in_one_order_and_once():
    options = parsed("--techniques", "quantization, pruning,quantization")

    assert options.techniques == ["pruning", "quantization"]


@pytest.mark.parametrize("text", ["0", "0.999"])
def test_the_ends_of_the_allowed_drop_are_taken(text):
    assert parsed("--max-accuracy-drop", text).max_accuracy_drop == float(text)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-accuracy-drop", "1"], "a ratio in [0, 1), not '1'. Did you mean 0.01?"),
        (["--max-accuracy-drop", "-0.1"], "a ratio in [0, 1), not '-0.1'"),
        (["--max-accuracy-drop", "nan"], "a ratio in [0, 1), not 'nan'"),
        (["--time-budget", "0"], "a finite number of seconds above 0, not '0'"),
        (["--time-budget", "inf"], "not 'inf'"),
        (["--time-budget", "soon"], "not 'soon'"),
        (["--techniques", "prunning"], "not 'prunning'. Did you mean 'pruning'?"),
        (["--techniques", "all,pruning"], "not 'all'"),
        (["--techniques", ","], "all, or some of tuning, transfer"),
        (["--objective", "latancy"], "Did you mean 'latency'?"),
        (["--baseline", "lenet"], "Did you mean 'lenet5'?"),
        (["--seed", "-1"], "a whole number from 0 to 4294967295, not '-1'"),
        (["--seed", "1.5"], "not '1.5'"),
        (["--jobs", "0"], "a whole number other than 0, not '0'"),
        (["--jobs", "inf"], "not 'inf'"),
        (["--time-buget", "3"], "Did you mean '--time-budget'?"),
    ],
)
def test_a_slip_exits_with_2_and_says_what_is_allowed(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        main(["optimize", *arguments])

    assert caught.value.code == 2
    assert said in capsys.readouterr().err
