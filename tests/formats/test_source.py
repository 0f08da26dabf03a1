from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from skdeepopt.estimators import CNNClassifier, NeuralClassifier
from skdeepopt.estimators._raw_net import RawNetEstimator
from skdeepopt.formats._source import read_source
from skdeepopt.nets import TransferNetwork


def test_made_samples_are_the_same_each_time(classifier):
    source = read_source(classifier, None)

    assert np.array_equal(source.made_samples(), source.made_samples())


def test_made_samples_are_spread_as_the_training_data(classifier, images):
    made = read_source(classifier, None).made_samples()

    assert made.mean() == pytest.approx(images.mean(), rel=0.1)
    assert made.std() == pytest.approx(images.std(), rel=0.1)


def test_made_samples_are_spread_as_images_that_are_matched_to_the_networks_range(images, y):
    model = NeuralClassifier(TransferNetwork, image_shape=(1, 8, 8), max_epochs=1).fit(images, y)
    model.module_.match.scale.fill_(10.0)
    model.module_.match.shift.fill_(3.0)
    model.module_.body.standardize.mean.fill_(10 * images.mean() + 3)
    model.module_.body.standardize.scale.fill_(10 * images.std())

    made = read_source(model, None).made_samples()

    assert made.mean() == pytest.approx(images.mean(), rel=0.1)
    assert made.std() == pytest.approx(images.std(), rel=0.1)


def test_made_samples_are_what_scalers_expect(pipeline, X):
    made = read_source(pipeline, None).made_samples()

    assert abs(made.mean(0) - X.mean(0)).max() < X.std(0).max()


def test_a_pipeline_of_scalers_takes_rows(pipeline):
    assert read_source(pipeline, None).sample_shape == (64,)


def test_images_are_taken_with_channels_first(classifier):
    assert read_source(classifier, None).sample_shape == (1, 8, 8)


def test_a_step_that_cannot_be_written_is_named(X, y):
    model = make_pipeline(PowerTransformer(), CNNClassifier(max_epochs=1, random_state=0))

    with pytest.raises(ValueError, match="step 'powertransformer' is a PowerTransformer"):
        read_source(model.fit(X, y), None)


def test_an_estimator_without_a_network_is_refused(X, y):
    with pytest.raises(TypeError, match=r"a fitted deep estimator, .* not LogisticRegression"):
        read_source(LogisticRegression(max_iter=1000).fit(X, y), None)


def test_a_module_in_place_of_its_estimator_is_recognized():
    with pytest.raises(TypeError, match=r"not ReLU\. Did you mean the estimator that trained it"):
        read_source(nn.ReLU(), None)


def test_samples_of_another_size_are_refused(classifier):
    with pytest.raises(ValueError, match=r"samples of shape \(63,\)"):
        read_source(classifier, np.zeros((2, 63)))


def test_classes_that_are_mixed_are_refused(classifier, monkeypatch):
    monkeypatch.setattr(classifier, "classes_", np.array([1, "a", None], object))

    with pytest.raises(ValueError, match=r"classes that are numbers or strings, not 1"):
        read_source(classifier, None)


def raw(make, layers, images, targets, **options):
    net = make(nn.Sequential(nn.Flatten(), *layers), max_epochs=1, verbose=0, **options)
    return RawNetEstimator(net).fit(images, targets)


def test_a_skorch_net_of_logits_gives_logits(images, y):
    model = raw(NeuralNetClassifier, [nn.Linear(64, 3)], images, y, criterion=nn.CrossEntropyLoss)

    assert read_source(model, None).gives_logits


def test_a_skorch_net_of_probabilities_gives_probabilities(images, y):
    model = raw(NeuralNetClassifier, [nn.Linear(64, 3), nn.Softmax(1)], images, y)

    assert not read_source(model, None).gives_logits


def test_a_skorch_net_of_one_output_for_two_classes_is_refused(images, y):
    model = raw(NeuralNetBinaryClassifier, [nn.Linear(64, 1)], images, y % 2)

    with pytest.raises(ValueError, match=r"Did you mean a NeuralNetClassifier"):
        read_source(model, None)
