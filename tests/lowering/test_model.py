from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from skdeepopt.lowering._model import OnnxModel
from tests.lowering.conftest import answers


def value(name, *sizes):
    return helper.make_tensor_value_info(name, 1, ["N", *sizes])


def test_names_are_given_out_once():
    model = OnnxModel()

    assert [model.name("layer") for _ in range(3)] == ["layer", "layer_1", "layer_2"]
    assert model.name("outputs") == "outputs_1"


def test_equal_constants_share_a_tensor_and_others_do_not():
    model = OnnxModel()

    one, same = model.constant(np.float32(1), "a"), model.constant(np.float32(1), "b")
    others = [model.constant(np.ones(1, np.float32), "a"), model.constant(np.int32(1), "a")]

    assert one == same == "a"
    assert others == ["a_1", "a_2"]


def test_attributes_that_are_none_are_left_out():
    model = OnnxModel()
    model.end(model.node("Softmax", ["inputs"], "soft", axis=None))

    loaded = onnx.load_from_string(model.serialized(value("inputs", 2), value("outputs", 2)))

    assert not loaded.graph.node[0].attribute


def test_what_ends_a_model_is_its_output_even_where_nothing_was_written():
    model = OnnxModel()
    model.end("inputs")

    given = answers(model.serialized(value("inputs", 2), value("outputs", 2)), np.ones((1, 2), "f"))

    assert given.tolist() == [[1, 1]]
