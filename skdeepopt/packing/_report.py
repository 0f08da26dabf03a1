"""What packing did to a network, layer by layer and in all, as measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from skdeepopt.pruning._report import NetworkFigures, network_lines, table_lines

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PackedLayer", "PackingReport", "PackingTrial"]


@dataclass(frozen=True)
class PackedLayer:
    """What is left of a layer.

    Parameters
    ----------
    name, kind : str
        Qualified name and class.
    shape_before, shape_after : tuple of int
        Of its weight.
    n_nonzero : int
        Weights that are not zero.
    n_values : int
        Different values among them, zero apart.
    step : float
        Whose multiples they are.
    bits : float
        That weights and biases take in the file.
    """

    name: str
    kind: str
    shape_before: tuple[int, ...]
    shape_after: tuple[int, ...]
    n_nonzero: int
    n_values: int
    step: float
    bits: float


@dataclass(frozen=True)
class PackingTrial:
    """A size that was tried on the way to the smallest file that stays in the budget."""

    target_bytes: int
    size_bytes: int
    score: float
    fits: bool


@dataclass(frozen=True)
class PackingReport:
    """Before and after, with a readable ``repr`` and a table.

    Parameters
    ----------
    target_bytes : int
        As asked for, or found.
    layers : tuple of PackedLayer
    before, after : NetworkFigures
    metric : str
        "accuracy" or "R2".
    scored_on : str
        "training data" or "validation data".
    batch_size : int
        Samples that latency was measured on.
    trials : tuple of PackingTrial
        For `max_accuracy_drop`, in order.
    """

    target_bytes: int
    layers: tuple[PackedLayer, ...]
    before: NetworkFigures
    after: NetworkFigures
    metric: str
    scored_on: str
    batch_size: int
    trials: tuple[PackingTrial, ...] = field(default=())

    def __repr__(self) -> str:
        score = f"{self.metric} on {self.scored_on}"
        totals = network_lines(self.before, self.after, score, self.batch_size)
        head = ("layer", "shape", "not zero", "values", "step", "bits", "bits a weight")
        rows = [head, *(_layer_row(layer) for layer in self.layers)]
        title = f"PackingReport: at most {self.target_bytes:,} bytes"
        return "\n".join([title, *totals, "", *table_lines(rows)])

    def to_frame(self) -> pd.DataFrame:
        """Table with a row a layer, in the order of the network.

        Returns
        -------
        frame : pandas.DataFrame
            With the fields of :class:`PackedLayer` as columns, and the layer's name as index.
        """
        import pandas as pd

        columns = list(PackedLayer.__dataclass_fields__)
        rows = [asdict(layer) for layer in self.layers]
        return pd.DataFrame(rows, columns=columns).set_index("name")


def _layer_row(layer: PackedLayer) -> tuple[str, ...]:
    before, after = ("x".join(map(str, s)) for s in (layer.shape_before, layer.shape_after))
    n_weights = 1
    for size in layer.shape_before:
        n_weights *= size
    return (
        layer.name,
        after if before == after else f"{before} -> {after}",
        f"{layer.n_nonzero:,}",
        f"{layer.n_values:,}",
        f"{layer.step:.3g}",
        f"{layer.bits:,.0f}",
        f"{layer.bits / n_weights:.3f}",
    )
