"""The files of estimators that hold a smaller copy of their base."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._files import load, read_header, save
from skdeepopt.training._net import TensorNet

RANDOM = np.random.default_rng(0)
X = RANDOM.random((40, 5))
Y = RANDOM.integers(0, 3, 40)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model"


@pytest.fixture
def base(fakes):
    """Fitted base."""
    return fakes.FakeDeep(random_state=3).fit(X, Y)


def test_a_compressor_comes_back_with_its_fitted_estimator(fakes, path):
    fitted = fakes.FakeCompressor(fakes.FakeDeep(random_state=3)).fit(X, Y)

    found = load(save(fitted, path))

    assert found.report_ == fitted.report_
    assert found.estimator_.random_state == 3
    np.testing.assert_array_equal(found.predict(X), fitted.predict(X))


def test_compressors_stack(fakes, path, base):
    inner = fakes.FakeCompressor(FrozenEstimator(base))
    fitted = fakes.FakeCompressor(inner).fit(X, Y)

    found = load(save(fitted, path))

    assert type(found.estimator_) is fakes.FakeCompressor
    np.testing.assert_array_equal(found.predict(X), fitted.predict(X))
    assert read_header(path)["tensors"].keys() == {
        "estimator.estimator.classes",
        "estimator.estimator.module.means.weight",
    }


def test_a_compressor_inside_a_pipeline_comes_back(fakes, path, base):
    fitted = make_pipeline(StandardScaler(), fakes.FakeCompressor(FrozenEstimator(base))).fit(X, Y)

    found = load(save(fitted, path))

    np.testing.assert_array_equal(found.predict(X), fitted.predict(X))


@pytest.mark.parametrize("freeze", [FrozenEstimator, lambda base: base])
def test_the_base_of_a_fitted_compressor_is_stored_without_its_weights(fakes, path, base, freeze):
    fitted = fakes.FakeCompressor(freeze(base)).fit(X, Y)

    found = load(save(fitted, path))

    tensors = {"estimator.classes", "estimator.module.means.weight"}
    assert read_header(path)["tensors"].keys() == tensors
    assert type(found.estimator) is type(fitted.estimator)
    assert vars(getattr(found.estimator, "estimator", found.estimator)) == vars(clone(base))


def test_a_frozen_pipeline_inside_a_compressor_is_stored_unfitted(fakes, path):
    base = make_pipeline(StandardScaler(), fakes.FakeDeep()).fit(X, Y)
    fitted = fakes.FakeCompressor(FrozenEstimator(base)).fit(X, Y)

    found = load(save(fitted, path))

    assert not hasattr(found.estimator.estimator[0], "mean_")
    np.testing.assert_array_equal(found.predict(X), fitted.predict(X))


def test_the_frozen_base_of_an_unfitted_compressor_keeps_its_weights(fakes, path, base):
    found = load(save(fakes.FakeCompressor(FrozenEstimator(base)), path))

    np.testing.assert_array_equal(found.fit(X, Y).predict(X), base.predict(X))


def test_what_stands_beside_a_compressor_keeps_its_weights(fakes, path, base):
    compressor = fakes.FakeCompressor(FrozenEstimator(base)).fit(X, Y)

    found = load(save(make_pipeline(FrozenEstimator(compressor), FrozenEstimator(base)), path))

    np.testing.assert_array_equal(found[0].predict(X), base.predict(X))
    np.testing.assert_array_equal(found[1].predict(X), base.predict(X))


def test_saving_a_compressor_leaves_its_base_fitted(fakes, path, base):
    fitted = fakes.FakeCompressor(FrozenEstimator(base)).fit(X, Y)

    save(fitted, path)

    assert fitted.estimator.estimator is base
    assert hasattr(base, "means_")


def test_a_net_as_the_base_is_refused_by_name(fakes, path):
    net = TensorNet(object, object)

    with pytest.raises(TypeError, match=r"FakeCompressor\.estimator is a .*TensorNet, which"):
        save(fakes.FakeCompressor(net), path)
    assert not path.exists()


LIES = [
    lambda state: state.update(estimator={"estimator": "os.system", "params": {}}),
    lambda state: state["estimator"].update(state={}),
    lambda state: state["estimator"].update(state={"module": {"tensor": "missing"}}),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_sealed_lie_about_an_inner_estimator_is_refused(fakes, path, base, reseal, lie):
    save(fakes.FakeCompressor(FrozenEstimator(base)).fit(X, Y), path)
    reseal(path, lambda document: lie(document["model"]["state"]))

    with pytest.raises(ModelFileError):
        load(path)


def test_samples_of_the_base_of_a_fitted_compressor_stay_out_of_the_file(fakes, path, base):
    inner = fakes.FakeCompressor(FrozenEstimator(base), samples=np.ones((100, 4)))
    outer = fakes.FakeCompressor(FrozenEstimator(inner.fit(X, Y))).fit(X, Y)
    outer.estimator = clone(inner)

    found = load(save(outer, path))

    assert found.estimator.samples is None
    assert outer.estimator.samples.shape == (100, 4)


def test_samples_that_a_compressor_learned_from_stay_out_of_the_file(fakes, path, base):
    compressor = fakes.FakeCompressor(FrozenEstimator(base), samples=np.ones((100, 4)))

    unfitted = load(save(compressor, path))
    fitted = load(save(compressor.fit(X, Y), path))

    assert unfitted.samples.shape == (100, 4)
    assert fitted.samples is None
    assert compressor.samples.shape == (100, 4)
