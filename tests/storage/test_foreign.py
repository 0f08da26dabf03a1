import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import torch

from skdeepopt.storage._foreign import describe_foreign


def written(write) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped(name: str) -> bytes:
    def write(buffer):
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(name, "text")

    return written(write)


FILES = {
    "a pickle": pickle.dumps({"a": 1}),
    "is a pickle": written(lambda buffer: joblib.dump([1], buffer)),
    "torch.save": written(lambda buffer: torch.save({"a": torch.zeros(2)}, buffer)),
    ".npz": written(lambda buffer: np.savez(buffer, a=np.zeros(2))),
    ".npy": written(lambda buffer: np.save(buffer, np.zeros(2))),
    "zip archive": zipped("text.txt"),
    "gzip": gzip.compress(b"text"),
    "zlib": zlib.compress(b"text"),
    "xz": lzma.compress(b"text"),
    "bzip2": bz2.compress(b"text"),
    "Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
    "web page": b"<!DOCTYPE html><html></html>",
    "did not write": (2).to_bytes(8, "little") + b"{}",
}


@pytest.mark.parametrize("said", FILES)
def test_a_file_of_another_kind_is_named(said):
    assert said in describe_foreign(FILES[said][:512])


def test_an_unknown_file_is_not_guessed_at():
    assert describe_foreign(b"hello, this is text") is None


def test_a_pickle_is_refused_with_the_reason():
    assert "does not open pickles" in describe_foreign(pickle.dumps(1))
