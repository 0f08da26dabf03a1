"""What the registry knows of a subcommand."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Command", "add_data", "add_out"]


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Parameters
    ----------
    name : str
    summary : str
        A line in the list of commands.
    description : str
        What its own ``--help`` says.
    add_arguments : callable
        Takes the parser of the command.
    run : callable
        Takes the parsed options and returns the exit code.
    """

    name: str
    summary: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_data(parser: argparse.ArgumentParser) -> None:
    """Give a parser the option that names the data."""
    parser.add_argument(
        "--data",
        default="digits",
        metavar="digits|mnist|cifar10|PATH",
        help="data by name, or a folder of images or an .npz file (default: %(default)s)",
    )


def add_out(parser: argparse.ArgumentParser, default: str) -> None:
    """Give a parser the option that names the folder of the results."""
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(default),
        metavar="DIR",
        help="folder of the results, continued where it holds some (default: %(default)s)",
    )
