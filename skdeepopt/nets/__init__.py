"""The built-in networks. All of them emit logits."""

from skdeepopt.nets._blocks import Standardize
from skdeepopt.nets._compact import CompactCNN
from skdeepopt.nets._lenet import LeNet5, LeNet300
from skdeepopt.nets._match import MatchInput
from skdeepopt.nets._mlp import MLP
from skdeepopt.nets._registry import ARCHITECTURES, build_network
from skdeepopt.nets._residual import ResidualBlock, ResidualCNN
from skdeepopt.nets._transferred import TransferNetwork

__all__ = [
    "ARCHITECTURES",
    "MLP",
    "CompactCNN",
    "LeNet5",
    "LeNet300",
    "MatchInput",
    "ResidualBlock",
    "ResidualCNN",
    "Standardize",
    "TransferNetwork",
    "build_network",
]
