"""A network that learns from the answers of another, besides the labels."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from skdeepopt._validation import check_real
from skdeepopt.layers._idle_hook import IdleHook

__all__ = ["Distillation"]


class Distillation(IdleHook):
    """Training hook under which a student also imitates a teacher, on the very batch it sees.

    The slope of the distance to the teacher's answers joins that of the loss at the student's
    outputs, so that it works with any loss, and the loss that is recorded stays that of the labels.

    Parameters
    ----------
    student : torch.nn.Module
        That trains.
    teacher : torch.nn.Module or Tensor of shape (n_rows, n_outputs)
        Takes the same inputs; evaluated, never changed. Or its answers, once for each row of the
        training data.
    alpha : float, default=0.5
        Weight of the teacher, from 0 to 1; the labels have the rest.
    temperature : float, default=4.0
        Divides the logits of both before they become probabilities.
    is_classifier : bool, default=True
        Whether outputs are logits; else the distance is the mean squared error.
    labelled : Tensor of bool of shape (n_rows,) or None, default=None
        Which rows of the training data have a label; all others are the teacher's alone. None is
        all of them.

    Notes
    -----
    The teacher has an answer for every sample of a batch, whatever the sample weighs in the loss. A
    single output is the logit of the second of two classes.

    References
    ----------
    Hinton, Vinyals & Dean (2015), arXiv:1503.02531, section 2 and equation 2.

    Examples
    --------
    >>> student, teacher = nn.Linear(2, 3), nn.Linear(2, 3)
    >>> hook = Distillation(student, teacher, alpha=1.0)
    >>> hook.before_training(n_steps=1)
    False
    >>> student(torch.ones(4, 2)).sum().backward()
    >>> abs(round(student.bias.grad.sum().item(), 4))
    0.0
    >>> hook.after_training()
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module | torch.Tensor,
        *,
        alpha: float = 0.5,
        temperature: float = 4.0,
        is_classifier: bool = True,
        labelled: torch.Tensor | None = None,
    ) -> None:
        self.student = student
        self.teacher = teacher
        self.alpha = alpha
        self.temperature = temperature
        self.is_classifier = is_classifier
        self.labelled = labelled
        if check_real(self, "alpha") > 1:
            raise ValueError(f"Distillation.alpha is a share, in [0, 1], not {alpha!r}.")
        check_real(self, "temperature", inclusive=False)
        self._handle: RemovableHandle | None = None
        self._rows: torch.Tensor | None = None

    def before_training(self, n_steps: int) -> bool:
        """Listen to the student."""
        if isinstance(self.teacher, nn.Module):
            self.teacher.eval()
        self._handle = self.student.register_forward_hook(self._answered)
        return False

    def before_step(self, rows: torch.Tensor) -> None:
        """Remember the rows of the data that the student is about to answer for."""
        self._rows = rows

    def restore(self) -> None:
        """Let go of the student, wherever the training has ended."""
        if self._handle is not None:
            self._handle.remove()

    def _answered(self, module: nn.Module, inputs: Any, outputs: torch.Tensor) -> None:
        if not (module.training and outputs.requires_grad):
            return
        with torch.no_grad():
            slope = self._slope(outputs.detach().float(), self._wanted(inputs, outputs))
            share = self._share(outputs)
        # The gradient of a mean over the batch, as the loss's is.
        outputs.register_hook(
            lambda gradient: (1 - share) * gradient + share * slope.to(gradient.dtype)
        )

    def _wanted(self, inputs: Any, outputs: torch.Tensor) -> torch.Tensor:
        """Answers of the teacher."""
        if isinstance(self.teacher, nn.Module):
            answers: torch.Tensor = self.teacher(*inputs).float()
            return answers
        assert self._rows is not None
        taken = self.teacher.index_select(0, self._rows)
        return taken.to(outputs.device).float().reshape(outputs.shape)

    def _share(self, outputs: torch.Tensor) -> Any:
        """Weight of the teacher, for all or for each of the outputs."""
        if self.labelled is None:
            return self.alpha
        assert self._rows is not None
        labelled = self.labelled.index_select(0, self._rows).to(outputs.device)
        shares = torch.where(labelled, self.alpha, 1.0).to(outputs.dtype)
        return shares.reshape(-1, *[1] * (outputs.ndim - 1))

    def _slope(self, outputs: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        if not self.is_classifier:
            return 2 * (outputs - wanted) / outputs.numel()
        heat = self.temperature
        is_single = outputs.ndim == 1 or outputs.shape[1] == 1
        chances = torch.sigmoid if is_single else partial(torch.softmax, dim=1)
        # Times the square of the temperature, so that the slope does not shrink with it.
        return (chances(outputs / heat) - chances(wanted / heat)) * (heat / len(outputs))
