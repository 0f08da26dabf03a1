from __future__ import annotations

import json
import platform
from pathlib import Path

import torch

from skdeepopt.measurement._machine import describe_machine, package_versions


def test_the_machine_is_described_in_plain_values():
    facts = describe_machine()

    assert json.loads(json.dumps(facts)) == facts
    assert facts["cpu"]
    assert facts["physical_cores"] >= 1
    assert facts["torch_threads"] == torch.get_num_threads()


def test_neither_the_machine_nor_its_owner_is_named():
    text = json.dumps(describe_machine()).split('"')

    assert platform.node() not in text
    assert str(Path.home()) not in text


def test_versions_of_what_a_figure_depends_on_are_known():
    versions = package_versions()

    assert {"python", "numpy", "torch", "scikit-learn", "skorch"} <= set(versions)
    assert versions["torch"] == torch.__version__
