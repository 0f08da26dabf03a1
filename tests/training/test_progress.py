from __future__ import annotations

import pickle
import re

import pytest

from skdeepopt.training import _progress
from skdeepopt.training._progress import ProgressBar, ProgressLines, progress_callback

COURSE = {"epochs": 2, "lr": 0.01, "schedule": "onecycle"}


def test_elsewhere_than_on_a_terminal_lines_are_printed():
    assert isinstance(progress_callback(3), ProgressLines)


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    monkeypatch.setattr(_progress.sys.stdout, "isatty", lambda: True, raising=False)

    assert isinstance(progress_callback(3), ProgressBar)


def test_a_line_an_epoch_tells_loss_accuracy_rate_and_time(data, make_net, capsys):
    make_net(callbacks=[ProgressLines(2)]).train(data, data, **COURSE)

    lines = capsys.readouterr().out.splitlines()
    number = r"[\d.e-]+"
    expected = (
        rf"epoch \d/2  loss {number}  accuracy {number}  validation loss {number}  "
        rf"accuracy {number}  lr {number}  {number} s  \d+ s left"
    )
    assert len(lines) == 2
    assert all(re.fullmatch(expected, line) for line in lines), lines


def test_the_bar_shows_every_epoch_and_gives_the_terminal_back(data, make_net, capsys):
    bar = ProgressBar(2)

    net = make_net(callbacks=[bar]).train(data, **COURSE)

    assert "epoch 2/2" in capsys.readouterr().out
    assert "_bar" not in vars(bar)
    pickle.dumps(net)


def test_an_interrupted_bar_gives_the_terminal_back(data, make_net, capsys):
    class Impatient(ProgressBar):
        def on_batch_end(self, net, **kwargs):
            super().on_batch_end(net, **kwargs)
            raise KeyboardInterrupt

    bar = Impatient(2)
    with pytest.raises(KeyboardInterrupt):
        make_net(callbacks=[bar]).train(data, **COURSE)

    assert "_bar" not in vars(bar)
