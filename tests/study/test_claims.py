from __future__ import annotations

import dataclasses

from skdeepopt.study._claims import claims_for


def test_a_claim_holds_the_figures_of_its_group(setting):
    claim = claims_for(setting)["transferred, few labels"]

    assert (claim.group, claim.accuracy_percent, claim.time_percent) == ("transfer", 15, -50)


def test_what_begins_with_the_whole_training_is_known_from_the_recipe(setting):
    begins = {name for name, claim in claims_for(setting).items() if claim.begins_trained}

    assert begins == {
        *("pruned, weights", "quantized, after training", "quantized, in training"),
    }


def test_a_shorter_training_before_it_makes_the_time_reachable(setting):
    recipes = {**setting.recipes, "pruned_weights": {"base_passes": 0.5}}

    claims = claims_for(dataclasses.replace(setting, recipes=recipes))

    assert not claims["pruned, weights"].begins_trained
