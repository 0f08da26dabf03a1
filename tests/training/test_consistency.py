from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from skdeepopt.preprocessing import ImageAugmenter
from skdeepopt.training._chain import Chain
from skdeepopt.training._consistency import Consistency
from skdeepopt.training._distillation import Distillation
from skdeepopt.training._hook import Hooks

IMAGES = torch.randint(0, 9, (40, 1, 6, 6), generator=torch.Generator().manual_seed(1)).byte()


def network(n_outputs=3, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(36, n_outputs))


def brighter(images, generator):
    return images + torch.rand(len(images), 1, 1, 1, generator=generator)


def begun(module, images=IMAGES, **options):
    options = {"augment_strong": brighter, "batch_size": 5, "ratio": 2, "seed": 0, **options}
    hook = Consistency(module, images, **options)
    hook.before_training(1)
    return hook


def changed_batch(n_samples, images=IMAGES, seed=0):
    """The first batch that is drawn, weakly and strongly changed."""
    generator = torch.Generator().manual_seed(seed)
    drawn = images[torch.randperm(len(images), generator=generator)[:n_samples]].float()
    return drawn, brighter(drawn, generator)


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 0.99), st.floats(0, 3), st.integers(1, 4), st.integers(0, 3))
def test_the_penalty_is_the_loss_that_the_paper_states(threshold, weight, ratio, seed):
    module = network(seed=seed)
    hook = begun(module, threshold=threshold, weight=weight, ratio=ratio, align=False)
    weak, strong = changed_batch(5 * ratio)

    found = hook.penalty()

    with torch.no_grad():
        chances, labels = module(weak).softmax(1).max(1)
        losses = F.cross_entropy(module(strong), labels, reduction="none")
        expected = weight * losses[chances >= threshold].sum() / len(weak)
    torch.testing.assert_close(found, expected)


def test_no_gradient_comes_through_the_weakly_changed_ones():
    module, blind = network(), network()
    hook = begun(module, threshold=0.0, align=False)
    weak, strong = changed_batch(10)

    hook.penalty().backward()

    F.cross_entropy(blind(strong), blind(weak).argmax(1)).backward()
    torch.testing.assert_close(module[1].weight.grad, blind[1].weight.grad)


def test_who_is_sure_of_nothing_learns_nothing():
    module = network()
    with torch.no_grad():
        module[1].weight.zero_()
        module[1].bias.zero_()
    hook = begun(module, threshold=0.5)

    hook.penalty().backward()

    assert not module[1].weight.grad.any()


def test_a_regression_is_the_squared_difference_of_the_answers():
    module = network(2)
    hook = begun(module, is_classifier=False)
    weak, strong = changed_batch(10)

    torch.testing.assert_close(hook.penalty(), F.mse_loss(module(strong), module(weak)))


def test_a_single_output_is_a_logit_of_the_second_class():
    module, both = network(1), network(2)
    with torch.no_grad():
        both[1].weight.copy_(torch.cat([torch.zeros(1, 36), module[1].weight]))
        both[1].bias.copy_(torch.cat([torch.zeros(1), module[1].bias]))

    penalties = [begun(each, threshold=0.0).penalty() for each in (module, both)]

    torch.testing.assert_close(*penalties)


def test_aligned_answers_have_the_shares_of_the_prior():
    prior = torch.tensor([0.5, 0.3, 0.2])
    hook = begun(network(), prior=prior)
    chances = torch.tensor([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1]])

    aligned = hook._aligned(chances)

    expected = chances * prior / chances.mean(0)
    torch.testing.assert_close(aligned, expected / expected.sum(1, keepdim=True))


def test_answers_that_have_the_right_shares_already_stay_as_they_are():
    chances = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.2, 0.5]])

    torch.testing.assert_close(begun(network())._aligned(chances), chances)


def test_every_sample_is_drawn_before_any_is_drawn_again():
    hook = begun(network())

    drawn = torch.cat([next(hook._rows) for _ in range(4)])

    assert sorted(drawn.tolist()) == list(range(40))


def test_fewer_samples_than_asked_for_are_all_drawn():
    hook = begun(network(), IMAGES[:7])

    assert sorted(next(hook._rows).tolist()) == list(range(7))


def trained(make_net, data, module=None, hook_for=None, **settings):
    net = make_net(module, **settings)
    hook = hook_for(net.module_) if hook_for else None
    return net.train(data, epochs=2, lr=0.01, schedule="constant", hook=hook).module_


def state(module):
    return torch.cat([value.flatten().double() for value in module.state_dict().values()])


def consistent(module, **options):
    augment = ImageAugmenter(shift=0.2)
    options = {"threshold": 0.3, "batch_size": 16, "ratio": 1, "seed": 0, **options}
    return Consistency(module, IMAGES, augment_strong=augment, **options)


def test_unlabelled_samples_change_a_training_and_the_same_seed_gives_the_same(data, make_net):
    first, again = (trained(make_net, data, hook_for=consistent) for _ in range(2))

    assert torch.equal(state(first), state(again))
    assert not torch.equal(state(first), state(trained(make_net, data)))


def test_a_chain_of_layers_learns_what_autograd_does(data, make_net, monkeypatch):
    fast = trained(make_net, data, hook_for=consistent)
    monkeypatch.setattr(Chain, "of", lambda module: None)

    plain = trained(make_net, data, hook_for=consistent)

    torch.testing.assert_close(state(fast), state(plain), rtol=1e-3, atol=1e-4)


def test_no_weight_leaves_the_weights_as_those_without_unlabelled_samples(data, make_net):
    def module():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 3))

    with torch.random.fork_rng():
        without = trained(make_net, data, module())
        weightless = trained(make_net, data, module(), lambda m: consistent(m, weight=0.0))

    assert torch.equal(state(weightless), state(without))


def test_the_global_generator_is_left_as_it_was():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(36, 3))
    hook, before = begun(module), torch.get_rng_state()

    hook.penalty()

    assert torch.equal(torch.get_rng_state(), before)


def test_a_teacher_is_not_asked_about_unlabelled_samples(data, make_net):
    asked = []

    def both(module):
        teacher = copy.deepcopy(module)
        teacher.register_forward_hook(lambda _, inputs, __: asked.append(len(inputs[0])))
        return Hooks(Distillation(module, teacher), consistent(module))

    trained(make_net, data, hook_for=both)

    assert sum(asked) == 2 * len(data)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"threshold": 95}, "Consistency.threshold .* Did you mean 0.95"),
        ({"weight": -1}, "Consistency.weight"),
        ({"ratio": 0}, "Consistency.ratio"),
        ({"batch_size": 0}, "Consistency.batch_size"),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        begun(network(), **options)


def test_a_lone_sample_is_refused():
    with pytest.raises(ValueError, match=r"Consistency.inputs .* not 1"):
        begun(network(), IMAGES[:1])
