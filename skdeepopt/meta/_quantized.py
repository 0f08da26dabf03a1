"""A deep estimator whose network is quantized, and answered by an inference engine."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt._random import seed_from
from skdeepopt._validation import check_choice, check_flag, check_integer
from skdeepopt.engines import check_engine, installed_engines
from skdeepopt.estimators._keeping import named_messages
from skdeepopt.estimators._state import store_elsewhere
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.lowering._onnx import to_onnx
from skdeepopt.lowering._simulated import simulated
from skdeepopt.meta._base import DeepWrapper, check_base, innermost, trained_copy
from skdeepopt.meta._budget import check_drop, held_out_rows
from skdeepopt.meta._figures import file_bytes
from skdeepopt.meta._quantization_plan import (
    METHODS,
    QuantizationPlan,
    Quantized,
    calibration_inputs,
    engine_name,
)
from skdeepopt.meta._quantization_run import QuantizationRun
from skdeepopt.quantization._network import Quantization, write_weight
from skdeepopt.quantization._observers import CALIBRATIONS
from skdeepopt.quantization._report import QuantizationReport
from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.quantization._tensor import Kind, QuantizedTensor
from skdeepopt.training._hook import TrainingHook
from skdeepopt.training._threads import fair_threads

__all__ = ["QuantizedEstimator"]


class QuantizedEstimator(DeepWrapper):
    """Train, round to few bits, and answer by an inference engine that computes in integers.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
        Unfitted, it is trained first; in ``FrozenEstimator`` it is quantized as it is, so that a
        search trains it once. Another wrapper will do. It is never changed.
    scheme : str, default="int8"
        Grid of the weights: "int2" to "int8", evenly spaced for each output channel; "ternary" (-1,
        0, 1 times a scale); "binary" (-1, 1 times a scale); "codebook1" to "codebook8", 2 to 256
        values that a layer's weights share; or "float32", which quantizes nothing and only lets
        the engine answer. The numbers between the layers are rounded to 8 bits, but for "codebook"
        and "float32".
    method : {"static", "training", "dynamic", "weight_only"}, default="static"
        Round the weights as they are, and find the ranges of the numbers between the layers on
        `calibration_samples`; train on with rounding for `finetune_epochs`, which less than 8 bits
        need; let each sample choose the ranges of what linear layers of 64 outputs or more read,
        and leave other layers in float, as they are faster so; or leave all numbers between the
        layers in float.
    calibration : {"mse", "minmax", "percentile", "entropy"}, default="mse"
        How a range is chosen: with the least squared error of rounding, all that was seen, all but
        a ten thousandth of it, or with the least loss of information.
    calibration_samples : int, default=512
        Distinct training samples that ranges are found on, at most.
    finetune_epochs : int, default=5
        Passes over the data with rounding, for the method "training", at a third of the base's
        learning rate, on its schedule.
    engine : {"auto", "onnxruntime", "openvino", "torch"}, default="auto"
        What answers. "auto" times those that are installed and keeps the fastest; "torch" is the
        simulated network in float, for reference.
    max_accuracy_drop : float or None, default=None
        Leave as few layers as possible in float, the most sensitive first, so that the score
        (accuracy or R2) falls by at most so much on a fifth of the samples, which no training
        sees.
    fallback : bool, default=True
        Where the network's operations cannot be followed, or integers are slower than float32 in
        the same engine, round the weights only, with a warning. Otherwise the first is an error,
        and the second stays as it is.
    random_state : int, RandomState instance or None, default=None
        Of the samples held out, and the base where it has none of its own.

    Attributes
    ----------
    estimator_ : fitted deep estimator
        The base's copy, which answers through the engine.
    module_ : torch.nn.Module
        The network with its weights on their grids, as floats.
    simulated_module_ : torch.nn.Module
        The network as the engine computes it, in torch.
    engine_ : str
        Engine that answers.
    quantization_report_ : QuantizationReport
        Each layer's bits, ranges and error, and the whole network before and after: bytes of the
        file, latency, score, and how often the engine answers as the simulated network does. Prints
        as a table; ``to_frame()`` gives the layers.
    classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in the base.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, the base is no deep estimator, its weights are not finite,
        or its operations cannot be followed and `fallback` is False.
    ImportError
        The engine is not installed.

    Notes
    -----
    ``predict``, ``predict_proba``, ``decision_function`` and ``score`` run the engine. Weights are
    symmetric about zero with a scale for each output channel, numbers between the layers unsigned
    with a zero point; batch norms are folded. A pruned base stays pruned. A model file holds codes
    of as many bits as the scheme says, and not the base that was frozen.

    References
    ----------
    Jacob et al. (2018), arXiv:1712.05877 (integer arithmetic). Nagel et al. (2021),
    arXiv:2106.08295 (calibration). Esser et al. (2020), arXiv:1902.08153 (learned steps).
    Courbariaux, Bengio & David (2015), arXiv:1511.00363 (binary). Li & Liu (2016),
    arXiv:1605.04711 (ternary). Han, Mao & Dally (2016), arXiv:1510.00149 (codebooks).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import CNNClassifier, QuantizedEstimator
    >>> X, y = load_digits(return_X_y=True)
    >>> base = CNNClassifier(max_epochs=5, random_state=0)
    >>> model = QuantizedEstimator(base, fallback=False)  # in integers, were float32 faster too
    >>> model = model.fit(X[:1000], y[:1000])
    >>> report = model.quantization_report_
    >>> report.after.size_bytes < report.before.size_bytes / 2
    True
    >>> bool(model.score(X[1000:], y[1000:]) > 0.85)
    True
    """

    _base_is_dropped = True

    def __init__(
        self,
        estimator: Any,
        *,
        scheme: str = "int8",
        method: str = "static",
        calibration: str = "mse",
        calibration_samples: int = 512,
        finetune_epochs: int = 5,
        engine: str = "auto",
        max_accuracy_drop: float | None = None,
        fallback: bool = True,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.scheme = scheme
        self.method = method
        self.calibration = calibration
        self.calibration_samples = calibration_samples
        self.finetune_epochs = finetune_epochs
        self.engine = engine
        self.max_accuracy_drop = max_accuracy_drop
        self.fallback = fallback
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> QuantizedEstimator:
        """Train the base unless it is frozen, and quantize a copy of it.

        Parameters
        ----------
        X, y, sample_weight
            As the base takes them.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError, ImportError
            A parameter or the data are out of range. What was fitted before is kept.

        Warns
        -----
        UserWarning
            Something runs otherwise than was asked for, and why.
        """
        self._check_parameters()
        with fair_threads():
            if self.max_accuracy_drop is None:
                self._fit((X, y, sample_weight), None)
            else:
                with named_messages(type(self).__name__):
                    seen, unseen = held_out_rows(
                        X,
                        y,
                        sample_weight,
                        seed=self._plan().seed,
                        stratify=is_classifier(self.estimator),
                    )
                self._fit(seen, unseen)
        return self

    @property
    def simulated_module_(self) -> nn.Module:
        """The network as the engine computes it, in torch: rounded, and batch norms folded."""
        check_is_fitted(self)
        return simulated(self.module_, self._quantization, owner=type(self).__name__)[0]

    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> QuantizedEstimator:
        """Train further with rounding, and stay as quantized as before.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What another compression takes part in the training with. It sees float weights; they
            are quantized again when it is done.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        options = {"lr": lr, "sample_weight": sample_weight}
        model, training = self.estimator_, (X, y, sample_weight)
        plan = self._fitted_plan()
        with fair_threads():
            if hook is not None:
                model.finetune(X, y, epochs=epochs, hook=hook, **options)
                inputs = self._calibration_inputs(model, X, sample_weight)
                self._learn(plan.quantize(model, inputs, training, self._in_float()))
            elif epochs == 0:
                engine = self._engine
                model.finetune(X, y, epochs=0, **options)  # checks the data
                self._answer_through(engine)
            else:
                inputs = self._calibration_inputs(model, X, sample_weight)
                grids = self._quantization
                trained = plan.train(
                    model,
                    grids.schemes,
                    inputs,
                    training,
                    grids.activations,
                    lr=lr,
                    epochs=epochs,
                )
                self._learn(plan.finish(model, trained))
        return self

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        check_base(owner, self.estimator)
        resolve_scheme(self.scheme, owner=f"{owner}.scheme")
        check_choice(self, "method", METHODS)
        check_choice(self, "calibration", CALIBRATIONS)
        check_integer(self, "calibration_samples")
        check_integer(self, "finetune_epochs", minimum=0)
        if self.engine != "auto":
            check_engine(self.engine, owner=f"{owner}.engine")
        if self.max_accuracy_drop is not None:
            check_drop(self)
        check_flag(self, "fallback")

    def _plan(self) -> QuantizationPlan:
        owner = type(self).__name__
        return QuantizationPlan(
            scheme=resolve_scheme(self.scheme, owner=f"{owner}.scheme"),
            method=self.method,
            calibration=self.calibration,
            epochs=int(self.finetune_epochs),
            engine=self.engine,
            seed=seed_from(self.random_state, owner=owner),
            owner=owner,
        )

    def _fitted_plan(self) -> QuantizationPlan:
        """The plan, as far as ``fit`` could carry it out."""
        plan = replace(self._plan(), engine=self.engine_)
        rounds = self._quantization.rounds_activations
        return plan if rounds else replace(plan, method="weight_only")

    def _in_float(self) -> list[str]:
        """Layers whose weights are on no grid."""
        grids = self._quantization.schemes
        return [name for name in weight_layers(self.module_) if grids and name not in grids]

    def _calibration_inputs(self, model: Any, X: Any, sample_weight: Any) -> torch.Tensor:
        return calibration_inputs(model, X, sample_weight, int(self.calibration_samples))

    def _fit(self, training: tuple[Any, Any, Any], unseen: tuple[Any, Any] | None) -> None:
        dense = trained_copy(self.estimator, *training, seed=self._plan().seed)
        run = QuantizationRun(
            self._plan(),
            dense,
            training,
            self._calibration_inputs(dense, training[0], training[2]),
            unseen=unseen,
            fallback=self.fallback,
        )
        quantized, report = run.result(self.max_accuracy_drop)
        self._learn(quantized)
        self.quantization_report_ = report
        after = replace(report.after, size_bytes=file_bytes(self))
        self.quantization_report_ = replace(report, after=after)
        for sentence in report.fallbacks:
            warnings.warn(f"{type(self).__name__}: {sentence}", UserWarning, stacklevel=3)

    def _learn(self, quantized: Quantized) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        self.estimator_ = quantized.estimator
        self.engine_ = engine_name(quantized.estimator)
        self._quantization = quantized.quantization
        self._weights = quantized.weights

    def _onnx_bytes(self) -> bytes:
        """The network as the engine computes it, in ONNX, whatever the engine."""
        graph, weights = simulated(self.module_, self._quantization, owner=type(self).__name__)
        return to_onnx(graph, tuple(self.image_shape_), weights=weights)

    def _network_changed(self) -> None:
        super()._network_changed()
        self._learn(self._fitted_plan().finish(self.estimator_, self._quantization))

    def _fitted_state(self) -> dict[str, Any]:
        check_is_fitted(self)
        model = copy.deepcopy(self.estimator_)
        store_elsewhere(innermost(model), [f"{name}.weight" for name in self._weights])
        return {
            "estimator": model,
            "weights": {n: [w.codes, w.scale, w.bits, w.kind] for n, w in self._weights.items()},
            "schemes": {n: scheme.name for n, scheme in self._quantization.schemes.items()},
            "activations": {n: list(grid) for n, grid in self._quantization.activations.items()},
            "float_layers": list(self._quantization.float_layers),
            "dynamic": self._quantization.dynamic,
            "engine": self.engine_,
            "report": self.quantization_report_.to_plain(),
        }

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.estimator_ = state["estimator"]
        owner = type(self).__name__
        schemes = {n: resolve_scheme(s, owner=owner) for n, s in state["schemes"].items()}
        layers = weight_layers(self.estimator_.module_)
        weights = {
            name: _stored_weight(*stored, shape=layers[name].weight.shape)
            for name, stored in state["weights"].items()
        }
        if weights.keys() != schemes.keys():
            raise ValueError("the layers with codes are not those with a scheme")
        for name, weight in weights.items():
            write_weight(layers[name], weight.values())
        grids = {n: (float(scale), int(zero)) for n, (scale, zero) in state["activations"].items()}
        self.quantization_report_ = QuantizationReport.from_plain(state["report"])
        plan = replace(self._plan(), engine=_installed(state["engine"]))
        found = Quantization(schemes, grids, tuple(state["float_layers"]), state["dynamic"])
        self._learn(plan.let_answer(self.estimator_, found, weights))


def _stored_weight(
    codes: torch.Tensor, scale: torch.Tensor, bits: int, kind: Kind, *, shape: torch.Size
) -> QuantizedTensor:
    """Weight of a model file, which before schema 3 held the codes packed into bytes."""
    if codes.shape != shape:
        return QuantizedTensor.unpacked(codes, scale, shape, bits, kind)
    return QuantizedTensor(codes, scale, bits, kind)


def _installed(engine: str) -> str:
    """The engine of a model file, or what there is in its place."""
    if engine in installed_engines():
        return engine
    warnings.warn(
        f"QuantizedEstimator was fitted with the engine {engine!r}, which is not installed here; "
        f'another one answers. Did you mean to install it: pip install "skdeepopt[{engine}]"?',
        UserWarning,
        stacklevel=2,
    )
    return "auto"
