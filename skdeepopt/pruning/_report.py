"""What pruning did to a network, layer by layer and in all, as measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "NetworkFigures",
    "PrunedLayer",
    "PruningReport",
    "PruningTrial",
    "network_lines",
    "table_lines",
]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class PrunedLayer:
    """A layer before and after.

    Parameters
    ----------
    name, kind : str
        Qualified name and class.
    kept, total : int
        Units left, and units before. Weights that are zero, or went with a channel, are not left.
    unit : str
        "weights", "channels" or "blocks".
    shape_before, shape_after : tuple of int or None
        Of the weight; None for a block, or for a layer that is gone.
    multiply_adds_before, multiply_adds_after : int
        A sample, zeros included.
    at_minimum : bool
        The ratio would have left less than the least that a layer is kept at.
    """

    name: str
    kind: str
    kept: int
    total: int
    unit: str
    shape_before: Shape | None
    shape_after: Shape | None
    multiply_adds_before: int
    multiply_adds_after: int
    at_minimum: bool = False


@dataclass(frozen=True)
class NetworkFigures:
    """A whole network.

    Parameters
    ----------
    n_parameters, n_nonzero : int
        Parameters, and those of them that are not zero.
    multiply_adds : int
        A sample, zeros included.
    size_bytes : int or None
        Of the file that ``skdeepopt.save`` writes; None where the format cannot hold the model.
    latency_ms : float
        Median of the module on a batch.
    score : float or None
        Accuracy or R2; None for a network that was never trained.
    """

    n_parameters: int
    n_nonzero: int
    multiply_adds: int
    size_bytes: int | None
    latency_ms: float
    score: float | None


@dataclass(frozen=True)
class PruningTrial:
    """A ratio that was tried on the way to the strongest that stays in the budget."""

    ratio: float
    score: float
    size_bytes: int | None
    fits: bool


@dataclass(frozen=True)
class PruningReport:
    """Before and after, with a readable ``repr`` and a table.

    Parameters
    ----------
    granularity : str
    ratio : float
        Share removed, in [0, 1), of what `scope` names.
    scope : str
    layers : tuple of PrunedLayer
    before, after : NetworkFigures
    metric : str
        "accuracy" or "R2".
    scored_on : str
        "training data" or "validation data".
    batch_size : int
        Samples that latency was measured on.
    trials : tuple of PruningTrial
        Ratios tried for `max_accuracy_drop`, in order.
    """

    granularity: str
    ratio: float
    scope: str
    layers: tuple[PrunedLayer, ...]
    before: NetworkFigures
    after: NetworkFigures
    metric: str
    scored_on: str
    batch_size: int
    trials: tuple[PruningTrial, ...] = field(default=())

    def __repr__(self) -> str:
        return "\n".join([self._title(), *self._totals(), "", *self._layer_lines(), *self.notes()])

    def notes(self) -> list[str]:
        """Sentences that the figures need, if any."""
        least = [layer.name for layer in self.layers if layer.at_minimum]
        notes = []
        if least:
            notes.append(f"Kept at the minimum, since the ratio would empty them: {_listed(least)}")
        masked = [r for r in self.layers if r.unit == "weights" and r.kept < r.total]
        if masked:
            died = any(layer.shape_after != layer.shape_before for layer in masked)
            rest = ", but for channels that died with their weights and are gone" if died else ""
            notes.append(
                f"Masked weights are zeros: they shrink the file, and not the latency{rest}."
            )
        return notes

    def to_frame(self) -> pd.DataFrame:
        """Table with a row a layer, in the order of the network.

        Returns
        -------
        frame : pandas.DataFrame
            With the fields of :class:`PrunedLayer` as columns, and the layer's name as index.
        """
        import pandas as pd

        columns = list(PrunedLayer.__dataclass_fields__)
        rows = [asdict(layer) for layer in self.layers]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    def to_plain(self) -> dict[str, Any]:
        """Dictionary of plain values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> PruningReport:
        """Take back what :meth:`to_plain` gave.

        Parameters
        ----------
        plain : dict
        """
        return cls(
            **{
                **plain,
                "layers": tuple(_layer(row) for row in plain["layers"]),
                "trials": tuple(PruningTrial(**row) for row in plain["trials"]),
                "before": NetworkFigures(**plain["before"]),
                "after": NetworkFigures(**plain["after"]),
            }
        )

    def _title(self) -> str:
        return f"PruningReport: {self.granularity}, {self.ratio:.1%} removed, scope {self.scope}"

    def _totals(self) -> list[str]:
        score = f"{self.metric} on {self.scored_on}"
        return network_lines(self.before, self.after, score, self.batch_size)

    def _layer_lines(self) -> list[str]:
        head = ("layer", "kept", "shape", "multiply-adds")
        return table_lines([head, *(_layer_row(layer) for layer in self.layers)])


def network_lines(
    before: NetworkFigures, after: NetworkFigures, score: str, batch_size: int
) -> list[str]:
    """Lines of two networks' figures side by side, with a head.

    Parameters
    ----------
    before, after : NetworkFigures
    score : str
        What was scored, and on what.
    batch_size : int
        Samples that latency was measured on.
    """
    return [
        f"{'':<30}{'before':>14}{'after':>14}{'share':>8}",
        _line("parameters", before.n_parameters, after.n_parameters),
        _line("parameters that are not zero", before.n_nonzero, after.n_nonzero),
        _line("multiply-adds a sample", before.multiply_adds, after.multiply_adds),
        _line("file, bytes", before.size_bytes, after.size_bytes),
        _line(f"latency of {batch_size}, ms", before.latency_ms, after.latency_ms),
        _line(score, before.score, after.score, digits=4, share=False),
    ]


def table_lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of a table whose columns are as wide as they need to be.

    Parameters
    ----------
    rows : sequence of tuple of str
        The head is the first.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _line(
    name: str,
    before: float | None,
    after: float | None,
    *,
    digits: int = 3,
    share: bool = True,
) -> str:
    known = share and before and after is not None
    ratio = f"{after / before:>8.3f}" if known and before and after is not None else ""
    return f"{name:<30}{_number(before, digits):>14}{_number(after, digits):>14}{ratio}"


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "unknown"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def _layer_row(layer: PrunedLayer) -> tuple[str, str, str, str]:
    return (
        layer.name,
        f"{layer.kept:,} of {layer.total:,} {layer.unit}",
        _change(_times(layer.shape_before), _times(layer.shape_after)),
        _change(f"{layer.multiply_adds_before:,}", f"{layer.multiply_adds_after:,}"),
    )


def _times(shape: Shape | None) -> str:
    return "-" if shape is None else "x".join(map(str, shape))


def _change(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else ".")


def _layer(row: Mapping[str, Any]) -> PrunedLayer:
    shapes = {
        name: None if row[name] is None else tuple(row[name])
        for name in ("shape_before", "shape_after")
    }
    return PrunedLayer(**{**row, **shapes})
