"""The pretrained networks that a transfer can begin with, by name or as the user has them."""

from skdeepopt.sources._packaged import SOURCES
from skdeepopt.sources._resolve import resolve_source
from skdeepopt.sources._source import Source

__all__ = ["SOURCES", "Source", "resolve_source"]
