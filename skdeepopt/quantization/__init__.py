"""Quantization as functions on torch modules: number grids, calibration, training with rounding."""
