"""Recipes carried out: by any number of workers, once each, and as far as the time goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skdeepopt.auto._budget import Budget
from skdeepopt.auto._recipes import Made, Recipe, made, shell_of, with_teacher
from skdeepopt.auto._rows import AutoRow, chosen_row, marked
from skdeepopt.auto._split import Part, Parts
from skdeepopt.journal._identity import fingerprint
from skdeepopt.journal._journal import Journal
from skdeepopt.journal._state_bytes import restore, state_bytes
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Outcome, Task

__all__ = ["Stopped", "Trial", "Trials"]

_FOLDS_AT_ONCE = 2
_BASE_FOLDS = 0.15
"""Folds that a good model is tried on side by side; share of the time left for those of a base."""

_WORTH_SHORTENING = 4
"""A recipe that there is time for less than a fourth of its passes for is left out."""


class Stopped(Exception):  # noqa: N818 - no error: somebody has seen enough
    """A callback has ended the search."""


@dataclass(frozen=True)
class Trial:
    """A recipe that was carried out; the model is None where it failed, or others are better.

    Parameters
    ----------
    recipe : Recipe
    row : AutoRow
    model : fitted deep estimator or None
    pass_seconds : float, default=0.0
        What a pass over the training part takes.
    share : float, default=1.0
        Of the training part, that it was trained on.
    scores : tuple of float
        Accuracy in each fold that it was tried on, the first first.
    models : tuple of fitted deep estimators
        Of a base, those of these folds.
    """

    recipe: Recipe
    row: AutoRow
    model: Any
    pass_seconds: float = 0.0
    share: float = 1.0
    scores: tuple[float, ...] = ()
    models: tuple[Any, ...] = ()


@dataclass
class Trials:
    """All that was tried, in an order that does not depend on the workers.

    Parameters
    ----------
    parts : Parts
    budget : Budget
    journal : Journal
    n_jobs : int or None
    on_row : callable
        Is told of each row; may raise to end the search.
    """

    parts: Parts
    budget: Budget
    journal: Journal
    n_jobs: int | None
    on_row: Callable[[AutoRow], None]
    done: list[Trial] = field(default_factory=list)
    least: float = -math.inf
    """Accuracy of a model that is good enough, once that is known."""
    reference: tuple[float, ...] = ()
    """Accuracies, in each fold, of the network that others are compared with."""
    bases: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """Models of bases in each fold, by their names."""

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(
            made_on_fold, (self.parts.folds,), n_jobs=self.n_jobs, timeout=None
        )

    @property
    def _n_wanted(self) -> int:
        """Folds, as many as there was time for with the reference."""
        return len(self.reference or self.parts.folds)

    @property
    def n_workers(self) -> int:
        """Recipes that are carried out at the same time."""
        return self.dispatcher.n_workers

    def close(self) -> None:
        """End the workers."""
        self.dispatcher.close()

    def run(
        self,
        recipes: Sequence[Recipe],
        *,
        everywhere: bool = False,
        is_wanted: Callable[[AutoRow], bool] | None = None,
    ) -> list[Trial | None]:
        """Recipes carried out, in their order; None for those that there was no time for.

        Parameters
        ----------
        recipes : sequence of Recipe
        everywhere : bool, default=False
            Whether to carry them out on all folds, and keep their models.
        is_wanted : callable or None, default=None
            Tells of a row whether it is worth more folds, as long as it is accurate enough on
            those before. None is no row.
        """
        known: dict[int, Trial] = {}
        try:
            self._carry_out(recipes, known, self._affordable)
            if everywhere:
                self._on_folds(known, sorted(known), range(1, self._n_wanted), is_kept=True)
            elif is_wanted is not None:
                self._race(known, is_wanted)
        finally:
            for at in sorted(known):
                self.done.append(known[at])
        for at in sorted(known):
            self.on_row(known[at].row)
        return [known.get(at) for at in range(len(recipes))]

    def run_here(
        self, recipe: Recipe, training: Part | None = None, *, everywhere: bool = False
    ) -> Trial:
        """One recipe carried out in this process, which raises what it raises.

        Parameters
        ----------
        recipe : Recipe
        training : Part or None, default=None
            Other samples to train on.
        everywhere : bool, default=False
            As in ``run``.
        """
        part = self.parts.training if training is None else training
        trial = self._made_here(recipe, part, self.parts.validation)
        self.done.append(trial)
        if everywhere:
            trial = self.everywhere(trial)
        self.on_row(trial.row)
        return trial

    def everywhere(self, trial: Trial) -> Trial:
        """A trial that was carried out already, on the other folds too.

        Parameters
        ----------
        trial : Trial
        """
        known = {0: trial}
        self._on_folds(known, [0], range(len(trial.scores), self._n_wanted), is_kept=True)
        self.done = [known[0] if each is trial else each for each in self.done]
        return known[0]

    def run_after(self, recipe: Recipe) -> Trial:
        """One recipe carried out in this process on all samples, and not among the others.

        Its score is that on the same samples, which it has seen.

        Parameters
        ----------
        recipe : Recipe
        """
        return self._made_here(recipe, self.parts.whole, self.parts.whole)

    def chosen(self, objective: str | Callable[[dict[str, Any]], float], *, owner: str) -> Trial:
        """The trial that would be chosen, if nothing followed.

        Parameters
        ----------
        objective : str or callable
        owner : str
            Who asks; opens every message.
        """
        eligible = self.eligible
        rows = marked([trial.row for trial in self.done], self.least, eligible)
        return self.done[chosen_row(rows, objective, owner=owner, standing=eligible)]

    @property
    def eligible(self) -> set[str]:
        """Names of models at hand that were tried in as many folds as the reference."""
        tried = [trial for trial in self.done if len(trial.scores) >= len(self.reference)]
        return {trial.row.name for trial in tried if trial.model is not None}

    def expect(self, scores: tuple[float, ...], drop: float) -> None:
        """Let a model that is good enough lose at most so much accuracy.

        Parameters
        ----------
        scores : tuple of float
            Of the network that others are compared with, in each fold.
        drop : float
        """
        self.reference, self.least = scores, _mean(scores) - drop
        trials = [replace(t, row=self._scored(t.row, t.scores)) for t in self.done]
        rows = marked([trial.row for trial in trials], self.least)
        self.done = [replace(t, row=row) for t, row in zip(trials, rows, strict=True)]

    def forget_beaten(self) -> None:
        """Let go of models that another one beats in everything, and could be chosen for them."""
        rows = [trial.row for trial in self.done]
        front = marked(rows, self.least)
        among = marked(rows, self.least, self.eligible)
        self.done = [
            trial if one.on_front or other.on_front else replace(trial, model=None, models=())
            for trial, one, other in zip(self.done, front, among, strict=True)
        ]

    def is_enough(self, accuracy: float) -> bool:
        """Whether a model of that accuracy may be chosen."""
        return bool(accuracy >= self.least)

    def _made_here(self, recipe: Recipe, part: Part, scored: Part) -> Trial:
        share = part.n_samples / self.parts.training.n_samples
        trial = self._found(recipe)
        if trial is None:
            self.journal.begin(_key(recipe))
            trial = self._measured(recipe, made(part, scored, recipe), share)
            self._keep(trial)
        return replace(trial, share=share)

    def _carry_out(
        self,
        recipes: Sequence[Recipe],
        known: dict[int, Trial],
        affordable: Callable[[Recipe], Recipe | None],
    ) -> None:
        """Recipes side by side; `known` has what came of each, by its place."""
        found = [(at, self._found(recipe)) for at, recipe in enumerate(recipes)]
        known |= {at: trial for at, trial in found if trial is not None}
        started: dict[str, tuple[int, Recipe]] = {}
        for outcome in self.dispatcher.run(self._tasks(recipes, known, started, affordable)):
            at, recipe = started[outcome.key]
            known[at] = self._settled(recipe, outcome)

    def _race(self, known: dict[int, Trial], is_wanted: Callable[[AutoRow], bool]) -> None:
        """Further folds, a few at a time, for those that are accurate enough on all before."""
        for first in range(1, len(self.reference), _FOLDS_AT_ONCE):
            folds = range(first, min(first + _FOLDS_AT_ONCE, len(self.reference)))
            standing = [at for at, trial in sorted(known.items()) if trial.row.within_drop]
            standing = [at for at in standing if is_wanted(known[at].row)]
            standing = [at for at in standing if len(known[at].scores) == first]
            self._on_folds(known, standing, folds)

    def _on_folds(
        self, known: dict[int, Trial], places: list[int], folds: range, *, is_kept: bool = False
    ) -> None:
        """Some of the trials on further folds, as far as the time goes."""
        tasks, seconds = [], 0.0
        for at in places:
            trial = known[at]
            if trial.model is None or trial.share < 1:
                continue
            parent = self._parent_of(trial.recipe, folds)
            one = trial.row.train_seconds
            one -= self._earlier_seconds(trial.recipe) if parent else 0.0
            seconds += len(folds) * one / self.n_workers
            if not self.budget.allows(seconds, _BASE_FOLDS if is_kept else 1.0):
                break
            tasks += [(at, trial.recipe.on_fold(fold, trial.model, parent)) for fold in folds]
        found: dict[int, Trial] = {}
        self._carry_out([recipe for _, recipe in tasks], found, lambda recipe: recipe)
        for place, (at, recipe) in enumerate(tasks):
            trial, again = known[at], found.get(place)
            if again is None or again.model is None or len(trial.scores) != recipe.fold:
                continue
            scores = (*trial.scores, *again.scores)
            models = (*(trial.models or (trial.model,)), again.model) if is_kept else ()
            row = self._scored(trial.row, scores)
            known[at] = replace(trial, row=row, scores=scores, models=models)
            if is_kept:
                self.bases[row.name] = models

    def _parent_of(self, recipe: Recipe, folds: range) -> tuple[Any, ...]:
        """The one base of a recipe, in each fold; empty where it has none or others."""
        models = self.bases.get(recipe.parents[0], ()) if len(recipe.parents) == 1 else ()
        return models if len(models) >= folds.stop else ()

    def _scored(self, row: AutoRow, scores: tuple[float, ...]) -> AutoRow:
        """The row with the accuracy that is to be expected in all folds.

        Folds that were not tried are as hard as they were for the reference.
        """
        if not scores:
            return row
        accuracy = _mean(scores)
        if len(scores) < len(self.reference):
            harder = _mean(self.reference) - _mean(self.reference[: len(scores)])
            accuracy = min(1.0, accuracy + harder)
        return replace(row, accuracy=accuracy, within_drop=self.is_enough(accuracy))

    def _tasks(
        self,
        recipes: Sequence[Recipe],
        known: dict[int, Trial],
        started: dict[str, tuple[int, Recipe]],
        affordable_of: Callable[[Recipe], Recipe | None],
    ) -> Iterator[Task]:
        for at, recipe in enumerate(recipes):
            affordable = None if at in known else affordable_of(recipe)
            if affordable is not None:
                started[str(at)] = at, affordable
                # Where it had begun and never ended, it may be what killed the process.
                isolated = self.journal.begin(_key(affordable)) > 0
                yield Task(str(at), (affordable,), isolated=isolated)

    def _affordable(self, recipe: Recipe) -> Recipe | None:
        """The recipe, or one of fewer passes, or none."""
        passes = self.budget.passes_left(recipe.kind)
        if passes >= recipe.work:
            return recipe
        if not recipe.is_shortenable or passes < max(1, recipe.epochs / _WORTH_SHORTENING):
            return None
        return recipe.with_epochs(int(passes))

    def _settled(self, recipe: Recipe, outcome: Outcome) -> Trial:
        if outcome.failure is not None:
            trial = Trial(recipe, _failed(recipe, outcome.failure.reason), None)
        else:
            trial = self._measured(recipe, outcome.value)
        self._keep(trial)
        return trial

    def _measured(self, recipe: Recipe, found: Made, share: float = 1.0) -> Trial:
        seconds = found.epoch_seconds if recipe.kind == "quick" else None
        seconds = (found.seconds / recipe.work if seconds is None else seconds) / share
        self.budget.learn(recipe.kind, seconds)
        row = AutoRow(
            name=recipe.name,
            recipe=recipe.steps,
            accuracy=found.accuracy,
            file_bytes=found.file_bytes,
            latency_ms=found.latency_ms,
            train_seconds=found.seconds + self._earlier_seconds(recipe),
        )
        scores = (found.accuracy,)
        return Trial(recipe, self._scored(row, scores), found.model, seconds, scores=scores)

    def _earlier_seconds(self, recipe: Recipe) -> float:
        named = {trial.row.name: trial.row.train_seconds for trial in self.done}
        return sum(named.get(name, 0.0) for name in recipe.parents)

    def _keep(self, trial: Trial) -> None:
        if self.journal.folder is None:
            return
        key = _key(trial.recipe)
        weights = None if trial.model is None else state_bytes(trial.model)
        if trial.model is not None and weights is None:
            return  # What no file holds is made anew.
        if weights is not None:
            self.journal.put(key, weights)
        self.journal.add(
            key,
            {
                "row": trial.row.to_plain(),
                "score": trial.scores[0] if trial.scores else math.nan,
                "pass_seconds": trial.pass_seconds,
            },
        )

    def _found(self, recipe: Recipe) -> Trial | None:
        entry = self.journal.find(_key(recipe))
        if entry is None:
            return None
        row, scores = AutoRow(**entry["row"]), (entry["score"],)
        if row.failure:
            return Trial(recipe, row, None)
        weights = self.journal.get(_key(recipe))
        if weights is None:
            return None
        self.budget.learn(recipe.kind, entry["pass_seconds"])
        model = with_teacher(restore(shell_of(recipe), weights), recipe)
        row = self._scored(row, scores)
        return Trial(recipe, row, model, entry["pass_seconds"], scores=scores)


def made_on_fold(folds: tuple[tuple[Part, Part], ...], recipe: Recipe) -> Made:
    """A recipe's model, with the samples of its fold held out.

    Parameters
    ----------
    folds : tuple of (Part, Part)
    recipe : Recipe
    """
    return made(*folds[recipe.fold], recipe)


def _mean(scores: tuple[float, ...]) -> float:
    return sum(scores) / len(scores)


def _failed(recipe: Recipe, reason: str) -> AutoRow:
    nan = math.nan
    return AutoRow(recipe.name, recipe.steps, nan, None, nan, nan, failure=reason)


def _key(recipe: Recipe) -> str:
    told = [recipe.steps, recipe.kind, recipe.epochs, recipe.parents, recipe.estimator]
    return f"{recipe.name} #{fingerprint(told)[:12]}"
