"""What of a search is fixed once: its journal, its seed, and its splits."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from skdeepopt._random import seed_from
from skdeepopt.journal._identity import data_digest, described, splits_digest
from skdeepopt.journal._journal import Journal

__all__ = ["kept_seed", "kept_splits", "opened_journal", "seeded_splitter"]


def opened_journal(search: Any, X: Any, y: Any, cv: Any, routed: Any) -> Journal:
    """Journal of a search, in memory where it has no folder.

    Parameters
    ----------
    search : JournaledSearch
    X, y : array-like
        All rows; y may be None.
    cv : splitter
    routed : Bunch
        What else goes to ``fit``, the scorer and the splitter.

    Raises
    ------
    ValueError, OSError
        As :class:`Journal`: another search's, damaged, in use, or not writable.
    """
    owner = f"{type(search).__name__}.journal"
    if search.journal is None:
        return Journal(None, {}, owner=owner)
    given = {"fit": routed.estimator.fit, "score": routed.scorer.score}
    identity = {
        **search._identity(),
        "cv": described(cv),
        "data": data_digest(X, y),
        "fit_params": data_digest({**given, "split": routed.splitter.split}),
    }
    return Journal(search.journal, identity, owner=owner)


def kept_seed(search: Any, journal: Journal) -> int:
    """Seed of a search; the journal keeps one that was drawn.

    Parameters
    ----------
    search : JournaledSearch or AutoOptimizer
    journal : Journal
    """
    kept = journal.find("seed")
    if kept is None:
        kept = {"seed": seed_from(search.random_state, owner=type(search).__name__)}
        journal.add("seed", kept)
    return int(kept["seed"])


def kept_splits(
    search: Any,
    journal: Journal,
    cv: Any,
    X: Any,
    y: Any,
    split_params: dict[str, Any],
    seed: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train and to test on, drawn once, and the same when the search goes on.

    Parameters
    ----------
    search : JournaledSearch
    journal : Journal
    cv : splitter
        Seeded where it would draw others each time.
    X, y : array-like
        All rows; y may be None.
    split_params : dict
        What else the splitter takes, such as groups.
    seed : int

    Raises
    ------
    ValueError
        There is no split, or the journal's search had others.
    """
    owner = type(search).__name__
    pairs = seeded_splitter(cv, seed).split(X, y, **split_params)
    splits = [(np.asarray(train), np.asarray(test)) for train, test in pairs]
    if not splits:
        raise ValueError(f"{owner}.cv gives no split of the data: {cv!r}.")
    digest = splits_digest(splits)
    kept = journal.find("splits")
    if kept is None:
        journal.add("splits", {"digest": digest})
    elif kept["digest"] != digest:
        raise ValueError(
            f"{owner}.journal {search.journal} is that of a search on other splits, and "
            f"cv={search.cv!r} does not repeat them. Did you mean a cv with a random_state, or "
            f"another folder?"
        )
    return splits


def seeded_splitter(cv: Any, seed: int) -> Any:
    """Splitter with a seed where it would draw other splits each time; the other one untouched.

    Parameters
    ----------
    cv : splitter
    seed : int
    """
    if getattr(cv, "random_state", seed) is not None or not getattr(cv, "shuffle", True):
        return cv
    seeded = copy.copy(cv)
    seeded.random_state = seed
    return seeded
