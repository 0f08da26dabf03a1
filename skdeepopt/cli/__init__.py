"""The command line: ``python -m skdeepopt``."""

from skdeepopt.cli._main import main

__all__ = ["main"]
