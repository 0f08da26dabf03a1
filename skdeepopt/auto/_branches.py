"""The orders of techniques worth trying: each a branch that asks for models, round by round."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skdeepopt.auto._bases import FEW_LABELS
from skdeepopt.auto._recipes import Recipe
from skdeepopt.auto._rows import AutoRow
from skdeepopt.auto._sizes import SizeSearch
from skdeepopt.meta._distilled import DistilledEstimator
from skdeepopt.meta._packed import PackedEstimator
from skdeepopt.meta._pruned import PrunedEstimator
from skdeepopt.meta._quantized import QuantizedEstimator

__all__ = ["Base", "Branch", "branches_for"]

_IMITATED = 5_000
"""Bytes from which a packed network gains by imitating its base, however many labels there are.
With fewer bytes many labels are enough to learn: LeNet-5 on MNIST at 2,800 bytes."""

_PACKED_EPOCHS = 1.4
_PRUNED_EPOCHS = 0.7
"""Passes for a cut, by those of the base."""

_STUDENT_EPOCHS = 1.5

_STUDENTS = (1.0, 0.5, 0.25)
"""Widths of students, by those of the estimator. The first is for a teacher of another kind."""


@dataclass(frozen=True)
class Base:
    """A trained model that others are made of.

    Parameters
    ----------
    row : AutoRow
    model : fitted deep estimator
    epochs : int
        Passes of its training.
    engine : str or None
        What can answer for its network, besides torch.
    seed : int
    n_samples : int
        That it was trained on.
    stretch : float, default=1.0
        Times as many passes as usual, where there are few samples.
    """

    row: AutoRow
    model: Any
    epochs: int
    engine: str | None
    seed: int
    n_samples: int
    stretch: float = 1.0

    @property
    def dense_bytes(self) -> int:
        """Of the file, or of the weights where no file holds the model."""
        parameters = self.model.module_.parameters()
        return self.row.file_bytes or 4 * sum(parameter.numel() for parameter in parameters)

    def passes(self, share: float) -> int:
        """Passes for a cut, as a share of those of the training."""
        return max(1, round(share * self.stretch * self.epochs))

    def cut(self, wrapper: Any, what: str, step: str, kind: str, **parameters: Any) -> Recipe:
        """Recipe that fits a wrapper around the model."""
        epochs = int(parameters.get("finetune_epochs", 0))
        estimator = wrapper(FrozenEstimator(self.model), random_state=self.seed, **parameters)
        return Recipe(
            name=f"{self.row.name}, {what}",
            steps=f"{self.row.recipe} -> {step}",
            kind=kind,
            estimator=estimator,
            parents=(self.row.name,),
            epochs=epochs,
            epochs_name="finetune_epochs",
        )

    def quantized(self, scheme: str) -> Recipe:
        """Recipe of the model with its weights on a grid, answered by the engine."""
        as_it_is = scheme == "float32"
        return self.cut(
            QuantizedEstimator,
            f"by {self.engine}" if as_it_is else scheme,
            f"{self.engine}" if as_it_is else scheme,
            "quantized" if as_it_is else "quantized by range",
            scheme=scheme,
            engine=self.engine,
            fallback=False,
            finetune_epochs=0,
        )


class Branch(ABC):
    """Asks for models, and is told of each."""

    @abstractmethod
    def proposed(self) -> list[Recipe]:
        """Recipes of the next round; none where the branch is at its end."""

    @abstractmethod
    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """What came of a recipe; the model is None where it failed."""


class Quantizing(Branch):
    """The base as it is, in 8 bits, and in float by an engine."""

    def __init__(self, base: Base, schemes: Sequence[str]) -> None:
        self.waiting = [base.quantized(scheme) for scheme in schemes if base.engine]

    def proposed(self) -> list[Recipe]:
        """One after another, since what is cheap need not fill a round."""
        return [self.waiting.pop(0)] if self.waiting else []

    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """Nothing follows."""


class Packing(Branch):
    """The base, trained on for smaller and smaller files."""

    def __init__(self, base: Base, first: float, *, most: int = 10) -> None:
        self.base = base
        dense = base.dense_bytes
        low = min(300.0, dense / 4)
        self.search = SizeSearch(
            first=min(max(first, low), dense / 2),
            low=low,
            high=dense / 2,
            most=most,
            is_whole=True,
        )

    def proposed(self) -> list[Recipe]:
        """Two sizes at a time, which two processes can try side by side."""
        return [self._recipe(int(size)) for size in self.search.proposed(2)]

    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """A file far above the size asked for says that there is nothing to gain below."""
        size = recipe.estimator.target_bytes
        reached = row.file_bytes is not None and row.file_bytes <= 1.1 * size
        self.search.tell(size, row.within_drop and reached)

    def _recipe(self, target: int) -> Recipe:
        base = self.base
        return base.cut(
            PackedEstimator,
            f"packed to {target:,} bytes",
            "packed",
            "packed",
            target_bytes=target,
            finetune_epochs=base.passes(_PACKED_EPOCHS),
            distillation=self._distillation(target),
            engine=base.engine,
        )

    def _distillation(self, target: int) -> float:
        """Weight of the base's answers; none where a better teacher goes on to answer."""
        if hasattr(self.base.model, "teacher_"):
            return 0.0
        return 0.5 if target >= _IMITATED or self.base.n_samples < FEW_LABELS else 0.0


