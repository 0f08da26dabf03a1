"""The course of an ``AutoOptimizer``: a quick net, good bases, and then what they give."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier

from skdeepopt.auto._bases import (
    FEW_LABELS,
    base_recipe,
    own_prefix,
    quick_rows,
    taught_recipe,
    transfer_recipes,
    tuning_candidates,
)
from skdeepopt.auto._branches import Base, Branch, branches_for
from skdeepopt.auto._ranking import Ranking
from skdeepopt.auto._recipes import Recipe
from skdeepopt.auto._refit import refit_seconds
from skdeepopt.auto._rows import AutoRow, objective_of
from skdeepopt.auto._trials import Trial, Trials
from skdeepopt.estimators._samples import auto_batch_size
from skdeepopt.meta._base import innermost, seeded
from skdeepopt.meta._packing_engine import packed_engine

__all__ = ["Course"]

_OWNER = "AutoOptimizer"
"""Who opens messages."""

_BASE_SHARE = 0.5
_TUNING_SHARE = 0.2
_LONGER_SHARE = 0.15
"""Of the time that is left, for the baseline, its tuning, and a longer training."""

_SURVIVORS = 3
"""One of so many goes on after each rung."""

_CANDIDATES = 8
_SAMPLES_A_CANDIDATE = 10
_FEWEST_CHOICES = 2
_SAMPLES_TO_TUNE = 50
"""Fewer validation samples cannot tell more candidates apart."""

_WORTH_AGAIN = 1.5
_MOST_BASELINES = 3
"""Times as many passes, for which a baseline that was cut short is trained again, so often."""

_USUAL_EPOCHS = 10

_TEACHERS = 3
"""Networks, the best, that teach another one together."""

_LEADING = 2
"""Branches, the most promising, that go on in every round; the others in each second one."""

_STEPS = 1_100
_MOST_STRETCH = 3.0
"""Steps of a training, below which cuts get as many times more, up to three. Digits packed to
3,500 bytes: 98.2 % with as many as the base had, 99.3 % with three times."""

_SOUND = 1e-9
"""Accuracies that differ by less are equal."""


@dataclass
class Course:
    """What is tried, in which order.

    Parameters
    ----------
    estimator : estimator
        Unfitted, or frozen.
    trials : Trials
    objective : str or callable
    techniques : frozenset of str
    max_drop : float
    engine : str
    seed : int
    is_refit : bool
        Whether to keep time free to fit what is chosen again.
    """

    estimator: Any
    trials: Trials
    objective: str | Callable[[dict[str, Any]], float]
    techniques: frozenset[str]
    max_drop: float
    engine: str
    seed: int
    is_refit: bool
    bases: list[tuple[Trial, Recipe]] = field(default_factory=list)
    baseline: str = ""
    """Name of the row that the others are compared with."""

    def __post_init__(self) -> None:
        self.ranking = Ranking(self.trials.parts.folds)

    def run(self) -> None:
        """Try everything that there is time for."""
        self.prefix = own_prefix(self.estimator)
        self.own = base_recipe(seeded(clone(self.estimator), self.seed), self.prefix)
        self._quick()
        self._baseline()
        if self.prefix is not None and "tuning" in self.techniques:
            self._tune(self.prefix)
        if "transfer" in self.techniques:
            self._transfer()
        if self.prefix is not None and "distillation" in self.techniques:
            self._teach()
        best, recipe = self._best_base()
        self._compress(best, recipe)

    @property
    def _budget(self) -> Any:
        return self.trials.budget

    @property
    def _n_choices(self) -> int:
        """Candidates that the validation samples can tell apart."""
        n_samples = sum(part.n_samples for _, part in self.trials.parts.folds)
        return max(_FEWEST_CHOICES, n_samples // _SAMPLES_A_CANDIDATE)

    def _quick(self) -> None:
        """A model at once, and what a pass takes."""
        if self.prefix is None:
            return
        parts = self.trials.parts
        rows = quick_rows(parts, classifies=is_classifier(self.estimator))
        recipe = replace(self.own.with_epochs(2), name="quick", steps="quick", kind="quick")
        try:
            self._run_part(recipe, rows)
        except Exception:
            # So few samples may be too few for the parameters; the baseline tells what is wrong.
            return

    def _run_part(self, recipe: Recipe, rows: np.ndarray) -> Trial:
        return self.trials.run_here(recipe, self.trials.parts.training.taken(rows))

    def _baseline(self) -> None:
        """The estimator as it was given, with as much training as half of the time allows.

        What was guessed from a quick training is careful, so that there may be time for more.
        """
        share, done = _BASE_SHARE if self.techniques else 1.0, 0.0
        for _ in range(_MOST_BASELINES):
            passes = min(self._budget.passes_left("base", share), self.own.work)
            if done and passes < _WORTH_AGAIN * done:
                return
            if not self._trained_for(passes):
                break
            done = passes
            if passes == self.own.work:
                return
        if not self.bases:
            quick = self.trials.done[0]
            self._note_base(quick, quick.recipe)

    def _trained_for(self, passes: float) -> bool:
        """Whether the baseline was trained so long: at least longer than the quick net."""
        recipe, order = self.own, self.trials.parts.order
        n_samples = int(passes * len(order))
        if passes < recipe.work and recipe.epochs_name:
            recipe = recipe.with_epochs(max(1, int(passes)))
        if passes >= 1 or not self.trials.done:
            self._note_base(self.trials.run_here(recipe, everywhere=True), recipe)
            return True
        if n_samples <= 2 * len(quick_rows(self.trials.parts, classifies=False)):
            return False
        recipe = replace(recipe, name=f"base, {n_samples:,} samples")
        self._note_base(self._run_part(recipe, np.sort(order[:n_samples])), recipe)
        return True

    def _note_base(self, trial: Trial, recipe: Recipe) -> None:
        self.bases.append((trial, recipe))
        # What was given counts with its whole training; else nobody knows what it would reach.
        whole = next((found for found, made_by in self.bases if made_by is self.own), None)
        reference = self._best_base()[0] if whole is None else whole
        self.baseline = reference.row.name
        self.trials.expect(reference.scores, self.max_drop + _SOUND)
        self._reserve()

    def _reserve(self) -> None:
        """Keep time free to train anew what would be chosen now."""
        if self.is_refit:
            chosen = self.trials.chosen(self.objective, owner=_OWNER)
            self._budget.reserve(refit_seconds(chosen, self.trials.parts))

    def _best_base(self) -> tuple[Trial, Recipe]:
        return self._best_of(self.bases)

    def _best_of(self, bases: list[tuple[Trial, Recipe]]) -> tuple[Trial, Recipe]:
        order = self.ranking.best_first([trial for trial, _ in bases])
        return bases[order[0] if order else 0]

    def _tune(self, prefix: str) -> None:
        """Successive halving, whose survivors go on from their weights; then the best, in full."""
        full = self.own.epochs
        rungs = sorted({max(1, round(full / 6)), max(1, round(full / 2))})
        planned = rungs[-1] / _SURVIVORS + rungs[0]
        passes = self._budget.passes_left("base", _TUNING_SHARE) * self.trials.n_workers
        most = _affordable(passes - full, planned)
        parts = self.trials.parts
        if most < 1 or not parts.is_held_out or parts.validation.n_samples < _SAMPLES_TO_TUNE:
            return
        candidates = [{}, *self._candidates(prefix, most)]
        best = self._halved(candidates, rungs)
        if best:
            recipe = self._candidate(best, full)
            recipe = replace(recipe, name=f"tuned: {_told(best)}", steps="tuned base")
            self._train_bases(recipe)

    def _train_bases(self, recipe: Recipe) -> None:
        """The tuned base, and one of twice as many passes where there is time."""
        recipes = [recipe]
        if self._budget.passes_left("base", _LONGER_SHARE) > 2 * recipe.epochs:
            longer = recipe.with_epochs(2 * recipe.epochs)
            recipes.append(longer)
        ran = self.trials.run(recipes, everywhere=True)
        for asked, trial in zip(recipes, ran, strict=True):
            if trial is not None and not trial.row.failure:
                self._note_base(trial, replace(asked, epochs=trial.recipe.epochs))

    def _candidates(self, prefix: str, most: int) -> list[dict[str, Any]]:
        shape = tuple(innermost(self.bases[0][0].model).image_shape_)
        found = tuning_candidates(self.own.estimator, prefix, shape, seed=self.seed, most=most)
        return list(found)

    def _candidate(self, parameters: dict[str, Any], epochs: int) -> Recipe:
        estimator = clone(self.own.estimator).set_params(
            **clone(parameters, safe=False), **{self.own.epochs_name: epochs}
        )
        return replace(
            self.own,
            name=f"tuning: {_told(parameters)}, {epochs} epochs",
            steps="tuning",
            estimator=estimator,
            epochs=epochs,
        )

    def _halved(self, candidates: list[dict[str, Any]], rungs: list[int]) -> dict[str, Any]:
        """The best parameters; empty where those are the best that the baseline has."""
        ran = self.trials.run([self._candidate(each, rungs[0]) for each in candidates])
        standing = self._ranked(candidates, ran)
        for before, total in itertools.pairwise(rungs):
            standing = standing[: max(2, math.ceil(len(candidates) / _SURVIVORS))]
            further = [self._continued(each, trial, total, before) for each, trial in standing]
            standing = self._ranked([each for each, _ in standing], self.trials.run(further))
        if not standing:
            return {}
        best, trial = standing[0]
        if trial.row.accuracy > self._best_base()[0].row.accuracy:
            self._note_base(self.trials.everywhere(trial), self._candidate(best, rungs[-1]))
        return best

    def _ranked(
        self, candidates: list[dict[str, Any]], trials: list[Trial | None]
    ) -> list[tuple[dict[str, Any], Trial]]:
        """Candidates with a model, the best first."""
        pairs = zip(candidates, trials, strict=True)
        ran = [(each, trial) for each, trial in pairs if trial is not None]
        return [ran[at] for at in self.ranking.best_first([trial for _, trial in ran])]

    def _continued(
        self, parameters: dict[str, Any], trial: Trial, total: int, before: int
    ) -> Recipe:
        recipe = self._candidate(parameters, total)
        return replace(
            recipe,
            epochs=total - before,
            going_on=trial.model,
            parents=(trial.row.name,),
        )

    def _transfer(self) -> None:
        best = self._best_base()[0].model
        classes = getattr(best, "classes_", None)
        shape = tuple(best.image_shape_) if hasattr(best, "image_shape_") else ()
        epochs = max(1, self.own.epochs)
        recipes = [
            replace(recipe, epochs=epochs, estimator=recipe.estimator.set_params(max_epochs=epochs))
            for recipe in transfer_recipes(self.estimator, classes, shape, self.seed)
        ]
        ran = self.trials.run(recipes, everywhere=True)
        for asked, trial in zip(recipes, ran, strict=True):
            if trial is not None and not trial.row.failure:
                self._note_base(trial, asked)

    def _teach(self) -> None:
        """A network that answers as the best ones do together, where labels are few."""
        whole = [(trial, recipe) for trial, recipe in self.bases if trial.share == 1]
        if len(whole) < 2 or self.trials.parts.training.n_samples >= FEW_LABELS:
            return
        order = self.ranking.best_first([trial for trial, _ in whole])[:_TEACHERS]
        members = [whole[at][0] for at in order]
        template = self._own_best()[1]
        recipe = taught_recipe(template, [m.row for m in members], [m.model for m in members])
        for trial in self.trials.run([recipe], everywhere=True):
            if trial is not None and not trial.row.failure:
                self._note_base(trial, replace(recipe, epochs=trial.recipe.epochs))

    def _own_best(self) -> tuple[Trial, Recipe]:
        """The best of the estimator's own networks."""
        return self._best_of([base for base in self.bases if base[1].kind in ("quick", "base")])

    def _compress(self, best: Trial, recipe: Recipe) -> None:
        n_samples = self.trials.parts.training.n_samples
        epochs = _epochs_of(best.model, recipe)
        base = Base(
            row=best.row,
            model=best.model,
            epochs=epochs,
            engine=followed_by(best.model, self.engine),
            seed=self.seed,
            n_samples=n_samples,
            stretch=_stretch(epochs, n_samples),
        )
        branches = branches_for(
            base,
            recipe,
            self._student_of(recipe),
            objective=self.objective,
            techniques=self.techniques,
        )
        left, leading = self._n_choices, branches[:_LEADING]
        for at in itertools.count():
            if not branches or left <= 0 or self._budget.left <= 0:
                return
            due = [each for each in branches if each in leading or at % 2]
            left -= self._round(branches, due, left)
            if isinstance(self.objective, str):
                # A callable may prefer a model that others beat in everything.
                self.trials.forget_beaten()

    def _student_of(self, recipe: Recipe) -> Recipe:
        """Recipe that students are narrower versions of: the best of the estimator's own."""
        return recipe if recipe.kind == "base" else self._own_best()[1]

    def _round(self, branches: list[Branch], due: list[Branch], most: int) -> int:
        """One step of each that is due, side by side; branches that end are taken out."""
        asked = []
        for branch in due:
            recipes = branch.proposed()
            if not recipes:
                branches.remove(branch)
            asked += [(branch, recipe) for recipe in recipes]
        asked = asked[:most]
        trials = self.trials.run([recipe for _, recipe in asked], is_wanted=self._is_better)
        for (branch, _), trial in zip(asked, trials, strict=True):
            if trial is not None:
                branch.tell(trial.recipe, trial.row, trial.model)
            elif branch in branches:
                branches.remove(branch)
        self._reserve()
        return len(asked)

    def _is_better(self, row: AutoRow) -> bool:
        """Whether a model would be chosen in the place of the one that is chosen now."""
        now = self.trials.chosen(self.objective, owner=_OWNER).row
        worth = objective_of(row, self.objective, owner=_OWNER)
        return worth < objective_of(now, self.objective, owner=_OWNER)


