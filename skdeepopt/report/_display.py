"""What displays of compressions have in common: whom they are made from, and that they draw."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

__all__ = ["CompressionDisplay"]


class CompressionDisplay(ABC):
    """Three panels about compressed estimators of one kind, which the class of a display names.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of 3 matplotlib Axes
    """

    figure_: Figure
    axes_: np.ndarray

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw one fitted estimator, or a search.

        Parameters
        ----------
        estimator : estimator, pipeline that ends in one, or search over its parameter; fitted
            As the class says. One estimator shows the dense network, the compressed one, and
            what was tried for ``max_accuracy_drop``. A search shows the validation score of its
            best candidate at each value, and the layers of its ``best_estimator_``.
        ax : sequence of 3 matplotlib Axes or None, default=None
            For the panels in the order of ``axes_``; None makes a figure.

        Returns
        -------
        display : the class

        Raises
        ------
        NotFittedError, TypeError, ValueError
            `estimator` is not fitted, or something else.
        """
        owner = f"{cls.__name__}.from_estimator"
        if hasattr(estimator, "cv_results_"):
            return cls(**cls._points_of_search(estimator, owner)).plot(ax=ax)
        return cls(**cls._points_of([estimator], owner)).plot(ax=ax)

    @classmethod
    def from_estimators(cls, estimators: Sequence[Any], *, ax: Any = None) -> Self:
        """Draw several fitted estimators, compressed from one network to various degrees.

        Parameters
        ----------
        estimators : sequence of estimator or pipeline
            At least one. Of several that ask for the same, the mean is shown.
        ax : sequence of 3 matplotlib Axes or None, default=None
            As in :meth:`from_estimator`.

        Returns
        -------
        display : the class

        Raises
        ------
        NotFittedError, TypeError, ValueError
            One is not fitted, or something else; or they do not compare, as in score or layers.
        """
        return cls(**cls._points_of(estimators, f"{cls.__name__}.from_estimators")).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : sequence of 3 matplotlib Axes or None, default=None
            For the panels in the order of ``axes_``; None makes a figure.

        Returns
        -------
        self : the class

        Raises
        ------
        ImportError
            matplotlib is not installed.
        ValueError
            `ax` is something else.
        """
        from skdeepopt.report._panels import three_axes

        panels = three_axes(ax, owner=type(self).__name__, **self._room())
        self._draw(panels)
        self.axes_ = panels
        self.figure_ = panels[0].figure
        return self

    @staticmethod
    @abstractmethod
    def _points_of(estimators: Sequence[Any], owner: str) -> dict[str, Any]:
        """Arguments of a display of fitted estimators."""

    @staticmethod
    @abstractmethod
    def _points_of_search(search: Any, owner: str) -> dict[str, Any]:
        """Arguments of a display of a fitted search."""

    @abstractmethod
    def _room(self) -> dict[str, Any]:
        """What `three_axes` needs to know of the panels."""

    @abstractmethod
    def _draw(self, panels: np.ndarray) -> None:
        """Draw on three axes."""
