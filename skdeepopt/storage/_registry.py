"""The classes and functions that a model file may name, by their public names.

A file never says what to import: it gives a name, and the name is looked up here. Rooms that offer
a new estimator add its name to ``ESTIMATORS``. Names are text, resolved on use, because storage
stands below the rooms that own the classes.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from skdeepopt._validation import did_you_mean
from skdeepopt.exceptions import ModelFileError

__all__ = [
    "ESTIMATORS",
    "REFERENCES",
    "estimator_name",
    "reference_name",
    "resolve_estimator",
    "resolve_reference",
]

ESTIMATORS: Final[dict[str, tuple[str, ...]]] = {
    "skdeepopt": (
        "CNNClassifier",
        "CNNRegressor",
        "DistilledEstimator",
        "ImageAugmenter",
        "ImageScaler",
        "NeuralClassifier",
        "NeuralRegressor",
        "PackedEstimator",
        "PrunedEstimator",
        "QuantizedEstimator",
        "TransferEstimator",
    ),
    "sklearn.compose": ("ColumnTransformer", "TransformedTargetRegressor"),
    "sklearn.decomposition": (
        "FactorAnalysis",
        "FastICA",
        "IncrementalPCA",
        "NMF",
        "PCA",
        "TruncatedSVD",
    ),
    "sklearn.feature_selection": (
        "GenericUnivariateSelect",
        "SelectKBest",
        "SelectPercentile",
        "VarianceThreshold",
    ),
    "sklearn.frozen": ("FrozenEstimator",),
    "sklearn.impute": ("KNNImputer", "MissingIndicator", "SimpleImputer"),
    "sklearn.kernel_approximation": ("Nystroem", "RBFSampler"),
    "sklearn.linear_model": ("LinearRegression", "LogisticRegression", "Ridge"),
    "sklearn.pipeline": ("FeatureUnion", "Pipeline"),
    "sklearn.preprocessing": (
        "Binarizer",
        "FunctionTransformer",
        "KBinsDiscretizer",
        "LabelBinarizer",
        "LabelEncoder",
        "MaxAbsScaler",
        "MinMaxScaler",
        "MultiLabelBinarizer",
        "Normalizer",
        "OneHotEncoder",
        "OrdinalEncoder",
        "PolynomialFeatures",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "StandardScaler",
        "TargetEncoder",
    ),
    "sklearn.random_projection": ("GaussianRandomProjection",),
}
"""Estimators that a file may hold: public module, then names."""

REFERENCES: Final[dict[str, tuple[str, ...] | None]] = {
    "skdeepopt.nets": None,
    "sklearn.feature_selection": (
        "chi2",
        "f_classif",
        "f_regression",
        "mutual_info_classif",
        "mutual_info_regression",
        "r_regression",
    ),
    "torch.nn": (
        "ELU",
        "GELU",
        "Hardswish",
        "Identity",
        "LeakyReLU",
        "Mish",
        "ReLU",
        "ReLU6",
        "SELU",
        "SiLU",
        "Sigmoid",
        "Softplus",
        "Tanh",
    ),
}
"""Classes and functions that a parameter may be; None stands for all that the module offers."""


def estimator_name(cls: type) -> str | None:
    """Public name of an estimator class, None for a class that files do not hold."""
    return _public_name(cls, ESTIMATORS)


def reference_name(value: Any) -> str | None:
    """Public name of a class or function, None where the file's reader has to supply it."""
    return _public_name(value, REFERENCES)


def resolve_estimator(name: Any) -> type:
    """Class that stands in ``ESTIMATORS`` under a public name.

    Raises
    ------
    ModelFileError
        The name is not in the table, or the installed library has no such class.
    """
    module, _, item = name.rpartition(".") if isinstance(name, str) else ("", "", "")
    if item not in ESTIMATORS.get(module, ()):
        known = [f"{room}.{offered}" for room, names in ESTIMATORS.items() for offered in names]
        raise ModelFileError(
            f"holds an estimator {_short(name)}, which model files do not know."
            f"{did_you_mean(_short(name), known)} A newer skdeepopt may know it"
        )
    found: type = _import(name)
    return found


def resolve_reference(name: Any) -> Any:
    """Class or function that stands in ``REFERENCES`` under a public name.

    Raises
    ------
    ModelFileError
        The name is not in the table, or the installed library has no such name.
    """
    module, _, item = str(name).rpartition(".")
    if not isinstance(name, str) or module not in REFERENCES:
        raise ModelFileError(f"refers to {_short(name)}, which model files do not know")
    if item not in _offered(module, REFERENCES[module]):
        raise ModelFileError(f"refers to {_short(name)}, which {module} does not offer")
    found = _import(name)
    if not callable(found):
        raise ModelFileError(f"refers to {_short(name)}, which is no class or function")
    return found


def _public_name(value: Any, table: dict[str, Any]) -> str | None:
    """Name under which the table leads to this very object."""
    item = getattr(value, "__name__", "")
    package = str(getattr(value, "__module__", "")).partition(".")[0]
    for module, items in table.items():
        if module.partition(".")[0] == package and item in _offered(module, items):
            name = f"{module}.{item}"
            if _lookup(name) is value:
                return name
    return None


def _offered(module: str, items: tuple[str, ...] | None) -> tuple[str, ...]:
    if items is not None:
        return items
    try:
        return tuple(importlib.import_module(module).__all__)
    except ImportError:
        return ()


def _lookup(name: str) -> Any:
    module, _, item = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), item, None)
    except ImportError:
        return None


def _import(name: str) -> Any:
    found = _lookup(name)
    if found is None:
        raise ModelFileError(
            f"holds a {name}, which the installed {name.partition('.')[0]} does not have. "
            "Install the versions that read_header shows"
        )
    return found


def _short(name: object) -> str:
    return repr(name)[:120]
