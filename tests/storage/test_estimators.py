import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import NMF, PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.feature_selection import (
    GenericUnivariateSelect,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    f_regression,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    LabelBinarizer,
    LabelEncoder,
    MaxAbsScaler,
    MinMaxScaler,
    MultiLabelBinarizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection

from skdeepopt.exceptions import ModelFileError
from skdeepopt.preprocessing._augmenter import ImageAugmenter
from skdeepopt.storage._files import load, save
from skdeepopt.storage._limits import MAX_ESTIMATORS
from skdeepopt.storage._registry import ESTIMATORS

RANDOM = np.random.default_rng(0)
X = RANDOM.random((40, 5))
Y = RANDOM.integers(0, 3, 40)

TRANSFORMERS = [
    Binarizer(threshold=0.5),
    ColumnTransformer(
        [("scale", StandardScaler(), [0, 1]), ("same", "passthrough", slice(2, 4))],
        remainder="drop",
    ),
    FactorAnalysis(2),
    FastICA(2, random_state=0, tol=0.1),
    FeatureUnion([("pca", PCA(2)), ("same", "passthrough")]),
    FunctionTransformer(),
    GaussianRandomProjection(2, random_state=0),
    GenericUnivariateSelect(mode="k_best", param=2),
    IncrementalPCA(2),
    KBinsDiscretizer(3, encode="ordinal", quantile_method="averaged_inverted_cdf"),
    KNNImputer(),
    MaxAbsScaler(),
    MinMaxScaler((-1, 1)),
    MissingIndicator(features="all"),
    NMF(2, random_state=0, tol=0.1),
    Normalizer(),
    Nystroem(n_components=5, random_state=0),
    OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist", dtype=np.float32),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    PCA(2, random_state=0),
    PolynomialFeatures(2),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=10),
    RBFSampler(n_components=5, random_state=0),
    RobustScaler(),
    SelectKBest(f_regression, k=2),
    SelectPercentile(),
    SimpleImputer(missing_values=np.nan, add_indicator=True),
    StandardScaler(),
    TargetEncoder(shuffle=False),
    TruncatedSVD(2, random_state=0),
    VarianceThreshold(),
    make_pipeline(StandardScaler(), make_pipeline(PCA(2), MinMaxScaler())),
]
PREDICTORS = [
    LinearRegression(),
    LogisticRegression(),
    Ridge(),
    TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler()),
]
OF_LABELS = [LabelEncoder(), LabelBinarizer()]
name = lambda value: type(value).__name__  # noqa: E731


@pytest.fixture
def reload(tmp_path):
    return lambda estimator, **rest: load(save(estimator, tmp_path / "model"), **rest)


def params(estimator):
    """Parameters as text, to the last bit."""
    return repr(estimator.get_params(deep=False))


def test_every_class_of_the_table_is_tried():
    tried = {name(value) for value in [*TRANSFORMERS, *PREDICTORS, *OF_LABELS]}
    known = {item for module, items in ESTIMATORS.items() if "sklearn" in module for item in items}

    assert known - tried == {"FrozenEstimator", "MultiLabelBinarizer"}


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=name)
def test_a_transformer_answers_as_before(reload, transformer):
    fitted = clone(transformer).fit(X, Y)

    found = reload(fitted)

    expected = fitted.transform(X)
    answer = found.transform(X)
    if hasattr(expected, "toarray"):
        expected, answer = expected.toarray(), answer.toarray()
    assert type(found) is type(fitted)
    assert params(found) == params(fitted)
    assert vars(found).keys() == vars(fitted).keys()
    assert answer.dtype == expected.dtype
    assert answer.tobytes() == expected.tobytes()


@pytest.mark.parametrize("predictor", PREDICTORS, ids=name)
def test_a_predictor_answers_as_before(reload, predictor):
    fitted = clone(predictor).fit(X, Y)

    found = reload(fitted)

    assert found.predict(X).tobytes() == fitted.predict(X).tobytes()


@pytest.mark.parametrize("estimator", [*TRANSFORMERS, *PREDICTORS, *OF_LABELS], ids=name)
def test_an_unfitted_estimator_comes_back_unfitted(reload, estimator):
    found = reload(estimator)

    assert params(found) == params(estimator)
    assert vars(found).keys() == vars(estimator).keys()


@pytest.mark.parametrize("labels", [Y, Y.astype(str), Y.astype(str).astype(object), Y == 0])
@pytest.mark.parametrize("encoder", OF_LABELS, ids=name)
def test_labels_of_any_type_come_back(reload, encoder, labels):
    fitted = clone(encoder).fit(labels)

    found = reload(fitted)

    assert found.classes_.dtype == fitted.classes_.dtype
    np.testing.assert_array_equal(found.transform(labels), fitted.transform(labels))


def test_sets_of_labels_come_back(reload):
    fitted = MultiLabelBinarizer().fit([["a", "b"], ["c"]])

    np.testing.assert_array_equal(reload(fitted).transform([["c"]]), [[0, 0, 1]])


def test_a_missing_category_comes_back(reload):
    column = np.array([["a"], [np.nan], [None], ["b"]], dtype=object)
    fitted = OneHotEncoder().fit(column)

    found = reload(fitted)

    assert (found.transform(column) != fitted.transform(column)).nnz == 0


def test_a_frozen_estimator_comes_back_fitted(reload):
    found = reload(FrozenEstimator(StandardScaler().fit(X)))

    np.testing.assert_array_equal(found.transform(X), StandardScaler().fit_transform(X))


def test_a_pipeline_around_a_deep_estimator_answers_as_before(reload, fake_deep):
    labels = np.array(["cat", "dog", "owl"])[Y]
    pipeline = make_pipeline(
        SimpleImputer(missing_values=np.nan), StandardScaler(), PCA(3), fake_deep(random_state=3)
    ).fit(X, labels)

    found = reload(pipeline)

    assert found[-1].random_state == 3
    np.testing.assert_array_equal(found.predict(X), pipeline.predict(X))


