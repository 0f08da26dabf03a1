from __future__ import annotations

import pytest
import torch

from skdeepopt.sources._estimators import source_of_estimator
from skdeepopt.sources._modules import source_of_module
from skdeepopt.sources._recipes import rebuilt_body


@pytest.mark.parametrize("name", ["rows", "grey", "own"])
def test_a_rebuilt_body_takes_the_weights_of_the_source(trained, name):
    source = source_of_estimator(trained[name], name=name, owner="test")
    inputs = torch.rand(3, *source.image_shape)

    body = rebuilt_body(source.recipe, None, (1, 8, 8), owner="test")
    body.load_state_dict(source.body_state)

    torch.testing.assert_close(body.eval()(inputs), source.body.eval()(inputs))


@pytest.mark.parametrize("give", [lambda net: net, type, lambda net: ("file.safetensors", net)])
@pytest.mark.parametrize("kind", ["net", "branching"])
def test_a_body_is_rebuilt_from_what_the_user_gives(kind, give, request):
    module = request.getfixturevalue(kind)
    source = source_of_module(module, name="x", owner="test").for_images((1, 8, 8), owner="test")

    body = rebuilt_body(None, give(module), (1, 8, 8), owner="test")

    body.load_state_dict(source.body_state)


def test_nothing_else_can_be_rebuilt():
    with pytest.raises(TypeError, match=r"not from dict"):
        rebuilt_body(None, {}, (1, 8, 8), owner="test")
