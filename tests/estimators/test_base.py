from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skdeepopt import CNNClassifier, CNNRegressor, ImageAugmenter, NeuralClassifier
from skdeepopt.exceptions import TrainingDivergedError

SHORT = {"widths": (4, 8), "max_epochs": 2, "random_state": 0, "device": "cpu"}
HOPELESS = 1e30


class Recorder(Callback):
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def on_train_begin(self, net, **kwargs):
        self.told.append("train begins")

    def on_epoch_begin(self, net, **kwargs):
        self.told.append("epoch begins")

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.told.append(f"batch of {len(batch[0])}")

    def on_batch_end(self, net, batch=None, training=None, loss=None, **kwargs):
        self.told.append("batch ended" if torch.isfinite(loss) else "diverged")

    def on_epoch_end(self, net, **kwargs):
        self.told.append("epoch ended")

    def on_train_end(self, net, **kwargs):
        self.told.append("train ended")


class Raiser(Callback):
    """Raises at one batch of one epoch."""

    def __init__(self, error, *, epoch=1, batch=1):
        self.error = error
        self.epoch = epoch
        self.batch = batch

    def on_epoch_begin(self, net, **kwargs):
        self.seen = 0

    def on_batch_end(self, net, **kwargs):
        self.seen += 1
        if len(net.history) > self.epoch and self.seen > self.batch:
            raise self.error


def bits(model, X):
    return model.predict_proba(X).tobytes()


