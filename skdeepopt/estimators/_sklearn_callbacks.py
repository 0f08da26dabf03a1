"""The one module that knows scikit-learn's experimental callbacks; without them it does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["CallbackSupportMixin", "FitReporter", "with_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks yet."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method itself where scikit-learn has no callbacks yet."""
        return method


class FitReporter:
    """Tells scikit-learn's callbacks of a fit and its epochs.

    Parameters
    ----------
    estimator : estimator with callback support, or without
    epochs : int
        How many there will be at most.
    X, y : array-like
        What the fit was called with.
    metadata : dict
        What else it was called with, such as sample weights.
    learned : callable
        Gives the fitted attributes as they are now; called when a callback wants them.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        X: Any,
        y: Any,
        metadata: dict[str, Any],
        learned: Callable[[], dict[str, Any]],
    ) -> None:
        self._learned = learned
        self._told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._context = None
        if hasattr(estimator, "_init_callback_context"):
            self._context = estimator._init_callback_context(max_subtasks=epochs)
            self._context.call_on_fit_task_begin(**self._told)
        self._epoch: Any = None

    def epoch_begins(self) -> None:
        """Tell of the next epoch."""
        if self._context is not None:
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._told)

    def epoch_ended(self) -> bool:
        """Tell of the epoch's end; True when a callback asks to end the fit."""
        return self._epoch is not None and bool(self._ends(self._epoch))

    def fit_ended(self) -> None:
        """Tell of the end of the fit."""
        if self._context is not None:
            self._ends(self._context)

    def _ends(self, task: Any) -> Any:
        return task.call_on_fit_task_end(**self._told, reconstruction_attributes=self._learned)
