from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    ParameterSampler,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skopt import BayesSearchCV
from skopt.space import Integer, Real, Space
from skorch import NeuralNetClassifier
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    DistilledEstimator,
    ImageAugmenter,
    ImageScaler,
    NeuralClassifier,
    NeuralRegressor,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    TransferEstimator,
)
from skdeepopt.measurement._scorers import register_scorers
from skdeepopt.nets import MLP, CompactCNN
from skdeepopt.search._within import smallest_within
from skdeepopt.space._check import check_space
from skdeepopt.space._space import MOST_IN_GRID, search_space, space_parts

register_scorers()

KINDS = ("grid", "random", "bayes")

TINY = CNNClassifier(widths=0.25, max_epochs=1, random_state=0)
RESIDUAL = CNNClassifier("residual", widths=0.25, depth=2, max_epochs=1, random_state=0)


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:80], y[:80]


def large_digits():
    X, y = digits()
    return np.kron(X.reshape(-1, 8, 8), np.ones((1, 2, 2))), y


def data_for(name):
    return large_digits() if name == "lenet5" else digits()


def fitted():
    return clone(TINY).fit(*digits())


class Flat(nn.Linear):
    def __init__(self):
        super().__init__(64, 10)


STACKS = {
    "compact": TINY,
    "lenet5": CNNClassifier("lenet5", widths=0.2, max_epochs=1),
    "lenet300": CNNClassifier("lenet300", widths=0.1, max_epochs=1),
    "residual": RESIDUAL,
    "mlp regressor": CNNRegressor("mlp", widths=[8], max_epochs=1),
    "augmented": clone(TINY).set_params(augment=ImageAugmenter(rotation=5), early_stopping=True),
    "sgd": clone(TINY).set_params(optimizer="sgd", weight_decay=0),
    "neural": NeuralClassifier(MLP, max_epochs=1),
    "neural compact": NeuralClassifier(CompactCNN, image_shape=(8, 8), max_epochs=1),
    "neural instance": NeuralRegressor(nn.Linear(64, 1), max_epochs=1),
    "channels": PrunedEstimator(TINY, finetune_epochs=1),
    "weights": PrunedEstimator(TINY, granularity="weight", finetune_epochs=1),
    "blocks": PrunedEstimator(RESIDUAL, granularity="block", finetune_epochs=1),
    "pattern": PrunedEstimator(TINY, granularity="2:4", finetune_epochs=1),
    "at once": PrunedEstimator(TINY, schedule="one_shot", finetune_epochs=0),
    "rewind": PrunedEstimator(TINY, granularity="weight", schedule="rewind", finetune_epochs=1),
    "rigl": PrunedEstimator(TINY, granularity="weight", schedule="rigl"),
    "variational": PrunedEstimator(
        TINY, granularity="weight", schedule="variational", finetune_epochs=1
    ),
    "static": QuantizedEstimator(TINY),
    "training": QuantizedEstimator(TINY, method="training", finetune_epochs=1),
    "dynamic": QuantizedEstimator(TINY, method="dynamic"),
    "weight_only": QuantizedEstimator(TINY, method="weight_only", scheme="codebook2"),
    "packed": PackedEstimator(TINY, finetune_epochs=2),
    "packed to": PackedEstimator(TINY, target_bytes=2000, finetune_epochs=2),
    "transfer": TransferEstimator(max_epochs=1),
    "gradual": TransferEstimator(strategy="gradual", max_epochs=3, augment=ImageAugmenter()),
    "features": TransferEstimator(strategy="features"),
    "distilled": DistilledEstimator(TINY, LogisticRegression(C=1e-3)),
    "distilled regressor": DistilledEstimator(
        CNNRegressor(widths=0.25, max_epochs=1), TransformedTargetRegressor()
    ),
    "distilled pruned": DistilledEstimator(
        PrunedEstimator(TINY, finetune_epochs=1), LogisticRegression(C=1e-3), finetune_epochs=1
    ),
    "deep": make_pipeline(
        StandardScaler(),
        QuantizedEstimator(
            PrunedEstimator(DistilledEstimator(TINY, LogisticRegression(C=1e-3)), finetune_epochs=1)
        ),
    ),
    "pruned after": PrunedEstimator(QuantizedEstimator(TINY), finetune_epochs=1),
    "packed transfer": PackedEstimator(TransferEstimator(max_epochs=1), finetune_epochs=2),
    "target": TransformedTargetRegressor(CNNRegressor(widths=0.25, max_epochs=1)),
    "net": NeuralNetClassifier(
        Flat, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
    ),
    "pruned net": PrunedEstimator(
        NeuralNetClassifier(
            Flat, criterion=nn.CrossEntropyLoss, max_epochs=1, train_split=None, verbose=0
        ),
        granularity="weight",
        finetune_epochs=1,
    ),
}