class Cutting(Branch):
    """The base with fewer and fewer channels, each network then in 8 bits and in float."""

    def __init__(self, base: Base, scope: str, schemes: Sequence[str], *, most: int = 8) -> None:
        self.base, self.scope = base, scope
        self.schemes = [scheme for scheme in schemes if base.engine]
        self.search = SizeSearch(first=0.2, low=0.01, high=0.95, most=most)
        self.share = 1.0
        self.cuts: list[Recipe] = []
        self.fits = False
        self.narrow: Base | None = None
        self.smallest: Base | None = None

    def proposed(self) -> list[Recipe]:
        """A narrower network, or what is made of the one before."""
        if self.cuts:
            cuts, self.cuts = self.cuts, []
            return cuts
        self._conclude()
        return [self._recipe(keep) for keep in self.search.proposed(1)]

    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """A network fits where itself or anything made of it does."""
        self.fits |= row.within_drop
        if recipe.kind != "pruned":
            return
        if model is None:
            self.search.tell(self.share, False)
            return
        self.narrow = replace(self.base, row=row, model=model)
        if row.within_drop:
            self.cuts = [self.narrow.quantized(scheme) for scheme in self.schemes]

    def _conclude(self) -> None:
        if self.narrow is None:
            return
        if self.fits:
            self.smallest = self.narrow
        self.search.tell(self.share, self.fits)
        self.narrow, self.fits = None, False

    def _recipe(self, keep: float) -> Recipe:
        ratio = round(1 - keep, 3)
        recipe = self.base.cut(
            PrunedEstimator,
            f"channels pruned by {ratio:.1%}",
            "channels pruned",
            "pruned",
            pruning_ratio=ratio,
            scope=self.scope,
            finetune_epochs=self.base.passes(_PRUNED_EPOCHS),
        )
        self.share = keep
        return recipe


