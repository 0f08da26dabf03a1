"""A deep estimator whose network is pruned."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples, check_is_fitted

from skdeepopt._random import seed_from
from skdeepopt._validation import check_choice, check_integer, check_ratio
from skdeepopt.estimators._keeping import named_messages
from skdeepopt.meta._base import DeepWrapper, check_base, innermost, takes_hook
from skdeepopt.meta._budget import check_drop, held_out_rows, strongest
from skdeepopt.meta._figures import file_bytes, rows_to_score
from skdeepopt.meta._pruning_figures import pruning_report
from skdeepopt.meta._pruning_plan import SCHEDULES, Pruned, PruningPlan
from skdeepopt.pruning._criteria import resolve_criterion
from skdeepopt.pruning._granularity import check_granularity
from skdeepopt.pruning._masks import bake_masks, hold_zeros
from skdeepopt.pruning._report import PruningReport, PruningTrial
from skdeepopt.pruning._weights import SCOPES
from skdeepopt.training._threads import fair_threads

__all__ = ["PrunedEstimator"]


class PrunedEstimator(DeepWrapper):
    """Train, remove what matters least, and train on: a smaller network, or a smaller file.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
        Unfitted, it is trained first; in ``FrozenEstimator`` it is pruned as it is, so that a
        search trains it once. Another wrapper will do. It is never changed.
    pruning_ratio : float, default=0.5
        Share that is removed, in [0, 1), of what `scope` names; a pattern such as "2:4" has a
        ratio of its own. 0 leaves the network as it was trained. With `max_accuracy_drop` it is
        the first ratio tried.
    granularity : {"channel", "weight", "block"} or a pattern such as "2:4", default="channel"
        What is removed. Channels and units, and whole residual blocks, are removed for good, with
        all that depends on them: the network becomes smaller and faster. Single weights, and all
        but 2 of every 4 weights in a row, become zeros: the file becomes smaller, and the
        network is no faster. Channels that lose all their single weights are removed too, so
        that at extreme ratios the network is faster after all.
    criterion : {"magnitude", "magnitude_l1", "lamp", "taylor", "batch_norm", "random"} or \
