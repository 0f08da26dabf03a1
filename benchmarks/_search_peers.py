"""The searches that there are without this package, each in its strong form.

Each is a function of a `Problem` that gives the parameters of the best candidate; what it spent
stands in the meter.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from _search_meter import METER, ForgivingCNN, metered_accuracy, new_network
from _search_space import SPACE, as_distributions, suggested
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingRandomSearchCV, RandomizedSearchCV
from skopt import BayesSearchCV
from skorch.callbacks import Callback

from skdeepopt.search._resource import EpochFit
from skdeepopt.search._trial import Trial
from skdeepopt.space._coordinates import Coordinates
from skdeepopt.space._present import present_parameters

FACTOR = 3


@dataclass(frozen=True)
class Problem:
    """What a search has: rows, a split of them, and epochs.

    Attributes
    ----------
    X, y : ndarray
        All rows that may be trained on.
    split : tuple of two ndarrays
        Numbers of the rows to train on, and of those to score on.
    max_epochs : int
        Of one whole training.
    n_trainings : int
        The search may train as many epochs as this many whole trainings.
    min_epochs : int
        Least epochs of a training that is compared with others.
    seed : int
    """

    X: Any
    y: Any
    split: tuple[np.ndarray, np.ndarray]
    max_epochs: int
    n_trainings: int
    min_epochs: int
    seed: int

    @property
    def budget(self) -> int:
        """Epochs that the search may train in all."""
        return self.max_epochs * self.n_trainings

    @property
    def rungs(self) -> list[int]:
        """Epochs after which halving compares."""
        rungs = [self.max_epochs]
        while rungs[0] >= self.min_epochs * FACTOR:
            rungs.insert(0, rungs[0] // FACTOR)
        return rungs

    def common(self) -> dict[str, Any]:
        """Parameters of a search that scikit-learn's searches share."""
        return {
            "scoring": metered_accuracy,
            "cv": [self.split],
            "refit": False,
            "random_state": self.seed,
            "error_score": 0.0,
        }

    def network(self) -> ForgivingCNN:
        """The network that is searched for."""
        return new_network(ForgivingCNN, max_epochs=self.max_epochs, seed=self.seed)


def random_search(problem: Problem) -> dict[str, Any]:
    """Random candidates for twice the budget: within its first half it is the plain one."""
    search = RandomizedSearchCV(
        problem.network(),
        as_distributions(SPACE),
        n_iter=2 * problem.n_trainings,
        **problem.common(),
    )
    return search.fit(problem.X, problem.y).best_params_


def skopt_search(problem: Problem) -> dict[str, Any]:
    """scikit-optimize's own `BayesSearchCV`."""
    search = BayesSearchCV(problem.network(), SPACE, n_iter=problem.n_trainings, **problem.common())
    with warnings.catch_warnings():
        # It says so when its acquisition comes back to a candidate.
        warnings.simplefilter("ignore", UserWarning)
        return dict(search.fit(problem.X, problem.y).best_params_)


def halving_search(problem: Problem) -> dict[str, Any]:
    """scikit-learn's successive halving over epochs; each rung trains anew."""
    search = HalvingRandomSearchCV(
        problem.network(),
        as_distributions(SPACE),
        n_candidates=halving_candidates(problem),
        factor=FACTOR,
        resource="max_epochs",
        min_resources=problem.rungs[0],
        max_resources=problem.max_epochs,
        return_train_score=False,
        **problem.common(),
    )
    return search.fit(problem.X, problem.y).best_params_


def halving_candidates(problem: Problem) -> int:
    """Most candidates whose halving, anew at each rung, keeps within the budget."""
    n_candidates = 1
    while _halving_epochs(problem, n_candidates + 1) <= problem.budget:
        n_candidates += 1
    return n_candidates


def _halving_epochs(problem: Problem, n_candidates: int) -> int:
    epochs, left = 0, n_candidates
    for rung in problem.rungs:
        epochs += left * rung
        left = -(-left // FACTOR)
    return epochs


class _Report(Callback):
    """Tells an Optuna trial of the score at each rung, and ends a training that it prunes."""

    def __init__(self, trial: Any, model: Any, problem: Problem) -> None:
        self.trial = trial
        self.model = model
        self.problem = problem
        self.pruned = False

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        epoch, spent = len(net.history), METER.epochs >= self.problem.budget
        if epoch not in self.problem.rungs[:-1] and not spent:
            return
        X, y, rows = self.problem.X, self.problem.y, self.problem.split[1]
        self.trial.report(metered_accuracy(self.model, X[rows], y[rows]), epoch)
        self.pruned = epoch < self.problem.max_epochs and (spent or self.trial.should_prune())
        if self.pruned:
            raise KeyboardInterrupt  # the net's way to ask for an early end


def optuna_search(problem: Problem) -> dict[str, Any]:
    """Optuna's TPE with Hyperband pruning: one training a trial, looked at after each rung."""
    import optuna

    def objective(trial: Any) -> float:
        model = problem.network().set_params(**suggested(trial, SPACE))
        report = _Report(trial, model, problem)
        model.callbacks = [*model.callbacks, report]
        rows, scored_rows = problem.split
        model.fit(problem.X[rows], problem.y[rows])
        if report.pruned:
            raise optuna.TrialPruned
        return metered_accuracy(model, problem.X[scored_rows], problem.y[scored_rows])

    return _optimized(objective, problem)


def optuna_from_defaults(problem: Problem) -> dict[str, Any]:
    """The same with all that helps: the defaults tried first, and training from rung to rung."""
    import optuna

    def objective(trial: Any) -> float:
        parameters = suggested(trial, SPACE)
        rows, scored_rows = problem.split
        go_on, state = EpochFit("max_epochs", problem.max_epochs), None
        for before, rung in zip([0, *problem.rungs], problem.rungs, strict=False):
            model = problem.network().set_params(**parameters)
            part = Trial(trial.number, parameters, resource=rung, before=before)
            model, state = go_on(model, problem.X[rows], problem.y[rows], {}, part, state)
            score = metered_accuracy(model, problem.X[scored_rows], problem.y[scored_rows])
            trial.report(score, rung)
            spent = METER.epochs >= problem.budget
            if rung < problem.max_epochs and (spent or trial.should_prune()):
                raise optuna.TrialPruned
            if score == 0.0:
                break
        return score

    return _optimized(objective, problem, first=_defaults(problem))


def _defaults(problem: Problem) -> dict[str, Any]:
    """The network's own parameters, as far as the space holds them."""
    coordinates = Coordinates(SPACE)
    own = present_parameters(problem.network(), coordinates, len(problem.split[0]))
    return coordinates.held(own)


def _optimized(
    objective: Callable[[Any], float], problem: Problem, first: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Parameters of the best trial that went to its end, when all epochs are spent."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=problem.seed, multivariate=True)
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=problem.rungs[0], max_resource=problem.max_epochs, reduction_factor=FACTOR
    )
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    if first is not None:
        study.enqueue_trial(first)

    def stop(study: Any, trial: Any) -> None:
        if METER.epochs >= problem.budget:
            study.stop()

    study.optimize(objective, callbacks=[stop])
    if not study.get_trials(states=[optuna.trial.TrialState.COMPLETE]):
        return METER.best(METER.epochs, 0).parameters
    return study.best_params


PEERS = {
    "random": random_search,
    "optuna": optuna_search,
    "optuna from defaults": optuna_from_defaults,
    "skopt": skopt_search,
    "halving": halving_search,
}
