"""A teacher as a torch module, so that it answers for the very batch that a student sees."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from torch import nn

from skdeepopt.layers._evaluation import in_evaluation
from skdeepopt.meta._base import innermost

__all__ = ["Asked", "Committee", "torch_teacher"]

_ALIKE = 0.05
"""Largest difference, in probability or deviations, between a module and what its owner answers:
integers in an engine differ by so much from the module that they were made of."""


class Committee(nn.Module):
    """Mean answer of several networks.

    Parameters
    ----------
    members : sequence of torch.nn.Module
    image_shapes : sequence of tuple of int
        What each member takes; others of as many numbers are reshaped.
    weights : sequence of float
        Of the members.
    is_classifier : bool
        Whether to take the mean of probabilities, and to answer with its logarithm.
    scales, means : sequence of Tensor
        By which the numbers of each member become targets, for a regressor.

    References
    ----------
    Fukuda, Suzuki, Kurata, Thomas, Cui & Ramabhadran (2017), "Efficient knowledge distillation from
    an ensemble of teachers", Interspeech, section 3 (another teacher for each batch).

    Examples
    --------
    >>> members = [nn.Linear(4, 2), nn.Linear(4, 2)]
    >>> both = Committee(members, [(4,), (4,)], [1, 3], is_classifier=True)
    >>> round(both(torch.ones(1, 2, 2)).exp().sum().item(), 4)
    1.0
    """

    def __init__(
        self,
        members: Any,
        image_shapes: Any,
        weights: Any,
        *,
        is_classifier: bool,
        scales: Any = None,
        means: Any = None,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.image_shapes = [tuple(shape) for shape in image_shapes]
        share = torch.as_tensor(np.asarray(weights, dtype=np.float64))
        self.weights: list[float] = (share / share.sum()).tolist()
        self.is_classifier = is_classifier
        self.scales = [1.0] * len(self.weights) if scales is None else list(scales)
        self.means = [0.0] * len(self.weights) if means is None else list(means)
        self._n_drawn: int | None = None
        self._generator = np.random.default_rng()

    def drawing(self, n_members: int | None, *, seed: int) -> Committee:
        """The same, of which other members, drawn at random, answer for each batch.

        Parameters
        ----------
        n_members : int or None
            At most so many; None is all.
        seed : int
        """
        self._n_drawn, self._generator = n_members, np.random.default_rng(seed)
        return self

    def standardized(self, mean: Any, scale: Any) -> Committee:
        """The same, with answers less `mean` and divided by `scale`; nothing for a classifier.

        Parameters
        ----------
        mean, scale : float or ndarray of shape (n_targets,)
        """
        if not self.is_classifier:
            mean, scale = (torch.as_tensor(each, dtype=torch.float32) for each in (mean, scale))
            self.scales = [each / scale for each in self.scales]
            self.means = [(each - mean) / scale for each in self.means]
        return self

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        asked = self._asked()
        answers = [self._answer(inputs, number) for number in asked]
        if self.is_classifier and len(answers) == 1:
            return answers[0]
        if self.is_classifier:
            answers = [each.softmax(1) for each in answers]
        share = sum(self.weights[number] for number in asked)
        total = sum(self.weights[n] / share * each for n, each in zip(asked, answers, strict=True))
        assert isinstance(total, torch.Tensor)
        return total.clamp_min(torch.finfo(total.dtype).tiny).log() if self.is_classifier else total

    def _asked(self) -> list[int]:
        """Members that answer for this batch, among those whose answer counts."""
        counting = [number for number, weight in enumerate(self.weights) if weight]
        if self._n_drawn is None or self._n_drawn >= len(counting):
            return counting
        return sorted(self._generator.choice(counting, self._n_drawn, replace=False).tolist())

    def _answer(self, inputs: torch.Tensor, number: int) -> torch.Tensor:
        shape = self.image_shapes[number]
        taken = inputs if inputs.shape[1:] == shape else inputs.reshape(-1, *shape)
        answers: torch.Tensor = self.members[number](taken).float()
        if self.is_classifier:
            return answers
        return answers * _as(self.scales[number], answers) + _as(self.means[number], answers)


class Asked(nn.Module):
    """Answers of an estimator that is no network, for every batch anew.

    Parameters
    ----------
    answer : callable
        ``answer(rows)`` for an array of shape (n_samples, n_features).
    """

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        rows = inputs.detach().cpu().reshape(len(inputs), -1).numpy()
        return torch.from_numpy(self.answer(rows)).to(inputs.device)


def torch_teacher(
    teacher: Any,
    inputs: torch.Tensor,
    answer: Callable[[], np.ndarray],
    *,
    is_classifier: bool,
) -> Committee | None:
    """Module that answers as a deep teacher, or as an ensemble of such ones.

    Parameters
    ----------
    teacher : fitted estimator
    inputs : Tensor of shape (n_samples, ...)
        A few samples as the student's network takes them.
    answer : callable
        Gives what the teacher answers for them, of shape (n_samples, n_outputs).
    is_classifier : bool

    Returns
    -------
    module : torch.nn.Module or None
        None where the teacher is no network, or more than that, such as one behind a scaler.
    """
    found = _members(teacher)
    if not found or not all(_is_deep(member) for member, _ in found):
        return None
    members = [member for member, _ in found]
    owners = [innermost(member) for member in members]
    module = Committee(
        [deepcopy(member.module_) for member in members],
        [member.image_shape_ for member in members],
        [weight for _, weight in found],
        is_classifier=is_classifier,
        scales=[_number(owner, "_target_scale", 1.0) for owner in owners],
        means=[_number(owner, "_target_mean", 0.0) for owner in owners],
    )
    with suppress(RuntimeError, ValueError, TypeError):  # torch's, about shapes
        if _answers_alike(module, inputs, answer()):
            return module
    return None


def _members(teacher: Any) -> list[tuple[Any, float]]:
    """Fitted estimators whose mean the teacher answers with, and their weights."""
    if isinstance(teacher, (VotingClassifier, VotingRegressor)):
        weights = teacher._weights_not_none or [1.0] * len(teacher.estimators_)
        return list(zip(teacher.estimators_, weights, strict=True))
    if isinstance(teacher, (BaggingClassifier, BaggingRegressor)):
        return [(member, 1.0) for member in teacher.estimators_]
    return [(teacher, 1.0)]


def _is_deep(member: Any) -> bool:
    return isinstance(getattr(member, "module_", None), nn.Module) and hasattr(
        member, "image_shape_"
    )


def _number(owner: Any, name: str, default: float) -> Any:
    value = getattr(owner, name, default)
    return torch.as_tensor(value, dtype=torch.float32) if isinstance(value, np.ndarray) else value


def _as(value: Any, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(value, dtype=like.dtype, device=like.device)


def _answers_alike(module: nn.Module, inputs: torch.Tensor, answers: np.ndarray) -> bool:
    """Whether a module says what its owner does: no head, scaler or missing class is in between."""
    parameter = next(module.parameters())
    with in_evaluation(module):
        found = module(inputs.to(parameter.device).float()).cpu()
    wanted = torch.from_numpy(answers)
    if found.shape != wanted.shape:
        return False
    if isinstance(module, Committee) and module.is_classifier:
        return bool((found.softmax(1) - wanted.softmax(1)).abs().max() < _ALIKE)
    spread = wanted.std(0).clamp_min(1e-6)
    return bool(((found - wanted) / spread).abs().max() < _ALIKE)
