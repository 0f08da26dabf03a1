from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

# The benchmarks are scripts: they import each other by their bare names.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import _search_peers as peers
import search
from _search_meter import (
    METER,
    ForgivingCNN,
    MeteredCNN,
    Scored,
    metered_accuracy,
    new_network,
)
from _search_space import SPACE, as_distributions, suggested

from skdeepopt.datasets import load_digits_images

TRACE = [(27, 0.5), (81, 0.8), (405, 0.9)]


@pytest.fixture
def problem():
    X, y = load_digits_images().train
    split = (np.arange(300), np.arange(300, 400))
    METER.reset()
    return peers.Problem(X[:400], y[:400], split, 3, 2, 1, seed=0)


def test_the_space_has_twelve_dimensions():
    assert len(SPACE) == 12


def test_a_draw_for_scikit_learn_lies_in_the_space_and_trains(problem):
    random = np.random.RandomState(0)
    drawn = {name: dist.rvs(random_state=random) for name, dist in as_distributions(SPACE).items()}

    model = new_network(MeteredCNN, max_epochs=1, seed=0).set_params(**drawn)

    assert all(drawn[name] in SPACE[name] for name in SPACE)
    assert model.fit(problem.X, problem.y).n_parameters_ > 0


def test_what_optuna_suggests_lies_in_the_space():
    optuna = pytest.importorskip("optuna")
    sampler = optuna.samplers.RandomSampler(seed=0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    trial = optuna.create_study(sampler=sampler).ask()
    drawn = suggested(trial, SPACE)

    assert all(drawn[name] in SPACE[name] for name in SPACE)


def test_every_epoch_is_counted_once_however_it_is_trained(problem):
    model = new_network(MeteredCNN, max_epochs=2, seed=0).fit(problem.X, problem.y)

    model.finetune(problem.X, problem.y, epochs=3).partial_fit(problem.X, problem.y)

    assert METER.epochs == 6


def test_a_score_is_noted_with_the_epochs_of_its_weights(problem):
    model = new_network(MeteredCNN, max_epochs=1, seed=0).fit(problem.X, problem.y)
    model.finetune(problem.X, problem.y, epochs=2)

    score = metered_accuracy(model, problem.X, problem.y)

    (noted,) = METER.scored
    assert (noted.epochs, noted.trained, noted.score) == (3, 3, score)


def test_seconds_inside_are_those_of_training_and_scoring_once(problem):
    model = new_network(MeteredCNN, max_epochs=1, seed=0).fit(problem.X, problem.y)
    training = METER.inside

    metered_accuracy(model, problem.X, problem.y)

    (seconds,) = [row["seconds"] for row in model.history_]
    assert seconds <= training < METER.inside < 100


def test_a_training_that_diverges_scores_nothing_where_it_is_forgiven(problem):
    model = new_network(ForgivingCNN, max_epochs=1, seed=0).set_params(lr=1e30, optimizer="sgd")

    model.fit(problem.X, problem.y)

    assert metered_accuracy(model, problem.X, problem.y) == 0.0
    assert METER.scored == []


def test_improvements_are_only_what_beats_all_before(problem):
    for epochs, trained, score in [(1, 1, 0.5), (2, 1, 0.4), (5, 3, 0.3), (8, 3, 0.6)]:
        METER.scored.append(_scored(epochs, trained, score))

    assert METER.improvements() == [(1, 0.5), (8, 0.6)]
    assert METER.improvements(trained=3) == [(5, 0.3), (8, 0.6)]


def test_the_best_within_a_budget_ignores_what_came_later(problem):
    METER.scored += [_scored(3, 3, 0.4), _scored(4, 1, 0.9), _scored(9, 3, 0.8)]

    assert METER.best(4, trained=3).score == 0.4


def test_halving_trains_at_most_the_budget(problem):
    whole = peers.Problem(problem.X, problem.y, problem.split, 27, 15, 1, seed=0)

    n_candidates = peers.halving_candidates(whole)

    assert whole.rungs == [1, 3, 9, 27]
    assert peers._halving_epochs(whole, n_candidates) <= whole.budget
    assert peers._halving_epochs(whole, n_candidates + 1) > whole.budget


@pytest.mark.parametrize("name", ["random", "halving", "skopt"])
@pytest.mark.slow
def test_a_peer_spends_its_budget_and_gives_parameters_of_the_space(name, problem):
    best = peers.PEERS[name](problem)

    allowed = problem.budget * (2 if name == "random" else 1)
    assert set(SPACE) <= set(best)
    assert 0 < METER.epochs <= allowed


@pytest.mark.parametrize("name", search.OURS)
@pytest.mark.slow
def test_a_search_of_ours_keeps_within_its_budget(name, problem):
    best = search.OURS[name](problem)

    assert set(SPACE) <= set(best)
    assert 0 < METER.epochs <= problem.budget


def test_the_defaults_that_optuna_begins_with_are_in_the_space(problem):
    defaults = peers._defaults(problem)

    assert defaults["widths"] == 1.0
    assert defaults["depth"] == 1
    assert all(value in SPACE[name] for name, value in defaults.items())
    # 16, which so few images are trained in, is below the space.
    assert set(SPACE) - set(defaults) == {"batch_size"}


@pytest.mark.parametrize("name", ["optuna", "optuna from defaults"])
@pytest.mark.slow
def test_optuna_ends_when_its_epochs_are_spent(name, problem):
    pytest.importorskip("optuna")

    best = peers.PEERS[name](problem)

    assert set(best) == set(SPACE)
    assert problem.budget <= METER.epochs < problem.budget + problem.max_epochs


def test_the_first_epochs_that_reach_a_score_are_told():
    assert search.epochs_until(TRACE, 0.8) == 81
    assert search.epochs_until(TRACE, 0.85) == 405
    assert search.epochs_until(TRACE, 0.95) is None


def test_the_best_within_epochs_is_none_of_later_ones():
    assert search.best_within(TRACE, 404) == 0.8
    assert search.best_within(TRACE, 5) == 0.0


def test_a_search_that_never_arrives_counts_with_all_its_epochs():
    figures = search._until_random([40, None], [400, 200], budget=400)

    assert figures["n_reached"] == 1
    assert figures["mean_share_of_budget"] == (40 + 400) / 2 / 400
    assert math.isclose(figures["share_of_randoms_first"], 440 / 600)


def test_a_summary_has_every_method_and_what_it_is_below_each_peer():
    run = {name: _figures(0.9) for name in ("random", "optuna")} | {"bayes": _figures(0.95)}

    figures = search.summary(search.ROWS["digits"], {0: run, 1: run})

    assert set(figures["bayes"]["below"]) == {"random", "optuna"}
    assert math.isclose(figures["bayes"]["below"]["random"]["mean"], -0.05)
    assert figures["random"]["until_random_full"]["n_reached"] == 2


def test_a_row_that_leaves_methods_out_says_which_it_compares():
    methods = search.described(search.ROWS["mnist-6000"])["methods"]

    assert "hyperband" in methods
    assert "hyperband random" not in methods


def test_the_first_half_of_random_search_knows_nothing_of_the_second():
    whole = {**_figures(0.9), "epochs": 810, "any": [*TRACE, (810, 0.99)], "full": TRACE}

    half = search._until(whole, 405)

    assert half["any"] == TRACE
    assert (half["epochs"], half["seconds"]) == (405, 5.0)


def test_validation_reads_no_test_image():
    data, whole = (search.load("digits", validate=validate) for validate in (True, False))

    assert len(data.y) + len(data.y_scored) == len(whole.y)
    rows = {row.tobytes() for row in whole.X}
    assert all(row.tobytes() in rows for row in data.X_scored)


def _figures(accuracy):
    return {
        "accuracy": accuracy,
        "epochs": 405,
        "seconds": 10.0,
        "processor_seconds": 9.0,
        "overhead": 0.02,
        "processor_overhead": 0.02,
        "n_scored": 15,
        "any": TRACE,
        "full": TRACE,
    }


def _scored(epochs, trained, score):
    return Scored(epochs, trained, score, {})
