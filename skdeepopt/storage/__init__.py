"""One model file, written and read without pickle."""

from skdeepopt.storage._files import load, read_header, save

__all__ = ["load", "read_header", "save"]
