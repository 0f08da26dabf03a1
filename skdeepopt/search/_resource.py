"""A candidate's training up to a resource, on from where it was or anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _check_method_params, _num_samples

from skdeepopt._validation import did_you_mean
from skdeepopt.journal._state_bytes import restore, state_bytes
from skdeepopt.meta._base import innermost
from skdeepopt.search._split import FitTrial
from skdeepopt.search._trial import Trial

__all__ = ["EpochFit", "ParameterFit", "SampleFit", "check_resource", "epochs_parameter", "fit_for"]

_RESTART = 0.5
"""Peak learning rate of a later rung, as a share of the first one's."""


@dataclass(frozen=True)
class EpochFit:
    """Trains a deep estimator up to a number of epochs, from its weights where they were kept.

    Every rung goes over a whole schedule of its own, down to a rate of zero: the scores of a rung
    compare with each other, and each is of a network that could be used as it is. So a later rung
    is a warm restart, as in SGDR.

    Parameters
    ----------
    parameter : str
        Of the estimator, its number of epochs.
    max_resources : int
        Epochs after which nothing goes on, so that no weights need be kept.

    References
    ----------
    Loshchilov & Hutter (2017), arXiv:1608.03983, section 3.
    """

    parameter: str
    max_resources: int

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        fit_params: dict[str, Any],
        trial: Trial,
        state: bytes | None,
    ) -> tuple[Any, bytes | None]:
        """Fitted estimator and what it needs to go on."""
        assert trial.resource is not None, "a rung has a resource"
        estimator.set_params(**{self.parameter: trial.resource})
        if state is None:
            estimator.fit(X, y, **fit_params)
        else:
            epochs = trial.resource - trial.before
            _go_on(estimator, X, y, fit_params, epochs=epochs, state=state)
        if trial.resource >= self.max_resources:
            return estimator, None
        return estimator, state_bytes(_deep(estimator))


@dataclass(frozen=True)
class ParameterFit:
    """Fits anew, with the resource as a parameter of the estimator, such as ``n_estimators``."""

    parameter: str

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        fit_params: dict[str, Any],
        trial: Trial,
        state: bytes | None,
    ) -> tuple[Any, None]:
        """Fitted estimator; nothing goes on from it."""
        estimator.set_params(**{self.parameter: trial.resource})
        return _fitted(estimator, X, y, fit_params), None


@dataclass(frozen=True)
class SampleFit:
    """Fits anew on a part of the samples that holds the part of the rung before.

    Parameters
    ----------
    seed : int
        Of the parts, which are the same for all candidates.
    """

    seed: int

    def __call__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        fit_params: dict[str, Any],
        trial: Trial,
        state: bytes | None,
    ) -> tuple[Any, None]:
        """Fitted estimator; nothing goes on from it."""
        order = nested_order(y if is_classifier(estimator) else None, _num_samples(X), self.seed)
        rows = np.sort(order[: trial.resource])
        params = _check_method_params(X, fit_params, indices=rows)
        targets = None if y is None else _safe_indexing(y, rows)
        return _fitted(estimator, _safe_indexing(X, rows), targets, params), None


def fit_for(resource: str, parameter: str, max_resources: int, seed: int) -> FitTrial:
    """What trains a candidate up to a resource.

    Parameters
    ----------
    resource : str
        "epochs", "n_samples" or a parameter.
    parameter : str
        As :func:`check_resource` names it.
    max_resources : int
    seed : int
        Of the samples.
    """
    if resource == "epochs":
        return EpochFit(parameter, max_resources)
    return SampleFit(seed) if resource == "n_samples" else ParameterFit(parameter)


def nested_order(y: Any, n_samples: int, seed: int) -> np.ndarray:
    """Order of the rows in which every beginning has each class in its share.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        Labels. None, and targets that are no labels, leave the order to chance.
    n_samples : int
    seed : int

    Examples
    --------
    >>> labels = np.array(["b", "a", "a", "a", "a", "b"])
    >>> order = nested_order(labels, 6, seed=0)
    >>> labels[order[:3]].tolist(), labels[order].tolist().count("b")
    (['a', 'b', 'a'], 2)
    """
    shuffled = np.random.default_rng(seed).permutation(n_samples)
    if y is None or type_of_target(y) not in ("binary", "multiclass"):
        return shuffled
    classes = np.unique(np.asarray(y), return_inverse=True)[1].reshape(-1)[shuffled]
    counts = np.bincount(classes)
    # The first of each class comes at once, so that no beginning of some size lacks a class.
    place = np.empty(n_samples)
    for label, count in enumerate(counts):
        place[classes == label] = np.arange(count) / count
    return shuffled[np.argsort(place, kind="stable")]


