"""The seed and the splits of a search are fixed once, and its journal remembers them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.model_selection import KFold, ShuffleSplit

from skdeepopt.journal._journal import Journal
from skdeepopt.journal._kept import kept_seed, kept_splits, seeded_splitter

X = np.zeros((12, 2))


def in_memory():
    return Journal(None, {}, owner="test")


def search(random_state=None, cv=None):
    return SimpleNamespace(random_state=random_state, cv=cv, journal="folder")


def splits(journal, cv, seed=0):
    return kept_splits(search(cv=cv), journal, cv, X, None, {}, seed)


def test_an_integer_gives_the_same_seed_in_every_search():
    assert kept_seed(search(3), in_memory()) == kept_seed(search(3), in_memory())
    assert kept_seed(search(3), in_memory()) != kept_seed(search(4), in_memory())


def test_a_drawn_seed_is_remembered():
    journal = in_memory()

    assert kept_seed(search(), journal) == kept_seed(search(), journal)
    assert kept_seed(search(), in_memory()) != kept_seed(search(), in_memory())


def test_a_shuffling_splitter_is_seeded_and_the_one_given_left_alone():
    mine = KFold(2, shuffle=True)

    folds = [next(seeded_splitter(mine, 3).split(X))[0] for _ in range(2)]

    np.testing.assert_array_equal(*folds)
    assert mine.random_state is None
    assert seeded_splitter(KFold(2), 3).random_state is None


def test_splits_of_a_splitter_without_a_seed_are_repeated():
    journal = in_memory()

    first, again = (splits(journal, ShuffleSplit(2)) for _ in range(2))

    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one[0], other[0])


def test_other_splits_than_the_journals_are_refused():
    journal = in_memory()
    splits(journal, KFold(3))

    with pytest.raises(ValueError, match=r"on other splits, and cv=.+ does not repeat them"):
        splits(journal, KFold(4))


def test_no_split_is_refused():
    nothing = SimpleNamespace(split=lambda X, y: [], random_state=0)

    with pytest.raises(ValueError, match="cv gives no split"):
        splits(in_memory(), nothing)
