from __future__ import annotations

import numpy as np
import pytest

from skdeepopt import CNNClassifier, CNNRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9 has none")

SHORT = {"widths": (4, 8), "max_epochs": 3, "random_state": 0, "device": "cpu"}


class Counter:
    """Writes down each task, and can ask for an end after some epochs."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.began = []
        self.ended = []
        self.images = np.zeros((2, 64))
        self.answers = []
        self.fits = 0

    def setup(self, estimator, context):
        self.fits += 1

    def teardown(self, estimator, context):
        self.fits -= 1

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.began.append(context.task_name)
        assert len(X) == len(y)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append(context.task_name)
        self.answers.append(fitted_estimator.predict(self.images))
        epochs = sum(name == "epoch" for name in self.ended)
        return self.stop_after is not None and epochs >= self.stop_after


def test_callbacks_are_told_of_each_epoch(X, y):
    counter = Counter()

    CNNClassifier(**SHORT).set_callbacks(counter).fit(X, y)

    assert counter.began.count("epoch") == counter.ended.count("epoch") == 3
    assert len(counter.began) == len(counter.ended) == 4
    assert counter.fits == 0


def test_a_callback_can_end_the_fit(X, y):
    model = CNNClassifier(**SHORT).set_callbacks(Counter(stop_after=2))

    assert len(model.fit(X, y).history_) == 2


def test_a_callback_changes_no_weight(X, y):
    plain = CNNClassifier(**SHORT).fit(X, y)

    told = CNNClassifier(**SHORT).set_callbacks(Counter()).fit(X, y)

    assert told.predict_proba(X).tobytes() == plain.predict_proba(X).tobytes()


def test_the_progress_bar_runs(X, y, capsys):
    CNNClassifier(**SHORT).set_callbacks(callback.ProgressBar()).fit(X, y)

    assert "CNNClassifier" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("estimator", "score"), [(CNNClassifier(**SHORT), "accuracy"), (CNNRegressor(**SHORT), "r2")]
)
def test_a_score_can_be_monitored_epoch_by_epoch(X, y, estimator, score):
    monitor = callback.ScoringMonitor(scoring=score)

    estimator.set_callbacks(monitor).fit(X, y)

    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3
    assert rows[-1][score] == pytest.approx(estimator.score(X, y))
