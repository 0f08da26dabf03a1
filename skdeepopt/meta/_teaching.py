"""What a student is taught: labelled and unlabelled samples, and a teacher's answers for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import _safe_indexing, check_array, check_X_y
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight
from torch import nn

from skdeepopt.data._canonical import canonical_order
from skdeepopt.data._rows import as_array, as_rows
from skdeepopt.estimators._keeping import named_messages
from skdeepopt.estimators._raw_net import RawNetEstimator
from skdeepopt.estimators._samples import INPUT_TYPES, as_tensor, training_data
from skdeepopt.meta._base import innermost
from skdeepopt.meta._teacher import answers_of
from skdeepopt.meta._teacher_module import Asked, Committee, torch_teacher
from skdeepopt.meta._unlabelled import consistency_for
from skdeepopt.training._distillation import Distillation
from skdeepopt.training._hook import Hooks, TrainingHook

__all__ = ["Labelled", "Lessons", "Teaching", "read_labelled"]

_TRIED = 16
"""Samples on which a network is compared with the teacher that it was taken from."""


@dataclass(frozen=True)
class Labelled:
    """Data of a fit, and the samples that take part, in an order of their own.

    Parameters
    ----------
    X : ndarray, DataFrame or sparse matrix
        As the user gave it, but for tensors and lists.
    rows : ndarray of shape (n_samples, n_features)
        The same numbers.
    y : ndarray
    sample_weight : ndarray of shape (n_samples,) or None
    order : ndarray of shape (n_taken,)
        Rows that take part, repeated as integer weights say.
    weights : ndarray of shape (n_taken,) or None
        Of these, where they are no integers.
    """

    X: Any
    rows: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    order: np.ndarray
    weights: np.ndarray | None

    def ordered(self) -> tuple[Any, np.ndarray, np.ndarray | None]:
        """Samples that take part, their targets and weights, whatever the order they came in."""
        return _taken(self.X, self.order), self.y[self.order], self.weights


def read_labelled(owner: str, X: Any, y: Any, sample_weight: Any, *, classifies: bool) -> Labelled:
    """Data of a fit, checked.

    Parameters
    ----------
    owner : str
        Who asks; opens every message.
    X, y, sample_weight
        As in ``fit``.
    classifies : bool

    Raises
    ------
    TypeError, ValueError
        They are no data to train on.
    """
    X, rows = _read(owner, X)
    if y is None:
        raise ValueError(f"{owner} requires y to be passed, but the target y is None.")
    y = as_array(y, owner=owner) if isinstance(y, torch.Tensor) else y
    with named_messages(owner):
        rows, y = check_X_y(
            rows,
            y,
            dtype=list(INPUT_TYPES),
            ensure_min_samples=2,
            multi_output=not classifies,
            y_numeric=not classifies,
            estimator=owner,
        )
        if classifies:
            check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
    codes = np.unique(y, return_inverse=True)[1] if classifies else np.asarray(y, np.float64)
    data = training_data(as_tensor(rows), rows, codes, sample_weight)
    order = data.index.numpy()
    return Labelled(X, rows, y, sample_weight, order, data.sample_weight)


def _read(owner: str, X: Any) -> tuple[Any, Any]:
    """Data that can be indexed, and their rows."""
    rows, shape = as_rows(X, owner=owner)
    if hasattr(rows, "iloc") or hasattr(rows, "tocsr"):
        return rows, rows
    rows = np.asarray(rows)
    return (rows if shape is None else rows.reshape(shape)), rows


@dataclass(frozen=True)
class Lessons:
    """Samples that a student trains on, and what a teacher answers for them.

    Parameters
    ----------
    X, y, sample_weight
        Of all samples; unlabelled ones, which come last, have the teacher's answer for y.
    n_labelled : int
    unlabelled : array-like or None
        The same as the last samples.
    answers : ndarray of shape (n_samples, n_outputs)
        Logits, or numbers; zeros for samples without weight.
    classes : ndarray of shape (n_classes,) or None
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None
    n_labelled: int
    unlabelled: Any
    answers: np.ndarray
    classes: np.ndarray | None

    @property
    def labelled(self) -> torch.Tensor | None:
        """Which samples have a label; None where all have."""
        n_samples = len(self.answers)
        return torch.arange(n_samples) < self.n_labelled if n_samples > self.n_labelled else None


