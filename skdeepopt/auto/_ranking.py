"""Which of several networks is the best, as far as the samples held out can tell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from skdeepopt.auto._rows import or_least
from skdeepopt.auto._split import Part
from skdeepopt.auto._trials import Trial

__all__ = ["Ranking", "margin_ratio", "margins"]

_ERRORS = 2.0
"""Standard errors that a difference has to have."""

_ROUNDING = 1e-12


@dataclass
class Ranking:
    """Orders networks by accuracy, and by their margins where accuracies say nothing.

    A few samples held out are answered right by most good networks. Those that the most accurate
    one does not beat significantly, by two standard errors of the difference, count as equally
    accurate, and of them that is best that has a teacher, and then whose margins are large and
    alike. Regressors go by their R2 alone.

    Parameters
    ----------
    folds : sequence of (Part, Part)
        What was trained on and what was held out. Networks are compared on those that all of them
        were tried on.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), "Classification and Regression Trees", section 3.4.3
    (what is as good within the standard error). Zhang & Zhou (2014), arXiv:1311.0989 (mean and
    variance of the margins tell more of other samples than the smallest).
    """

    folds: Sequence[tuple[Part, Part]]
    known: dict[tuple[str, int], np.ndarray | None] = field(default_factory=dict)

    def best_first(self, trials: Sequence[Trial]) -> list[int]:
        """Places of the trials that have a model, the best first.

        Parameters
        ----------
        trials : sequence of Trial
        """
        sound = [at for at, trial in enumerate(trials) if trial.scores]
        n_folds = min((len(trials[at].scores) for at in sound), default=0)
        scores = {at: sum(trials[at].scores[:n_folds]) for at in sound}
        order = sorted(sound, key=lambda at: -or_least(scores[at]))
        if len(order) < 2:
            return order
        found = {at: self._margins(trials[at], n_folds) for at in order}
        if any(each is None for each in found.values()):
            return order
        weight = self._weight(n_folds)
        near = [at for at in order if _is_near(found[order[0]], found[at], weight)]
        # What is made of one that was taught is taught on.
        near.sort(
            key=lambda at: (
                not hasattr(trials[at].model, "teacher_"),
                -margin_ratio(found[at], weight),
            )
        )
        return near + [at for at in order if at not in near]

    def _weight(self, n_folds: int) -> np.ndarray | None:
        weights = [part.sample_weight for _, part in self.folds[:n_folds]]
        return None if weights[0] is None else np.concatenate(weights)

    def _margins(self, trial: Trial, n_folds: int) -> np.ndarray | None:
        """Of all samples held out, those of each fold by their mean."""
        every = []
        for fold, model in enumerate((trial.models or (trial.model,))[:n_folds]):
            key = trial.row.name, fold
            if key not in self.known:
                self.known[key] = margins(model, self.folds[fold][1])
            found = self.known[key]
            if found is None:
                return None
            every.append(found / (abs(found.mean()) or 1.0))
        return np.concatenate(every)


def margins(model: Any, part: Part) -> np.ndarray | None:
    """Logit of each sample's label less the largest of all others, below 0 where that is wrong.

    Parameters
    ----------
    model : fitted estimator
    part : Part

    Returns
    -------
    margins : ndarray of shape (n_samples,) or None
        None where the model has no logits.
    """
    if model is None or not is_classifier(model) or not hasattr(model, "decision_function"):
        return None
    logits = np.asarray(model.decision_function(part.X), dtype=np.float64)
    codes = np.searchsorted(model.classes_, part.y)
    if logits.ndim == 1:
        return np.where(codes == 1, logits, -logits)
    rows = np.arange(len(codes))
    own = logits[rows, codes]
    logits[rows, codes] = -np.inf
    return np.asarray(own - logits.max(axis=1))


def margin_ratio(margins: Any, weight: np.ndarray | None = None) -> float:
    """Mean of the margins by their deviation, which no factor of the logits changes.

    Parameters
    ----------
    margins : array-like of shape (n_samples,)
    weight : ndarray of shape (n_samples,) or None, default=None
    """
    mean = float(np.average(margins, weights=weight))
    deviation = math.sqrt(np.average((np.asarray(margins) - mean) ** 2, weights=weight))
    # Of equal margins rounding leaves a deviation.
    return mean / deviation if deviation > _ROUNDING * abs(mean) else math.copysign(math.inf, mean)


def _is_near(best: Any, other: Any, weight: np.ndarray | None) -> bool:
    """Whether the best is not right significantly more often."""
    more = (best > 0).astype(np.float64) - (other > 0)
    more = more if weight is None else weight * more
    return bool(more.sum() <= _ERRORS * math.sqrt((more**2).sum()))
