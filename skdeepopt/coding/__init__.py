"""Lossless entropy coding of arrays: what is likely takes few bits."""

from skdeepopt.coding._arrays import ArraySpan, EncodedArrays, decode_arrays, encode_arrays
from skdeepopt.coding._codes import CodeLengths, code_lengths, coded_bits
from skdeepopt.coding._stored import StoredTensor

__all__ = [
    "ArraySpan",
    "CodeLengths",
    "EncodedArrays",
    "StoredTensor",
    "code_lengths",
    "coded_bits",
    "decode_arrays",
    "encode_arrays",
]
