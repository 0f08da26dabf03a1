"""What quantization did to a network, layer by layer and in all, as measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["QuantizationReport", "QuantizationTrial", "QuantizedFigures", "QuantizedLayer"]

Range = tuple[float, float]


@dataclass(frozen=True)
class QuantizedLayer:
    """A layer's number grids.

    Parameters
    ----------
    name, kind : str
        Qualified name and class.
    scheme : str
        Of the weights; "float32" where they stayed as they were.
    bits : int
        A weight takes.
    n_weights : int
    weight_range : tuple of two floats
        Smallest and largest weight.
    output_range : tuple of two floats or None
        What the codes of the outputs stand for; None where they stay float.
    error : float
        Root of the squared difference from the base's weights, as a share of these: what rounding
        changed, and for the method "training" what the training changed too.
    """

    name: str
    kind: str
    scheme: str
    bits: int
    n_weights: int
    weight_range: Range
    output_range: Range | None
    error: float


@dataclass(frozen=True)
class QuantizedFigures:
    """A whole network, as it answers.

    Parameters
    ----------
    engine : str
        "onnxruntime", "openvino" or "torch".
    size_bytes : int or None
        Of the file that ``skdeepopt.save`` writes; None where the format cannot hold the model.
    latencies_ms : tuple of (int, float)
        Samples at a time, and median milliseconds of the network on so many.
    score : float or None
        Accuracy or R2; None where it was not taken.
    """

    engine: str
    size_bytes: int | None
    latencies_ms: tuple[tuple[int, float], ...]
    score: float | None


@dataclass(frozen=True)
class QuantizationTrial:
    """What was tried on the way to a network within the budget: which layers stayed float."""

    in_float: tuple[str, ...]
    score: float
    fits: bool


@dataclass(frozen=True)
class QuantizationReport:
    """Before and after, with a readable ``repr`` and a table.

    Parameters
    ----------
    scheme, method : str
        As asked for.
    layers : tuple of QuantizedLayer
    before : QuantizedFigures
        The base, as it answers.
    in_float : QuantizedFigures
        The base's network in float32, in the engine of the quantized one.
    after : QuantizedFigures
    agreement : float
        Share of the samples for which the engine gives the answer of the simulated network: the
        same class, or a number within a thousandth of the answers' deviation.
    metric : str
        "accuracy" or "R2".
    scored_on : str
        "training data" or "validation data".
    fallbacks : tuple of str
        Sentences: what runs otherwise than was asked for, and why.
    trials : tuple of QuantizationTrial
        For `max_accuracy_drop`, in order.
    """

    scheme: str
    method: str
    layers: tuple[QuantizedLayer, ...]
    before: QuantizedFigures
    in_float: QuantizedFigures
    after: QuantizedFigures
    agreement: float
    metric: str
    scored_on: str
    fallbacks: tuple[str, ...] = field(default=())
    trials: tuple[QuantizationTrial, ...] = field(default=())

    def __repr__(self) -> str:
        return "\n".join(
            [self._title(), *self._totals(), "", *self._layer_lines(), *self.fallbacks]
        )

    def to_frame(self) -> pd.DataFrame:
        """Table with a row a layer, in the order of the network.

        Returns
        -------
        frame : pandas.DataFrame
            With the fields of :class:`QuantizedLayer` as columns, and the layer's name as index.
        """
        import pandas as pd

        columns = list(QuantizedLayer.__dataclass_fields__)
        rows = [asdict(layer) for layer in self.layers]
        return pd.DataFrame(rows, columns=columns).set_index("name")

    def to_plain(self) -> dict[str, Any]:
        """Dictionary of plain values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> QuantizationReport:
        """Take back what :meth:`to_plain` gave.

        Parameters
        ----------
        plain : dict
        """
        figures = {name: _figures(plain[name]) for name in ("before", "in_float", "after")}
        return cls(
            **{
                **plain,
                **figures,
                "layers": tuple(_layer(row) for row in plain["layers"]),
                "fallbacks": tuple(plain["fallbacks"]),
                "trials": tuple(
                    QuantizationTrial(**{**row, "in_float": tuple(row["in_float"])})
                    for row in plain["trials"]
                ),
            }
        )

    def _title(self) -> str:
        return (
            f"QuantizationReport: {self.scheme}, {self.method}, answered by {self.after.engine}; "
            f"{self.agreement:.2%} of the answers as simulated"
        )

    def _totals(self) -> list[str]:
        columns = (self.before, self.in_float, self.after)
        heads = ("before", f"float32, {self.in_float.engine}", "quantized")
        lines = [f"{'':<34}" + "".join(f"{head:>22}" for head in heads)]
        lines.append(_line("file, bytes", [part.size_bytes for part in columns]))
        for place, (batch, _) in enumerate(self.after.latencies_ms):
            times = [part.latencies_ms[place][1] for part in columns]
            lines.append(_line(f"latency of {batch:,}, ms", times, digits=3))
        score = f"{self.metric} on {self.scored_on}"
        return [*lines, _line(score, [part.score for part in columns], digits=4)]

    def _layer_lines(self) -> list[str]:
        head = ("layer", "weights", "scheme", "error", "weights from, to", "outputs from, to")
        rows = [head, *(_layer_row(layer) for layer in self.layers)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _line(name: str, values: list[Any], digits: int = 0) -> str:
    shown = ["unknown" if value is None else f"{value:,.{digits}f}" for value in values]
    return f"{name:<34}" + "".join(f"{value:>22}" for value in shown)


def _layer_row(layer: QuantizedLayer) -> tuple[str, str, str, str, str, str]:
    return (
        layer.name,
        f"{layer.n_weights:,}",
        layer.scheme,
        f"{layer.error:.2%}",
        _span(layer.weight_range),
        "float" if layer.output_range is None else _span(layer.output_range),
    )


def _span(span: Range) -> str:
    return f"{span[0]:.3g}, {span[1]:.3g}"


def _layer(row: Mapping[str, Any]) -> QuantizedLayer:
    span = row["output_range"]
    spans = {
        "weight_range": tuple(row["weight_range"]),
        "output_range": None if span is None else tuple(span),
    }
    return QuantizedLayer(**{**row, **spans})


def _figures(row: Mapping[str, Any]) -> QuantizedFigures:
    pairs = tuple((int(batch), float(ms)) for batch, ms in row["latencies_ms"])
    return QuantizedFigures(**{**row, "latencies_ms": pairs})
