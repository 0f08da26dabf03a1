"""What every chart of the package looks like: colours, markers, axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "MARKERS", "logarithmic_axis", "open_axes", "percent_axis"]

# Okabe & Ito (2008), "Color Universal Design": told apart with any colour vision. Black is the
# baseline's, yellow is left out because it is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "h")


def open_axes(axes: Axes) -> None:
    """Pale grid behind the data, and no frame above or to the right."""
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def percent_axis(axes: Axes) -> None:
    """Room above and below the percentages on the vertical axis, and no label above 100."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.margins(y=0.2)
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:.4g}" if value < 100.001 else "")
    )


def logarithmic_axis(axes: Axes) -> None:
    """Horizontal axis of ratios, with numbers in plain digits."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    low, high = axes.get_xlim()
    # Small differences must not look large: the axis spans at least a factor of four.
    stretch = max(1.15, 2 / (high / low) ** 0.5)
    axes.set_xlim(low / stretch, high * stretch)
    steps = (1, 1.5, 2, 3, 5, 7) if high / low < 5 else (1, 2, 5) if high / low < 100 else (1,)
    axes.xaxis.set_major_locator(LogLocator(subs=steps))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
