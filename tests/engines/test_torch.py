from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from skdeepopt.engines._protocol import Engine
from skdeepopt.engines._torch import TorchEngine


def test_it_answers_as_the_module_does(module, samples, expected):
    np.testing.assert_allclose(TorchEngine(module).run(samples), expected, rtol=1e-5, atol=1e-5)


def test_it_is_an_engine(module):
    assert isinstance(TorchEngine(module), Engine)


def test_the_module_stays_in_training_mode_and_the_engine_evaluates(samples):
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5)).train()
    engine = TorchEngine(module)

    assert np.array_equal(engine.run(samples), samples.reshape(7, -1))
    assert module.training


def test_further_training_of_the_module_changes_no_answer(module, samples):
    trained = copy.deepcopy(module)
    engine = TorchEngine(trained)
    before = engine.run(samples)
    nn.init.zeros_(trained[3].weight)

    assert np.array_equal(engine.run(samples), before)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_a_copy_answers_the_same(copied, module, samples):
    engine = TorchEngine(module)

    assert np.array_equal(copied(engine).run(samples), engine.run(samples))


def test_a_traced_module_pickles(module, samples, expected):
    engine = pickle.loads(pickle.dumps(TorchEngine(torch.fx.symbolic_trace(module))))

    np.testing.assert_allclose(engine.run(samples), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.uint8])
def test_numbers_of_any_type_answer_as_their_floats(dtype, module, samples):
    engine, given_samples = TorchEngine(module), np.abs(samples * 3).astype(dtype)

    answers = engine.run(given_samples)

    assert answers.dtype == np.float32
    assert np.array_equal(answers, engine.run(given_samples.astype(np.float32)))


def test_read_only_samples_are_taken_and_left_alone(samples):
    frozen = samples.copy()
    frozen.flags.writeable = False
    engine = TorchEngine(nn.Sequential(nn.ReLU(inplace=True), nn.Flatten()))

    answers = engine.run(frozen)

    assert np.array_equal(answers, np.maximum(samples, 0).reshape(7, -1))
    assert np.array_equal(frozen, samples)


def test_an_operation_in_place_leaves_the_samples_alone(samples):
    given_samples = samples.reshape(7, -1).copy()

    TorchEngine(nn.ReLU(inplace=True)).run(given_samples)

    assert np.array_equal(given_samples, samples.reshape(7, -1))


def test_more_samples_than_a_batch_and_none_are_answered():
    engine = TorchEngine(nn.Linear(2, 3))

    assert engine.run(np.zeros((2500, 2))).shape == (2500, 3)
    assert engine.run(np.zeros((0, 2))).shape == (0, 3)


def test_a_class_in_place_of_a_module_is_recognized():
    with pytest.raises(TypeError, match=r"TorchEngine\.module .* Did you mean ReLU\(\)\?"):
        TorchEngine(nn.ReLU)