@dataclass(frozen=True)
class Teaching:
    """A fitted teacher, and how a student learns from it.

    Parameters
    ----------
    owner : str
        Who asks; opens every message.
    teacher : fitted estimator
    temperature, alpha : float
    consistency : bool
        Whether unlabelled samples also have to be answered alike when they are changed.
    teachers_per_batch : int or None
        Members of an ensemble of networks that answer for each batch; None is all.
    seed : int
    """

    owner: str
    teacher: Any
    temperature: float
    alpha: float
    consistency: bool
    teachers_per_batch: int | None
    seed: int

    def lessons(self, data: Labelled, unlabelled: Any, classes: np.ndarray | None) -> Lessons:
        """Samples to train on, with the teacher's answers.

        Parameters
        ----------
        data : Labelled
        unlabelled : array-like or None
        classes : ndarray of shape (n_classes,) or None
            Sorted; None is for a regressor.

        Raises
        ------
        TypeError, ValueError
            Unlabelled samples are of another shape, or the teacher does not answer.
        """
        n_labelled, X, rows = len(data.rows), data.X, data.rows
        taken = np.zeros(n_labelled, bool)
        taken[data.order] = True
        if unlabelled is not None:
            X, more = self._with_unlabelled(data, unlabelled)
            rows = np.concatenate([rows, more])
            taken = np.concatenate([taken, np.ones(len(more), bool)])
        answers = self._answers(X, rows, np.flatnonzero(taken), data, classes)
        y, weight = data.y, data.sample_weight
        if unlabelled is not None:
            y = np.concatenate([y, _as_targets(answers[n_labelled:], classes, y)])
            weight = _with_ones(weight, len(answers) - n_labelled)
            unlabelled = _safe_indexing(X, np.arange(n_labelled, len(answers)))
        return Lessons(X, y, weight, n_labelled, unlabelled, answers, classes)

    def hook(self, student: Any, module: nn.Module, lessons: Lessons) -> TrainingHook:
        """What teaches a student's network while it trains on the lessons.

        Parameters
        ----------
        student : deep estimator
            That owns the module, and has read the data.
        module : torch.nn.Module
        lessons : Lessons
        """
        owner = innermost(student)
        by_rows = not isinstance(owner, RawNetEstimator)
        imitates = Distillation(
            module,
            self._voice(owner, module, lessons, by_rows=by_rows),
            alpha=self.alpha,
            temperature=self.temperature,
            is_classifier=lessons.classes is not None,
            labelled=lessons.labelled if by_rows else None,
        )
        if not self.consistency:
            return imitates
        return Hooks(imitates, self._consistency(owner, module, lessons))

    def _with_unlabelled(self, data: Labelled, unlabelled: Any) -> tuple[Any, np.ndarray]:
        """All samples in one, and the rows of the unlabelled ones."""
        name = f"{self.owner}.unlabelled"
        given, rows = _read(name, unlabelled)
        with named_messages(name):
            rows = check_array(rows, dtype=list(INPUT_TYPES), estimator=name)
        shape, wanted = np.shape(given)[1:], np.shape(data.X)[1:]
        if rows.shape[1] != data.rows.shape[1] or not _are_alike(shape, wanted):
            raise ValueError(
                f"{name} holds samples like those of X, of shape {wanted}, not of {shape}."
            )
        return _stacked(data.X, given, name), rows

    def _answers(
        self,
        X: Any,
        rows: np.ndarray,
        taken: np.ndarray,
        data: Labelled,
        classes: np.ndarray | None,
    ) -> np.ndarray:
        """Answers for some rows, each asked for once and in an order of their own.

        So a sum that is rounded in another order, in a larger batch, makes no difference.
        """
        order = taken[canonical_order(rows[taken])]
        is_new = np.ones(len(order), bool)
        is_new[1:] = [(rows[a] != rows[b]).any() for a, b in zip(order[1:], order, strict=False)]
        n_outputs = len(classes) if classes is not None else np.asarray(data.y)[:1].size
        asked = _taken(X, order[is_new])
        found = answers_of(self.owner, self.teacher, asked, classes=classes, n_outputs=n_outputs)
        answers = np.zeros((len(rows), n_outputs), np.float32)
        answers[order] = found[np.cumsum(is_new) - 1]
        return answers

    def _voice(
        self, owner: Any, module: nn.Module, lessons: Lessons, *, by_rows: bool
    ) -> nn.Module | torch.Tensor:
        """A network that answers for every batch, or answers once for each sample."""
        device = next(module.parameters()).device
        mean, scale = _standard_of(owner)
        network = self._network(owner, lessons)
        if network is not None:
            network = network.standardized(mean, scale).to(device)
            return network.drawing(self.teachers_per_batch, seed=self.seed)
        if by_rows:
            return torch.from_numpy(((lessons.answers - mean) / scale).astype(np.float32))
        return Asked(lambda rows: self._asked(rows, lessons))

    def _network(self, owner: Any, lessons: Lessons) -> Committee | None:
        few = _safe_indexing(lessons.X, np.arange(min(_TRIED, lessons.n_labelled)))
        return torch_teacher(
            self.teacher,
            owner._network_inputs(few),
            lambda: self._asked(few, lessons),
            is_classifier=lessons.classes is not None,
        )

    def _asked(self, X: Any, lessons: Lessons) -> np.ndarray:
        classes, n_outputs = lessons.classes, lessons.answers.shape[1]
        return answers_of(self.owner, self.teacher, X, classes=classes, n_outputs=n_outputs)

    def _consistency(self, owner: Any, module: nn.Module, lessons: Lessons) -> TrainingHook:
        images = owner._network_inputs(lessons.unlabelled)
        if images.ndim != 4:
            raise ValueError(
                f"{self.owner}.consistency is for images, not for samples of shape "
                f"{tuple(images.shape[1:])}. Did you mean consistency=False?"
            )
        prior = _shares(lessons)
        return consistency_for(owner, module, images, prior=prior, seed=self.seed, ratio=1)


