"""The configuration file of the study, which lies beside this one."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["SETTING_FILE", "read_setting_file"]

SETTING_FILE = "setting.toml"


@cache
def read_setting_file() -> Mapping[str, Any]:
    """The tables of ``setting.toml``, to be read and not changed.

    Examples
    --------
    >>> read_setting_file()["study"]["transfer"]["accuracy_percent"]
    15
    """
    text = files("skdeepopt.study").joinpath(SETTING_FILE).read_text(encoding="utf-8")
    return tomllib.loads(text)
