"""What a network learned, carried over to other data."""

from skdeepopt.transfer._batch_norm import KeptBatchNorm
from skdeepopt.transfer._depth import GradualUnfreezing, RatesByDepth, rates_by_depth, stages
from skdeepopt.transfer._frozen import Frozen
from skdeepopt.transfer._head import split_head
from skdeepopt.transfer._l2_sp import L2SP

__all__ = [
    "L2SP",
    "Frozen",
    "GradualUnfreezing",
    "KeptBatchNorm",
    "RatesByDepth",
    "rates_by_depth",
    "split_head",
    "stages",
]
