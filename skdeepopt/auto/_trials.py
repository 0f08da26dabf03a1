"""Recipes carried out: by any number of workers, once each, and as far as the time goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from skdeepopt.auto._budget import Budget
from skdeepopt.auto._recipes import Made, Recipe, made, shell_of
from skdeepopt.auto._rows import AutoRow, chosen_row, marked
from skdeepopt.auto._split import Part, Parts
from skdeepopt.journal._identity import fingerprint
from skdeepopt.journal._journal import Journal
from skdeepopt.journal._state_bytes import restore, state_bytes
from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Outcome, Task

__all__ = ["Stopped", "Trial", "Trials"]

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
    """

    recipe: Recipe
    row: AutoRow
    model: Any
    pass_seconds: float = 0.0
    share: float = 1.0


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

    def __post_init__(self) -> None:
        data = (self.parts.training, self.parts.validation)
        self.dispatcher = Dispatcher(made, data, n_jobs=self.n_jobs, timeout=None)

    @property
    def n_workers(self) -> int:
        """Recipes that are carried out at the same time."""
        return self.dispatcher.n_workers

    def close(self) -> None:
        """End the workers."""
        self.dispatcher.close()

    def run(self, recipes: Sequence[Recipe]) -> list[Trial | None]:
        """Recipes carried out, in their order; None for those that there was no time for."""
        known = {at: found for at, recipe in enumerate(recipes) if (found := self._found(recipe))}
        started: dict[str, tuple[int, Recipe]] = {}
        try:
            for outcome in self.dispatcher.run(self._tasks(recipes, known, started)):
                at, recipe = started[outcome.key]
                known[at] = self._settled(recipe, outcome)
        finally:
            for at in sorted(known):
                self.done.append(known[at])
        for at in sorted(known):
            self.on_row(known[at].row)
        return [known.get(at) for at in range(len(recipes))]

    def run_here(self, recipe: Recipe, training: Part | None = None) -> Trial:
        """One recipe carried out in this process, which raises what it raises.

        Parameters
        ----------
        recipe : Recipe
        training : Part or None, default=None
            Other samples to train on.
        """
        trial = self._made_here(recipe, self.parts.training if training is None else training)
        self.done.append(trial)
        self.on_row(trial.row)
        return trial

    def run_after(self, recipe: Recipe) -> Trial:
        """One recipe carried out in this process on all samples, and not among the others.

        Its accuracy is that on samples that it has seen.

        Parameters
        ----------
        recipe : Recipe
        """
        return self._made_here(recipe, self.parts.whole)

    def chosen(self, objective: str | Callable[[dict[str, Any]], float], *, owner: str) -> Trial:
        """The trial that would be chosen, if nothing followed.

        Parameters
        ----------
        objective : str or callable
        owner : str
            Who asks; opens every message.
        """
        standing = {trial.row.name for trial in self.done if trial.model is not None}
        rows = marked([trial.row for trial in self.done], self.least, standing)
        return self.done[chosen_row(rows, objective, owner=owner, standing=standing)]

    def expect(self, least: float) -> None:
        """Let a model that is good enough have at least so much accuracy."""
        self.least = least
        rows = marked([trial.row for trial in self.done], least)
        self.done = [replace(t, row=row) for t, row in zip(self.done, rows, strict=True)]

    def forget_beaten(self) -> None:
        """Let go of models that another one beats in everything."""
        rows = marked([trial.row for trial in self.done], self.least)
        self.done = [
            trial if row.on_front else replace(trial, model=None)
            for trial, row in zip(self.done, rows, strict=True)
        ]

    def is_enough(self, accuracy: float) -> bool:
        """Whether a model of that accuracy may be chosen."""
        return bool(accuracy >= self.least)

    def _made_here(self, recipe: Recipe, part: Part) -> Trial:
        share = part.n_samples / self.parts.training.n_samples
        trial = self._found(recipe)
        if trial is None:
            self.journal.begin(_key(recipe))
            trial = self._measured(recipe, made(part, self.parts.validation, recipe), share)
            self._keep(trial)
        return replace(trial, share=share)

    def _tasks(
        self,
        recipes: Sequence[Recipe],
        known: dict[int, Trial],
        started: dict[str, tuple[int, Recipe]],
    ) -> Iterator[Task]:
        for at, recipe in enumerate(recipes):
            affordable = None if at in known else self._affordable(recipe)
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
            within_drop=self.is_enough(found.accuracy),
        )
        return Trial(recipe, row, found.model, seconds)

    def _earlier_seconds(self, recipe: Recipe) -> float:
        named = {trial.row.name: trial.row.train_seconds for trial in self.done}
        return named.get(recipe.parent or "", 0.0)

    def _keep(self, trial: Trial) -> None:
        if self.journal.folder is None:
            return
        key = _key(trial.recipe)
        weights = None if trial.model is None else state_bytes(trial.model)
        if trial.model is not None and weights is None:
            return  # What no file holds is made anew.
        if weights is not None:
            self.journal.put(key, weights)
        self.journal.add(key, {"row": trial.row.to_plain(), "pass_seconds": trial.pass_seconds})

    def _found(self, recipe: Recipe) -> Trial | None:
        entry = self.journal.find(_key(recipe))
        if entry is None:
            return None
        row = AutoRow(**entry["row"])
        row = replace(row, within_drop=self.is_enough(row.accuracy))
        if row.failure:
            return Trial(recipe, row, None)
        weights = self.journal.get(_key(recipe))
        if weights is None:
            return None
        self.budget.learn(recipe.kind, entry["pass_seconds"])
        return Trial(recipe, row, restore(shell_of(recipe), weights), entry["pass_seconds"])


def _failed(recipe: Recipe, reason: str) -> AutoRow:
    nan = math.nan
    return AutoRow(recipe.name, recipe.steps, nan, None, nan, nan, failure=reason)


def _key(recipe: Recipe) -> str:
    told = [recipe.steps, recipe.kind, recipe.epochs, recipe.parent, recipe.estimator]
    return f"{recipe.name} #{fingerprint(told)[:12]}"
