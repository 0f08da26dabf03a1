from __future__ import annotations

import copy

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import linear

from skdeepopt.sources._modules import built_module, source_of_file, source_of_module


def written(path, state):
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path


@pytest.mark.parametrize("kind", ["net", "branching"])
def test_body_and_head_answer_together_as_the_module_does(kind, request):
    module, inputs = request.getfixturevalue(kind), torch.rand(4, 1, 8, 8)

    source = source_of_module(module, name="module", owner="test")

    torch.testing.assert_close(linear(source.body(inputs), **source.head_state), module(inputs))


def test_a_module_without_a_linear_layer_at_the_end_is_a_body_as_it_is():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    inputs = torch.rand(4, 1, 8, 8)

    source = source_of_module(module, name="module", owner="test")

    assert source.head_state is None
    torch.testing.assert_close(source.body(inputs), module(inputs))


def test_the_module_stays_as_it_is(net):
    before = copy.deepcopy(net.state_dict())
    net.conv.requires_grad_(False)

    source = source_of_module(net, name="module", owner="test")
    for tensor in source.body_state.values():
        tensor.zero_()

    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())
    assert not net.conv.weight.requires_grad
    assert source.body.conv.weight.requires_grad


def test_weights_of_a_file_are_those_of_the_source(net, tmp_path):
    trained = copy.deepcopy(net)
    with torch.no_grad():
        trained.conv.weight.add_(1.0)
    path = written(tmp_path / "weights.safetensors", trained.state_dict())

    source = source_of_file(path, net, owner="test")

    assert torch.equal(source.body_state["conv.weight"], trained.conv.weight)
    assert not torch.equal(net.conv.weight, trained.conv.weight)


def test_missing_and_extra_tensors_of_a_file_are_named(net, tmp_path):
    state = net.state_dict()
    state["convolution.bias"] = state.pop("conv.bias")
    state["more"] = torch.zeros(1)
    path = written(tmp_path / "weights.safetensors", state)

    with pytest.raises(
        ValueError,
        match=r"'conv.bias' is missing, and 'convolution.bias', 'more' are not among them\. Did "
        r"you mean 'conv.bias'\?",
    ):
        source_of_file(path, net, owner="test")


def test_a_tensor_of_another_shape_is_named(net, tmp_path):
    state = {**net.state_dict(), "head.bias": torch.zeros(7)}
    path = written(tmp_path / "weights.safetensors", state)

    with pytest.raises(ValueError, match=r"'head.bias' is \(5,\), not \(7,\)"):
        source_of_file(path, net, owner="test")


def test_a_file_of_another_kind_and_one_that_is_not_there_are_told(net, tmp_path):
    torch.save(net.state_dict(), tmp_path / "weights.pt")

    with pytest.raises(ValueError, match=r"\.safetensors file, not weights\.pt.*save_file"):
        source_of_file(tmp_path / "weights.pt", net, owner="test")
    with pytest.raises(FileNotFoundError, match="nothing"):
        source_of_file(tmp_path / "nothing.safetensors", net, owner="test")


def test_a_class_and_a_factory_are_called_without_a_mark_on_the_global_generator(net):
    before = torch.get_rng_state()

    made = built_module(type(net), owner="test"), built_module(lambda: type(net)(7), owner="test")

    assert [module.head.out_features for module in made] == [5, 7]
    assert torch.equal(torch.get_rng_state(), before)


def test_a_class_that_needs_arguments_is_refused():
    with pytest.raises(TypeError, match=r"Linear does not take.*Did you mean an instance, Linear"):
        built_module(nn.Linear, owner="test")


def test_a_factory_of_something_else_is_refused():
    with pytest.raises(TypeError, match=r"makes a torch\.nn\.Module, not a dict"):
        built_module(dict, owner="test")
