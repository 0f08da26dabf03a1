"""A deep estimator whose file is as small as its answers allow."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples, check_is_fitted

from skdeepopt._random import seed_from
from skdeepopt._validation import check_integer, check_real
from skdeepopt.engines import check_engine
from skdeepopt.estimators._keeping import named_messages
from skdeepopt.layers._weighted import weight_layers
from skdeepopt.meta._base import DeepWrapper, check_base, innermost, trained_copy
from skdeepopt.meta._budget import check_drop, held_out_rows, strongest
from skdeepopt.meta._figures import file_bytes, rows_to_score
from skdeepopt.meta._packing_engine import installed_or_auto, packed_engine
from skdeepopt.meta._packing_figures import coded_bytes, packing_report
from skdeepopt.meta._packing_plan import Packed, PackingPlan
from skdeepopt.packing import RateTraining
from skdeepopt.packing._report import PackingReport, PackingTrial
from skdeepopt.pruning._masks import bake_masks, hold_zeros
from skdeepopt.training._hook import Hooks, TrainingHook
from skdeepopt.training._threads import fair_threads

__all__ = ["PackedEstimator"]

_BITS_A_PARAMETER = 1.0
"""Of the base, that a file takes where no size was asked for."""

_NAME_BYTES = 16
"""Of the name of an engine that is yet to be chosen, at most."""


class PackedEstimator(DeepWrapper):
    """Train, and train on with the length of the model file as a part of the loss.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
        Unfitted, it is trained first; in ``FrozenEstimator`` it is packed as it is, so that a
        search trains it once. Another wrapper will do. It is never changed.
    target_bytes : int or None, default=None
        Most bytes of the file that ``skdeepopt.save`` writes, all of it counted. None is one bit
        for each parameter of the base, a 32nd of its size, besides the description.
    max_accuracy_drop : float or None, default=None
        Find the smallest file that loses at most so much of the score (accuracy or R2) on a fifth
        of the samples, which no training sees. `target_bytes` is then the first size tried. Where
        none fits, the dense network stays, with a warning.
    finetune_epochs : int, default=15
        Passes over the data for a size, at the base's own learning rate and schedule. A quarter of
        them goes to the removal of channels, where the base has more than the size has room for.
    distillation : float, default=0.0
        Weight of the dense network's answers beside the labels, from 0 to 1.
    engine : {"auto", "onnxruntime", "openvino", "torch"} or None, default=None
        What answers, in float32. "auto" times those that are installed and keeps the fastest; None
        is "torch". The file holds its name, and whoever loads it opens it anew.
    random_state : int, RandomState instance or None, default=None
        Of the samples held out, and the base where it has none of its own.

    Attributes
    ----------
    estimator_ : fitted deep estimator
        The base's copy, with the packed network inside.
    module_ : torch.nn.Module
        The packed network: its weights and biases are small multiples of one number a layer.
    size_bytes_ : int
        Of the file that ``skdeepopt.save`` writes.
    packing_report_ : PackingReport
        What is left of each layer and what it takes, and the whole network before and after:
        parameters, multiply-adds, bytes of the file, latency, score, as measured. Prints as a
        table; ``to_frame()`` gives the layers.
    engine_ : str
        Engine that answers.
    classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in the base.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, the base is no deep estimator, its weights are not
        finite, or an engine cannot follow its operations.
    ImportError
        The engine is not installed.

    Notes
    -----
    Weights and biases are integers times a step that is learned for each layer. While they train,
    the slope of their coded length is added to that of the loss, with a price a bit that leads to
    the size asked for. The lengths are those of the coder that writes the file, which knows which
    rows and columns of a layer are mostly zeros: whole channels die out, and are then removed.
    Batch norms become one number a channel, as their factors are taken into the weights.

    The report and the history stay out of the file: each would be larger than the network.

    References
    ----------
    Oktay, Balle, Singh & Shrivastava (2020), arXiv:1906.06624 (the coded length in the loss).
    Wiedemann et al. (2020), DeepCABAC, arXiv:1907.11900 (the coder's own lengths). Louizos, Ullrich
    & Welling (2017), arXiv:1705.08665, and Havasi, Peharz & Hernandez-Lobato (2019),
    arXiv:1810.00440 (what can be reached). Hinton, Vinyals & Dean (2015), arXiv:1503.02531.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import CNNClassifier, PackedEstimator
    >>> X, y = load_digits(return_X_y=True)
    >>> base = CNNClassifier(max_epochs=5, random_state=0)
    >>> model = PackedEstimator(base, target_bytes=3000).fit(X[:1000], y[:1000])
    >>> model.size_bytes_ <= 3000
    True
    >>> bool(model.score(X[1000:], y[1000:]) > 0.85)
    True
    """

    _base_is_dropped = True
    _unsaid_when_none = ("engine",)

    def __init__(
        self,
        estimator: Any,
        *,
        target_bytes: int | None = None,
        max_accuracy_drop: float | None = None,
        finetune_epochs: int = 15,
        distillation: float = 0.0,
        engine: str | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.target_bytes = target_bytes
        self.max_accuracy_drop = max_accuracy_drop
        self.finetune_epochs = finetune_epochs
        self.distillation = distillation
        self.engine = engine
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PackedEstimator:
        """Train the base unless it is frozen, and pack a copy of it.

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
            The file is larger than `target_bytes`, or no size stays within `max_accuracy_drop`.
        """
        self._check_parameters()
        with fair_threads():
            if self.max_accuracy_drop is None:
                self._fit_target(X, y, sample_weight)
            else:
                self._fit_budget(X, y, sample_weight)
        return self

    @property
    def size_bytes_(self) -> int:
        """Bytes of the file that ``skdeepopt.save`` writes."""
        check_is_fitted(self)
        return self._size_of(self.estimator_)

    @property
    def engine_(self) -> str:
        """Engine that answers."""
        check_is_fitted(self)
        return "torch" if self._engine is None else str(self._engine.name)

    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> PackedEstimator:
        """Train further; zeros stay zeros, and steps go on from where they are.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What another compression takes part in the training with.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        name = self.engine_
        try:
            self._finetune(X, y, epochs, lr, sample_weight, hook)
        finally:
            self._open(self.estimator_, name)
        return self

    def _finetune(
        self,
        X: Any,
        y: Any,
        epochs: int,
        lr: float | None,
        sample_weight: Any,
        hook: TrainingHook | None,
    ) -> None:
        options = {"lr": lr, "sample_weight": sample_weight}
        if not epochs or _counts_bits(hook):
            self.estimator_.finetune(X, y, epochs=epochs, hook=hook, **options)
            return
        hold_zeros(self.module_, weight_layers(self.module_))
        counts = RateTraining(self.module_, None)
        hooks = [counts, *([] if hook is None else [hook])]
        try:
            self.estimator_.finetune(X, y, epochs=epochs, hook=Hooks(*hooks), **options)
        except BaseException:
            counts.restore()
            self._network_changed()
            raise
        finally:
            bake_masks(self.module_)

    def _check_parameters(self) -> None:
        check_base(type(self).__name__, self.estimator)
        if self.target_bytes is not None:
            check_integer(self, "target_bytes")
        if self.max_accuracy_drop is not None:
            check_drop(self)
        check_integer(self, "finetune_epochs")
        if check_real(self, "distillation") > 1:
            raise ValueError(
                f"{type(self).__name__}.distillation is a share, in [0, 1], not "
                f"{self.distillation!r}."
            )
        if self.engine is not None and self.engine != "auto":
            check_engine(self.engine, owner=f"{type(self).__name__}.engine")

    def _plan(self) -> PackingPlan:
        to_come = _NAME_BYTES if self.engine == "auto" else 0
        return PackingPlan(
            epochs=int(self.finetune_epochs),
            alpha=float(self.distillation),
            size_of=lambda model: self._size_of(model) + to_come,
            owner=type(self).__name__,
        )

    def _size_of(self, model: Any) -> int:
        """Bytes of the file with a fitted deep estimator in the place of the one inside."""
        shell = copy.copy(self)
        shell.estimator_ = model
        size = file_bytes(shell)
        return coded_bytes(model.module_) if size is None else size

    def _first_target(self, dense: Any) -> int:
        if self.target_bytes is not None:
            return int(self.target_bytes)
        n_parameters = sum(parameter.numel() for parameter in dense.module_.parameters())
        described = self._plan().least_bytes(dense)
        return described + round(_BITS_A_PARAMETER * n_parameters / 8)

    def _seed(self) -> int:
        return seed_from(self.random_state, owner=type(self).__name__)

    def _trained_base(self, training: tuple[Any, Any, Any], seed: int) -> Any:
        dense = trained_copy(self.estimator, *training, seed=seed)
        for name, tensor in dense.module_.state_dict().items():
            if not tensor.isfinite().all():
                raise ValueError(
                    f"{type(self).__name__} packs finite numbers, not those of {name!r}, which "
                    f"hold NaN or infinity. Did you mean to train with a smaller lr?"
                )
        if self.engine != "auto":
            # An engine that cannot follow the network says so before the packing.
            packed_engine(dense, self.engine, owner=type(self).__name__)
        return dense

    def _open(self, model: Any, name: str | None, X: Any = None) -> None:
        """Let an engine answer for a fitted deep estimator, compared on samples where given."""
        if self.engine is not None and name != "torch":
            model._answer_through(packed_engine(model, name, owner=type(self).__name__, X=X))

    def _fit_target(self, X: Any, y: Any, sample_weight: Any) -> None:
        dense = self._trained_base((X, y, sample_weight), self._seed())
        target = self._first_target(dense)
        packed = self._plan().pack(dense, target, (X, y, sample_weight))
        seen = rows_to_score(X, y)
        scores = dense.score(*seen), packed.estimator.score(*seen)
        report = packing_report(
            target,
            dense,
            packed,
            scores,
            scored_on="training data",
            n_samples=_num_samples(seen[0]),
        )
        self._learn(packed, report, X)
        if self.target_bytes is not None and packed.size_bytes > target:
            warnings.warn(
                f"{type(self).__name__}.target_bytes is {target:,}, and the smallest file that was "
                f"reached takes {packed.size_bytes:,}. Did you mean a base of fewer layers or "
                f"channels, or more finetune_epochs?",
                UserWarning,
                stacklevel=3,
            )

    def _fit_budget(self, X: Any, y: Any, sample_weight: Any) -> None:
        plan, seed = self._plan(), self._seed()
        with named_messages(type(self).__name__):
            seen, unseen = held_out_rows(
                X, y, sample_weight, seed=seed, stratify=is_classifier(self.estimator)
            )
        dense = self._trained_base(seen, seed)
        best, dense_bytes = dense.score(*unseen), self._size_of(dense)
        trials: list[PackingTrial] = []

        def attempt(ratio: float) -> tuple[tuple[Packed, float], bool]:
            target = max(1, round((1 - ratio) * dense_bytes))
            packed = plan.pack(dense, target, seen)
            score = packed.estimator.score(*unseen)
            fits = bool(best - score <= self.max_accuracy_drop)
            trials.append(PackingTrial(target, packed.size_bytes, score, fits))
            return (packed, score), fits

        first = max(0.0, 1 - self._first_target(dense) / dense_bytes)
        found = strongest(attempt, first)
        if found is None:
            warnings.warn(
                f"{type(self).__name__} found no size that loses at most "
                f"{self.max_accuracy_drop:g} of {best:.4f}, so the network is dense. Did you mean "
                f"a larger target_bytes to begin with, or more finetune_epochs?",
                UserWarning,
                stacklevel=3,
            )
            found = 0.0, (Packed(dense, dense_bytes), best)
        _, (packed, score) = found
        report = packing_report(
            packed.size_bytes,
            dense,
            packed,
            (best, score),
            scored_on="validation data",
            n_samples=_num_samples(unseen[0]),
            trials=tuple(trials),
        )
        self._learn(packed, report, X)

    def _learn(self, packed: Packed, report: PackingReport, X: Any) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        self._open(packed.estimator, self.engine, X)
        if self.engine == "auto":
            after = replace(report.after, size_bytes=self._size_of(packed.estimator))
            report = replace(report, after=after)
        self.estimator_ = packed.estimator
        self.packing_report_ = report

    def _network_changed(self) -> None:
        name, before = self.engine_, self._engine
        super()._network_changed()
        if self.engine is not None and self._engine is before:
            self._answer_through(None)
            self._open(self.estimator_, name)

    def _fitted_state(self) -> dict[str, Any]:
        check_is_fitted(self)
        model = copy.deepcopy(self.estimator_)
        del innermost(model).net_.history[:]
        # A parameter says which, unless it was left open.
        return {"estimator": model, **({"engine": self.engine_} if self.engine == "auto" else {})}

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.estimator_ = state["estimator"]
        name = state.get("engine", self.engine)
        self._open(self.estimator_, installed_or_auto(name, owner=type(self).__name__))


def _counts_bits(hook: TrainingHook | None) -> bool:
    """Whether another packing takes part in a training, which then has the say."""
    return isinstance(hook, RateTraining) or any(map(_counts_bits, getattr(hook, "hooks", ())))
