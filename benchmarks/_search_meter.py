"""What a search spends and finds, counted at the estimator, whatever search it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, NamedTuple

from _search_space import in_plain_types
from skorch.callbacks import Callback

from skdeepopt import CNNClassifier, ImageAugmenter
from skdeepopt.exceptions import TrainingDivergedError

Trace = list[tuple[int, float]]


class Scored(NamedTuple):
    """A look at the validation rows: epochs of the search so far, and what was found."""

    epochs: int
    trained: int
    score: float
    parameters: dict[str, Any]


@dataclass
class Meter:
    """Epochs and seconds of the present search, and all that it has scored.

    Attributes
    ----------
    epochs : int
        Trained by the search, in all.
    inside, processor_inside : float
        Seconds in training and scoring, and those that the processor worked in them.
    scored : list of Scored
    """

    epochs: int = 0
    inside: float = 0.0
    processor_inside: float = 0.0
    scored: list[Scored] = field(default_factory=list)
    _depth: int = 0

    def reset(self) -> None:
        """Begin another search."""
        self.__init__()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the seconds of training and scoring, once where one calls another."""
        self._depth += 1
        start, busy = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self.inside += time.perf_counter() - start
                self.processor_inside += time.process_time() - busy

    def best(self, epochs: int, trained: int) -> Scored:
        """The best within so many epochs of the search, of weights that were trained so long."""
        seen = [s for s in self.scored if s.epochs <= epochs and s.trained >= trained]
        return max(seen, key=lambda scored: scored.score)

    def improvements(self, *, trained: int = 0) -> Trace:
        """Epochs of the search and the best score from there on, of weights trained so long."""
        trace: Trace = []
        for scored in self.scored:
            if scored.trained >= trained and (not trace or scored.score > trace[-1][1]):
                trace.append((scored.epochs, scored.score))
        return trace


METER = Meter()
"""One for the process: searches clone estimators, and some send them through bytes."""


class CountEpochs(Callback):
    """Tells the meter of each epoch."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        METER.epochs += 1


def _metered(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def counted(*args: Any, **kwargs: Any) -> Any:
        with METER.running():
            return method(*args, **kwargs)

    return counted


class MeteredCNN(CNNClassifier):
    """A `CNNClassifier` whose training and answers are timed."""

    fit = _metered(CNNClassifier.fit)
    partial_fit = _metered(CNNClassifier.partial_fit)
    finetune = _metered(CNNClassifier.finetune)
    predict = _metered(CNNClassifier.predict)


class ForgivingCNN(MeteredCNN):
    """Answers with an accuracy of 0 where the training diverges, for searches that would end."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> ForgivingCNN:
        return self._forgiven(super().fit, X, y, sample_weight)

    def finetune(self, X: Any, y: Any, **options: Any) -> ForgivingCNN:
        return self._forgiven(super().finetune, X, y, **options)

    def _forgiven(self, training: Callable[..., Any], *args: Any, **options: Any) -> ForgivingCNN:
        try:
            return training(*args, **options)
        except TrainingDivergedError:
            self.diverged_ = True
            return self


def new_network(kind: type[MeteredCNN], *, max_epochs: int, seed: int) -> MeteredCNN:
    """Network that a search clones."""
    return kind(
        max_epochs=max_epochs,
        augment=ImageAugmenter(),
        callbacks=[CountEpochs()],
        random_state=seed,
    )


def metered_accuracy(estimator: Any, X: Any, y: Any) -> float:
    """Accuracy, noted together with the parameters and the epochs of the weights."""
    with METER.running():
        if getattr(estimator, "diverged_", False):
            return 0.0
        accuracy = float(estimator.score(X, y))
    parameters = in_plain_types(estimator.get_params())
    METER.scored.append(Scored(METER.epochs, len(estimator.history_), accuracy, parameters))
    return accuracy
