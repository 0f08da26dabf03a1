from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skdeepopt._random import TorchStream, seed_from


@given(st.integers(0, 2**32 - 1))
def test_the_same_number_gives_the_same_seed(number):
    assert seed_from(number) == seed_from(number)
    assert 0 <= seed_from(number) < 2**31


def test_no_number_gives_another_seed_each_time_and_asks_no_global_generator():
    before = str(np.random.get_state())  # noqa: NPY002

    seeds = {seed_from(None) for _ in range(20)}

    assert len(seeds) == 20
    assert max(seeds) < 2**31
    assert str(np.random.get_state()) == before  # noqa: NPY002


def test_a_generator_is_asked_for_its_next_number():
    state = np.random.RandomState(0)

    assert len({seed_from(state) for _ in range(5)}) == 5
    assert seed_from(np.random.RandomState(0)) == seed_from(np.random.RandomState(0))


@pytest.mark.parametrize("wrong", ["a", -1, 2**32, 1.5, [1]])
def test_other_values_are_no_seeds(wrong):
    with pytest.raises(
        ValueError, match=r"^Net\.random_state is None, an integer in \[0, 2\*\*32\)"
    ):
        seed_from(wrong, owner="Net")


def drawn(stream, count=3):
    with stream.borrowed():
        return torch.rand(count)


def test_a_stream_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()

    drawn(TorchStream(0))

    assert torch.get_rng_state().equal(before)


def test_an_exception_leaves_the_global_generator_as_it_was():
    before = torch.get_rng_state()

    with pytest.raises(ZeroDivisionError):
        draw_and_fail(TorchStream(0))

    assert torch.get_rng_state().equal(before)


def draw_and_fail(stream):
    with stream.borrowed():
        torch.rand(1)
        raise ZeroDivisionError


def test_a_stream_goes_on_where_it_was():
    stream, generator = TorchStream(7), torch.Generator().manual_seed(7)

    pieces = torch.cat([drawn(stream, 1) for _ in range(4)])

    expected = torch.cat([torch.rand(1, generator=generator) for _ in range(4)])
    assert torch.equal(pieces, expected)


def test_a_stream_does_not_hear_the_global_generator():
    first, second = TorchStream(0), TorchStream(0)
    torch.manual_seed(99)

    assert torch.equal(drawn(first), drawn(second))


def test_a_pickled_stream_goes_on_where_it_was():
    stream = TorchStream(0)
    drawn(stream)

    copied = pickle.loads(pickle.dumps(stream))

    assert torch.equal(drawn(copied), drawn(stream))


def test_streams_of_several_threads_do_not_mix():
    expected = [drawn_singly(TorchStream(seed)).tolist() for seed in range(4)]
    found = dict.fromkeys(range(4))

    def draw(seed):
        found[seed] = drawn_singly(TorchStream(seed)).tolist()

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(found.values()) == expected


def drawn_singly(stream):
    return torch.cat([drawn(stream, 1) for _ in range(300)])
