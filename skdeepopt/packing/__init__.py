"""Networks trained to be short: the coded length of the weights as a part of the loss."""

from skdeepopt.packing._batch_norm import absorb_batch_norms, restore_batch_norms
from skdeepopt.packing._coded_weight import CodedWeight
from skdeepopt.packing._rate_training import RateTraining, coded_parameters

__all__ = [
    "CodedWeight",
    "RateTraining",
    "absorb_batch_norms",
    "coded_parameters",
    "restore_batch_norms",
]
