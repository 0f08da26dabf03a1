"""Recipes of an optimization in plain words."""

from __future__ import annotations

import re

__all__ = ["recipe_in_words"]

_WORDS = {
    "base": "trained as given",
    "tuned base": "trained with settings that were searched for",
    "quick": "trained for a moment on a part of the data",
    "tuning": "trained for a while, to find good settings",
    "packed": "written in as few bits as its numbers need",
    "channels pruned": "its least important parts taken out",
    "student": "taught to a narrower network",
    "onnxruntime": "run by ONNX Runtime",
    "openvino": "run by OpenVINO",
}

_PATTERNS = {
    r"transferred from (.+)": r"started from the network {0}, which learned on other data",
    r"int(\d+)": "its numbers rounded to {0} bits",
}


def recipe_in_words(recipe: str) -> str:
    """Steps of a recipe as a colleague would say them; what is not known stays as it is.

    Parameters
    ----------
    recipe : str
        Steps with ``" -> "`` between them.

    Examples
    --------
    >>> recipe_in_words("tuned base -> channels pruned -> int8")
    'trained with settings that were searched for, then its least important parts taken out, then \
its numbers rounded to 8 bits'
    >>> recipe_in_words("something new")
    'something new'
    """
    return ", then ".join(_step(step.strip()) for step in recipe.split("->"))


def _step(step: str) -> str:
    for pattern, words in _PATTERNS.items():
        if found := re.fullmatch(pattern, step):
            return words.format(*found.groups())
    return _WORDS.get(step, step)
