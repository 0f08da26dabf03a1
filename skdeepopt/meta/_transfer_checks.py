"""What can be wrong with a transfer's parameters, and messages in the words that the user knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.base import is_classifier, is_regressor

from skdeepopt._validation import check_choice, check_integer, check_ratio, check_real, did_you_mean
from skdeepopt.estimators._neural import NeuralClassifier, NeuralRegressor
from skdeepopt.meta._transfer_plan import BATCH_NORMS, STRATEGIES

__all__ = ["check_transfer", "classifies", "speaking_as"]

_HEADS = ("linear", "linear_regression")


def check_transfer(estimator: Any) -> None:
    """Check the parameters of a ``TransferEstimator`` that the estimator inside has not.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, or does not go with another.
    """
    _check_head(estimator)
    check_choice(estimator, "strategy", STRATEGIES)
    check_choice(estimator, "batch_norm", BATCH_NORMS)
    _check_epochs(estimator)
    if check_real(estimator, "rate_decay", inclusive=False) > 1:
        raise ValueError(
            f"{type(estimator).__name__}.rate_decay is a factor in (0, 1], not "
            f"{estimator.rate_decay!r}. Did you mean {1 / estimator.rate_decay:.3g}?"
        )
    check_real(estimator, "l2_sp")
    check_ratio(estimator, "label_smoothing")
    _check_together(estimator)


def classifies(head: Any) -> bool:
    """Whether a transfer with this head is a classifier."""
    return head == "linear" if isinstance(head, str) else bool(is_classifier(head))


@contextmanager
def speaking_as(owner: str) -> Iterator[None]:
    """Let messages of the estimator inside be those of its owner, whom the user knows.

    Parameters
    ----------
    owner : str
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (_as_ones_own(error.args[0], owner), *error.args[1:])
        raise


def _check_head(estimator: Any) -> None:
    owner, head = type(estimator).__name__, estimator.head
    allowed = (
        f"{owner}.head is 'linear', 'linear_regression', or an unfitted classifier or regressor"
    )
    if isinstance(head, str):
        if head not in _HEADS:
            raise ValueError(f"{allowed}, not {head!r}.{did_you_mean(head, _HEADS)}")
    elif isinstance(head, type) or not hasattr(head, "get_params"):
        slip = f" Did you mean {head.__name__}()?" if isinstance(head, type) else ""
        raise TypeError(f"{allowed}, not {head!r}.{slip}")
    elif not (is_classifier(head) or is_regressor(head)):
        raise TypeError(f"{allowed}, not {head!r}.")


def _check_epochs(estimator: Any) -> None:
    epochs = estimator.max_epochs
    if not isinstance(epochs, str):
        check_integer(estimator, "max_epochs")
    elif epochs != "auto":
        raise ValueError(
            f"{type(estimator).__name__}.max_epochs is 'auto' or an integer of at least 1, not "
            f"{epochs!r}.{did_you_mean(epochs, ['auto'])}"
        )


def _check_together(estimator: Any) -> None:
    owner = type(estimator).__name__
    if estimator.unlabelled is not None and estimator.strategy == "features":
        raise ValueError(
            f"{owner}.unlabelled is for strategies that train the network, not for 'features'. Did "
            f"you mean 'probe_then_finetune'?"
        )
    if classifies(estimator.head):
        return
    for name, blank in (("class_weight", None), ("label_smoothing", 0)):
        given = getattr(estimator, name)
        if given != blank:
            raise ValueError(
                f"{owner}.{name} is for classifiers, and head {estimator.head!r} predicts numbers; "
                f"it is {blank} there, not {given!r}."
            )


def _as_ones_own(message: str, owner: str) -> str:
    message = message.replace(
        " Did you mean NeuralRegressor?", " Did you mean head='linear_regression'?"
    )
    for kind in (NeuralClassifier, NeuralRegressor):
        message = message.replace(kind.__name__, owner)
    return message
