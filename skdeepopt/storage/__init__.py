"""One model file, written and read without pickle."""

from skdeepopt.storage._byte_map import ByteSpan, byte_map
from skdeepopt.storage._files import load, read_header, save

__all__ = ["ByteSpan", "byte_map", "load", "read_header", "save"]
