"""Searches of skdeepopt, as the benchmark runs them beside their peers."""

from __future__ import annotations

import warnings
from typing import Any

from _search_meter import METER, MeteredCNN, metered_accuracy, new_network
from _search_peers import FACTOR, Problem
from _search_space import SPACE
from sklearn.exceptions import FitFailedWarning

from skdeepopt.search._bayes import BayesSearchCV
from skdeepopt.search._hyperband import HyperbandSearchCV


def bayes_search(problem: Problem) -> dict[str, Any]:
    """Whole trainings where the Gaussian process expects most."""
    search = BayesSearchCV(_network(problem), SPACE, n_iter=problem.n_trainings, **_common(problem))
    return _best(search, problem)


def hyperband_search(problem: Problem, **options: Any) -> dict[str, Any]:
    """Brackets of successive halving, one after the other until the epochs are spent."""
    search = HyperbandSearchCV(
        _network(problem),
        SPACE,
        resource="epochs",
        min_resources=problem.rungs[0],
        max_resources=problem.max_epochs,
        factor=FACTOR,
        # The callback ends the search within the budget; no round costs less than a training.
        n_rounds=problem.n_trainings,
        callbacks=[lambda state: METER.epochs > problem.budget - problem.max_epochs],
        **options,
        **_common(problem),
    )
    return _best(search, problem)


def _best(search: Any, problem: Problem) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        return dict(search.fit(problem.X, problem.y).best_params_)


def _network(problem: Problem) -> MeteredCNN:
    return new_network(MeteredCNN, max_epochs=problem.max_epochs, seed=problem.seed)


def _common(problem: Problem) -> dict[str, Any]:
    return {
        "scoring": metered_accuracy,
        "cv": [problem.split],
        "refit": False,
        "random_state": problem.seed,
    }


OURS = {
    "bayes": bayes_search,
    "hyperband": lambda problem: hyperband_search(problem, sampler="bayes"),
    "hyperband random": lambda problem: hyperband_search(problem, sampler="random"),
    "hyperband asynchronous": lambda problem: hyperband_search(
        problem, sampler="bayes", asynchronous=True
    ),
}
