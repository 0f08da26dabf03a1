"""A deep estimator that learns from another estimator's answers, besides the labels."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from skdeepopt._random import seed_from
from skdeepopt._validation import check_flag, check_integer, check_real
from skdeepopt.estimators._base import DeepEstimator
from skdeepopt.meta._base import DeepWrapper, check_base, innermost, seeded, trained_copy
from skdeepopt.meta._distillation_figures import DistillationReport, distillation_report
from skdeepopt.meta._teacher import check_teacher, check_teacher_classes, fitted_teacher
from skdeepopt.meta._teaching import Labelled, Lessons, Teaching, read_labelled
from skdeepopt.training._hook import Hooks, TrainingHook
from skdeepopt.training._threads import fair_threads

__all__ = ["DistilledEstimator"]


class DistilledEstimator(DeepWrapper):
    """Train a student to answer as its teacher does, besides the labels.

    Parameters
    ----------
    estimator : deep estimator, skorch net, or FrozenEstimator of one
        The student. Unfitted, it learns from the teacher from its first step; in
        ``FrozenEstimator`` a copy of it is trained further. Another wrapper will do: it is fitted,
        and then trained further. It is never changed.
    teacher : classifier with ``predict_proba`` or ``decision_function``, or regressor
        Any estimator, an ensemble too. In ``FrozenEstimator`` it is taken as it is, so that a
        search fits it once; else a clone is fitted on the same labelled data. Its classes are
        those of y.
    temperature : float, default=4.0
        Divides the logits of both before they become probabilities. Above 1, what the teacher
        holds unlikely gains weight. A regressor has none.
    alpha : float, default=0.5
        Weight of the teacher, from 0 to 1; the labels have the rest.
    unlabelled : array-like or None, default=None
        More samples like those of X, which the teacher alone answers for.
    consistency : bool, default=False
        Whether `unlabelled` images, strongly changed, shall also be answered as the student
        answers for them as they are, where it is sure.
    teachers_per_batch : int or None, default=None
        Of a teacher that is a soft vote or bagging of networks, how many members, others for each
        batch, answer for it. None is all. With few of many a pass takes a fraction of the time, and
        what the student hears is about the same in the mean. Other teachers answer as a whole.
    finetune_epochs : int or None, default=None
        Passes over all samples for a student that is fitted before it is taught, at its own
        learning rate and schedule; None is as many as its own training has.
    random_state : int, RandomState instance or None, default=None
        Of student and teacher where they have none of their own.

    Attributes
    ----------
    estimator_ : fitted deep estimator
        The student.
    teacher_ : fitted estimator
        The teacher; not in a model file.
    module_ : torch.nn.Module
        The student's network.
    distillation_report_ : DistillationReport
        Scores of both on the first training samples, their parameters and the bytes of their
        files. Prints as a table; ``to_frame()`` gives it.
    classes_, n_features_in_, feature_names_in_, image_shape_, history_
        As in the student.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of its range, the teacher has other classes than the data, or the
        unlabelled samples are of another shape.

    Notes
    -----
    A teacher that is a network, or a soft vote or bagging of networks, answers for the very batch
    that the student sees, after its augmentation; any other answers once for each sample. The
    logarithm of a probability is a logit.

    A pass goes over labelled and unlabelled samples alike, whose loss in the history is that of
    the label, or of the label that the teacher gives them; so are the samples that early stopping
    holds out. What is fine-tuned later is taught too, but not after a model file has been loaded,
    since a file holds neither the teacher nor the unlabelled samples.

    References
    ----------
    Hinton, Vinyals & Dean (2015), arXiv:1503.02531, section 2. Beyer et al. (2022),
    arXiv:2106.05237, section 3 (the teacher sees what the student sees). Fukuda et al. (2017),
    "Efficient knowledge distillation from an ensemble of teachers", Interspeech, section 3
    (``teachers_per_batch``). Sohn et al. (2020), arXiv:2001.07685 (consistency).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.svm import SVC
    >>> from skdeepopt import CNNClassifier, DistilledEstimator
    >>> X, y = load_digits(return_X_y=True)
    >>> student = CNNClassifier(max_epochs=5, random_state=0)
    >>> model = DistilledEstimator(student, SVC(), unlabelled=X[500:1200]).fit(X[:500], y[:500])
    >>> bool(model.score(X[1200:], y[1200:]) > 0.85)
    True
    """

    _base_is_dropped = True
    _data_is_dropped = ("teacher", "unlabelled")
    _unsaid_when_none = ("teachers_per_batch",)

    teacher_: Any

    def __init__(
        self,
        estimator: Any,
        teacher: Any,
        *,
        temperature: float = 4.0,
        alpha: float = 0.5,
        unlabelled: Any = None,
        consistency: bool = False,
        teachers_per_batch: int | None = None,
        finetune_epochs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.teacher = teacher
        self.temperature = temperature
        self.alpha = alpha
        self.unlabelled = unlabelled
        self.consistency = consistency
        self.teachers_per_batch = teachers_per_batch
        self.finetune_epochs = finetune_epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> DistilledEstimator:
        """Fit the teacher unless it is frozen, and train the student on its answers.

        Parameters
        ----------
        X, y, sample_weight
            As the student takes them. Weights are the teacher's too, where they are no integers.

        Returns
        -------
        self : estimator

        Raises
        ------
        TypeError, ValueError
            A parameter or the data are out of range. What was fitted before is kept.
        """
        self._check_parameters()
        owner = type(self).__name__
        with fair_threads():
            seed = seed_from(self.random_state, owner=owner)
            data = read_labelled(owner, X, y, sample_weight, classifies=is_classifier(self))
            is_trained = isinstance(self.estimator, FrozenEstimator)
            student = self._begun(X, y, sample_weight, seed) if is_trained else None
            classes = self._classes(student, data)
            teacher = fitted_teacher(owner, self.teacher, *data.ordered(), seed=seed)
            if classes is not None:
                check_teacher_classes(owner, teacher, classes)
            teaching = self._teaching(teacher, seed)
            lessons = teaching.lessons(data, self.unlabelled, classes)
            student = student or self._begun(X, y, sample_weight, seed)
            self._teach(student, teaching, lessons)
            n_unlabelled = len(lessons.answers) - lessons.n_labelled
            report = distillation_report(
                teacher, student, data.X, data.y, n_unlabelled=n_unlabelled
            )
        self._learn(student, teacher, report)
        return self

    def finetune(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 1,
        lr: float | None = None,
        sample_weight: Any = None,
        hook: TrainingHook | None = None,
    ) -> DistilledEstimator:
        """Train the student further, taught as in ``fit`` where the teacher is at hand.

        Parameters
        ----------
        X, y, sample_weight
            As in :meth:`fit`; y holds no new classes.
        epochs : int, default=1
            Passes over the data, and over the unlabelled samples.
        lr : float or None, default=None
            Peak learning rate; None is a tenth of the one in ``fit``.
        hook : TrainingHook or None, default=None
            What a compression takes part in the training with.

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self)
        student = self.estimator_
        if not epochs or not hasattr(self, "teacher_"):
            options = {"epochs": epochs, "lr": lr, "sample_weight": sample_weight}
            student.finetune(X, y, hook=hook, **options)
            return self
        owner = type(self).__name__
        seed = seed_from(self.random_state, owner=owner)
        with fair_threads():
            data = read_labelled(owner, X, y, sample_weight, classifies=is_classifier(student))
            student.finetune(X, y, epochs=0, sample_weight=sample_weight)  # checks the data
            classes = student.classes_ if is_classifier(student) else None
            teaching = self._teaching(self.teacher_, seed)
            lessons = teaching.lessons(data, self.unlabelled, classes)
            self._train_further(student, teaching, lessons, epochs=epochs, lr=lr, also=hook)
        return self

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        check_base(owner, self.estimator)
        check_teacher(owner, self.teacher, is_classifier=is_classifier(self.estimator))
        check_real(self, "temperature", inclusive=False)
        if check_real(self, "alpha") > 1:
            raise ValueError(f"{owner}.alpha is a share, in [0, 1], not {self.alpha!r}.")
        if self.teachers_per_batch is not None:
            check_integer(self, "teachers_per_batch", minimum=1)
        if self.finetune_epochs is not None:
            check_integer(self, "finetune_epochs", minimum=0)
        if check_flag(self, "consistency") and self.unlabelled is None:
            raise ValueError(
                f"{owner}.consistency is for unlabelled samples, and unlabelled is None. Did you "
                f"mean unlabelled=X_unlabelled, or consistency=False?"
            )
        if isinstance(self.estimator, DeepEstimator):
            self.estimator._check_parameters()

    def _teaching(self, teacher: Any, seed: int) -> Teaching:
        return Teaching(
            owner=type(self).__name__,
            teacher=teacher,
            temperature=float(self.temperature),
            alpha=float(self.alpha),
            consistency=bool(self.consistency),
            teachers_per_batch=self.teachers_per_batch,
            seed=seed,
        )

    def _begun(self, X: Any, y: Any, sample_weight: Any, seed: int) -> Any:
        """Student of one's own: fitted, or about to be where it learns from its first step."""
        if isinstance(self.estimator, DeepEstimator):
            return seeded(clone(self.estimator), seed)
        return trained_copy(self.estimator, X, y, sample_weight, seed=seed)

    def _classes(self, student: Any, data: Labelled) -> np.ndarray | None:
        """Classes of the data, or of a student that knows more of them; None for a regressor."""
        if not is_classifier(self):
            return None
        known: np.ndarray = getattr(student, "classes_", np.unique(data.y))
        return known

    def _teach(self, student: Any, teaching: Teaching, lessons: Lessons) -> None:
        if not isinstance(self.estimator, DeepEstimator):
            epochs = _epochs_of(student) if self.finetune_epochs is None else self.finetune_epochs
            self._train_further(student, teaching, lessons, epochs=int(epochs), lr=student.lr)
            return

        def hook_for(module: nn.Module) -> TrainingHook:
            return teaching.hook(student, module, lessons)

        student._fit_hooked(lessons.X, lessons.y, lessons.sample_weight, hook_for)

    def _train_further(
        self,
        student: Any,
        teaching: Teaching,
        lessons: Lessons,
        *,
        epochs: int,
        lr: float | None,
        also: TrainingHook | None = None,
    ) -> None:
        """Train a fitted student on the lessons, with another's hook as well."""
        if not epochs:
            return
        teaches = teaching.hook(student, student.module_, lessons)
        hooks = Hooks(*([] if also is None else [also]), teaches)
        options = {"epochs": epochs, "lr": lr, "sample_weight": lessons.sample_weight}
        try:
            student.finetune(lessons.X, lessons.y, hook=hooks, **options)
        except BaseException:
            Hooks(teaches).restore()
            raise

    def _learn(self, student: Any, teacher: Any, report: DistillationReport) -> None:
        """All at once and at the end, so that whatever ends a fit leaves the last one whole."""
        self.estimator_ = student
        self.teacher_ = teacher
        self.distillation_report_ = report

    def __deepcopy__(self, memo: dict[int, Any]) -> DistilledEstimator:
        """Copy that shares what is never changed: the teacher, and the unlabelled samples."""
        for name in ("teacher", "teacher_", "unlabelled"):
            shared = vars(self).get(name)
            memo[id(shared)] = shared
        copied = copy.copy(self)
        memo[id(self)] = copied
        copied.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return copied

    def _fitted_state(self) -> dict[str, Any]:
        check_is_fitted(self)
        return {"estimator": self.estimator_, "report": self.distillation_report_.to_plain()}

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        self.estimator_ = state["estimator"]
        self.distillation_report_ = DistillationReport.from_plain(state["report"])


def _epochs_of(student: Any) -> int:
    """Passes of a fitted student's own training."""
    owner = innermost(student)
    return int(getattr(owner, "max_epochs", None) or owner.net_.max_epochs)