class Teaching(Branch):
    """Narrow students of the base, and what is made of the narrowest that is good enough."""

    def __init__(
        self, base: Base, template: Recipe, schemes: Sequence[str], *, is_packed: bool
    ) -> None:
        self.base, self.template, self.is_packed = base, template, is_packed
        self.schemes = [scheme for scheme in schemes if base.engine]
        is_alike = base.row.recipe == template.steps or hasattr(base.model, "teacher_")
        widths = _STUDENTS[1:] if is_alike else _STUDENTS
        self.waiting = [self._recipe(width) for width in widths]
        self.student: Base | None = None
        self.packing: Packing | None = None

    def proposed(self) -> list[Recipe]:
        """All students, and then the cuts of one."""
        waiting, self.waiting = self.waiting, []
        if not waiting and self.packing is not None:
            return self.packing.proposed()
        return waiting

    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """The last student that fits is the narrowest."""
        if recipe.kind == "packed" and self.packing is not None:
            self.packing.tell(recipe, row, model)
        if recipe.kind != "distilled" or model is None or not row.within_drop:
            return
        self.student = replace(self.base, row=row, model=model, epochs=recipe.epochs)
        self.waiting = [self.student.quantized(scheme) for scheme in self.schemes]
        if self.is_packed:
            first = max(1_500.0, self.student.dense_bytes / 40)
            self.packing = Packing(self.student, first, most=6)

    def _recipe(self, width: float) -> Recipe:
        estimator, named = clone(self.template.estimator), _names(self.template)
        widths = estimator.get_params()[named["widths"]]
        narrower = _scaled(widths, width)
        epochs = self.base.passes(_STUDENT_EPOCHS)
        student = estimator.set_params(**{named["widths"]: narrower, named["max_epochs"]: epochs})
        return Recipe(
            name=f"{self.base.row.name}, taught to {width:g} the width",
            steps=f"{self.base.row.recipe} -> student",
            kind="distilled",
            estimator=DistilledEstimator(
                student, FrozenEstimator(self.base.model), random_state=self.base.seed
            ),
            parents=(self.base.row.name,),
            epochs=epochs,
            epochs_name=f"estimator__{named['max_epochs']}",
        )


class Shortening(Branch):
    """The base with fewer and fewer passes over the data."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.search = SizeSearch(
            first=max(1, recipe.epochs // 3), low=1, high=recipe.epochs, most=5, is_whole=True
        )

    def proposed(self) -> list[Recipe]:
        """One more or less long training."""
        return [self.recipe.with_epochs(int(epochs)) for epochs in self.search.proposed(1)]

    def tell(self, recipe: Recipe, row: AutoRow, model: Any) -> None:
        """Whether it was long enough."""
        self.search.tell(recipe.epochs, row.within_drop)


def branches_for(
    base: Base,
    recipe: Recipe,
    template: Recipe,
    *,
    objective: Any,
    techniques: frozenset[str],
) -> list[Branch]:
    """Branches worth trying, the most promising for the objective first.

    Parameters
    ----------
    base : Base
    recipe : Recipe
        That the base was made by.
    template : Recipe
        Of the estimator that students are narrower versions of.
    objective : str or callable
    techniques : frozenset of str
    """
    schemes = _schemes(objective) if "quantization" in techniques else []
    scope = "multiply_adds" if objective == "latency" else "bytes"
    dense = base.dense_bytes
    named: dict[str, Branch] = {}
    if schemes:
        named["quantizing"] = Quantizing(base, schemes)
    if "packing" in techniques:
        named["packing"] = Packing(base, max(min(4_000.0, dense / 20), dense / 200))
    if "pruning" in techniques:
        named["cutting"] = Cutting(base, scope, schemes)
    if "distillation" in techniques and _has_widths(template):
        named["teaching"] = Teaching(base, template, schemes, is_packed="packing" in techniques)
    if objective not in ("bytes", "latency") and recipe.epochs > 1:
        named["shortening"] = Shortening(recipe)
    order = _ORDER[objective if isinstance(objective, str) else "callable"]
    return [named[name] for name in order if name in named]


_ORDER: dict[Any, tuple[str, ...]] = {
    "bytes": ("quantizing", "packing", "cutting", "teaching"),
    "latency": ("quantizing", "cutting", "teaching", "packing"),
    "train_time": ("shortening", "quantizing", "cutting", "packing"),
    "callable": ("shortening", "quantizing", "packing", "cutting", "teaching"),
}


def _schemes(objective: Any) -> list[str]:
    return ["float32", "int8"] if objective == "latency" else ["int8", "float32"]


def _names(recipe: Recipe) -> dict[str, str]:
    """Names of the parameters for widths and passes."""
    name = recipe.epochs_name
    return {"widths": name.replace("max_epochs", "widths"), "max_epochs": name}


def _has_widths(recipe: Recipe) -> bool:
    return _names(recipe)["widths"] in recipe.estimator.get_params()


def _scaled(widths: Any, factor: float) -> Any:
    """Widths as an estimator takes them, as a multiple of others."""
    if widths is None:
        return factor
    if isinstance(widths, Real):
        return factor * float(widths)
    return tuple(max(1, round(factor * width)) for width in widths)
