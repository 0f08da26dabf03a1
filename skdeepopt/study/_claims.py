"""The study's figures, technique by technique, from ``setting.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skdeepopt.report._claims import Claim
from skdeepopt.study._setting import StudySetting
from skdeepopt.study._setting_file import read_setting_file

__all__ = ["claims_for"]


def claims_for(setting: StudySetting) -> dict[str, Claim]:
    """What the study says, by technique; it is silent about the others.

    Parameters
    ----------
    setting : StudySetting
        Says which techniques begin with the whole training of the baseline.

    Returns
    -------
    claims : dict of str to Claim
    """
    return {
        name: Claim(
            group,
            figures["accuracy_percent"],
            figures["time_percent"],
            _begins_trained(setting.recipes, name),
        )
        for group, figures in read_setting_file()["study"].items()
        for name in figures["techniques"]
    }


def _begins_trained(recipes: Mapping[str, Mapping[str, Any]], technique: str) -> bool:
    # A recipe is named as its technique, with what cannot stand in a key left out.
    recipe = recipes.get(technique.replace(",", "").replace(" ", "_"), {})
    return recipe.get("base_passes", 0.0) >= 1.0