def followed_by(model: Any, engine: str) -> str | None:
    """Engine that can follow a fitted deep estimator's network; None where only torch can."""
    try:
        found = packed_engine(model, engine, owner=_OWNER)
    except ValueError:
        return None
    return None if found is None else str(found.name)


def _stretch(epochs: int, n_samples: int) -> float:
    """How many times as many passes a cut needs, where these make few steps."""
    steps = epochs * max(1.0, n_samples / auto_batch_size(n_samples))
    return min(_MOST_STRETCH, max(1.0, _STEPS / steps))


def _affordable(passes: float, planned: float) -> int:
    return _CANDIDATES if math.isinf(passes) else min(_CANDIDATES, int(passes / planned) - 1)


def _told(parameters: dict[str, Any]) -> str:
    """Parameters in a name."""
    shown = [f"{n.split('__')[-1]}={_value(v)}" for n, v in parameters.items()]
    return " ".join(shown) or "as given"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return "none" if value is None else "yes" if hasattr(value, "get_params") else str(value)


def _epochs_of(model: Any, recipe: Recipe) -> int:
    if recipe.epochs:
        return recipe.epochs
    owner = innermost(model)
    epochs = getattr(owner, "max_epochs", None) or getattr(owner.net_, "max_epochs", None)
    return epochs if isinstance(epochs, int) else _USUAL_EPOCHS
