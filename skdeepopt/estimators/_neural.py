"""Estimators around any torch module."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from torch import nn

from skdeepopt._validation import did_you_mean
from skdeepopt.data._layout import ImageLayout, infer_layout
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._targets import DeepClassifier, DeepRegressor
from skdeepopt.nets._mlp import MLP
from skdeepopt.training._batches import TensorData

__all__ = ["NeuralClassifier", "NeuralRegressor"]

_PREFIX = "module__"


class _Neural(DeepEstimator):
    """Builds the user's module, whose arguments are parameters too, as ``module__name``."""

    module: Any

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters, with the module's arguments among them.

        Parameters
        ----------
        deep : bool, default=True
            Also the parameters of what the parameters hold.

        Returns
        -------
        params : dict
        """
        return {**super().get_params(deep=deep), **self._module_arguments()}

    def set_params(self, **params: Any) -> DeepEstimator:
        """Set parameters; any ``module__name`` becomes an argument of the module.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : estimator
        """
        known = self._module_arguments()
        for name in [n for n in params if n.startswith(_PREFIX) or n in known]:
            setattr(self, name, params.pop(name))
        super().set_params(**params)
        return self

    def _store_module_arguments(self, arguments: dict[str, Any]) -> None:
        for name, value in arguments.items():
            setattr(self, name, value)

    def _module_arguments(self) -> dict[str, Any]:
        """Everything that was set beyond the estimator's own parameters."""
        own = self._get_param_names()
        return {
            name: value
            for name, value in vars(self).items()
            if name not in own and not name.startswith("_") and not name.endswith("_")
        }

    def _read_layout(self, shape: tuple[int, ...], *, reset: bool) -> Any:
        owner = type(self).__name__
        if not reset:
            return super()._read_layout(shape, reset=reset)
        if self.image_shape is not None or len(shape) == 4:
            self._layout = infer_layout(shape, self.image_shape, owner=owner)
        else:
            self._layout = ImageLayout(tuple(shape[1:]))
        return self._layout

    def _build_module(self, n_outputs: int, data: TensorData | None) -> nn.Module:
        arguments = {
            name.removeprefix(_PREFIX): value for name, value in self._module_arguments().items()
        }
        owner = type(self).__name__
        if isinstance(self.module, nn.Module):
            if arguments:
                raise ValueError(
                    f"{owner}.module is an instance, which takes no arguments, not "
                    f"{sorted(arguments)}. Did you mean its class?"
                )
            return copy.deepcopy(self.module)
        known = {
            "image_shape": self.image_shape_,
            "n_features": self.n_features_in_,
            "n_outputs": n_outputs,
            "n_classes": n_outputs,
        }
        try:
            accepted = inspect.signature(self.module).parameters
            arguments = {k: v for k, v in known.items() if k in accepted} | arguments
            module = self.module(**arguments)
        except (TypeError, ValueError) as error:
            plain = TypeError if isinstance(error, TypeError) else ValueError
            reason = str(error).rstrip(".")
            raise plain(
                f"{owner}.module {_name(self.module)} cannot be built with {arguments}: {reason}. "
                f"Its arguments are given as module__name."
            ) from error
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"{owner}.module {_name(self.module)} makes a torch.nn.Module, not a "
                f"{type(module).__name__}."
            )
        return module

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not isinstance(self.module, nn.Module) and not callable(self.module):
            raise TypeError(
                f"{type(self).__name__}.module is a torch.nn.Module class, a factory or an "
                f"instance, not {self.module!r}."
            )
        for name in self._module_arguments():
            if not name.startswith(_PREFIX):
                slip = _PREFIX + name
                raise TypeError(
                    f"{type(self).__name__} takes its own parameters, and the module's arguments "
                    f"as module__name, not {name!r}."
                    f"{did_you_mean(name, self._get_param_names()) or f' Did you mean {slip}?'}"
                )


