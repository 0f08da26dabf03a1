from __future__ import annotations

import threading

import pytest

from skdeepopt.training._shared_setting import SharedSetting


class Lamp:
    """Counts how often it is switched."""

    def __init__(self):
        self.is_on = False
        self.switched = 0

    def setting(self):
        return SharedSetting(lambda: self.is_on, lambda: self.switch(True), self.switch)

    def switch(self, is_on):
        self.is_on = is_on
        self.switched += 1


def test_holding_nests_and_the_last_one_puts_it_back():
    lamp = Lamp()
    setting = lamp.setting()

    with setting.held():
        with setting.held():
            assert lamp.is_on
        assert lamp.is_on
    assert not lamp.is_on
    assert lamp.switched == 3


def test_it_can_be_held_again():
    lamp = Lamp()
    setting = lamp.setting()

    for _ in range(3):
        with setting.held():
            assert lamp.is_on
        assert not lamp.is_on


def test_an_exception_puts_it_back():
    lamp = Lamp()

    with pytest.raises(ZeroDivisionError), lamp.setting().held():
        raise ZeroDivisionError

    assert not lamp.is_on


def test_threads_hold_it_side_by_side():
    lamp, seen = Lamp(), []
    setting, barrier = lamp.setting(), threading.Barrier(4)

    def hold():
        with setting.held():
            barrier.wait(10)
            seen.append(lamp.is_on)
            barrier.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 4
    assert not lamp.is_on
