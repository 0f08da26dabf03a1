from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest

import skdeepopt

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def name_of(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9-]+", requirement).group()


@pytest.mark.parametrize(
    "requirement", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]
)
def test_the_tested_set_pins_what_the_package_asks_for(requirement):
    assert name_of(requirement) in pinned()
    assert ">=" in requirement


def test_the_tested_torch_carries_no_local_tag():
    assert pinned()["torch"] == "2.13.0"


def test_the_floor_plan_names_each_room_that_exists():
    plan = configparser.ConfigParser()
    plan.read(ROOT / "setup.cfg")
    layers = re.split(r"[\s|]+", plan["importlinter:contract:floors"]["layers"].strip())

    files = (ROOT / "skdeepopt").iterdir()
    rooms = {file.stem for file in files if file.suffix == ".py" or (file / "__init__.py").exists()}
    assert rooms - {"__init__"} <= set(layers)


def test_the_package_says_that_it_is_typed():
    assert (Path(skdeepopt.__file__).parent / "py.typed").exists()


def test_the_version_is_that_of_the_package_alone():
    assert PROJECT["dynamic"] == ["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", skdeepopt.__version__)
