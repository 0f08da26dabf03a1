"""The record of one fitted estimator."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn import config_context
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import check_is_fitted

from skdeepopt.measurement._intervals import bootstrap_interval, wilson_interval
from skdeepopt.measurement._machine import describe_machine
from skdeepopt.measurement._memory import PeakMemory
from skdeepopt.measurement._multiply_adds import count_multiply_adds
from skdeepopt.measurement._record import Measurement, MeasurementRecord
from skdeepopt.measurement._timing import Timing, time_calls

__all__ = ["measure"]

_MEMORY_REPEATS = 3
_IQR = "interquartile range"
_BOOTSTRAP = "bootstrap 95 % interval"


def measure(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    batch_size: int = 1024,
    repeats: int = 100,
    warmup: int = 10,
    save: Callable[[Any, Path], object] | None = None,
) -> MeasurementRecord:
    """Record of what a fitted estimator costs and gives on data that it has not seen.

    Parameters
    ----------
    estimator : fitted classifier or regressor
        A network of this package, a raw skorch net, a pipeline or a search around one, or any
        scikit-learn estimator; without a network, what only networks have stays None.
    X : array-like of shape (n_samples, ...)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    batch_size : int, default=1024
        Samples of the batch that throughput and memory are measured on, at most ``n_samples``.
    repeats : int, default=100
        Timed calls at batch 1; a fifth as many, and at least 5, on the batch.
    warmup : int, default=10
        Calls before these that are thrown away.
    save : callable, optional
        ``save(estimator, path)`` writes the file whose bytes count. By default the package's own
        `save`, or ``joblib.dump`` for an estimator without a network. A raw skorch net, which
        the package does not store, needs one.

    Returns
    -------
    record : MeasurementRecord
        Its figures hold for this machine, its threads and its load at the time.

    Raises
    ------
    TypeError
        The estimator is neither a classifier nor a regressor.
    ValueError
        There are too few samples, X and y disagree in length, or a count is out of range.
    sklearn.exceptions.NotFittedError
        The estimator is not fitted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> record = measure(LogisticRegression(max_iter=1000).fit(X, y), X, y, repeats=5)
    >>> record.accuracy.unit, record.accuracy.n, record.n_parameters is None
    ('ratio', 150, True)
    """
    metric = _metric(estimator)
    n_samples = _check_lengths(X, y, minimum=2 if metric == "R2" else 1)
    _check_counts(batch_size=batch_size, repeats=repeats)
    check_is_fitted(estimator)
    one, batch = first_rows(X, 1), first_rows(X, min(batch_size, n_samples))
    # First, because what an earlier call freed may stay with the process and be used again unseen.
    peak_memory_bytes = _peak_memory(lambda: estimator.predict(batch))
    accuracy = _accuracy(metric, np.asarray(y), np.asarray(estimator.predict(X)))
    latency = time_calls(lambda: estimator.predict(one), repeats=repeats, warmup=warmup)
    batched = time_calls(
        lambda: estimator.predict(batch), repeats=max(5, repeats // 5), warmup=min(warmup, 3)
    )
    network = network_of(estimator)
    file_bytes, file_format = _file_bytes(estimator, network, save)
    return MeasurementRecord(
        estimator=type(estimator).__name__,
        metric=metric,
        accuracy=accuracy,
        file_bytes=file_bytes,
        file_format=file_format,
        latency_ms=_latency_ms(latency),
        latency_p95_ms=_latency_p95_ms(latency),
        throughput=_throughput(batched, len(batch)),
        batch_size=len(batch),
        peak_memory_bytes=peak_memory_bytes,
        n_parameters=_n_parameters(network),
        multiply_adds=_multiply_adds(network, lambda: estimator.predict(one)),
        training_seconds=_training_seconds(network),
        machine=describe_machine(),
        seed=_seed(estimator if network is None else network),
    )


def network_of(estimator: Any) -> Any | None:
    """The fitted estimator with a ``module_`` inside pipelines and searches, or None."""
    while not hasattr(estimator, "module_"):
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return None
    return estimator


def _metric(estimator: Any) -> str:
    if is_regressor(estimator):
        return "R2"
    if is_classifier(estimator):
        return "accuracy"
    raise TypeError(
        f"measure takes a fitted classifier or regressor, not {type(estimator).__name__}."
    )


def _check_lengths(X: Any, y: Any, *, minimum: int) -> int:
    if len(X) != len(y):
        slip = " Did you mean to swap them with another split?" if len(X) and len(y) else ""
        raise ValueError(f"measure takes one y per sample of X, not {len(y)} for {len(X)}.{slip}")
    if len(X) < minimum:
        raise ValueError(f"measure takes at least {minimum} samples here, not {len(X)}.")
    return len(X)


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"measure takes a {name} of at least 1, not {count}.")


def first_rows(X: Any, n: int) -> Any:
    """The first `n` samples, whatever they come in."""
    if hasattr(X, "iloc"):
        return X.iloc[:n]
    return X[:n] if hasattr(X, "__getitem__") else np.asarray(X)[:n]


def _accuracy(metric: str, y: np.ndarray, predicted: np.ndarray) -> Measurement:
    if metric == "accuracy":
        n_correct = int(accuracy_score(y, predicted, normalize=False))
        interval = wilson_interval(n_correct, len(y))
        return Measurement(n_correct / len(y), "ratio", interval, "Wilson 95 % interval", len(y))
    # The whole was checked by predict; a thousand resamples need no second look.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        interval = bootstrap_interval(lambda rows: r2_score(y[rows], predicted[rows]), len(y))
    return Measurement(float(r2_score(y, predicted)), "R2", interval, _BOOTSTRAP, len(y))


def _file_bytes(
    estimator: Any, network: Any | None, save: Callable[[Any, Path], object] | None
) -> tuple[Measurement, str]:
    file_format = "custom"
    if save is None and network is None:
        save, file_format = joblib.dump, "joblib"
    elif save is None:
        # Storage stands a floor above, so an import statement may not name it; a caller that
        # does not want it found at run time hands in its own `save`.
        save, file_format = importlib.import_module("skdeepopt.storage").save, "skdeepopt"
    assert save is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        # Of a search, what is deployed is the estimator that it refitted.
        save(getattr(estimator, "best_estimator_", estimator), path)
        # A `save` may add its own suffix, or write several files.
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return Measurement.exact(size, "B"), file_format


def _latency_ms(timing: Timing) -> Measurement:
    low, high = timing.interquartile_range
    spread = (1e3 * low, 1e3 * high)
    return Measurement(1e3 * timing.median, "ms", spread, _IQR, len(timing.seconds))


def _latency_p95_ms(timing: Timing) -> Measurement:
    milliseconds = 1e3 * np.asarray(timing.seconds)
    spread = bootstrap_interval(
        lambda rows: float(np.quantile(milliseconds[rows], 0.95)), len(milliseconds)
    )
    return Measurement(1e3 * timing.p95, "ms", spread, _BOOTSTRAP, len(milliseconds))


def _throughput(timing: Timing, batch_size: int) -> Measurement:
    low, high = timing.interquartile_range
    spread = (batch_size / high, batch_size / low)
    n = len(timing.seconds)
    return Measurement(batch_size / timing.median, "samples/s", spread, _IQR, n)


def _peak_memory(predict: Callable[[], object]) -> Measurement:
    added = []
    for _ in range(_MEMORY_REPEATS):
        with PeakMemory() as memory:
            predict()
        added.append(memory.added_bytes)
    return Measurement(max(added), "B", (min(added), max(added)), "range", len(added))


def _n_parameters(network: Any | None) -> Measurement | None:
    if network is None:
        return None
    count = sum(weight.numel() for weight in network.module_.parameters())
    return Measurement.exact(count, "parameters")


def _multiply_adds(network: Any | None, predict_one: Callable[[], object]) -> Measurement | None:
    if network is None:
        return None
    count = count_multiply_adds(network.module_, predict_one)
    # Zero: predictions come from an engine of their own and never pass through the module.
    return Measurement.exact(count, "multiply-adds/sample") if count else None


def _training_seconds(network: Any | None) -> Measurement | None:
    epochs = getattr(network, "history_", None) or []
    # "dur" is what a raw skorch net calls it.
    seconds = [epoch.get("seconds", epoch.get("dur")) for epoch in epochs]
    if not seconds or None in seconds:
        return None
    total = float(sum(seconds))
    return Measurement(total, "s", (total, total), "one run", 1)


def _seed(estimator: Any) -> int | None:
    seed = getattr(estimator, "random_state", None)
    return int(seed) if isinstance(seed, (int, np.integer)) else None
