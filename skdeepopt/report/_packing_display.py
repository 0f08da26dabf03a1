"""A scikit-learn display of what packing costs and saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from skdeepopt.report._display import CompressionDisplay

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PackingDisplay"]


class PackingDisplay(CompressionDisplay):
    """Score against the bytes of the file, and what each layer takes of them.

    Made by :meth:`from_estimator` of a fitted PackedEstimator, or a search over ``target_bytes``,
    and by :meth:`from_estimators` of several that were packed from one network; the constructor
    takes the numbers.

    Parameters
    ----------
    size_bytes : sequence of float
        Of each network's file; positive.
    scores : sequence of (float or None)
        Of each network; None is unknown.
    targets : sequence of (int or None)
        Bytes that each network was packed for; None is the dense one.
    layer_bytes, layer_bits : mapping of str to mapping of str to float
        By network and layer, in the order of the network: bytes in the file, and bits for each
        weight of the dense layer.
    deviations : sequence of (float or None) or None, default=None
        Of each score, over estimators or splits.
    score_name : str, default="score"
        One that begins with "accuracy" is drawn in percent.
    size_name : str, default="model file"
        What `size_bytes` are of.
    chosen : int or None, default=None
        Place of the network that a search, or a budget, settled on.
    lowest_score : float or None, default=None
        Score that the budget asks for.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of 3 matplotlib Axes
        Of the scores, the layers' bytes and the layers' bits a weight.

    Raises
    ------
    ValueError
        No network, sequences of different lengths, sizes that are not positive, networks of
        different layers, or no such place as `chosen`.

    Examples
    --------
    >>> display = PackingDisplay(
    ...     size_bytes=[2_500, 100_000],
    ...     scores=[0.98, 0.99],
    ...     targets=[2_500, None],
    ...     layer_bytes={"2,500 bytes": {"features.0": 400, "head": 2_000}},
    ...     layer_bits={"2,500 bytes": {"features.0": 1.5, "head": 0.4}},
    ... ).plot()
    >>> [axes.get_xlabel() for axes in display.axes_[:2]]
    ['model file (KB)', 'bytes in the file']
    """

    def __init__(
        self,
        *,
        size_bytes: Sequence[float],
        scores: Sequence[float | None],
        targets: Sequence[int | None],
        layer_bytes: Mapping[str, Mapping[str, float]],
        layer_bits: Mapping[str, Mapping[str, float]],
        deviations: Sequence[float | None] | None = None,
        score_name: str = "score",
        size_name: str = "model file",
        chosen: int | None = None,
        lowest_score: float | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self.scores = scores
        self.targets = targets
        self.layer_bytes = layer_bytes
        self.layer_bits = layer_bits
        self.deviations = [None] * len(size_bytes) if deviations is None else deviations
        self.score_name = score_name
        self.size_name = size_name
        self.chosen = chosen
        self.lowest_score = lowest_score
        self._check()

    @staticmethod
    def _points_of(estimators: Sequence[Any], owner: str) -> dict[str, Any]:
        from skdeepopt.report._packing_points import points_of

        return points_of(estimators, owner=owner)

    @staticmethod
    def _points_of_search(search: Any, owner: str) -> dict[str, Any]:
        from skdeepopt.report._packing_points import points_of_search

        return points_of_search(search, owner=owner)

    def _room(self) -> dict[str, Any]:
        from skdeepopt.report._packing_panels import MOSAIC

        n_layers = max((len(layers) for layers in self.layer_bytes.values()), default=0)
        return {
            "n_layers": 2 * n_layers,
            "names": "the scores, the layers' bytes and the layers' bits",
            "mosaic": MOSAIC,
        }

    def _draw(self, panels: np.ndarray) -> None:
        from skdeepopt.report._packing_panels import draw_layer_bits, draw_layer_bytes, draw_scores

        draw_scores(panels[0], self)
        draw_layer_bytes(panels[1], self)
        draw_layer_bits(panels[2], self)

    def _check(self) -> None:
        owner = type(self).__name__
        lengths = [len(column) for column in (self.scores, self.targets, self.deviations)]
        if set(lengths) != {len(self.size_bytes)} or not len(self.size_bytes):
            raise ValueError(
                f"{owner} takes a score, a target and a deviation for each size of one or more "
                f"networks, not {', '.join(map(str, lengths))} for {len(self.size_bytes)}."
            )
        for size in self.size_bytes:
            if not (math.isfinite(size) and size > 0):
                raise ValueError(f"{owner}.size_bytes are positive numbers, not {size!r}.")
        for name in ("layer_bytes", "layer_bits"):
            if len({tuple(sorted(layers)) for layers in getattr(self, name).values()}) > 1:
                raise ValueError(f"{owner}.{name} hold the same layers for each network.")
        if self.chosen is not None and not 0 <= self.chosen < len(self.size_bytes):
            raise ValueError(
                f"{owner}.chosen is a place from 0 to {len(self.size_bytes) - 1}, not "
                f"{self.chosen!r}. Did you mean the place of the network, not its bytes?"
            )
