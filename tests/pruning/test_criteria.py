from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skdeepopt.pruning._criteria import CRITERIA, Criterion, element_scores, resolve_criterion

GENERATOR = torch.Generator()


def finished(name, scores):
    return CRITERIA[name].finish(torch.tensor(scores), torch.Generator().manual_seed(0))


def test_magnitudes_are_squared_or_absolute():
    weight = torch.tensor([[-2.0, 1.0]])

    assert CRITERIA["magnitude"].elements(weight, None).tolist() == [[4, 1]]
    assert CRITERIA["magnitude_l1"].elements(weight, None).tolist() == [[2, 1]]


def test_lamp_divides_by_the_sum_of_those_not_smaller():
    assert finished("lamp", [1.0, 4.0, 3.0]).tolist() == pytest.approx([1 / 8, 1, 3 / 7])


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True))
def test_lamp_ranks_a_layer_as_magnitude_does_and_its_best_is_one(values):
    squares = torch.tensor(values, dtype=torch.float32).square()
    order = squares.argsort()

    scores = CRITERIA["lamp"].finish(squares, GENERATOR)

    assert (scores[order].diff() > 0).all()
    assert scores.max() == 1


def test_taylor_is_the_squared_change_of_the_loss_if_a_unit_went():
    weight, gradient = torch.tensor([2.0, 1.0]), torch.tensor([3.0, -6.0])

    changes = element_scores(CRITERIA["taylor"], weight, gradient, layer="0")

    assert changes.tolist() == [6, -6]
    assert finished("taylor", changes.sum(0, keepdim=True).tolist()).tolist() == [0]


def test_lamp_gives_nothing_to_a_layer_of_zeros():
    assert finished("lamp", [0.0, 0.0]).tolist() == [0, 0]


def test_random_scores_follow_the_generator_and_not_the_weights():
    one, two = finished("random", [0.0] * 50), finished("random", [9.0] * 50)

    assert torch.equal(one, two)
    assert len(one.unique()) == 50


def test_scores_carry_no_graph():
    weight = torch.ones(2, requires_grad=True)

    assert not element_scores(CRITERIA["magnitude"], weight, None, layer="0").requires_grad


def test_a_missing_gradient_is_named_with_its_layer():
    with pytest.raises(ValueError, match=r"'taylor' reads the gradient .* layer 'head' has none"):
        element_scores(CRITERIA["taylor"], torch.ones(2), None, layer="head")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda w, g: w.sum(1), ValueError, r"shape \(2, 3\), not \(2,\), in layer 'head'"),
        (lambda w, g: w / 0, ValueError, "finite scores"),
        (lambda w, g: w * torch.nan, ValueError, "finite scores"),
        (lambda w, g: w.numpy(), TypeError, "Tensor, not ndarray"),
    ],
)
def test_answers_of_a_users_callable_are_checked(answer, error, message):
    with pytest.raises(error, match=message):
        element_scores(resolve_criterion(answer), torch.ones(2, 3), None, layer="head")


def test_a_users_callable_is_called_with_weight_and_gradient():
    def product(weight, gradient):
        return weight * gradient

    criterion = resolve_criterion(product)

    assert criterion == Criterion("product", product)
    assert element_scores(criterion, torch.ones(2), torch.ones(2), layer="0").tolist() == [1, 1]


@pytest.mark.parametrize("name", CRITERIA)
def test_every_criterion_is_found_by_its_name(name):
    assert resolve_criterion(name).name == name


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"^Cut.criterion .* not 'magnitud'. Did you mean 'magni"):
        resolve_criterion("magnitud", owner="Cut")


def test_what_is_no_name_and_not_callable_is_a_type_error():
    with pytest.raises(TypeError, match="not 3"):
        resolve_criterion(3)
