from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from torch import nn
from torch.nn import functional as F

from skdeepopt.training._distillation import Distillation
from skdeepopt.training._raw_net import train_raw_net


def network(n_outputs=3, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, n_outputs)).double()


def stated_loss(outputs, wanted, labels, alpha, heat):
    """Equation 2 of the paper, with both parts."""
    soft = F.kl_div((outputs / heat).log_softmax(1), (wanted / heat).softmax(1), reduction="sum")
    soft = heat**2 * soft / len(outputs)
    return (1 - alpha) * F.cross_entropy(outputs, labels) + alpha * soft


def gradients(student, loss):
    student.zero_grad()
    loss.backward()
    return [parameter.grad.clone() for parameter in student.parameters()]


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.floats(0.5, 8), st.integers(1, 9), st.integers(0, 5))
def test_gradients_are_those_of_the_stated_loss(alpha, heat, n_samples, seed):
    student, teacher = network(seed=seed), network(seed=seed + 1)
    inputs, labels = torch.randn(n_samples, 4).double(), torch.arange(n_samples) % 3
    outputs, wanted = student(inputs), teacher(inputs).detach()
    expected = gradients(student, stated_loss(outputs, wanted, labels, alpha, heat))
    hook = Distillation(student, teacher, alpha=alpha, temperature=heat)

    hook.before_training(1)
    found = gradients(student, F.cross_entropy(student(inputs), labels))

    # The slope is the temperature times a difference of probabilities, rounded to float32.
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-7 * max(heat, 1))


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 1), st.integers(1, 3))
def test_gradients_of_a_regression_are_those_of_the_squared_distance(alpha, n_outputs):
    student, teacher = network(n_outputs), network(n_outputs, seed=1)
    inputs, targets = torch.randn(6, 4).double(), torch.randn(6, n_outputs).double()
    outputs, wanted = student(inputs), teacher(inputs).detach()
    loss = (1 - alpha) * F.mse_loss(outputs, targets) + alpha * F.mse_loss(outputs, wanted)
    expected = gradients(student, loss)
    hook = Distillation(student, teacher, alpha=alpha, is_classifier=False)

    hook.before_training(1)
    found = gradients(student, F.mse_loss(student(inputs), targets))

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_a_single_output_is_a_logit_of_the_second_class(shape):
    student, teacher = network(1), network(1, seed=1)
    inputs = torch.randn(6, 4).double()
    hook = Distillation(student, teacher, temperature=2.0)

    slope = hook._slope(student(inputs).reshape(shape), teacher(inputs).reshape(shape))

    both = [torch.cat([torch.zeros(6, 1).double(), net(inputs)], 1) for net in (student, teacher)]
    torch.testing.assert_close(slope, hook._slope(*both)[:, 1].reshape(shape))


def test_the_teachers_weight_of_zero_changes_nothing():
    student, inputs = network(), torch.randn(6, 4).double()
    expected = gradients(student, student(inputs).square().sum())
    hook = Distillation(student, network(seed=1), alpha=0.0)

    hook.before_training(1)

    assert all(map(torch.equal, gradients(student, student(inputs).square().sum()), expected))


def test_who_answers_as_the_teacher_learns_nothing_from_it():
    student, inputs = network(), torch.randn(6, 4).double()
    hook = Distillation(student, copy.deepcopy(student), alpha=1.0)

    hook.before_training(1)
    found = gradients(student, F.cross_entropy(student(inputs), torch.arange(6) % 3))

    assert not any(gradient.any() for gradient in found)


def test_the_teacher_is_evaluated_and_not_changed():
    teacher = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 3)).double()
    before, student = copy.deepcopy(teacher.state_dict()), network()
    hook = Distillation(student, teacher)

    hook.before_training(1)
    student(torch.randn(6, 4).double()).sum().backward()

    assert all(torch.equal(tensor, before[name]) for name, tensor in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_the_loss_stays_that_of_the_labels():
    student, inputs = network(), torch.randn(6, 4).double()
    outputs = student(inputs)
    hook = Distillation(student, network(seed=1))

    hook.before_training(1)

    assert torch.equal(student(inputs), outputs)
    assert hook.penalty() is None
    assert hook.after_step(0.5) is False


ROWS = torch.tensor([4, 1, 1, 0, 5])


@pytest.mark.parametrize("is_classifier", [True, False])
def test_answers_once_for_each_row_teach_what_the_teacher_does(is_classifier):
    student, teacher, inputs = network(), network(seed=1), torch.randn(6, 4).double()
    answers = teacher(inputs).detach()
    options = {"alpha": 0.7, "is_classifier": is_classifier}
    found = []
    for voice in (teacher, answers):
        hook = Distillation(student, voice, **options)
        hook.before_training(1)
        hook.before_step(ROWS)
        found.append(gradients(student, F.mse_loss(student(inputs[ROWS]), answers[ROWS] + 1)))
        hook.restore()

    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-7)


