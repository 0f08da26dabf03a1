"""The report of a pruning, measured on both networks in turns."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier

from skdeepopt.layers._cost import LayerCost
from skdeepopt.meta._figures import measured
from skdeepopt.meta._pruning_plan import Pruned, PruningPlan, example_for
from skdeepopt.pruning._cut import KeptLayer
from skdeepopt.pruning._report import PrunedLayer, PruningReport, PruningTrial

__all__ = ["pruning_report"]


def pruning_report(
    plan: PruningPlan,
    ratio: float,
    before: Any,
    pruned: Pruned,
    scores: tuple[float | None, float],
    *,
    scored_on: str,
    n_samples: int,
    trials: tuple[PruningTrial, ...] = (),
) -> PruningReport:
    """Report of what a plan made of a fitted deep estimator.

    Parameters
    ----------
    plan : PruningPlan
    ratio : float
    before : fitted deep estimator
    pruned : Pruned
    scores : tuple of two floats
        Of both; None where the first was never trained.
    scored_on : str
        Which data that was.
    n_samples : int
        Samples at hand: the most that latency is measured on.
    trials : tuple of PruningTrial, default=()
    """
    after = pruned.estimator
    found = measured(before, after, scores, example_for(before), n_samples=n_samples)
    return PruningReport(
        granularity=plan.granularity,
        ratio=ratio,
        scope=plan.scope,
        layers=tuple(_layer(kept, *found.costs) for kept in pruned.kept),
        before=found.figures[0],
        after=found.figures[1],
        metric="accuracy" if is_classifier(after) else "R2",
        scored_on=scored_on,
        batch_size=found.batch_size,
        trials=trials,
    )


def _layer(
    kept: KeptLayer, before: dict[str, LayerCost], after: dict[str, LayerCost]
) -> PrunedLayer:
    """A block counts all layers inside it."""
    inside = [name for name in before if name == kept.name or name.startswith(f"{kept.name}.")]
    whole = kept.name in before
    return PrunedLayer(
        name=kept.name,
        kind=kept.kind,
        kept=kept.kept,
        total=kept.total,
        unit=kept.unit,
        shape_before=before[kept.name].weight_shape if whole else None,
        shape_after=after[kept.name].weight_shape if whole and kept.name in after else None,
        multiply_adds_before=sum(before[name].multiply_adds for name in inside),
        multiply_adds_after=sum(after[name].multiply_adds for name in inside if name in after),
        at_minimum=kept.at_minimum,
    )
