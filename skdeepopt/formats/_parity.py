"""Whether a file answers as the estimator does."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skdeepopt.formats._source import Source

__all__ = ["Parity", "measured_parity"]

Run = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Parity:
    """How far a file's answers are from the estimator's.

    Parameters
    ----------
    n_samples : int
        That both answered.
    largest : float
        Largest difference of a probability, or of a target in units of the targets' deviation.
    agreement : float or None
        Share of equal labels.
    """

    n_samples: int
    largest: float
    agreement: float | None

    def __str__(self) -> str:
        what = "targets' deviations" if self.agreement is None else "in a probability"
        text = f"at most {self.largest:.2g} {what} on {self.n_samples} samples"
        return text if self.agreement is None else f"{text}, {self.agreement:.2%} of labels equal"


def measured_parity(
    run: Run, estimator: Any, source: Source, inputs: np.ndarray, X: Any, tolerance: float
) -> Parity:
    """How far a file's answers are from the estimator's, on all samples and on the first alone.

    Parameters
    ----------
    run : callable
        Answers of the file by name.
    estimator : estimator or Pipeline
    source : Source
    inputs : ndarray of shape (n_samples, ...)
        Raw samples, as the file takes them.
    X : array-like of shape (n_samples, ...)
        The same, as the estimator takes them.
    tolerance : float
        Largest difference that passes.

    Raises
    ------
    ValueError
        Answers are further apart, or labels differ where the probabilities of the best two are
        more than twice `tolerance` apart.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # About columns that made samples cannot have.
        expected = estimator.predict(X)
        scores = None if source.classes is None else estimator.predict_proba(X)
    both, alone = run(inputs), run(inputs[:1])
    answers = {name: np.concatenate([both[name], alone[name]]) for name in source.outputs}
    expected = np.concatenate([expected, expected[:1]])
    if scores is None:
        apart = np.abs(answers["prediction"] - expected)
        apart = apart.reshape(len(expected), -1) / source.target_scale
        _check("predict", apart, tolerance)
        return Parity(len(inputs), float(apart.max()), None)
    scores = np.concatenate([scores, scores[:1]])
    apart = np.abs(answers["probabilities"] - scores)
    _check("predict_proba", apart, tolerance)
    equal = _labels(source, answers["label"]) == expected
    _check_labels(equal, scores, tolerance)
    return Parity(len(inputs), float(apart.max()), float(equal[:-1].mean()))


def _labels(source: Source, labels: np.ndarray) -> np.ndarray:
    assert source.classes is not None
    is_place = source.has_text and labels.dtype.kind in "iu"
    return source.classes[labels] if is_place else labels


def _check(method: str, apart: np.ndarray, tolerance: float) -> None:
    if not (apart <= tolerance).all():  # Nor where it is NaN.
        raise ValueError(
            f"export.tolerance {tolerance:g} is how far the file's answers may be from those of "
            f"{method}, and they are {apart.max():.3g} apart, on "
            f"{(~(apart <= tolerance)).any(1).mean():.1%} of samples. Nothing was written. Did you "
            f"mean a larger tolerance, or samples X like those of the training?"
        )


def _check_labels(equal: np.ndarray, scores: np.ndarray, tolerance: float) -> None:
    second, first = np.sort(scores, axis=1)[:, -2:].T
    wrong = ~equal & (first - second > 2 * tolerance)
    if wrong.any():
        raise ValueError(
            f"export: the file's labels differ from those of predict on {wrong.mean():.1%} of "
            f"samples. Nothing was written. Did you mean to export an estimator whose predict "
            f"takes the label of the largest probability?"
        )
