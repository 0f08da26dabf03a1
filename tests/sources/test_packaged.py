from __future__ import annotations

import pytest
import torch

from skdeepopt.exceptions import ModelFileError
from skdeepopt.sources import SOURCES, resolve_source
from skdeepopt.sources import _packaged as packaged
from skdeepopt.sources._packaged import packaged_source


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_takes_at_most_128_kilobytes_and_is_as_it_was_recorded(name):
    assert SOURCES[name].path.stat().st_size <= 128 * 1024
    assert packaged_source(name, SOURCES[name]).name == name


def test_a_name_is_read_once_and_gives_a_source_that_knows_everything():
    source = resolve_source("mnist-compact", owner="test")

    assert source is resolve_source("mnist-compact", owner="test")
    assert (source.body, source.image_shape, source.pixel_range) == (
        "compact",
        (1, 28, 28),
        (0.0, 255.0),
    )
    assert source.classes.tolist() == list(range(10))
    assert source.head_state["weight"].shape[0] == 10


def test_a_file_of_another_digest_is_refused():
    altered = SOURCES["mnist-compact"]._replace(sha256="0" * 64)

    with pytest.raises(ModelFileError, match=r"'mnist-compact' is the file .*it was altered"):
        packaged_source("mnist-compact", altered)


def test_a_file_that_is_not_there_is_told():
    missing = SOURCES["mnist-compact"]._replace(file="nothing.skdo")

    with pytest.raises(ModelFileError, match=r"comes with the package as .*nothing\.skdo"):
        packaged_source("mnist-compact", missing)


def test_what_reads_a_source_cannot_change_it_for_the_next(images, y):
    from skdeepopt import TransferEstimator

    source = resolve_source("mnist-compact", owner="test")
    before = {name: tensor.clone() for name, tensor in source.body_state.items()}

    TransferEstimator(max_epochs=1, random_state=0).fit(images, y)

    assert all(torch.equal(before[name], now) for name, now in source.body_state.items())
    assert packaged.packaged_source.cache_info().currsize >= 1