def weights(model):
    return {name: value.clone() for name, value in model.module_.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_what_fit_learned_is_there_under_its_names(X, y):
    model = CNNClassifier(**SHORT).fit(X, y)

    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_features_in_ == 64
    assert model.image_shape_ == (1, 8, 8)
    assert isinstance(model.module_, nn.Module)
    assert model.net_.module_ is model.module_
    assert model.n_parameters_ == sum(p.numel() for p in model.module_.parameters())
    assert not hasattr(model, "feature_names_in_")


def test_nothing_is_set_in_init():
    assert vars(CNNClassifier()) == CNNClassifier().get_params(deep=False)


def test_history_has_an_entry_an_epoch(X, y):
    model = CNNClassifier(**SHORT, validation_fraction=0.25).fit(X, y)

    assert [row["epoch"] for row in model.history_] == [1, 2]
    assert set(model.history_[0]) == {
        "epoch", "train_loss", "train_score", "valid_loss", "valid_score", "lr", "seconds",
    }  # fmt: skip
    assert all(0 <= row["valid_score"] <= 1 for row in model.history_)


def test_a_second_fit_forgets_the_first(X, y):
    model = CNNClassifier(**SHORT).fit(X[:, :49], y)

    model.fit(X, y)

    assert bits(model, X) == bits(CNNClassifier(**SHORT).fit(X, y), X)
    assert len(model.history_) == 2


def test_warm_start_goes_on_from_the_present_weights(X, y):
    once = CNNClassifier(**SHORT).fit(X, y)
    twice = CNNClassifier(**SHORT, warm_start=True).fit(X, y)
    first = twice.net_

    twice.fit(X, y)

    assert twice.net_ is first
    assert len(twice.history_) == 4
    assert twice.history_[2]["train_loss"] < once.history_[0]["train_loss"]


def test_without_warm_start_nothing_is_left_of_the_present_weights(X, y):
    model = CNNClassifier(**SHORT).fit(X, y)

    assert bits(model.fit(X, y), X) == bits(CNNClassifier(**SHORT).fit(X, y), X)


def test_partial_fit_goes_on_a_chunk_at_a_time(X, y):
    model = CNNClassifier(**SHORT)

    model.partial_fit(X[:3], y[:3], classes=[0, 1, 2, 3])
    before = weights(model)
    model.partial_fit(X[:30], y[:30])

    assert model.classes_.tolist() == [0, 1, 2, 3]
    assert model.predict_proba(X).shape == (60, 4)
    assert len(model.history_) == 2
    assert model.history_[1]["lr"] == model.lr
    assert not same(before, weights(model))


def test_partial_fit_takes_chunks_without_some_classes(X, y):
    model = CNNClassifier(**SHORT).partial_fit(X[y < 2], y[y < 2], classes=[0, 1, 2])

    model.partial_fit(X[y == 2], y[y == 2])

    assert set(model.predict(X)) <= {0, 1, 2}


def test_partial_fit_again_and_again_learns(X, y):
    model = CNNClassifier(**SHORT)

    for _ in range(12):
        model.partial_fit(X, y)

    assert model.score(X, y) == 1


def test_finetune_of_no_epochs_changes_nothing(X, y):
    model = CNNClassifier(**SHORT).fit(X, y)
    before, answers = weights(model), bits(model, X)

    model.finetune(X, y, epochs=0)

    assert same(before, weights(model))
    assert bits(model, X) == answers
    assert len(model.history_) == 2


def test_finetune_trains_at_a_tenth_of_the_rate(X, y):
    model = CNNClassifier(**SHORT).fit(X, y)
    rates = []

    class Watcher(Callback):
        def on_batch_end(self, net, **kwargs):
            rates.append(net.optimizer_.param_groups[0]["lr"])

    model.set_params(callbacks=[Watcher()], schedule="constant").finetune(X, y, epochs=3)

    assert set(rates) == {model.lr / 10}
    assert len(model.history_) == 5


def test_finetune_at_a_rate_of_ones_own(X, y):
    model = CNNClassifier(**SHORT, schedule="constant").fit(X, y)

    model.finetune(X, y, epochs=1, lr=0.003)

    assert model.history_[-1]["lr"] == 0.003


def test_finetune_keeps_the_standardization(X, y):
    model = CNNClassifier(**SHORT).fit(X, y)
    before = model.module_.standardize.mean.clone()

    model.finetune(X + 5, y, epochs=1)

    assert torch.equal(model.module_.standardize.mean, before)


def test_early_stopping_puts_the_best_weights_back(X, y):
    model = CNNClassifier(
        **{**SHORT, "max_epochs": 30},
        lr=0.3,
        early_stopping=True,
        n_iter_no_change=3,
        validation_fraction=0.3,
    )

    model.fit(X, np.random.default_rng(0).permutation(y))  # noise, so that the loss rises

    losses = [row["valid_loss"] for row in model.history_]
    before = weights(model)
    assert len(losses) == 1 + np.argmin(losses) + 3 < 30
    assert validation_loss(model, X, np.random.default_rng(0).permutation(y)) == pytest.approx(
        min(losses), rel=1e-5
    )
    assert same(before, weights(model))


def validation_loss(model, X, y):
    """Loss on the samples that fit held out, asked again."""
    data = model._read_training(X, y, None, reset=False)
    held_out = model._split(data, model.net_.seed)[1]
    with torch.inference_mode():
        outputs = model.net_.outputs(held_out.inputs[held_out.index])
    return nn.functional.cross_entropy(outputs, held_out.targets[held_out.index]).item()


def test_early_stopping_without_a_better_epoch_runs_to_the_end(X, y):
    model = CNNClassifier(**{**SHORT, "max_epochs": 4}, early_stopping=True, n_iter_no_change=9)

    assert len(model.fit(X, y).history_) == 4


@pytest.mark.parametrize("fraction", [0.2, 0.5])
def test_the_held_out_samples_are_not_trained_on(X, y, fraction):
    recorder = Recorder()
    model = CNNClassifier(**SHORT, validation_fraction=fraction, callbacks=[recorder])

    model.fit(X, y)

    batches = [int(told.split()[-1]) for told in recorder.told if told.startswith("batch of")]
    left_out_lone = round(60 * (1 - fraction)) % model.net_.batch_size == 1
    assert sum(batches) == 2 * (round(60 * (1 - fraction)) - left_out_lone)


DIVERGING = {
    "fit": lambda model, X, y: model.set_params(lr=HOPELESS).fit(X, y),
    "warm fit": lambda model, X, y: model.set_params(lr=HOPELESS, warm_start=True).fit(X, y),
    "finetune": lambda model, X, y: model.finetune(X, y, epochs=2, lr=HOPELESS),
    "partial_fit": lambda model, X, y: again(model.set_params(lr=HOPELESS).partial_fit, X, y),
}


def again(method, X, y):
    for _ in range(5):
        method(X, y)


@pytest.mark.parametrize("how", DIVERGING)
def test_a_rate_too_high_is_told_with_epoch_rate_and_cure(X, y, how):
    model = CNNClassifier(**{**SHORT, "max_epochs": 1}).fit(X, y)

    with pytest.raises(
        TrainingDivergedError, match=r"epoch \d+ at learning rate .*Did you mean .*lr=1e\+29"
    ):
        DIVERGING[how](model, X, y)


@pytest.mark.parametrize("how", ["fit", "warm fit", "finetune"])
def test_a_training_that_diverged_leaves_what_was_fitted_before(X, y, how):
    model = CNNClassifier(**SHORT).fit(X, y)
    answers, history = bits(model, X), model.history_

    with pytest.raises(TrainingDivergedError):
        DIVERGING[how](model, X, y)

    assert bits(model, X) == answers
    assert model.history_ == history
    assert bits(model.set_params(lr=0.01).finetune(X, y, epochs=1), X) != answers


def test_a_diverged_chunk_leaves_the_weights_from_before_it(X, y):
    model = CNNClassifier(**SHORT).fit(X, y).set_params(lr=HOPELESS)
    steps = [bits(model, X)]

    with pytest.raises(TrainingDivergedError):
        again(lambda *chunk: steps.append(bits(model.partial_fit(*chunk), X)), X, y)

    assert bits(model, X) == steps[-1]


def test_a_first_fit_that_diverged_leaves_nothing(X, y):
    model = CNNClassifier(**SHORT, lr=HOPELESS)

    with pytest.raises(TrainingDivergedError):
        model.fit(X, y)

    assert vars(model) == model.get_params(deep=False)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "finetune"])