def candidates(model, kind, n, seed=0):
    space = search_space(model, kind)
    if kind == "bayes":
        names = list(space)
        rows = Space(list(space.values())).rvs(n, random_state=seed)
        return [dict(zip(names, map(as_plain, row), strict=True)) for row in rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a grid may hold fewer
        return list(ParameterSampler(space, n, random_state=seed))


def as_plain(value):
    return np.array(value).item()


def fit_digits(model, row, data):
    X, y = data
    if isinstance(model, NeuralNetClassifier):
        X, y = X.astype(np.float32), y.astype(np.int64)
    with warnings.catch_warnings():
        # Eighty rows are few to compress on, which some wrappers say.
        warnings.simplefilter("ignore", UserWarning)
        return clone(model).set_params(**row).fit(X, y)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_space_names_parameters_that_there_are(name, kind):
    model = STACKS[name]

    space = search_space(model, kind)

    assert space
    check_space("Search", model, space)


@pytest.mark.parametrize("name", STACKS)
def test_no_seed_no_device_and_nothing_printed_is_searched(name):
    never = {"random_state", "device", "verbose", "callbacks", "precision", "warm_start", "engine"}

    last = {part.name.rpartition("__")[2] for part in space_parts(STACKS[name])}

    assert not last & never


@pytest.mark.parametrize("name", STACKS)
def test_a_grid_is_small_and_a_part_of_the_space(name):
    grid, space = (search_space(STACKS[name], kind) for kind in ("grid", "bayes"))

    assert math.prod(len(values) for values in grid.values()) <= MOST_IN_GRID
    assert grid.keys() <= space.keys()
    assert all(len(set(values)) == len(values) > 1 for values in grid.values())


@pytest.mark.parametrize("name", STACKS)
def test_all_kinds_search_the_same_parameters(name):
    random, bayes = (search_space(STACKS[name], kind) for kind in ("random", "bayes"))

    assert list(random) == list(bayes)


@pytest.mark.parametrize("name", STACKS)
def test_rates_are_logarithmic_and_counts_are_integers(name):
    space = search_space(STACKS[name], "bayes")

    for parameter, dimension in space.items():
        last = parameter.rpartition("__")[2]
        if last in ("lr", "weight_decay", "l2_sp", "target_bytes"):
            assert dimension.prior == "log-uniform"
        if last in ("finetune_epochs", "max_epochs", "depth", "n_iter_no_change", "target_bytes"):
            assert isinstance(dimension, Integer)
        elif last in ("lr", "dropout", "pruning_ratio", "alpha"):
            assert isinstance(dimension, Real)


def test_the_estimator_stays_as_it_is():
    model = clone(STACKS["deep"])
    before = repr(model.get_params())

    search_space(model)

    assert repr(model.get_params()) == before


def names(model):
    return set(search_space(model))


def test_epochs_of_a_fine_tuning_are_searched_where_there_is_one():
    assert "finetune_epochs" in names(STACKS["training"])
    assert "finetune_epochs" not in names(STACKS["static"])
    assert "finetune_epochs" not in names(STACKS["dynamic"])
    assert "finetune_epochs" not in names(STACKS["rigl"])
    assert "finetune_epochs" not in names(STACKS["at once"])
    assert "finetune_epochs" in names(STACKS["distilled pruned"])
    assert "finetune_epochs" not in names(STACKS["distilled"])


def test_epochs_of_the_training_are_left_to_the_search_but_for_a_bare_net():
    stacks = {
        name for name, model in STACKS.items() if any("max_epochs" in n for n in names(model))
    }

    assert stacks == {"net"}


def test_patience_is_searched_with_early_stopping_only():
    assert "n_iter_no_change" in names(STACKS["augmented"])
    assert "n_iter_no_change" not in names(TINY)


def test_an_augmenter_is_searched_where_there_is_one_and_images_change():
    assert "augment__rotation" in names(STACKS["augmented"])
    assert "augment__rotation" in names(STACKS["gradual"])
    assert names(ImageAugmenter()) == {"rotation", "shift", "stretch", "cutout", "flip"}
    features = TransferEstimator(strategy="features", augment=ImageAugmenter())
    assert names(features) == {"batch_norm"}
    assert not any("augment" in name for name in names(TINY))


def test_depth_and_widths_are_searched_where_the_architecture_takes_them():
    assert {"widths", "depth"} <= names(TINY)
    assert "depth" not in names(STACKS["lenet5"])
    assert "widths" not in names(STACKS["mlp regressor"])  # a sequence is the user's own
    assert "module__depth" in names(STACKS["neural compact"])
    assert "module__dropout" in names(STACKS["neural"])
    assert not any(name.startswith("module__") for name in names(STACKS["neural instance"]))


def test_what_is_for_labels_is_left_out_of_regressors():
    assert "label_smoothing" in names(TINY)
    assert "label_smoothing" not in names(STACKS["mlp regressor"])
    assert "label_smoothing" not in names(TransferEstimator(head="linear_regression"))
    assert "temperature" in names(STACKS["distilled"])
    assert "temperature" not in names(STACKS["distilled regressor"])


def test_a_ratio_is_searched_unless_a_pattern_or_a_budget_finds_it():
    assert "pruning_ratio" in names(STACKS["channels"])
    assert "pruning_ratio" not in names(STACKS["pattern"])
    assert "pruning_ratio" not in names(PrunedEstimator(TINY, max_accuracy_drop=0.01))


def test_a_criterion_is_searched_where_anything_is_ranked():
    assert "criterion" in names(STACKS["channels"])
    assert not {"criterion", "scope"} & names(STACKS["rigl"])
    assert not {"criterion", "scope"} & names(STACKS["variational"])
    assert "taylor" not in search_space(STACKS["at once"], "random").get("criterion", [])
    assert "criterion" not in names(PrunedEstimator(TINY, criterion=lambda weight, grad: weight**2))


def test_ranges_are_calibrated_where_there_are_any():
    assert "calibration" in names(STACKS["static"])
    assert "calibration" not in names(STACKS["weight_only"])
    assert "calibration" not in names(STACKS["dynamic"])


def test_the_present_scheme_is_among_the_choices():
    assert search_space(STACKS["weight_only"], "random")["scheme"][0] == "codebook2"


def test_a_size_is_searched_where_it_is_known():
    frozen = PackedEstimator(FrozenEstimator(fitted()))
    n_parameters = frozen.estimator.n_parameters_

    sizes = search_space(frozen)["target_bytes"]

    assert "target_bytes" not in names(STACKS["packed"])
    assert search_space(STACKS["packed to"])["target_bytes"].bounds == (1000, 4000)
    assert sizes.high - sizes.low == pytest.approx(1.5 * n_parameters / 8, abs=2)
    assert sizes.low > n_parameters / 16  # the description comes on top
    assert "target_bytes" not in names(frozen.set_params(max_accuracy_drop=0.01))


def test_nothing_inside_a_frozen_estimator_is_searched():
    model = QuantizedEstimator(FrozenEstimator(PrunedEstimator(TINY)))

    assert names(model) == {"scheme", "calibration"}


def test_a_teacher_a_head_and_a_source_are_not_searched():
    student = DistilledEstimator(TINY, CNNClassifier())
    transfer = TransferEstimator(FrozenEstimator(TINY), head=LogisticRegression())

    assert not any(name.startswith("teacher") for name in names(student))
    assert not any(name.startswith(("head", "source")) for name in names(transfer))


def test_names_have_the_prefixes_of_the_whole_stack():
    model = make_pipeline(ImageScaler(), QuantizedEstimator(PrunedEstimator(TINY)))

    assert {
        "quantizedestimator__scheme",
        "quantizedestimator__estimator__pruning_ratio",
        "quantizedestimator__estimator__estimator__lr",
    } <= names(model)


def test_ranges_lie_around_the_present_values():
    space = search_space(clone(TINY).set_params(lr=0.2, widths=2.0))

    assert space["lr"].bounds == (0.01, 1.0)
    assert space["widths"].bounds == (1.0, 4.0)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(ImageScaler(), LogisticRegression()),
        FrozenEstimator(CNNClassifier()),
        ImageScaler(),
        LogisticRegression(),
    ],
)
def test_where_nothing_can_be_searched_it_says_so(model):
    with pytest.raises(ValueError, match=f"nothing to search in {type(model).__name__}"):
        search_space(model)