callable, default="magnitude"
        What matters least: small weights by their L2 or L1 norm, small ones among those of their
        layer (LAMP), what changes the loss least to first order, a small batch norm scale, or
        anything, as a control. A callable gets a layer's weight and its gradient (or None) and
        answers with a score for each weight.
    scope : {"global", "layer", "multiply_adds", "bytes"}, default="global"
        Of what `pruning_ratio` is a share: all units, ranked together; each layer's; the
        network's multiply-adds; the bytes of its parameters. For the last two, channels are left
        in the multiples of eight that processors' kernels are made for.
    schedule : {"gradual", "one_shot", "rewind", "rigl", "variational"}, default="gradual"
        When to remove it: little by little over the first part of fine-tuning; at once, before
        it; in rounds, each followed by fine-tuning from early weights, or, for channels, blocks
        and frozen bases, at the early learning rate; never, for the network is sparse from the
        first step and moves its weights about (RigL); or when noise learned for each weight has
        shown which ones tell nothing (variational dropout). The last two are for weights, and
        rigl for an unfitted base, over whose epochs it runs.
    finetune_epochs : int, default=5
        Passes over the data along the cuts and after them, at the base's own learning rate and
        schedule; for each round where there are several.
    max_accuracy_drop : float or None, default=None
        Find the strongest ratio that loses at most so much of the score (accuracy or R2) on a
        fifth of the samples, which no training sees. Where none does, the dense network stays,
        with a warning.
    random_state : int, RandomState instance or None, default=None
        Of the criterion "random", rigl's first masks, the samples held out, and the base where it
        has none of its own.

    Attributes
    ----------
    estimator_ : fitted deep estimator
        The base's copy, with the pruned network inside.
    module_ : torch.nn.Module
        The pruned network.
    pruning_ratio_ : float
        Ratio that was asked for, or found.
    pruning_report_ : PruningReport
        What is left of each layer, and the whole network before and after: parameters,
        multiply-adds, bytes of the file, latency, score, as measured. Prints as a table;
        ``to_frame()`` gives the layers.
    classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in the base.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, the base is no deep estimator, its weights are not finite,
        or its channels cannot be followed through a layer, which is named.

    Notes
    -----
    A layer keeps at least one unit, whatever the ratio; the report says where. After the pruning
    of weights, channels that no layer reads any more, or that are always zero, are removed: no
    answer changes, and weights that they had left go with them, so that somewhat fewer may be
    left than were asked for. Where channels cannot be followed through the network, and in a
    pattern, whose rows stay whole for the hardware, the zeros stay instead. The batch norm
    statistics of the pruned network come from fine-tuning, or, without any, from one pass over
    the data. A model file holds the pruned network and not the base that was frozen.

    References
    ----------
    Zhu & Gupta (2017), arXiv:1710.01878 (gradual). Renda, Frankle & Carbin (2020),
    arXiv:2003.02389 (learning rate rewinding). Frankle & Carbin (2019), arXiv:1803.03635 (weight
    rewinding). Evci et al. (2020), arXiv:1911.11134 (RigL). Molchanov, Ashukha & Vetrov (2017),
    arXiv:1701.05369 (variational dropout). Fang et al. (2023), arXiv:2301.12900 (which channels
    depend on each other).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import CNNClassifier, PrunedEstimator
    >>> X, y = load_digits(return_X_y=True)
    >>> dense = CNNClassifier(max_epochs=5, random_state=0)
    >>> model = PrunedEstimator(dense, finetune_epochs=3).fit(X[:1000], y[:1000])
    >>> report = model.pruning_report_
    >>> report.after.n_parameters < report.before.n_parameters / 2
    True
    >>> bool(model.score(X[1000:], y[1000:]) > 0.85)
    True
    """

    _base_is_dropped = True

    def __init__(
        self,
        estimator: Any,
        *,
        pruning_ratio: float = 0.5,
        granularity: str = "channel",
        criterion: Any = "magnitude",
        scope: str = "global",
        schedule: str = "gradual",
        finetune_epochs: int = 5,
        max_accuracy_drop: float | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.pruning_ratio = pruning_ratio
        self.granularity = granularity
        self.criterion = criterion
        self.scope = scope
        self.schedule = schedule
        self.finetune_epochs = finetune_epochs
        self.max_accuracy_drop = max_accuracy_drop
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> PrunedEstimator:
        """Train the base unless it is frozen, prune a copy of it, and fine-tune that.

        Parameters
        ----------
        X, y, sample_weight
            As the base takes them.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            A parameter or the data are out of range. What was fitted before is kept.

        Warns
        -----
        UserWarning
            No ratio stays within `max_accuracy_drop`; the network is dense.
        """
        self._check_parameters()
        with fair_threads():
            if self.schedule == "rigl":
                self._fit_sparse(X, y, sample_weight)
            elif self.max_accuracy_drop is None:
                self._fit_ratio(X, y, sample_weight)
            else:
                self._fit_budget(X, y, sample_weight)
        return self

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Zeros stay zeros, by masks, wherever weights were pruned."""
        layers = dict(self.module_.named_modules())
        hold_zeros(self.module_, [name for name in self._masked if name in layers])
        try:
            yield
        finally:
            bake_masks(self.module_)

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        check_base(owner, self.estimator)
        check_ratio(self, "pruning_ratio")
        check_integer(self, "finetune_epochs", minimum=0)
        check_choice(self, "scope", SCOPES)
        check_choice(self, "schedule", SCHEDULES)
        if self.max_accuracy_drop is not None:
            check_drop(self)
        with named_messages(owner):
            check_granularity(self.granularity, owner=owner)
            resolve_criterion(self.criterion, owner=owner)
        self._check_together()

    def _check_together(self) -> None:
        owner, masks = type(self).__name__, self.granularity == "weight"
        if self.schedule in ("rigl", "variational") and not masks:
            raise ValueError(
                f"{owner}.schedule {self.schedule!r} is for granularity 'weight', not "
                f"{self.granularity!r}. Did you mean 'gradual'?"
            )
        if self.granularity == "block" and self.scope == "layer":
            raise ValueError(
                f"{owner}.scope is 'global', 'multiply_adds' or 'bytes' for granularity 'block', "
                f"since no layer has two blocks, not 'layer'. Did you mean 'global'?"
            )
        if self.criterion == "batch_norm" and self.granularity not in ("channel", "block"):
            raise ValueError(
                f"{owner}.criterion 'batch_norm' ranks channels, not granularity "
                f"{self.granularity!r}. Did you mean 'magnitude'?"
            )
        if self.schedule == "rigl" and not takes_hook(self.estimator):
            raise ValueError(
                f"{owner}.schedule 'rigl' trains from the first step, and takes an unfitted "
                f"estimator of this package, not {type(self.estimator).__name__}. Did you mean "
                f"'gradual'?"
            )
        if self.schedule == "rigl" and self.max_accuracy_drop is not None:
            raise ValueError(
                f"{owner}.max_accuracy_drop is None for schedule 'rigl', which trains no dense "
                f"network to compare with, not {self.max_accuracy_drop!r}."
            )
        if ":" in self.granularity and self.max_accuracy_drop is not None:
            raise ValueError(
                f"{owner}.max_accuracy_drop is None for a pattern, which has a ratio of its own, "
                f"not {self.max_accuracy_drop!r}. Did you mean granularity='weight'?"
            )
        if resolve_criterion(self.criterion).needs_gradient and self.finetune_epochs == 0:
            raise ValueError(
                f"{owner}.finetune_epochs is at least 1 for criterion {self.criterion!r}, which "
                f"reads the gradients of training, not 0. Did you mean criterion='magnitude'?"
            )

    def _plan(self) -> PruningPlan:
        return PruningPlan(
            granularity=self.granularity,
            criterion=self.criterion,
            scope=self.scope,
            schedule=self.schedule,
            epochs=int(self.finetune_epochs),
            seed=seed_from(self.random_state, owner=type(self).__name__),
        )

    def _fit_ratio(self, X: Any, y: Any, sample_weight: Any) -> None:
        plan = self._plan()
        ratio = plan.ratio_of(float(self.pruning_ratio))
        dense, early = plan.dense(self.estimator, X, y, sample_weight)
        pruned = plan.prune(dense, ratio, X, y, sample_weight, early)
        seen = rows_to_score(X, y)
        scores = dense.score(*seen), pruned.estimator.score(*seen)
        report = pruning_report(
            plan,
            ratio,
            dense,
            pruned,
            scores,
            scored_on="training data",
            n_samples=_num_samples(seen[0]),
        )
        self._learn(pruned, ratio, report)

    def _fit_sparse(self, X: Any, y: Any, sample_weight: Any) -> None:
        plan, ratio = self._plan(), float(self.pruning_ratio)
        module, pruned = plan.train_sparse(self.estimator, ratio, X, y, sample_weight)
        dense = copy.deepcopy(pruned.estimator)
        innermost(dense).net_.module_ = module
        seen = rows_to_score(X, y)
        score = pruned.estimator.score(*seen)
        report = pruning_report(
            plan,
            ratio,
            dense,
            pruned,
            (None, score),
            scored_on="training data",
            n_samples=_num_samples(seen[0]),
        )
        self._learn(pruned, ratio, report)

    def _fit_budget(self, X: Any, y: Any, sample_weight: Any) -> None:
        plan = self._plan()
        with named_messages(type(self).__name__):
            seen, unseen = held_out_rows(
                X, y, sample_weight, seed=plan.seed, stratify=is_classifier(self.estimator)
            )
        dense, early = plan.dense(self.estimator, *seen)
        best = dense.score(*unseen)
        trials: list[PruningTrial] = []

        def attempt(ratio: float) -> tuple[tuple[Pruned, float], bool]:
            pruned = plan.prune(dense, ratio, *seen, early)
            score = pruned.estimator.score(*unseen)
            fits = bool(best - score <= self.max_accuracy_drop)
            trials.append(PruningTrial(ratio, score, file_bytes(pruned.estimator), fits))
            return (pruned, score), fits

        found = strongest(attempt, float(self.pruning_ratio))
        if found is None:
            warnings.warn(
                f"{type(self).__name__} found no ratio that loses at most "
                f"{self.max_accuracy_drop:g} of {best:.4f}, so the network is dense. Did you mean "
                f"a smaller pruning_ratio to begin with, or more finetune_epochs?",
                UserWarning,
                stacklevel=3,
            )
            found = 0.0, (plan.prune(dense, 0.0, *seen, early), best)
        ratio, (pruned, score) = found
        report = pruning_report(
            plan,
            ratio,
            dense,
            pruned,
            (best, score),
            scored_on="validation data",
            n_samples=_num_samples(unseen[0]),
            trials=tuple(trials),
        )
        self._learn(pruned, ratio, report)

    def _learn(self, pruned: Pruned, ratio: float, report: PruningReport) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        self.estimator_ = pruned.estimator
        self.pruning_ratio_ = ratio
        self.pruning_report_ = report
        self._masked = [layer.name for layer in pruned.kept if layer.unit == "weights"]

    def _fitted_state(self) -> dict[str, Any]:
        check_is_fitted(self)
        return {
            "estimator": self.estimator_,
            "pruning_ratio": self.pruning_ratio_,
            "report": self.pruning_report_.to_plain(),
            "masked": list(self._masked),
        }

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.estimator_ = state["estimator"]
        self.pruning_ratio_ = state["pruning_ratio"]
        self.pruning_report_ = PruningReport.from_plain(state["report"])
        self._masked = list(state["masked"])
