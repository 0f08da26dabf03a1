from __future__ import annotations

import contextlib
import signal
import threading

import pytest

from skdeepopt.cli._interrupt import InterruptWatch


def test_an_interrupt_that_something_swallowed_is_raised_at_the_next_check():
    with InterruptWatch() as watch:
        watch.check()
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            watch.check()


def test_the_handler_of_before_is_back_afterwards():
    before = signal.getsignal(signal.SIGINT)

    with InterruptWatch():
        assert signal.getsignal(signal.SIGINT) != before

    assert signal.getsignal(signal.SIGINT) == before


def test_an_ignored_interrupt_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    with InterruptWatch():
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_another_thread_than_the_main_one_can_use_it():
    errors = []

    def work():
        try:
            with InterruptWatch() as watch:
                watch.check()
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert not errors