def _shares(lessons: Lessons) -> torch.Tensor | None:
    """Share of each class among the labelled samples."""
    if lessons.classes is None:
        return None
    labelled = lessons.y[: lessons.n_labelled]
    counts = np.array([(labelled == label).sum() for label in lessons.classes], np.float32)
    return torch.from_numpy(counts / counts.sum())


def _as_targets(answers: np.ndarray, classes: np.ndarray | None, y: np.ndarray) -> np.ndarray:
    """Most likely labels, or numbers in the form of y."""
    if classes is None:
        return answers.reshape(len(answers), *y.shape[1:]).astype(np.float64)
    return classes[answers.argmax(1)].astype(y.dtype, copy=False)


def _with_ones(weight: np.ndarray | None, n_more: int) -> np.ndarray | None:
    """Weights of labelled samples, and for more samples one each, or the mean of real weights."""
    if weight is None:
        return None
    positive = weight[weight > 0]
    whole = bool((positive == np.floor(positive)).all())
    return np.concatenate([weight, np.full(n_more, 1.0 if whole else positive.mean())])


def _are_alike(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether samples have the same sides, where both have any."""
    sides = [tuple(size for size in each if size > 1) for each in (shape, other)]
    return min(len(shape), len(other)) < 2 or sides[0] == sides[1]


def _taken(X: Any, order: np.ndarray) -> Any:
    """Some rows, one after another in memory, since sums are rounded as their terms lie there."""
    rows = _safe_indexing(X, order)
    if not hasattr(rows, "iloc"):
        return np.ascontiguousarray(rows)
    if len(set(rows.dtypes)) > 1:
        return rows
    import pandas as pd

    return pd.DataFrame(np.ascontiguousarray(rows.to_numpy()), columns=rows.columns, copy=False)


def _stacked(X: Any, more: Any, name: str) -> Any:
    """One array or DataFrame of both."""
    if not hasattr(X, "iloc"):
        more = np.asarray(more)
        return np.concatenate([X, more.reshape(-1, *X.shape[1:])])
    columns = list(X.columns)
    if list(getattr(more, "columns", columns)) != columns:
        raise ValueError(f"{name} holds the columns of X, in their order, {columns[:5]}, …")
    import pandas as pd

    frame = pd.DataFrame(np.asarray(more), columns=columns)
    return pd.concat([X, frame], ignore_index=True)


def _standard_of(owner: Any) -> tuple[Any, Any]:
    """Mean and deviation by which a regressor's targets are standardized."""
    return getattr(owner, "_target_mean", 0.0), getattr(owner, "_target_scale", 1.0)
