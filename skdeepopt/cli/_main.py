"""The entry of the command line: a registry of subcommands, and one line for each error."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from skdeepopt import __version__
from skdeepopt._validation import did_you_mean
from skdeepopt.cli._command import Command
from skdeepopt.cli._compare import COMPARE
from skdeepopt.cli._inspect import INSPECT
from skdeepopt.cli._optimize import OPTIMIZE

__all__ = ["COMMANDS", "main"]

COMMANDS: tuple[Command, ...] = (COMPARE, OPTIMIZE, INSPECT)
"""The subcommands; their modules import torch only when they run, so that ``--help`` is quick."""

ERROR, STOPPED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None, default=None
        Arguments; those of the process by default.

    Returns
    -------
    code : int
        0, 2 after an error, 130 after Ctrl-C.
    """
    options = _parser().parse_args(argv)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR


class _Parser(argparse.ArgumentParser):
    """A parser whose errors suggest the nearest word that it knows."""

    def error(self, message: str) -> NoReturn:
        choice = re.search(r"invalid choice: '([^']*)'", message)
        option = re.search(r"unrecognized arguments: (--[^\s=]+)", message)
        if choice:
            message += did_you_mean(choice[1], [command.name for command in COMMANDS])
        if option:
            message += did_you_mean(option[1], _options())
        super().error(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m skdeepopt",
        description="Make a neural network accurate, quick to train, small and fast.",
    )
    parser.add_argument("--version", action="version", version=f"skdeepopt {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)
    for command in COMMANDS:
        child = commands.add_parser(
            command.name, help=command.summary, description=command.description
        )
        command.add_arguments(child)
        child.set_defaults(run=command.run)
    return parser


def _options() -> list[str]:
    found = []
    for command in COMMANDS:
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        found += [text for action in parser._actions for text in action.option_strings]
    return found
