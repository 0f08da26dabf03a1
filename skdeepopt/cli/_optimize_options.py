"""What ``optimize`` is told on the command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence

from skdeepopt._validation import did_you_mean
from skdeepopt.cli._command import add_data, add_out

__all__ = ["OBJECTIVES", "add_arguments", "listed_techniques"]

# As in the search and in the nets, whose modules import torch; a test holds them together.
OBJECTIVES = ("bytes", "latency", "train_time")
TECHNIQUES = ("tuning", "transfer", "distillation", "pruning", "quantization", "packing")
ARCHITECTURES = ("compact", "lenet5", "lenet300", "mlp", "residual")

LARGEST_SEED = 2**32 - 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of the command."""
    add_data(parser)
    parser.add_argument(
        "--max-accuracy-drop",
        type=_ratio,
        default=0.005,
        metavar="RATIO",
        help="accuracy that may be lost against the baseline; 0.005 is half a point "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--objective",
        type=_one_of(OBJECTIVES),
        default="bytes",
        metavar="|".join(OBJECTIVES),
        help="what is to be small (default: %(default)s)",
    )
    parser.add_argument(
        "--time-budget",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="time for the search, which has a model at its end, however short it is; then the "
        "baseline is trained for the comparison "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--techniques",
        type=listed_techniques,
        default="all",
        metavar="all|NAME,NAME",
        help=f"those that may be used, of {', '.join(TECHNIQUES)} (default: %(default)s)",
    )
    parser.add_argument(
        "--baseline",
        type=_one_of(ARCHITECTURES),
        default="compact",
        metavar="|".join(ARCHITECTURES),
        help="network that is made better (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=_seed, default=0, metavar="N", help="random seed (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=_jobs,
        metavar="N",
        help="candidates trained at the same time, -1 for one on each core (default: 1)",
    )
    add_out(parser, "skdeepopt-optimize")


def listed_techniques(text: str) -> str | list[str]:
    """``"all"``, or the names between commas, each known and named once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return "all"
    allowed = f"all, or some of {', '.join(TECHNIQUES)} with commas between them"
    if not names:
        raise argparse.ArgumentTypeError(f"{allowed}, not {text!r}")
    for name in names:
        if name not in TECHNIQUES:
            slip = did_you_mean(name, TECHNIQUES)
            raise argparse.ArgumentTypeError(f"{allowed}, not {name!r}.{slip}")
    return [name for name in TECHNIQUES if name in names]


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def chosen(text: str) -> str:
        if text not in choices:
            slip = did_you_mean(text, choices)
            raise argparse.ArgumentTypeError(f"one of {', '.join(choices)}, not {text!r}.{slip}")
        return text

    return chosen


def _ratio(text: str) -> float:
    value = _number(text)
    if not 0 <= value < 1:
        slip = f" Did you mean {value / 100:g}?" if 1 <= value < 100 else ""
        raise argparse.ArgumentTypeError(f"a ratio in [0, 1), not {text!r}.{slip}")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not (value > 0 and math.isfinite(value)):
        raise argparse.ArgumentTypeError(f"a finite number of seconds above 0, not {text!r}")
    return value


def _seed(text: str) -> int:
    value = _number(text)
    if not (0 <= value <= LARGEST_SEED and value == int(value)):
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {LARGEST_SEED}, not {text!r}")
    return int(value)


def _jobs(text: str) -> int:
    value = _number(text)
    if not math.isfinite(value) or value == 0 or value != int(value):
        raise argparse.ArgumentTypeError(f"a whole number other than 0, not {text!r}")
    return int(value)


def _number(text: str) -> float:
    """The number, or NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return math.nan
