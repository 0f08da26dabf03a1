"""What the registry knows of a subcommand."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Command"]


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