@pytest.mark.parametrize(
    ("kind", "error", "slip"),
    [("bayesian", ValueError, "'bayes'"), ("gird", ValueError, "'grid'"), (None, TypeError, "")],
)
def test_another_kind_is_refused(kind, error, slip):
    with pytest.raises(error, match=f"one of 'grid', 'random', 'bayes', not {kind!r}.*{slip}"):
        search_space(TINY, kind)


def test_a_class_is_no_estimator():
    with pytest.raises(TypeError, match=r"Did you mean CNNClassifier\(\)\?"):
        search_space(CNNClassifier)


def test_a_parameter_out_of_its_range_is_refused_by_name():
    with pytest.raises(ValueError, match=r"CNNClassifier\.lr is a finite number above 0"):
        search_space(CNNClassifier(lr=-0.1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_candidate_fits_a_handful_of_digits(kind):
    row = candidates(TINY, kind, 1)[0]

    assert fit_digits(TINY, row, digits()).predict(digits()[0]).shape == (80,)


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("kind", KINDS)
def test_candidates_of_every_stack_fit_a_handful_of_digits(name, kind):
    rows, data = candidates(STACKS[name], kind, 3, seed=1), data_for(name)
    images = data[0].astype(np.float32)

    predictions = [fit_digits(STACKS[name], row, data).predict(images) for row in rows]

    assert all(np.isfinite(answer).all() for answer in predictions)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["compact", "lenet5", "sgd", "transfer", "channels", "weights", "training", "distilled"]
)
def test_every_parameter_of_the_space_has_an_effect(name):
    model = clone(STACKS[name]).set_params(random_state=0)
    epochs = [n for n in model.get_params() if n.endswith("_epochs")]
    model.set_params(**dict.fromkeys(epochs, 4))
    data = data_for(name)
    before = fit_digits(model, {}, data).predict_proba(data[0])
    present = model.get_params()

    idle = [
        part.name
        for part in space_parts(model)
        if (row := another(part, present[part.name])) is not None
        and np.array_equal(fit_digits(model, row, data).predict_proba(data[0]), before)
    ]

    assert idle == []


def another(part, present):
    values = part.values
    ends = values.values if hasattr(values, "values") else (values.low, values.high)
    return next(({part.name: value} for value in ends[::-1] if value != (present or 1)), None)


SEARCHED = make_pipeline(ImageScaler(), QuantizedEstimator(clone(TINY), method="weight_only"))


@pytest.mark.slow
def test_scikit_learns_grid_search_takes_the_grid():
    space = search_space(SEARCHED, "grid")
    few = {name: values[:2] for name, values in list(space.items())[:2]}

    search = GridSearchCV(
        SEARCHED,
        few,
        cv=2,
        scoring=["accuracy", "neg_model_bytes"],
        refit=smallest_within(0.5),
        error_score="raise",
    ).fit(*digits())

    assert search.best_params_["quantizedestimator__scheme"] == "codebook3"


@pytest.mark.slow
def test_scikit_learns_random_search_takes_the_distributions():
    search = RandomizedSearchCV(
        SEARCHED,
        search_space(SEARCHED, "random"),
        n_iter=3,
        cv=2,
        scoring=["accuracy", "neg_model_bytes", "neg_latency_ms"],
        refit="neg_model_bytes",
        random_state=0,
        error_score="raise",
    ).fit(*digits())

    assert search.best_score_ < 0


@pytest.mark.slow
def test_halving_searches_take_the_grid_and_the_distributions():
    space = search_space(TINY, "grid")
    grid = HalvingGridSearchCV(
        TINY, {"lr": space["lr"], "widths": space["widths"]}, cv=2, error_score="raise"
    ).fit(*digits())
    random = HalvingRandomSearchCV(
        TINY,
        search_space(TINY, "random"),
        resource="max_epochs",
        max_resources=4,
        cv=2,
        random_state=0,
        error_score="raise",
    ).fit(*digits())

    assert grid.best_params_.keys() == {"lr", "widths"}
    assert random.best_params_.keys() - search_space(TINY, "random").keys() == {"max_epochs"}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:skopt")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_skopts_search_takes_the_dimensions():
    model = clone(STACKS["augmented"])

    search = BayesSearchCV(
        model,
        search_space(model, "bayes"),
        n_iter=3,
        cv=2,
        scoring=["accuracy", "neg_model_bytes"],
        refit="accuracy",
        optimizer_kwargs={"n_initial_points": 2},
        random_state=0,
        error_score="raise",
    ).fit(*digits())

    assert search.best_params_.keys() == search_space(model, "bayes").keys()
    assert (search.cv_results_["mean_test_neg_model_bytes"] < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["random", "bayes"])
def test_the_searches_of_this_package_take_the_space(kind):
    from skdeepopt.search._bayes import BayesSearchCV as OurBayes
    from skdeepopt.search._hyperband import HyperbandSearchCV

    space = search_space(TINY, kind)
    bayes = OurBayes(
        TINY,
        space,
        n_iter=3,
        cv=2,
        scoring=["accuracy", "neg_model_bytes"],
        refit=smallest_within(0.5),
        random_state=0,
    ).fit(*digits())
    hyperband = HyperbandSearchCV(TINY, space, cv=2, random_state=0).fit(*digits())

    sizes = bayes.cv_results_["mean_test_neg_model_bytes"]
    assert sizes[bayes.best_index_] == sizes.max()
    assert hyperband.best_params_.keys() >= space.keys()
