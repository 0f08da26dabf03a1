"""What a student reached beside its teacher, as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.validation import _num_samples
from torch import nn

from skdeepopt.meta._figures import file_bytes, rows_to_score
from skdeepopt.meta._teacher import as_teacher_takes
from skdeepopt.pruning._report import table_lines

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DistillationReport", "DistilledFigures", "distillation_report"]


@dataclass(frozen=True)
class DistilledFigures:
    """A teacher, or a student.

    Parameters
    ----------
    name : str
        Of its class.
    score : float
        Accuracy or R2.
    n_parameters : int or None
        Of its networks; None for what is none.
    size_bytes : int or None
        Of the file that ``skdeepopt.save`` writes; None where the format cannot hold it.
    """

    name: str
    score: float
    n_parameters: int | None
    size_bytes: int | None


@dataclass(frozen=True)
class DistillationReport:
    """Teacher and student side by side, with a readable ``repr`` and a table.

    Parameters
    ----------
    teacher, student : DistilledFigures
    agreement : float
        Share of the same labels of a classifier; R2 of the student's answers against the
        teacher's else.
    metric : str
        "accuracy" or "R2".
    n_samples : int
        Training samples that both were scored on.
    n_unlabelled : int
        Samples that the teacher alone answered for.
    """

    teacher: DistilledFigures
    student: DistilledFigures
    agreement: float
    metric: str
    n_samples: int
    n_unlabelled: int

    def __repr__(self) -> str:
        head = ("", "", f"{self.metric} on training data", "parameters", "bytes of the file")
        rows = [_row(role, getattr(self, role)) for role in ("teacher", "student")]
        title = f"DistillationReport: {self.n_unlabelled:,} unlabelled samples"
        last = f"Agreement on {self.n_samples:,} samples: {self.agreement:.4f}"
        return "\n".join([title, *table_lines([head, *rows]), last])

    def to_frame(self) -> pd.DataFrame:
        """Table with a row for the teacher and one for the student.

        Returns
        -------
        frame : pandas.DataFrame
            With the fields of :class:`DistilledFigures` as columns.
        """
        import pandas as pd

        return pd.DataFrame([asdict(self.teacher), asdict(self.student)], ["teacher", "student"])

    def to_plain(self) -> dict[str, Any]:
        """Plain values, as a model file holds them."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> DistillationReport:
        """Report that :meth:`to_plain` gave.

        Parameters
        ----------
        plain : mapping
        """
        figures = {role: DistilledFigures(**plain[role]) for role in ("teacher", "student")}
        return cls(**{**plain, **figures})


def distillation_report(
    teacher: Any, student: Any, X: Any, y: Any, *, n_unlabelled: int
) -> DistillationReport:
    """Figures of a fitted teacher and of the student that it taught.

    Parameters
    ----------
    teacher, student : fitted estimator
    X, y
        Labelled samples, of which the first ones are scored on.
    n_unlabelled : int
    """
    X, y = rows_to_score(X, y)
    classifies = is_classifier(student)
    score = accuracy_score if classifies else r2_score
    says = [np.asarray(teacher.predict(as_teacher_takes(teacher, X))), student.predict(X)]
    return DistillationReport(
        _figures(teacher, float(score(y, says[0]))),
        _figures(student, float(score(y, says[1]))),
        agreement=float(score(says[0], says[1])),
        metric="accuracy" if classifies else "R2",
        n_samples=_num_samples(X),
        n_unlabelled=n_unlabelled,
    )


def _figures(model: Any, score: float) -> DistilledFigures:
    name = type(getattr(model, "net", model)).__name__
    return DistilledFigures(name, score, _n_parameters(model), file_bytes(model))


def _n_parameters(model: Any) -> int | None:
    """Of a network, or of all in an ensemble."""
    if isinstance(getattr(model, "module_", None), nn.Module):
        return sum(parameter.numel() for parameter in model.module_.parameters())
    members = [_n_parameters(member) for member in getattr(model, "estimators_", [])]
    counts = [count for count in members if count is not None]
    return sum(counts) if counts and len(counts) == len(members) else None


def _row(role: str, figures: DistilledFigures) -> tuple[str, ...]:
    counts = (figures.n_parameters, figures.size_bytes)
    shown = ("-" if count is None else f"{count:,}" for count in counts)
    return (role, figures.name, f"{figures.score:.4f}", *shown)
