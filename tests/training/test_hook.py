from __future__ import annotations

import pytest
import torch

from skdeepopt.training._hook import Hooks, rate_factors_of


class Noted:
    """Hook that notes what it is told."""

    def __init__(self, name, notes, *, replaces=False, adds=None):
        self.name, self.notes, self.replaces, self.adds = name, notes, replaces, adds

    def before_training(self, n_steps):
        self.notes.append((self.name, "before", n_steps))
        return self.replaces

    def after_step(self, progress):
        self.notes.append((self.name, "step", progress))
        return self.replaces

    def penalty(self):
        return self.adds

    def after_training(self):
        self.notes.append((self.name, "after"))


def test_all_are_told_in_order_and_end_in_the_other_one():
    notes = []
    hooks = Hooks(Noted("a", notes), Noted("b", notes))

    hooks.before_training(7)
    hooks.after_step(0.5)
    hooks.after_training()

    assert notes[:4] == [
        ("a", "before", 7), ("b", "before", 7), ("a", "step", 0.5), ("b", "step", 0.5),
    ]  # fmt: skip
    assert notes[4:] == [("b", "after"), ("a", "after")]


@pytest.mark.parametrize("replaces", [(False, False), (True, False), (False, True)])
def test_parameters_were_replaced_where_any_has_done_so_and_all_are_told(replaces):
    notes = []
    hooks = Hooks(*(Noted(i, notes, replaces=each) for i, each in enumerate(replaces)))

    assert hooks.before_training(1) is any(replaces)
    assert hooks.after_step(1.0) is any(replaces)
    assert len(notes) == 4


@pytest.mark.parametrize(
    ("penalties", "total"),
    [((), None), ((None, None), None), ((None, 2.0), 2.0), ((1.0, None, 2.0), 3.0)],
)
def test_penalties_are_summed(penalties, total):
    parts = [None if part is None else torch.tensor(part) for part in penalties]
    hooks = Hooks(*(Noted(i, [], adds=part) for i, part in enumerate(parts)))

    assert hooks.penalty() == total


def test_a_penalty_that_is_zero_is_one():
    assert Hooks(Noted("a", [], adds=torch.zeros(()))).penalty() is not None


def test_several_are_one_among_others():
    notes = []
    inner = Hooks(Noted("b", notes), Noted("c", notes))

    Hooks(Noted("a", notes), inner).after_training()

    assert [name for name, _ in notes] == ["c", "b", "a"]


class Rated(Noted):
    """A hook with factors, and something to put back."""

    def __init__(self, name, notes, rate_factors):
        super().__init__(name, notes)
        self.rate_factors = rate_factors

    def restore(self):
        self.notes.append((self.name, "restored"))


def test_factors_of_rates_are_multiplied_and_hooks_without_any_are_passed():
    hooks = Hooks(Rated("a", [], {"x": 0.5, "y": 2.0}), Noted("b", []), Rated("c", [], {"x": 0.1}))

    assert rate_factors_of(hooks) == {"x": 0.05, "y": 2.0}
    assert rate_factors_of(Hooks(Noted("b", []))) == {}
    assert rate_factors_of(None) == {}


def test_all_that_have_something_to_put_back_do_so_the_last_one_first():
    notes = []

    Hooks(Rated("a", notes, {}), Noted("b", notes), Hooks(Rated("c", notes, {}))).restore()

    assert notes == [("c", "restored"), ("a", "restored")]


def test_the_rows_of_a_batch_are_told_to_those_that_ask():
    class Asking(Noted):
        def before_step(self, rows):
            self.notes.append(rows.tolist())

    notes = []

    Hooks(Noted("a", notes), Hooks(Asking("b", notes))).before_step(torch.tensor([3, 1]))

    assert notes == [[3, 1]]
