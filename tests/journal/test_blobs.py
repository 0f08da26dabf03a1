from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.journal._blobs import BlobStore

FOLDER = Path("blobs")


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return BlobStore(None if request.param == "memory" else tmp_path / "blobs")


def test_bytes_come_back_under_any_name(store):
    store.put("3@9/1", b"weights")
    store.put("../3", b"")

    assert store.get("3@9/1") == b"weights"
    assert store.get("../3") == b""
    assert store.get("3@9") is None


def test_the_last_bytes_of_a_name_count(store):
    store.put("a", b"first")
    store.put("a", b"second")

    assert store.get("a") == b"second"


def test_what_is_dropped_is_gone(store):
    store.put("a", b"x")
    store.drop("a")
    store.drop("never")

    assert store.get("a") is None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), unique=True))
def test_no_two_names_share_a_file(names):
    paths = {BlobStore._path(FOLDER, name) for name in names}

    assert len(paths) == len(names)
    assert all(path.parent == FOLDER for path in paths)


def test_damage_is_named(tmp_path):
    store = BlobStore(tmp_path)
    store.put("a", b"weights")
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(ValueError, match=r"a\.blob is damaged"):
        store.get("a")


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    store = BlobStore(tmp_path)
    store.put("a", b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.put("a", b"new")

    assert store.get("a") == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_drafts_of_a_killed_process_are_cleared_away(tmp_path):
    (tmp_path / "a.blob.partial").write_bytes(b"half")

    BlobStore(tmp_path)

    assert list(tmp_path.iterdir()) == []
