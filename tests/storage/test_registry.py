import importlib

import pytest
from sklearn.feature_selection import f_classif
from sklearn.preprocessing import StandardScaler
from torch import nn

from skdeepopt.exceptions import ModelFileError
from skdeepopt.nets import MLP
from skdeepopt.storage._registry import (
    ESTIMATORS,
    REFERENCES,
    estimator_name,
    reference_name,
    resolve_estimator,
    resolve_reference,
)

SKLEARN = [
    f"{module}.{name}"
    for module, names in ESTIMATORS.items()
    if module.startswith("sklearn.")
    for name in names
]


@pytest.mark.parametrize("name", SKLEARN)
def test_a_class_has_the_name_it_is_found_by(name):
    assert estimator_name(resolve_estimator(name)) == name


@pytest.mark.parametrize("value", [MLP, nn.ReLU, f_classif])
def test_a_reference_has_the_name_it_is_found_by(value):
    assert resolve_reference(reference_name(value)) is value


@pytest.mark.parametrize("module", [name for name, items in REFERENCES.items() if items])
def test_every_reference_of_the_table_exists(module):
    assert all(hasattr(importlib.import_module(module), name) for name in REFERENCES[module])


def test_a_class_that_only_has_the_name_of_a_known_one_is_unknown():
    impostor = type("StandardScaler", (StandardScaler,), {"__module__": "sklearn.preprocessing"})

    assert estimator_name(impostor) is None


@pytest.mark.parametrize("name", ["os.system", "sklearn.svm.SVC", "StandardScaler", "", None, 3])
def test_a_name_outside_the_table_is_not_imported(name):
    with pytest.raises(ModelFileError, match="do not know"):
        resolve_estimator(name)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "torch.nn.Linear",
        "skdeepopt.nets.os",
        "skdeepopt.nets._mlp.MLP",
        None,
        "skdeepopt.nets.ARCHITECTURES",
    ],
)
def test_a_reference_outside_the_table_is_not_imported(name):
    with pytest.raises(ModelFileError, match="refers to"):
        resolve_reference(name)


def test_a_near_name_is_suggested():
    with pytest.raises(
        ModelFileError, match=r"Did you mean 'sklearn.preprocessing.StandardScaler'"
    ):
        resolve_estimator("sklearn.preprocessing.StandardScalar")


def test_a_name_the_installed_library_lacks_is_told(monkeypatch):
    monkeypatch.setitem(ESTIMATORS, "sklearn.preprocessing", ("FutureScaler",))

    with pytest.raises(ModelFileError, match="the installed sklearn does not have"):
        resolve_estimator("sklearn.preprocessing.FutureScaler")