def test_an_exception_in_the_middle_leaves_the_earlier_fit(X, y, method):
    model = CNNClassifier(**SHORT).fit(X, y)
    answers, history = bits(model, X), model.history_
    model.set_params(callbacks=[Raiser(ZeroDivisionError("mine"), epoch=0)])

    with pytest.raises(ZeroDivisionError, match="mine"):
        getattr(model, method)(X, y)

    assert bits(model, X) == answers
    assert model.history_ == history
    assert model.set_params(callbacks=None).fit(X, y).score(X, y) > 0


def test_an_interrupt_propagates_and_leaves_what_was_reached(X, y):
    model = CNNClassifier(**{**SHORT, "max_epochs": 9}, callbacks=[Raiser(KeyboardInterrupt())])

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)

    assert model.predict(X).shape == (60,)
    assert 1 <= len(model.history_) <= 2
    assert model.set_params(callbacks=None).finetune(X, y, epochs=2).score(X, y) > 0.3


def test_callbacks_are_told_of_everything_in_order(X, y):
    recorder = Recorder()

    CNNClassifier(**{**SHORT, "max_epochs": 1}, batch_size=30, callbacks=[recorder]).fit(X, y)

    batch = ["batch of 30", "batch ended"]
    assert recorder.told == [
        "train begins", "epoch begins", *batch, *batch, "epoch ended", "train ended",
    ]  # fmt: skip


def test_a_callback_that_only_listens_changes_no_weight(X, y):
    silent = CNNClassifier(**SHORT).fit(X, y)

    assert bits(CNNClassifier(**SHORT, callbacks=[Recorder()]).fit(X, y), X) == bits(silent, X)


def test_skorchs_own_callbacks_work(X, y):
    from skorch.callbacks import EpochTimer, GradientNormClipping

    model = CNNClassifier(**SHORT, callbacks=[EpochTimer(), GradientNormClipping(0.1)]).fit(X, y)

    assert np.isfinite(model.history_[-1]["train_loss"])


