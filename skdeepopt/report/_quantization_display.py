"""A scikit-learn display of what quantization costs and saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skdeepopt.quantization._scheme import resolve_scheme
from skdeepopt.report._display import CompressionDisplay

if TYPE_CHECKING:
    import numpy as np

__all__ = ["QuantizationDisplay"]


class QuantizationDisplay(CompressionDisplay):
    """Score and file size against bits, and the error that rounding leaves in each layer.

    Made by :meth:`from_estimator` of a fitted QuantizedEstimator, or a search over ``scheme``,
    and over ``method`` too, and by :meth:`from_estimators` of several that were quantized from one
    network; the constructor takes the numbers. A search has the bits of each scheme, and the bits,
    file size and layers of its ``best_estimator_``.

    Parameters
    ----------
    bits : sequence of float
        Of a weight, on average over the weights of a network; positive, ascending.
    schemes : sequence of str
        Of each network, such as "int8"; "float32" is the dense network.
    scores, size_bytes : sequence of (float or None)
        Of each network; None is unknown.
    errors : mapping of str to mapping of str to float
        By network and layer, in the order of the network: root of the squared error of the
        weights, as a share of the weights' own.
    layer_schemes : mapping of str to str or None, default=None
        By layer; written beside its name where `errors` holds one network.
    methods : sequence of str or None, default=None
        Of each network, such as "static". Where they differ, each has curves of its own.
    deviations : sequence of (float or None) or None, default=None
        Of each score, over estimators or splits.
    score_name : str, default="score"
        One that begins with "accuracy" is drawn in percent.
    chosen : int or None, default=None
        Place in `bits` of the network that a search, or a budget, settled on.
    lowest_score : float or None, default=None
        Score that the budget asks for.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of 3 matplotlib Axes
        Of the scores, the sizes and the layers.

    Raises
    ------
    ValueError
        No network, sequences of different lengths, bits that are not positive, an unknown scheme,
        networks of different layers, or no such place as `chosen`.

    Examples
    --------
    >>> display = QuantizationDisplay(
    ...     bits=[4, 8, 32],
    ...     schemes=["int4", "int8", "float32"],
    ...     scores=[0.97, 0.99, 0.99],
    ...     size_bytes=[13_000, 26_000, 100_000],
    ...     errors={"int4": {"features.0": 0.09, "head": 0.1}},
    ... ).plot()
    >>> [axes.get_ylabel() for axes in display.axes_[:2]]
    ['score', 'model file (KB)']
    """

    def __init__(
        self,
        *,
        bits: Sequence[float],
        schemes: Sequence[str],
        scores: Sequence[float | None],
        size_bytes: Sequence[float | None],
        errors: Mapping[str, Mapping[str, float]],
        layer_schemes: Mapping[str, str] | None = None,
        methods: Sequence[str] | None = None,
        deviations: Sequence[float | None] | None = None,
        score_name: str = "score",
        chosen: int | None = None,
        lowest_score: float | None = None,
    ) -> None:
        self.bits = bits
        self.schemes = list(schemes)
        self.scores = scores
        self.size_bytes = size_bytes
        self.errors = errors
        self.layer_schemes = layer_schemes
        self.methods = [""] * len(bits) if methods is None else methods
        self.deviations = [None] * len(bits) if deviations is None else deviations
        self.score_name = score_name
        self.chosen = chosen
        self.lowest_score = lowest_score
        self._check()

    @staticmethod
    def _points_of(estimators: Sequence[Any], owner: str) -> dict[str, Any]:
        from skdeepopt.report._quantization_points import points_of

        return points_of(estimators, owner=owner)

    @staticmethod
    def _points_of_search(search: Any, owner: str) -> dict[str, Any]:
        from skdeepopt.report._quantization_points import points_of_search

        return points_of_search(search, owner=owner)

    def _room(self) -> dict[str, Any]:
        n_layers = max((len(layers) for layers in self.errors.values()), default=0)
        return {"n_layers": n_layers}

    def _draw(self, panels: np.ndarray) -> None:
        from skdeepopt.report._quantization_panels import draw_layers, draw_scores, draw_sizes

        draw_scores(panels[0], self)
        draw_sizes(panels[1], self)
        draw_layers(panels[2], self)

    def _check(self) -> None:
        owner = type(self).__name__
        columns = (self.schemes, self.scores, self.size_bytes, self.methods, self.deviations)
        lengths = [len(column) for column in columns]
        if set(lengths) != {len(self.bits)} or not len(self.bits):
            raise ValueError(
                f"{owner} takes a scheme, a score, a size, a method and a deviation for each of "
                f"one or more networks, not {', '.join(map(str, lengths))} for {len(self.bits)}."
            )
        for bits in self.bits:
            if not (math.isfinite(bits) and bits > 0):
                raise ValueError(f"{owner}.bits are positive numbers, not {bits!r}.")
        for scheme in self.schemes:
            resolve_scheme(scheme, owner=f"{owner}.schemes")
        if len({tuple(sorted(layers)) for layers in self.errors.values()}) > 1:
            raise ValueError(f"{owner}.errors hold the same layers for each network.")
        if self.chosen is not None and not 0 <= self.chosen < len(self.bits):
            raise ValueError(
                f"{owner}.chosen is a place from 0 to {len(self.bits) - 1}, not {self.chosen!r}. "
                "Did you mean the place of the network, not its bits?"
            )
