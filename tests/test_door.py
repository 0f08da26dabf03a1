from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import skdeepopt

ROOT = Path(__file__).parents[1]

PUBLIC = {
    "AutoOptimizer", "BayesSearchCV", "CNNClassifier", "CNNRegressor", "DistilledEstimator",
    "HyperbandSearchCV", "ImageAugmenter", "ImageScaler", "NeuralClassifier", "NeuralRegressor",
    "PackedEstimator", "PackingDisplay", "ParetoDisplay", "PrunedEstimator", "PruningDisplay",
    "QuantizationDisplay", "QuantizedEstimator", "TransferDisplay", "TransferEstimator", "export",
    "fastest_within", "load", "measure", "save", "search_space", "smallest_within",
}  # fmt: skip

IMPORTING = """
import json, sys, time
start = time.perf_counter()
import skdeepopt
seconds = time.perf_counter() - start
names = {"torch", "sklearn", "skorch", "matplotlib", "onnx", "onnxruntime", "numpy"}
heavy = sorted(names & set(sys.modules))
json.dump([seconds, heavy], sys.stdout)
"""


def fresh(script):
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


def test_importing_the_package_is_cheap_and_imports_nothing_heavy():
    seconds, heavy = fresh(IMPORTING)

    assert heavy == []
    assert seconds < 0.3


@pytest.mark.parametrize("name", skdeepopt.__all__)
def test_every_public_name_resolves(name):
    assert getattr(skdeepopt, name) is not None


def test_the_public_names_are_those_of_the_design():
    assert set(skdeepopt.__all__) - {"__version__"} >= PUBLIC


def test_dir_lists_the_public_names_and_rooms():
    assert {*skdeepopt.__all__, "datasets", "nets", "pruning", "quantization"} <= set(
        dir(skdeepopt)
    )


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'CNNClasifier'"):
        _ = skdeepopt.CNNClasifier


def test_a_name_is_the_same_object_each_time():
    assert skdeepopt.CNNClassifier is skdeepopt.CNNClassifier


@pytest.mark.parametrize("room", ["datasets", "nets", "pruning"])
def test_the_rooms_of_the_door_are_there_without_an_import(room):
    names = fresh(f"import json, sys, skdeepopt; json.dump(skdeepopt.{room}.__all__, sys.stdout)")

    assert len(names) > 3