def test_samples_without_a_label_are_the_teachers_alone():
    student, teacher, inputs = network(), network(seed=1), torch.randn(6, 4).double()
    labelled, labels = torch.arange(6) < 3, torch.arange(6) % 3
    hook = Distillation(student, teacher, alpha=0.4, temperature=2.0, labelled=labelled)
    outputs, wanted = student(inputs[ROWS]), teacher(inputs[ROWS]).detach()
    parts = [
        stated_loss(outputs[i : i + 1], wanted[i : i + 1], labels[row : row + 1], share, 2.0)
        for i, row in enumerate(ROWS)
        for share in [0.4 if labelled[row] else 1.0]
    ]
    expected = gradients(student, sum(parts) / len(ROWS))

    hook.before_training(1)
    hook.before_step(ROWS)
    found = gradients(student, F.cross_entropy(student(inputs[ROWS]), labels[ROWS]))

    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_a_training_tells_the_rows_that_it_takes(data, make_net):
    net = make_net()
    answers = F.one_hot(data.targets, 3).float() * 20
    hook = Distillation(net.module_, answers, alpha=1.0, temperature=1.0)
    wrong = replace(data, targets=(data.targets + 1) % 3)

    net.train(wrong, epochs=20, lr=0.02, schedule="onecycle", hook=hook)

    assert (net.outputs(data.inputs).argmax(1) == data.targets).float().mean() > 0.9


@pytest.mark.parametrize("end", ["after_training", "restore", "evaluation"])
def test_nothing_is_asked_of_the_teacher_out_of_training(end):
    student, teacher, asked = network(), network(seed=1), []
    teacher.register_forward_hook(lambda *_: asked.append(1))
    hook = Distillation(student, teacher)
    hook.before_training(1)

    student.eval() if end == "evaluation" else getattr(hook, end)()
    student(torch.randn(6, 4).double()).sum().backward()

    assert not asked


def test_a_training_that_never_began_can_be_ended():
    Distillation(network(), network()).after_training()


RAW = {
    "classifier": (NeuralNetClassifier, 3, nn.CrossEntropyLoss, torch.arange(12) % 3),
    "binary": (NeuralNetBinaryClassifier, 1, nn.BCEWithLogitsLoss, (torch.arange(12) % 2).float()),
    "regressor": (NeuralNetRegressor, 1, nn.MSELoss, torch.randn(12, 1)),
}


@pytest.mark.parametrize("kind", RAW)
def test_a_raw_net_comes_closer_to_its_teacher(kind):
    net_class, n_outputs, criterion, y = RAW[kind]
    module, teacher = network(n_outputs).float(), network(n_outputs, seed=1).float()
    net = net_class(
        module, max_epochs=1, verbose=0, train_split=None, criterion=criterion
    ).initialize()
    inputs = torch.randn(12, 4)
    hook = Distillation(
        net.module_, teacher, alpha=1.0, temperature=1.0, is_classifier=kind != "regressor"
    )
    before = (net.module_(inputs) - teacher(inputs)).square().mean()

    train_raw_net(net, inputs.numpy(), y.numpy(), epochs=60, lr=0.3, hook=hook)

    assert (net.module_.eval()(inputs) - teacher(inputs)).square().mean() < 0.5 * before
    assert not net.module_._forward_hooks


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"alpha": 2}, r"Distillation.alpha is a share, in \[0, 1\], not 2"),
        ({"alpha": -0.5}, "Distillation.alpha"),
        ({"temperature": 0}, "Distillation.temperature"),
    ],
    ids=str,
)
def test_options_out_of_range_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        Distillation(nn.Identity(), nn.Identity(), **options)
