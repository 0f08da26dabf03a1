"""scikit-learn's own checks of every public estimator, and this package's laws.

``check_estimator`` runs on each estimator with its default parameters, with the array-API checks
on (``SCIPY_ARRAY_API=1``), with no failure expected or forgiven. ``ImageAugmenter`` is left out: it
is a parameter object without ``fit``, which these checks are not made for. The laws are
``tests/test_estimator_laws.py`` in a process of its own, slow ones included, without its repeat
of scikit-learn's checks.

    python benchmarks/conformance.py
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path
from typing import Any

# scipy and scikit-learn read it when they are imported.
os.environ["SCIPY_ARRAY_API"] = "1"

import sklearn
from _record import ROOT, write_record
from sklearn.utils.estimator_checks import check_estimator

import skdeepopt

ESTIMATORS = {
    "CNNClassifier": skdeepopt.CNNClassifier(),
    "CNNRegressor": skdeepopt.CNNRegressor(),
    "ImageScaler": skdeepopt.ImageScaler(),
    "NeuralClassifier": skdeepopt.NeuralClassifier(),
    "NeuralRegressor": skdeepopt.NeuralRegressor(),
    "PackedEstimator(CNNClassifier())": skdeepopt.PackedEstimator(skdeepopt.CNNClassifier()),
    "PackedEstimator(CNNRegressor())": skdeepopt.PackedEstimator(skdeepopt.CNNRegressor()),
    "PrunedEstimator(CNNClassifier())": skdeepopt.PrunedEstimator(skdeepopt.CNNClassifier()),
    "PrunedEstimator(CNNRegressor())": skdeepopt.PrunedEstimator(skdeepopt.CNNRegressor()),
    "QuantizedEstimator(CNNClassifier())": skdeepopt.QuantizedEstimator(skdeepopt.CNNClassifier()),
    "QuantizedEstimator(CNNRegressor())": skdeepopt.QuantizedEstimator(skdeepopt.CNNRegressor()),
    "QuantizedEstimator(CNNClassifier(), training)": skdeepopt.QuantizedEstimator(
        skdeepopt.CNNClassifier(), scheme="int4", method="training", finetune_epochs=1
    ),
}
LAWS = "tests/test_estimator_laws.py"


def checked(name: str) -> dict[str, Any]:
    """Counts of one estimator's checks, its failures and skips by name, and the seconds taken."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checks = check_estimator(ESTIMATORS[name], on_fail=None, on_skip=None)
    counts = Counter(check["status"] for check in checks)
    result = {
        "passed": counts["passed"],
        "failed": counts["failed"],
        "skipped": counts["skipped"],
        "expected_failures": counts["xfail"],
        "array_api_checks": sum("array_api" in check["check_name"] for check in checks),
        "not_passed": [
            f"{check['check_name']}: {check['status']}: {str(check['exception'])[:200]}"
            for check in checks
            if check["status"] != "passed"
        ],
        "seconds": time.perf_counter() - start,
    }
    print(name, result, flush=True)
    return result


def laws() -> dict[str, Any]:
    """Counts of the laws' tests, as pytest reports them."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "laws.xml"
        command = [sys.executable, "-m", "pytest", LAWS, "-q", "-m", "slow or not slow"]
        command += ["-k", "not scikit_learns_own_checks", f"--junitxml={report}"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if not report.exists():
            raise RuntimeError(f"pytest wrote no report of {LAWS}: {done.stdout[-2000:]}")
        suite = ElementTree.parse(report).getroot().find("testsuite")
    counts = {key: int(suite.get(key)) for key in ("tests", "failures", "errors", "skipped")}
    kinds = [skip.get("type") for skip in suite.iter("skipped")]
    expected = kinds.count("pytest.xfail")
    result = {
        "passed": counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"],
        "failed": counts["failures"] + counts["errors"],
        "skipped": counts["skipped"] - expected,
        "expected_failures": expected,
        "not_passed": [case.get("name") for case in suite.iter("testcase") if len(case)],
        "seconds": float(suite.get("time")),
    }
    print("laws", result, flush=True)
    return result


def main() -> None:
    """Check every estimator and the laws, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one estimator, no laws, no record")
    if parser.parse_args().quick:
        checked("ImageScaler")
        return
    results = {"estimators": {name: checked(name) for name in ESTIMATORS}, "laws": laws()}
    config = {
        "sklearn": sklearn.__version__,
        "SCIPY_ARRAY_API": os.environ["SCIPY_ARRAY_API"],
        "laws": LAWS,
        "left_out": {"ImageAugmenter": "a parameter object without fit"},
    }
    print(write_record("conformance", config, results).name)
    bad = sum(
        counts["failed"] + counts["expected_failures"]
        for counts in [*results["estimators"].values(), results["laws"]]
    )
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
