"""The report of a pruning, measured on both networks in turns."""

from __future__ import annotations

from typing import Any

from sklearn.base import is_classifier

from skdeepopt.layers._cost import LayerCost, layer_costs
from skdeepopt.meta._figures import batch_latencies_ms, network_figures
from skdeepopt.meta._pruning_plan import Pruned, PruningPlan, example_for
from skdeepopt.pruning._cut import KeptLayer
from skdeepopt.pruning._report import PrunedLayer, PruningReport, PruningTrial

__all__ = ["pruning_report"]

_LATENCY_BATCH = 64


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
    after, example = pruned.estimator, example_for(before)
    batch_size = min(_LATENCY_BATCH, n_samples)
    batch = example[:1].expand(batch_size, *example.shape[1:]).contiguous()
    latencies = batch_latencies_ms([before.module_, after.module_], batch)
    costs = [layer_costs(model.module_, example) for model in (before, after)]
    figures = [
        network_figures(model, cost, latency, score)
        for model, cost, latency, score in zip(
            (before, after), costs, latencies, scores, strict=True
        )
    ]
    return PruningReport(
        granularity=plan.granularity,
        ratio=ratio,
        scope=plan.scope,
        layers=tuple(_layer(kept, *costs) for kept in pruned.kept),
        before=figures[0],
        after=figures[1],
        metric="accuracy" if is_classifier(after) else "R2",
        scored_on=scored_on,
        batch_size=batch_size,
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
