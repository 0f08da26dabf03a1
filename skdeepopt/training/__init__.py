"""Training torch modules through skorch: the one room that builds skorch nets."""

from skdeepopt.training._batches import Batches, TensorData
from skdeepopt.training._criteria import ClassificationLoss, RegressionLoss
from skdeepopt.training._device import PRECISIONS, resolve_device, training_dtype
from skdeepopt.training._early_stopping import EarlyStop
from skdeepopt.training._net import TensorNet
from skdeepopt.training._optimizers import OPTIMIZERS, optimizer_arguments
from skdeepopt.training._progress import progress_callback
from skdeepopt.training._schedule import SCHEDULES, rate_factor
from skdeepopt.training._threads import fair_threads

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "SCHEDULES",
    "Batches",
    "ClassificationLoss",
    "EarlyStop",
    "RegressionLoss",
    "TensorData",
    "TensorNet",
    "fair_threads",
    "optimizer_arguments",
    "progress_callback",
    "rate_factor",
    "resolve_device",
    "training_dtype",
]