def epochs_parameter(estimator: Any) -> str | None:
    """Name of the innermost number of epochs, None where the estimator cannot train on.

    Parameters
    ----------
    estimator : estimator
        A deep estimator, wrappers around one, or a pipeline that ends in one.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeepopt import CNNClassifier, ImageScaler, PrunedEstimator
    >>> epochs_parameter(make_pipeline(ImageScaler(), PrunedEstimator(CNNClassifier())))
    'prunedestimator__estimator__max_epochs'
    """
    path, inside = "", estimator
    while isinstance(inside, Pipeline):
        path, inside = f"{path}{inside.steps[-1][0]}__", inside.steps[-1][1]
    if not hasattr(inside, "finetune"):
        return None
    parameters = inside.get_params(deep=False)
    while "estimator" in parameters and not isinstance(inside.estimator, FrozenEstimator):
        path, inside = f"{path}estimator__", inside.estimator
        parameters = inside.get_params(deep=False)
    return f"{path}max_epochs" if "max_epochs" in parameters else None


def check_resource(owner: str, estimator: Any, resource: Any) -> str:
    """Name of the parameter that is the resource, "n_samples" where it is the samples.

    Raises
    ------
    TypeError, ValueError
        The estimator has no such resource.
    """
    if not isinstance(resource, str):
        raise TypeError(f"{owner}.resource is a name such as 'epochs', not {resource!r}.")
    if resource == "n_samples":
        return resource
    parameters = estimator.get_params()
    integers = sorted(name for name, value in parameters.items() if type(value) is int)
    parameter = epochs_parameter(estimator) if resource == "epochs" else None
    # None says nothing of what a parameter takes, such as the depth of a tree.
    unset = resource in parameters and parameters[resource] is None
    if parameter is not None or resource in integers or unset:
        return parameter or resource
    kind = type(estimator).__name__
    if resource == "epochs":
        raise ValueError(
            f"{owner}.resource is 'epochs' for a deep estimator that trains itself, wrapped or as "
            f"the last step of a pipeline, which {kind} is not. Did you mean 'n_samples'?"
        )
    raise ValueError(
        f"{owner}.resource is 'epochs', 'n_samples' or an integer parameter of {kind}, not "
        f"{resource!r}.{did_you_mean(resource, ['epochs', 'n_samples', *integers])}"
    )


def _fitted(estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any]) -> Any:
    return estimator.fit(X, **fit_params) if y is None else estimator.fit(X, y, **fit_params)


def _deep(estimator: Any) -> Any:
    """Deep estimator in pipelines."""
    return _deep(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def _go_on(
    estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], *, epochs: int, state: bytes
) -> None:
    if isinstance(estimator, Pipeline):
        ahead, last = _routed(estimator, fit_params)
        front = estimator[:-1]
        # Anew they learn the same, with the search's seed, and cost little beside the training.
        inside = front.fit_transform(X, y, **ahead) if front.steps else X
        estimator.steps = [*front.steps, estimator.steps[-1]]
        _go_on(estimator.steps[-1][1], inside, y, last, epochs=epochs, state=state)
        return
    restore(estimator, state)
    net = innermost(estimator).net_
    if hasattr(net, "seed"):
        net.seed += epochs  # Else it would see the batches of its first rung again.
    rate = _RESTART * estimator.lr
    estimator.finetune(X, y, epochs=epochs, lr=rate, **fit_params)


def _routed(
    pipeline: Pipeline, fit_params: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a pipeline's fit hands to its first steps, as they take it, and to its last one."""
    name = pipeline.steps[-1][0]
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(pipeline, "fit", **fit_params)
        asked = get_routing_for_object(pipeline[:-1]).consumes("fit", fit_params)
        return {key: fit_params[key] for key in asked}, dict(routed[name].fit)
    mine = {key: value for key, value in fit_params.items() if key.startswith(f"{name}__")}
    ahead = {key: value for key, value in fit_params.items() if key not in mine}
    return ahead, {key.removeprefix(f"{name}__"): value for key, value in mine.items()}
