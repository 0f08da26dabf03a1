from __future__ import annotations

from skdeepopt.report._page_recipe import recipe_in_words


def test_steps_keep_their_order_and_are_said_in_words():
    said = recipe_in_words("transferred from mnist -> student -> packed")

    assert said == (
        "started from the network mnist, which learned on other data, then taught to a narrower "
        "network, then written in as few bits as its numbers need"
    )


def test_bits_are_told():
    assert recipe_in_words("base -> int4").endswith("its numbers rounded to 4 bits")


def test_a_step_that_is_not_known_stays_as_it_is():
    assert recipe_in_words("base -> sparkled {0}") == "trained as given, then sparkled {0}"


def test_no_recipe_is_no_words():
    assert recipe_in_words("") == ""
