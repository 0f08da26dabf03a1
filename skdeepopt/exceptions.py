"""Errors that a caller may want to catch apart from the standard ones."""

__all__ = ["DatasetError", "ModelFileError", "TrainingDivergedError"]


class ModelFileError(ValueError):
    """A model file that is truncated, altered, hostile, too new, or no model file at all."""


class DatasetError(ValueError):
    """A data folder or file that is missing, or does not hold what it should."""


class TrainingDivergedError(FloatingPointError):
    """The training loss stopped being finite; the fit ended before the weights were lost."""
