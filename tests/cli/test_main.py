from __future__ import annotations

import subprocess
import sys

import pytest

import skdeepopt
from skdeepopt.cli._main import COMMANDS, main


def exit_code(*arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["compare", "--help"],
        ["optimize", "--help"],
        ["inspect", "--help"],
        ["--version"],
    ],
)
def test_help_and_version_come_without_torch(arguments):
    code = (
        "import sys; from skdeepopt.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit as done: assert not done.code\n"
        "assert 'torch' not in sys.modules and 'sklearn' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_module_runs_as_a_program():
    command = [sys.executable, "-m", "skdeepopt", "--version"]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout == f"skdeepopt {skdeepopt.__version__}\n"


def test_help_lists_every_command(capsys):
    assert exit_code("--help") == 0

    shown = capsys.readouterr().out
    assert all(command.name in shown and command.summary in shown for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["compar"], "Did you mean 'compare'?"),
        (["compare", "--quik"], "Did you mean '--quick'?"),
        (["inspct"], "Did you mean 'inspect'?"),
        (["inspect"], "FILE"),
        (["inspect", "a.skdo", "--ou", "b", "--uot", "c"], "Did you mean '--out'?"),
        (["compare", "--seeds", "0"], "a whole number of at least 1, not '0'"),
        (["compare", "--seeds", "three"], "not 'three'"),
        ([], "command"),
    ],
)
def test_a_slip_on_the_command_line_exits_with_2(capsys, arguments, said):
    assert exit_code(*arguments) == 2

    assert said in capsys.readouterr().err


def test_an_error_of_ours_is_one_line_without_a_traceback(capsys):
    assert main(["compare", "--data", "mnits"]) == 2

    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert "Did you mean 'mnist'?" in shown.err
