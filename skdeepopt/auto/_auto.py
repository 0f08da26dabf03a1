"""An estimator that finds the smallest or fastest model that is accurate enough."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sklearn.base import clone, is_classifier
from sklearn.utils import Tags, get_tags

from skdeepopt import __version__
from skdeepopt.auto._bases import own_prefix
from skdeepopt.auto._budget import Budget
from skdeepopt.auto._checks import check_auto, estimator_for, techniques_of
from skdeepopt.auto._course import Course
from skdeepopt.auto._latency import timed_in_turns
from skdeepopt.auto._refit import holds_frozen, is_refit_due, refit_seconds, refitted
from skdeepopt.auto._rows import (
    AutoRow,
    ObjectiveError,
    as_frame,
    chosen_row,
    marked,
    objective_of,
)
from skdeepopt.auto._split import divided
from skdeepopt.auto._trials import Stopped, Trials
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.estimators._cnn import CNNClassifier
from skdeepopt.journal._identity import data_digest, described
from skdeepopt.journal._journal import Journal
from skdeepopt.journal._kept import kept_seed
from skdeepopt.meta._base import DeepWrapper

__all__ = ["AutoOptimizer"]


class AutoOptimizer(DeepWrapper):
    """Tune, transfer, distil, prune, quantize and pack, and keep the best that is accurate enough.

    Parameters
    ----------
    estimator : deep estimator, skorch net, FrozenEstimator of one, or None, default=None
        The baseline, and what everything is made of. None is ``CNNClassifier()``. A
        frozen one is only made smaller and faster. It is never changed.
    max_accuracy_drop : float, default=0.005
        Accuracy, or R2, that may be lost on samples held out against `estimator` as it was given;
        against the best network found where the time did not suffice for its training.
    objective : {"bytes", "latency", "train_time"} or callable, default="bytes"
        What shall be small: the model file, the time of ``predict`` on one sample, or the time of
        all trainings that lead to the model. A callable takes a row of ``trials_frame_`` as a
        dictionary and gives a number.
    time_budget : float, default=600
        Seconds for ``fit``, on the clock of the wall. A model is there after the first of them;
        what the last training takes may exceed them a little.
    techniques : "all" or list of str, default="all"
        Any of "tuning", "transfer", "distillation", "pruning", "quantization" and "packing". None
        of them, ``[]``, leaves the baseline. A transfer begins with a network that has seen MNIST,
        where the labels are the ten digits: leave it out where that would be the test data.
    validation_fraction : float, default=0.15
        Share of the samples that no training sees, and that everything is chosen by. Where these
        are fewer than 1,000, others are held out in a second and third fold. With fewer than 20
        different samples none are held out.
    refit : bool or "auto", default="auto"
        Whether to fit the chosen model again at the end on all samples, those held out too; time
        is kept free for it. "auto" does so with fewer than 10,000 samples, where a few more make a
        better model. The accuracy of its row stays the one before. A frozen estimator is not
        fitted again.
    engine : {"onnxruntime", "openvino", "auto", "torch"}, default="onnxruntime"
        What answers for compressed networks; "auto" is the faster one of those installed.
    n_jobs : int or None, default=None
        Candidates that are tried at the same time, as joblib counts. The candidates, and what
        comes of each, do not depend on it.
    journal : path or None, default=None
        Folder that keeps what was found, so that another ``fit`` on the same data, with any
        objective and budget, does not try it again.
    callbacks : list of callable or None, default=None
        Each is called with a row as a dictionary, when a candidate is done; True ends the search.
    verbose : int, default=0
        1 writes a line for each candidate.
    random_state : int, RandomState instance or None, default=None
        Of the samples held out, of all trainings that have none of their own, and of the draw of
        what is tuned.

    Attributes
    ----------
    best_estimator_, estimator_ : fitted deep estimator
        The model that was chosen, and that answers; ``skdeepopt.save`` takes it.
    best_row_, baseline_ : dict
        Figures of the chosen model, and of the one that `max_accuracy_drop` counts from, as in
        ``trials_frame_``.
    rows_ : list of dict
        Those of all candidates.
    front_models_ : dict of str to fitted deep estimator
        The models on the Pareto front, by name.
    n_trials_ : int
        Candidates.
    n_folds_ : int
        Times that other samples were held out, for models that might be chosen.
    refit_time_ : float
        Seconds of the chosen model's training on all samples; 0.0 where it was not fitted again.
    seconds_ : float
        What ``fit`` took.
    module_, classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in the model that was chosen.

    Raises
    ------
    TypeError, ValueError, ImportError
        A parameter is out of its range, an engine is not installed, the journal is of another
        search, or the objective raises or gives no number: the models found are then kept.

    Notes
    -----
    A quick training on a few samples tells what a pass takes, and is what is returned if there is
    time for nothing else. Then the baseline is trained, with fewer passes where they would take
    more than half of the time. Successive halving tunes its learning rate, label smoothing and
    augmentation; survivors go on from their weights. The best network is the base that everything
    else is cut from: packed to smaller and smaller files, with fewer and fewer channels and those
    in 8 bits, taught to narrower students and those packed. Sizes are bisected on a logarithmic
    scale for the smallest that stays within `max_accuracy_drop`. With fewer than 10,000 samples the
    three best networks teach one more, and go on to teach what is cut from it.

    Networks that do not differ by two standard errors on the samples held out are told apart by
    their margins. With more than one fold those networks are trained on each, and of what is cut
    from them what would be chosen, as long as it is accurate enough on the folds before; folds that
    were not tried count as hard as they are for the baseline.

    Figures are those of what runs: bytes of the file, and the time of ``predict``; at the end the
    models on the front are timed once more, in turns. The validation part has chosen, so that
    its accuracies are a little too good. A model that is fitted again and does worse on all samples
    than was expected on unseen ones is dropped for the one before.

    An interrupt keeps the best model so far, and passes on.

    References
    ----------
    Jamieson & Talwalkar (2016), arXiv:1502.07943 (successive halving). Han, Mao & Dally (2016),
    arXiv:1510.00149 (pruning, quantization and coding together). Maron & Moore (1994), "Hoeffding
    races", NIPS 6 (no more folds for what is not good enough). Hinton, Vinyals & Dean (2015),
    arXiv:1503.02531 (an ensemble teaches one network).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeepopt import AutoOptimizer, CNNClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> optimizer = AutoOptimizer(
    ...     CNNClassifier(max_epochs=3), max_accuracy_drop=0.05, techniques=["quantization"],
    ...     time_budget=20, random_state=0,
    ... ).fit(X[:600], y[:600])
    >>> optimizer.best_row_["file_bytes"] < optimizer.baseline_["file_bytes"] / 2
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        max_accuracy_drop: float = 0.005,
        objective: str | Callable[[dict[str, Any]], float] = "bytes",
        time_budget: float = 600,
        techniques: Any = "all",
        validation_fraction: float = 0.15,
        refit: Any = "auto",
        engine: str = "onnxruntime",
        n_jobs: int | None = None,
        journal: Any = None,
        callbacks: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.max_accuracy_drop = max_accuracy_drop
        self.objective = objective
        self.time_budget = time_budget
        self.techniques = techniques
        self.validation_fraction = validation_fraction
        self.refit = refit
        self.engine = engine
        self.n_jobs = n_jobs
        self.journal = journal
        self.callbacks = callbacks
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> AutoOptimizer:
        """Find a model within the time budget.

        Parameters
        ----------
        X, y, sample_weight
            As the estimator takes them.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError, ImportError
            A parameter or the data are out of range. What was fitted before is kept.
        KeyboardInterrupt
            The best model so far is kept, where there is one.
        """
        check_auto(self)
        budget = Budget(float(self.time_budget))
        estimator = estimator_for(self.estimator, y, owner=type(self).__name__)
        _check_data(estimator, X, y, sample_weight)
        with self._opened(estimator, X, y, sample_weight) as journal:
            course = self._course(estimator, (X, y, sample_weight), budget, journal)
            try:
                with suppress(Stopped):
                    course.run()
            except (KeyboardInterrupt, ObjectiveError):
                if course.trials.done:
                    self._learn(course)
                raise
            finally:
                course.trials.close()
            self._learn(course)
            self._refit(course)
        return self

    @property
    def trials_frame_(self) -> Any:
        """All candidates as a ``pandas.DataFrame``, in the order that they were tried in."""
        self._check_fitted()
        return as_frame([AutoRow(**row) for row in self.rows_])

    @property
    def pareto_front_(self) -> Any:
        """Candidates that no other beats in everything, as a DataFrame; smallest files first."""
        frame = self.trials_frame_
        front = frame[frame["on_front"]].sort_values("file_bytes", kind="stable")
        return front.reset_index(drop=True)

    @property
    def lr(self) -> float:
        """Peak learning rate of the model, or of the estimator to be fitted."""
        held = getattr(self, "estimator_", self.estimator)
        return CNNClassifier().lr if held is None else held.lr

    def _offers(self, method: str) -> bool:
        held = getattr(self, "estimator_", self.estimator)
        return hasattr(CNNClassifier if held is None else held, method)

    def __sklearn_tags__(self) -> Tags:
        held = getattr(self, "estimator_", self.estimator)
        return get_tags(CNNClassifier() if held is None else held)

    def _opened(self, estimator: Any, X: Any, y: Any, sample_weight: Any) -> Journal:
        identity = (
            {}
            if self.journal is None
            else {
                "search": type(self).__name__,
                "estimator": described(estimator),
                "data": data_digest(X, y, sample_weight),
                "validation_fraction": float(self.validation_fraction),
                "engine": self.engine,
                "random_state": described(self.random_state),
                "version": __version__,
            }
        )
        return Journal(self.journal, identity, owner=f"{type(self).__name__}.journal")

    def _course(
        self, estimator: Any, data: tuple[Any, Any, Any], budget: Budget, journal: Journal
    ) -> Course:
        owner = type(self).__name__
        seed = kept_seed(self, journal)
        parts = divided(
            *data,
            float(self.validation_fraction),
            seed=seed,
            stratify=is_classifier(estimator),
            owner=owner,
            is_folded=not holds_frozen(estimator),
        )
        trials = Trials(parts, budget, journal, self.n_jobs, self._note)
        return Course(
            estimator=estimator,
            trials=trials,
            objective=self.objective,
            techniques=techniques_of(self),
            max_drop=float(self.max_accuracy_drop),
            engine=self.engine,
            seed=seed,
            is_refit=is_refit_due(self.refit, estimator, parts),
        )

    def _note(self, row: AutoRow) -> None:
        """Look at a row as soon as it is there: an objective that cannot take it says so early."""
        if not row.failure:
            objective_of(row, self.objective, owner=type(self).__name__)
        if self.verbose:
            sys.stdout.write(f"{_line(row)}\n")
        answers = [callback(row.to_plain()) for callback in self.callbacks or []]
        if any(answer is True for answer in answers):
            raise Stopped

    def _learn(self, course: Course) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        trials, owner = course.trials, type(self).__name__
        rows, models = timed_in_turns(trials)
        rows = marked(rows, trials.least, trials.eligible)
        failure: ObjectiveError | None = None
        try:
            at = chosen_row(rows, self.objective, owner=owner, standing=trials.eligible)
        except ObjectiveError as error:
            failure, at = error, chosen_row(rows, "bytes", owner="", standing=trials.eligible)
        rows[at] = replace(rows[at], chosen=True)
        baseline = next((r for r in rows if r.name == course.baseline), rows[0])
        self.rows_ = [row.to_plain() for row in rows]
        self.best_row_, self.baseline_ = rows[at].to_plain(), baseline.to_plain()
        self.front_models_ = {row.name: models[row.name] for row in rows if row.on_front}
        self.best_estimator_ = self.estimator_ = models[rows[at].name]
        self.n_trials_ = len(rows)
        self.n_folds_ = max(1, len(trials.reference))
        self.refit_time_ = 0.0
        self.seconds_ = trials.budget.spent
        if failure is not None:
            raise failure

    def _refit(self, course: Course) -> None:
        """The chosen model again, on all samples; an interrupt leaves what was there before."""
        trials = course.trials
        at = next(at for at, row in enumerate(self.rows_) if row["chosen"])
        seconds = refit_seconds(trials.done[at], trials.parts)
        if not course.is_refit or not trials.budget.suffices_for(seconds):
            return
        row = AutoRow(**self.rows_[at])
        found = refitted(trials, trials.done[at], row, owner=type(self).__name__)
        if found is not None:
            row, model = found
            self.rows_[at], self.best_row_ = row.to_plain(), row.to_plain()
            self.best_estimator_ = self.estimator_ = model
            if row.on_front:
                self.front_models_[row.name] = model
            self.refit_time_ = row.train_seconds
            if self.verbose:
                sys.stdout.write(f"{row.name}: fitted again on all samples\n")
        self.seconds_ = trials.budget.spent


def _check_data(estimator: Any, X: Any, y: Any, sample_weight: Any) -> None:
    """Let a deep estimator look at data and parameters before anything is divided or trained."""
    prefix = own_prefix(estimator)
    if prefix is None:
        return
    for _ in range(prefix.count("__")):
        estimator = estimator.estimator
    reader: DeepEstimator = clone(estimator)
    reader._check_parameters()
    reader._read_training(X, y, sample_weight, reset=True)


def _line(row: AutoRow) -> str:
    if row.failure:
        return f"{row.name}: {row.failure}"
    size = "no file" if row.file_bytes is None else f"{row.file_bytes:,} bytes"
    fits = "" if row.within_drop else ", not accurate enough"
    return f"{row.name}: {row.accuracy:.4f}, {size}, {row.latency_ms:.3g} ms{fits}"