def test_an_unfitted_deep_estimator_has_no_state(reload, fake_deep):
    found = reload(fake_deep(random_state=3))

    assert vars(found) == vars(fake_deep(random_state=3))


def test_an_estimator_as_a_parameter_comes_back(reload, fake_deep):
    found = reload(fake_deep(augment=ImageAugmenter(rotation=10.0)).fit(X, Y))

    assert found.augment.get_params() == ImageAugmenter(rotation=10.0).get_params()


def test_callbacks_are_left_out_with_a_warning(tmp_path, fake_deep):
    with pytest.warns(UserWarning, match=r"FakeDeep\.callbacks is not stored"):
        save(fake_deep(callbacks=[print]), tmp_path / "model")

    assert load(tmp_path / "model").callbacks is None


def test_metadata_requests_come_back(reload, fake_deep):
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        pipeline = Pipeline([("scale", scaler), ("net", fake_deep())])

        found = reload(pipeline)

        assert found[0].get_metadata_routing().fit.requests == {"sample_weight": True}
        assert found[0].get_metadata_routing().owner is found[0]


def test_output_settings_and_feature_names_come_back(reload):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    fitted = StandardScaler().set_output(transform="pandas").fit(frame)

    found = reload(fitted)

    assert found.feature_names_in_.dtype == object
    pandas.testing.assert_frame_equal(found.transform(frame), fitted.transform(frame))


def test_columns_by_name_come_back(reload):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    fitted = ColumnTransformer(
        [("a", StandardScaler(), ["a", "b"]), ("b", OneHotEncoder(sparse_output=False), ["c"])],
        remainder="passthrough",
    ).fit(frame)

    np.testing.assert_array_equal(reload(fitted).transform(frame), fitted.transform(frame))


def test_a_function_of_the_user_has_to_be_passed(tmp_path):
    save(FunctionTransformer(np.log1p), tmp_path / "model")

    with pytest.raises(ModelFileError, match=r"needs 'numpy.log1p' for FunctionTransformer\.func"):
        load(tmp_path / "model")
    assert load(tmp_path / "model", modules=[np.log1p]).func is np.log1p


def test_what_cannot_be_stored_is_named_as_python_would(tmp_path):
    pipeline = make_pipeline(StandardScaler()).fit(X)
    pipeline[0].mean_ = np.array(["2020-01-01"], dtype="datetime64[D]")

    with pytest.raises(
        TypeError, match=r"Pipeline\.steps\[0\]\[1\]\.mean_ is an array of datetime"
    ):
        save(pipeline, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_an_unknown_estimator_is_refused_by_name(tmp_path):
    class Scaler(StandardScaler):
        pass

    with pytest.raises(TypeError, match=r"Pipeline\.steps\[0\]\[1\] is a .*Scaler, which"):
        save(make_pipeline(Scaler()), tmp_path / "model")


def test_state_outside_the_attributes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(StandardScaler, "__getstate__", lambda self: {"other": 1})

    with pytest.raises(TypeError, match="outside its attributes"):
        save(StandardScaler(), tmp_path / "model")


def test_more_estimators_than_a_reader_takes_are_not_written(tmp_path):
    steps = [(str(at), StandardScaler()) for at in range(MAX_ESTIMATORS)]

    with pytest.raises(ValueError, match="holds up to 1,000 estimators"):
        save(Pipeline(steps), tmp_path / "model")


def test_callbacks_of_scikit_learn_are_left_out_with_a_warning(tmp_path):
    scaler = StandardScaler()
    scaler._skl_callbacks = [print]

    with pytest.warns(UserWarning, match=r"StandardScaler\._skl_callbacks is not stored"):
        save(scaler, tmp_path / "model")
    assert "_skl_callbacks" not in vars(load(tmp_path / "model"))


LIES = [
    lambda model: model.update(params=[]),
    lambda model: model.update(state=3),
    lambda model: model.update(more=3),
    lambda model: model["params"].update(unknown=1),
    lambda model: model["params"].pop("copy") and model["state"].update(copy=1),
    lambda model: model["state"].update(transform=1),
    lambda model: model["state"].update(__class__=1),
    lambda model: model["state"].update({"not a name": 1}),
    lambda model: model["state"].update(mean_=1),
    lambda model: model.update(requests=3),
    lambda model: model.update(requests={"fly": {}}),
    lambda model: model.update(requests={"fit": 3}),
    lambda model: model.update(requests={"fit": {"sample_weight": 3}}),
]


@pytest.mark.parametrize("lie", LIES)
def test_a_sealed_lie_about_an_estimator_is_refused(forge_document, lie):
    def change(document):
        lie(document["model"])

    with pytest.raises(ModelFileError):
        load(forge_document(change))


def test_state_that_the_estimator_refuses_is_told(tmp_path, fake_deep, monkeypatch):
    save(fake_deep().fit(X, Y), tmp_path / "model")
    monkeypatch.setattr(fake_deep, "_restore_state", lambda self, state: state["missing"])

    with pytest.raises(
        ModelFileError, match=r"the installed fakes\.FakeDeep, at FakeDeep \(KeyErr"
    ):
        load(tmp_path / "model")


def test_an_object_that_is_no_estimator_is_refused(tmp_path):
    with pytest.raises(TypeError, match="stores an estimator, not dict"):
        save({}, tmp_path / "model")


def test_swapped_arguments_are_guessed(tmp_path):
    with pytest.raises(TypeError, match=r"Did you mean save\(estimator, path\)\?"):
        save(str(tmp_path / "model"), BaseEstimator())
