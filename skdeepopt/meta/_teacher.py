"""A teacher of any kind: checked, fitted, and asked for what a student shall answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter
from torch import nn

from skdeepopt._validation import some_of
from skdeepopt.estimators._raw_net import RawNetEstimator
from skdeepopt.meta._base import is_fitted, seeded
from skdeepopt.training._raw_net import is_raw_net

__all__ = [
    "answers_of",
    "as_teacher_takes",
    "check_teacher",
    "check_teacher_classes",
    "fitted_teacher",
]

_LEAST = float(np.finfo(np.float32).tiny)
"""Probability of what a teacher holds impossible: it stays so at every usual temperature."""


def check_teacher(owner: str, teacher: Any, *, is_classifier: bool) -> None:
    """Check that an estimator can teach.

    Parameters
    ----------
    owner : str
        Who asks; opens every message.
    teacher : estimator, skorch net, or FrozenEstimator of one
    is_classifier : bool
        Whether the student classifies.

    Raises
    ------
    TypeError
        It is no estimator, or has no method to be asked by.
    NotFittedError
        A frozen one is not fitted.
    """
    asked = ("predict_proba", "decision_function") if is_classifier else ("predict",)
    allowed = (
        f"{owner}.teacher is a {'classifier' if is_classifier else 'regressor'} with "
        f"{' or '.join(asked)}, or a FrozenEstimator of a fitted one"
    )
    if teacher is None:
        raise TypeError(
            f"{allowed}, not None. A model file does not hold the teacher; did you mean "
            f"set_params(teacher=...) before another fit?"
        )
    if isinstance(teacher, type) or not (
        hasattr(teacher, "fit") and hasattr(teacher, "get_params")
    ):
        raise TypeError(f"{allowed}, not {teacher!r}.{_slip(teacher)}")
    inner = teacher.estimator if isinstance(teacher, FrozenEstimator) else teacher
    if inner is not teacher and not is_fitted(inner):
        raise NotFittedError(
            f"{owner}.teacher is frozen, so it has to be fitted, and {type(inner).__name__} is not."
        )
    if not any(hasattr(inner, method) for method in asked):
        raise TypeError(f"{allowed}; {type(inner).__name__} has none.{_slip(inner)}")


def fitted_teacher(
    owner: str, teacher: Any, X: Any, y: Any, sample_weight: Any, *, seed: int
) -> Any:
    """The frozen teacher itself, or a clone that is fitted on the same labelled data.

    Parameters
    ----------
    owner : str
    teacher : estimator, skorch net, or FrozenEstimator of one
        Never changed.
    X, y, sample_weight
        Weights may be None.
    seed : int
        Given to a clone, and to all estimators inside, where they have no random state.

    Raises
    ------
    ValueError
        The teacher takes no weights.
    """
    if isinstance(teacher, FrozenEstimator):
        inner = teacher.estimator
        return RawNetEstimator.of_fitted(inner, X, y) if is_raw_net(inner) else inner
    own = RawNetEstimator(teacher) if is_raw_net(teacher) else seeded(clone(teacher), seed)
    if sample_weight is None:
        return own.fit(as_teacher_takes(own, X), y)
    if is_raw_net(teacher) or not _takes_weights(own):
        raise ValueError(
            f"{owner}.teacher {type(teacher).__name__} takes no sample_weight, and weights are "
            f"given that are no integers. Did you mean a fitted teacher, in FrozenEstimator?"
        )
    return own.fit(as_teacher_takes(own, X), y, sample_weight=sample_weight)


def check_teacher_classes(owner: str, teacher: Any, classes: np.ndarray) -> None:
    """Check that a fitted teacher knows the classes of the data, and no others.

    Parameters
    ----------
    owner : str
    teacher : fitted classifier
    classes : ndarray of shape (n_classes,)
        Of the data, sorted.

    Raises
    ------
    ValueError
        It knows others.
    """
    known = np.asarray(teacher.classes_)
    same = known.dtype.kind != "O" or known.ndim == 1
    if not (same and set(known.tolist()) == set(classes.tolist())):
        raise ValueError(
            f"{owner}.teacher knows the classes of the data, {some_of(classes, most=10)}, and the "
            f"{type(teacher).__name__} knows {some_of(known, most=10)}. Did you mean a teacher "
            f"that is fitted on the same labels?"
        )


def answers_of(
    owner: str, teacher: Any, X: Any, *, classes: np.ndarray | None, n_outputs: int
) -> np.ndarray:
    """What a fitted teacher answers: logits of the classes, or numbers.

    Parameters
    ----------
    owner : str
    teacher : fitted estimator
    X : array-like
    classes : ndarray of shape (n_classes,) or None
        Sorted; None is for a regressor.
    n_outputs : int
        Columns of the answers.

    Returns
    -------
    answers : ndarray of shape (n_samples, n_outputs), float32

    Raises
    ------
    ValueError
        They are not finite, or not so many a sample.
    """
    X = as_teacher_takes(teacher, X)
    if classes is None:
        answers = np.asarray(teacher.predict(X), dtype=np.float64).reshape(len(X), -1)
    else:
        answers = _logits(teacher, X)[:, np.argsort(teacher.classes_)]
    if answers.shape[1] != n_outputs:
        raise ValueError(
            f"{owner}.teacher answers with {n_outputs} numbers a sample, and "
            f"{type(teacher).__name__} with {answers.shape[1]}."
        )
    if not np.isfinite(answers).all():
        raise ValueError(
            f"{owner}.teacher answers with finite numbers, and {type(teacher).__name__} does not."
        )
    return answers.astype(np.float32)


def as_teacher_takes(teacher: Any, X: Any) -> Any:
    """Images as they are for who takes images, and as rows for all others.

    Parameters
    ----------
    teacher : estimator
    X : array-like
    """
    if np.ndim(X) <= 2 or _takes_images(teacher):
        return X
    return X.reshape(len(X), -1)


def _logits(teacher: Any, X: Any) -> np.ndarray:
    """With all columns even where there are two classes, or as many as there are."""
    if hasattr(teacher, "predict_proba"):
        chances = np.asarray(teacher.predict_proba(X), dtype=np.float64)
        return np.log(np.clip(chances, _LEAST, None))
    decisions = np.asarray(teacher.decision_function(X), dtype=np.float64)
    if decisions.ndim == 1:
        return np.stack([np.zeros_like(decisions), decisions], axis=1)
    return _as_many(decisions, len(teacher.classes_))


def _as_many(decisions: np.ndarray, n_classes: int) -> np.ndarray:
    """One column a class, or a refusal: those of pairs are no logits."""
    if decisions.shape[1] == n_classes:
        return decisions
    raise ValueError(
        f"A teacher's decision_function has a column a class, {n_classes}, not "
        f"{decisions.shape[1]}. Did you mean decision_function_shape='ovr'?"
    )


def _takes_images(teacher: Any) -> bool:
    if is_raw_net(teacher):
        return True
    if isinstance(teacher, (FrozenEstimator, BaseSearchCV)):
        return _takes_images(teacher.estimator)
    if hasattr(teacher, "steps"):
        return _takes_images(teacher.steps[0][1])
    if type(teacher).__name__.startswith("Voting"):
        return all(_takes_images(member) for _, member in teacher.estimators if member != "drop")
    return bool(hasattr(teacher, "finetune") or get_tags(teacher).input_tags.three_d_array)


def _takes_weights(teacher: Any) -> bool:
    return bool(has_fit_parameter(teacher, "sample_weight"))


def _slip(given: Any) -> str:
    if isinstance(given, type):
        return f" Did you mean {given.__name__}()?"
    if isinstance(given, nn.Module):
        return " Did you mean NeuralClassifier(module)?"
    if getattr(given, "voting", None) == "hard":
        return " Did you mean voting='soft'?"
    return ""