def test_a_callback_may_end_the_training_early(X, y):
    class Enough(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    model = CNNClassifier(**{**SHORT, "max_epochs": 9}, callbacks=[Enough()]).fit(X, y)

    assert len(model.history_) == 1


def test_the_parameters_of_the_user_are_left_as_they_were(X, y):
    augmenter, callback = ImageAugmenter(shift=0.1), Recorder()
    model = CNNClassifier(**SHORT, augment=augmenter, callbacks=[callback])
    before = copy.copy(model.get_params(deep=False))

    model.fit(X, y)

    assert model.get_params(deep=False) == before
    assert model.augment is augmenter


def test_augmentation_changes_training_but_no_prediction(X, y):
    plain = CNNClassifier(**SHORT).fit(X, y)
    model = CNNClassifier(**SHORT, augment=ImageAugmenter(shift=0.3)).fit(X, y)

    assert bits(model, X) != bits(plain, X)
    assert bits(model, X) == bits(model, X)


def test_any_function_of_batch_and_generator_augments(X, y):
    seen = []

    def brighten(batch, generator):
        seen.append(batch.shape)
        return batch + torch.rand(len(batch), 1, 1, 1, generator=generator)

    model = CNNClassifier(**SHORT, augment=brighten).fit(X, y)

    assert set(seen) == {(16, 1, 8, 8), (12, 1, 8, 8)}
    assert bits(model, X) == bits(CNNClassifier(**SHORT, augment=brighten).fit(X, y), X)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_both_precisions_learn(X, y, precision):
    model = CNNClassifier(**{**SHORT, "max_epochs": 12}, precision=precision).fit(X, y)

    assert model.score(X, y) == 1
    assert {p.dtype for p in model.module_.parameters()} == {torch.float32}


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd", "rmsprop", torch.optim.NAdam])
@pytest.mark.parametrize("schedule", ["onecycle", "cosine", "linear", "constant"])
def test_each_optimizer_learns_on_each_schedule(X, y, optimizer, schedule):
    model = CNNClassifier(**{**SHORT, "max_epochs": 6}, optimizer=optimizer, schedule=schedule)

    losses = [row["train_loss"] for row in model.fit(X, y).history_]

    assert losses[-1] < losses[0]


@pytest.mark.parametrize("n_samples", [2, 3, 17, 33])
def test_any_number_of_samples_can_be_trained_on(X, numbers, n_samples):
    model = CNNRegressor(**SHORT).fit(X[:n_samples], numbers[:n_samples])

    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("batch_size", [1, 2, 59, 60, np.int64(7)])
def test_any_batch_size_up_to_all_samples_works(X, y, batch_size):
    model = CNNClassifier(**SHORT, batch_size=batch_size).fit(X, y)

    assert model.net_.batch_size == batch_size


def test_silence_is_the_default(X, y, capsys):
    CNNClassifier(**SHORT).fit(X, y).predict(X)

    assert capsys.readouterr() == ("", "")


def test_plain_lines_elsewhere_than_on_a_terminal(X, y, capsys):
    CNNClassifier(**SHORT, verbose=1).fit(X, y)

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert all("loss" in line and "accuracy" in line and "left" in line for line in lines)


def test_a_module_of_the_user_sees_the_eight_by_eight_images_as_they_are(images, y):
    seen = []

    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(64, 3)

        def forward(self, inputs):
            seen.append((tuple(inputs.shape[1:]), inputs.dtype, float(inputs.max())))
            return self.linear(inputs.flatten(1))

    NeuralClassifier(Flat, max_epochs=1, random_state=0).fit(images.astype(np.uint8), y)

    assert {shape for shape, _, _ in seen} == {(8, 8)}
    assert {dtype for _, dtype, _ in seen} == {torch.float32}
    assert max(largest for _, _, largest in seen) == images.max()
