"""Pruning as functions on torch modules: what to remove, how to rank it, and when."""

from skdeepopt.pruning._channels import ChannelCut
from skdeepopt.pruning._criteria import CRITERIA, Criterion, resolve_criterion
from skdeepopt.pruning._cut import Cut, Gradual, KeptLayer, OneShot, cubic_ratio
from skdeepopt.pruning._granularity import cut_for
from skdeepopt.pruning._graph import ChannelGraph
from skdeepopt.pruning._masks import Mask, bake_masks, hold_zeros, masks_of, set_masks
from skdeepopt.pruning._removal import remove_channels, remove_dead_channels
from skdeepopt.pruning._report import NetworkFigures, PrunedLayer, PruningReport, PruningTrial
from skdeepopt.pruning._residual import BlockCut
from skdeepopt.pruning._rewinding import EarlyWeights, Rewound, rewinding_ratios
from skdeepopt.pruning._rigl import RigL
from skdeepopt.pruning._shapes import resize_to
from skdeepopt.pruning._variational import VariationalDropout
from skdeepopt.pruning._weights import WeightCut

__all__ = [
    "CRITERIA",
    "BlockCut",
    "ChannelCut",
    "ChannelGraph",
    "Criterion",
    "Cut",
    "EarlyWeights",
    "Gradual",
    "KeptLayer",
    "Mask",
    "NetworkFigures",
    "OneShot",
    "PrunedLayer",
    "PruningReport",
    "PruningTrial",
    "Rewound",
    "RigL",
    "VariationalDropout",
    "WeightCut",
    "bake_masks",
    "cubic_ratio",
    "cut_for",
    "hold_zeros",
    "masks_of",
    "remove_channels",
    "remove_dead_channels",
    "resize_to",
    "resolve_criterion",
    "rewinding_ratios",
    "set_masks",
]
