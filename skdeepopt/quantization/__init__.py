"""Quantization as functions on torch modules: number grids, calibration, training with rounding."""

from skdeepopt.quantization._activations import ActivationQuantizer
from skdeepopt.quantization._adaptation import adapt_to_data
from skdeepopt.quantization._bias_correction import correct_biases
from skdeepopt.quantization._calibration import calibrate
from skdeepopt.quantization._equalization import equalize
from skdeepopt.quantization._learned import (
    Binary,
    Codebook,
    LearnedStep,
    Ternary,
    bake_weight_quantizers,
    set_weight_quantizers,
)
from skdeepopt.quantization._network import Quantization, round_weights
from skdeepopt.quantization._observers import CALIBRATIONS
from skdeepopt.quantization._placement import place_quantizers
from skdeepopt.quantization._report import (
    QuantizationReport,
    QuantizationTrial,
    QuantizedFigures,
    QuantizedLayer,
)
from skdeepopt.quantization._rounding import adaptive_rounding
from skdeepopt.quantization._scheme import SCHEMES, Scheme, resolve_scheme
from skdeepopt.quantization._sensitivity import layer_sensitivities, mixed_schemes
from skdeepopt.quantization._tensor import QuantizedTensor
from skdeepopt.quantization._training import QuantizedTraining
from skdeepopt.quantization._weights import quantize_weight

__all__ = [
    "CALIBRATIONS",
    "SCHEMES",
    "ActivationQuantizer",
    "Binary",
    "Codebook",
    "LearnedStep",
    "Quantization",
    "QuantizationReport",
    "QuantizationTrial",
    "QuantizedFigures",
    "QuantizedLayer",
    "QuantizedTensor",
    "QuantizedTraining",
    "Scheme",
    "Ternary",
    "adapt_to_data",
    "adaptive_rounding",
    "bake_weight_quantizers",
    "calibrate",
    "correct_biases",
    "equalize",
    "layer_sensitivities",
    "mixed_schemes",
    "place_quantizers",
    "quantize_weight",
    "resolve_scheme",
    "round_weights",
    "set_weight_quantizers",
]
