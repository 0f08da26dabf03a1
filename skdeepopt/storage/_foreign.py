"""What a file is that is no model file, told from its first bytes."""

from __future__ import annotations

from typing import Final

__all__ = ["describe_foreign"]

_NO_PICKLE: Final = (
    "skdeepopt does not open pickles, because they run code. "
    "Open it where it was made, then use skdeepopt.save"
)
_STARTS: Final = (
    *((bytes([0x80, protocol]), f"is a pickle. {_NO_PICKLE}") for protocol in range(2, 7)),
    (b"\x93NUMPY", "is a numpy array (.npy). Did you mean numpy.load?"),
    (b"\x1f\x8b", f"is gzip data, perhaps a joblib file or a pickle. {_NO_PICKLE}"),
    *(
        (b"x" + level, f"is zlib data, perhaps a joblib file. {_NO_PICKLE}")
        for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")
    ),
    (b"\xfd7zXZ", f"is xz data, perhaps a joblib file. {_NO_PICKLE}"),
    (b"BZh", f"is bzip2 data, perhaps a joblib file. {_NO_PICKLE}"),
    (b"\x04\x22\x4d\x18", f"is lz4 data, perhaps a joblib file. {_NO_PICKLE}"),
    (b"\x89HDF", "is an HDF5 file, perhaps of Keras. It holds no skdeepopt model"),
    (b"GGUF", "is a GGUF file. It holds no skdeepopt model"),
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself. Run git lfs pull"),
    (b"<!DOCTYPE", "is a web page. Did the download ask for a log-in?"),
    (b"<html", "is a web page. Did the download ask for a log-in?"),
)
_IN_ZIP: Final = (
    (b".npy", "is a numpy archive (.npz). Did you mean numpy.load or datasets.load_npz?"),
    (b".pkl", f"is a torch.save file, a zip around a pickle. {_NO_PICKLE}"),
    (b".keras", "is a Keras file. It holds no skdeepopt model"),
)


def describe_foreign(start: bytes) -> str | None:
    """What the file is, in a sentence after its name, from its first bytes; None if unknown."""
    if start.startswith(b"PK\x03\x04"):
        return _describe_zip(start)
    for signature, sentence in _STARTS:
        if start.startswith(signature):
            return sentence
    if start[8:9] == b"{":
        return (
            "is a safetensors file that skdeepopt.save did not write: it has weights, but not the "
            "description to rebuild an estimator from"
        )
    return None


def _describe_zip(start: bytes) -> str:
    for suffix, sentence in _IN_ZIP:
        if suffix in start:
            return sentence
    return "is a zip archive. It holds no skdeepopt model"