class NeuralClassifier(DeepClassifier, _Neural):
    """Any torch module as a classifier.

    Parameters
    ----------
    module : torch.nn.Module class, factory or instance, default=MLP
        Emits logits of shape (n_samples, n_classes). A class or factory is called with those of
        `image_shape`, `n_features`, `n_outputs` and `n_classes` that it accepts, and with the
        ``module__`` parameters. An instance is copied, weights included.
    image_shape, max_epochs, batch_size, optimizer, lr, weight_decay, schedule, label_smoothing, \
augment, class_weight, validation_fraction, early_stopping, n_iter_no_change, precision, device, \
warm_start, callbacks, verbose, random_state
        As in :class:`CNNClassifier`. Without `image_shape` the module gets 2-D and 3-D data as
        they are, as float32; 4-D data always come with their channels first.
    **module_params
        Arguments of the module, named ``module__name``; they can be searched.

    Attributes
    ----------
    net_, module_, classes_, n_features_in_, feature_names_in_, image_shape_, history_, \
n_parameters_
        As in :class:`CNNClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import NeuralClassifier
    >>> from skdeepopt.nets import MLP
    >>> X, y = load_digits(return_X_y=True)
    >>> model = NeuralClassifier(MLP, module__widths=(32,), max_epochs=5, random_state=0)
    >>> bool(model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.85)
    True
    >>> model.get_params()["module__widths"]
    (32,)
    """

    def __init__(
        self,
        module: Any = MLP,
        *,
        image_shape: Any = None,
        max_epochs: int = 10,
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.01,
        weight_decay: float = 0.01,
        schedule: str = "onecycle",
        label_smoothing: float = 0.0,
        augment: Any = None,
        class_weight: Any = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 5,
        precision: str = "auto",
        device: Any = "auto",
        warm_start: bool = False,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        **module_params: Any,
    ) -> None:
        self.module = module
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.label_smoothing = label_smoothing
        self.augment = augment
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.device = device
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
        self._store_module_arguments(module_params)


class NeuralRegressor(DeepRegressor, _Neural):
    """Any torch module as a regressor.

    Parameters
    ----------
    module : torch.nn.Module class, factory or instance, default=MLP
        Emits targets, standardized to mean 0 and deviation 1, of shape (n_samples, n_targets).
        Built as in :class:`NeuralClassifier`.
    image_shape, max_epochs, batch_size, optimizer, lr, weight_decay, schedule, augment, \
validation_fraction, early_stopping, n_iter_no_change, precision, device, warm_start, callbacks, \
verbose, random_state
        As in :class:`NeuralClassifier`.
    **module_params
        Arguments of the module, named ``module__name``; they can be searched.

    Attributes
    ----------
    net_, module_, n_features_in_, feature_names_in_, image_shape_, history_, n_parameters_
        As in :class:`NeuralClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import make_regression
    >>> from skdeepopt import NeuralRegressor
    >>> X, y = make_regression(400, 5, random_state=0)
    >>> model = NeuralRegressor(max_epochs=20, random_state=0).fit(X[:300], y[:300])
    >>> bool(model.score(X[300:], y[300:]) > 0.8)
    True
    """

    def __init__(
        self,
        module: Any = MLP,
        *,
        image_shape: Any = None,
        max_epochs: int = 10,
        batch_size: int | str = "auto",
        optimizer: Any = "adamw",
        lr: float = 0.01,
        weight_decay: float = 0.01,
        schedule: str = "onecycle",
        augment: Any = None,
        validation_fraction: float | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 5,
        precision: str = "auto",
        device: Any = "auto",
        warm_start: bool = False,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        **module_params: Any,
    ) -> None:
        self.module = module
        self.image_shape = image_shape
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.augment = augment
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.precision = precision
        self.device = device
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state
        self._store_module_arguments(module_params)


def _name(module: Any) -> str:
    return getattr(module, "__qualname__", type(module).__name__)
