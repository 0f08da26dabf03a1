from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Keep the user's cache out of the tests, and the tests out of the user's cache."""
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "home")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))


@pytest.fixture
def write_image():
    """Write a picture of one value, so that it can be told from others after decoding."""

    def written(path, value, *, size=(8, 6), mode="L"):
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = size if mode == "L" else (*size, len(mode))
        Image.fromarray(np.full(shape, value, dtype=np.uint8), mode=None).save(path)
        return path

    return written
