from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    RandomForestClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from skorch import NeuralNetClassifier, NeuralNetRegressor
from torch import nn

from skdeepopt import (
    CNNClassifier,
    CNNRegressor,
    DistilledEstimator,
    ImageAugmenter,
    NeuralClassifier,
    PackedEstimator,
    PrunedEstimator,
    QuantizedEstimator,
    load,
    save,
)
from skdeepopt.training._chain import Chain
from skdeepopt.training._distillation import Distillation

SHORT = {"max_epochs": 2, "random_state": 0, "device": "cpu"}
STUDENT = CNNClassifier(widths=(4, 8), **SHORT)
LINEAR = LogisticRegression(max_iter=5000)


class Counting(KNeighborsClassifier):
    """Notes how many samples it is asked about."""

    asked: list[int] = []

    def predict_proba(self, X):
        self.asked.append(len(X))
        return super().predict_proba(X)


@pytest.fixture(scope="module", name="network")
def trained_network(X, y):
    """Only to be looked at."""
    return CNNClassifier(widths=(6, 8), **{**SHORT, "max_epochs": 8}).fit(X, y)


@pytest.fixture(scope="module", name="forest")
def trained_forest(X, y):
    return RandomForestClassifier(10, random_state=0).fit(X, y)


@pytest.fixture(scope="module", name="model")
def distilled(X, y, forest):
    """Only to be looked at."""
    return DistilledEstimator(STUDENT, FrozenEstimator(forest), random_state=0).fit(X, y)


@pytest.fixture(scope="module", name="more")
def unlabelled_rows(X):
    drawn = np.random.default_rng(5).integers(0, 9, (30, 64)).astype(np.float32)
    return X[:30] // 2 + drawn


def weights(model):
    return torch.cat([value.flatten().double() for value in model.module_.state_dict().values()])


TEACHERS = {
    "probabilities": RandomForestClassifier(10, random_state=0),
    "decisions": SVC(),
    "pipeline": make_pipeline(StandardScaler(), LINEAR),
    "search": GridSearchCV(LINEAR, {"C": [0.1, 1.0]}, cv=2),
    "network": CNNClassifier(widths=(6, 8), **SHORT),
    "module": NeuralClassifier(module__widths=(16,), **SHORT),
    "wrapper": PrunedEstimator(CNNClassifier(**SHORT), finetune_epochs=1, random_state=0),
    "vote": VotingClassifier(
        [("one", CNNClassifier(widths=(4, 6), **SHORT)), ("other", NeuralClassifier(**SHORT))],
        voting="soft",
        weights=[1, 3],
    ),
    "bagging": BaggingClassifier(CNNClassifier(widths=(4, 6), **SHORT), 2, random_state=0),
}
SOON = ("decisions", "network", "vote")


def slow(*names):
    return [pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.mark.parametrize(
    "kind",
    [*SOON, *slow(*(kind for kind in TEACHERS if kind not in SOON))],
)
def test_any_classifier_teaches_labels_of_any_type(kind, X, y):
    labels = np.array(["ant", "bee", "cat"])[y]

    model = DistilledEstimator(STUDENT, TEACHERS[kind], random_state=0).fit(X, labels)

    assert set(model.predict(X)) <= {"ant", "bee", "cat"}
    assert model.classes_.tolist() == model.teacher_.classes_.tolist()
    assert model.distillation_report_.teacher.score == model.teacher_.score(X, labels)
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)


def test_one_of_several_teachers_answers_for_each_batch(X, y):
    options = {"teacher": FrozenEstimator(clone(TEACHERS["vote"]).fit(X, y)), "random_state": 0}

    one, again = (DistilledEstimator(STUDENT, teachers_per_batch=1, **options) for _ in range(2))
    both, more = (DistilledEstimator(STUDENT, teachers_per_batch=n, **options) for n in (None, 9))

    assert torch.equal(weights(one.fit(X, y)), weights(again.fit(X, y)))
    assert torch.equal(weights(both.fit(X, y)), weights(more.fit(X, y)))
    assert not torch.equal(weights(one), weights(both))


@pytest.mark.parametrize("kind", ["probabilities", "decisions", "network", "vote"])
def test_a_student_comes_to_answer_as_its_teacher_against_all_labels(kind, X, y):
    teacher = clone(TEACHERS[kind]).fit(X, y)
    wrong = (y + 1) % 3
    student = CNNClassifier(widths=(8, 16), **{**SHORT, "max_epochs": 30})

    model = DistilledEstimator(student, FrozenEstimator(teacher), alpha=1.0, temperature=1.0)
    model.fit(X, wrong)

    assert model.distillation_report_.agreement > 0.9


def test_two_classes_are_taught_by_one_column_of_decisions(X, y):
    kinds = np.array(["no", "yes"])[(y == 1).astype(int)]

    model = DistilledEstimator(
        CNNClassifier(widths=(8, 16), **{**SHORT, "max_epochs": 15}), LinearSVC(), alpha=1.0
    ).fit(X, kinds)

    assert model.distillation_report_.agreement > 0.9


def test_the_teachers_weight_of_zero_leaves_the_students_own_training(X, y, monkeypatch):
    monkeypatch.setattr(Chain, "of", lambda module: None)

    model = DistilledEstimator(STUDENT, LINEAR, alpha=0.0).fit(X, y)

    assert torch.equal(weights(model), weights(clone(STUDENT).fit(X, y)))


def test_a_frozen_teacher_is_neither_fitted_nor_changed(model, forest, network, X, y):
    before = weights(network)

    taught = DistilledEstimator(STUDENT, FrozenEstimator(network)).fit(X, y)

    assert model.teacher_ is forest
    assert taught.teacher_ is network
    assert torch.equal(weights(network), before)
    assert not any(part._forward_hooks for part in network.module_.modules())


def test_an_unfitted_teacher_stays_so(X, y):
    teacher = clone(LINEAR)

    DistilledEstimator(STUDENT, teacher).fit(X, y)

    assert not hasattr(teacher, "coef_")


def test_who_is_no_network_is_asked_once_about_each_sample(X, y, more, monkeypatch):
    teacher = Counting().fit(X, y)
    monkeypatch.setattr(Counting, "asked", [])
    augment = ImageAugmenter(shift=0.2)

    DistilledEstimator(
        clone(STUDENT).set_params(augment=augment, max_epochs=4),
        FrozenEstimator(teacher),
        unlabelled=more,
    ).fit(np.repeat(X, 2, 0), np.repeat(y, 2))

    assert Counting.asked == [len(X) + len(more), 2 * len(X)]  # the last time for the report


@pytest.mark.parametrize("kind", ["network", "vote", "bagging", "module"])
def test_a_network_answers_for_the_very_batch_that_the_student_sees(kind, X, y, monkeypatch):
    asked = []
    original = Distillation._wanted

    def noted(self, inputs, outputs):
        asked.append(isinstance(self.teacher, nn.Module))
        return original(self, inputs, outputs)

    monkeypatch.setattr(Distillation, "_wanted", noted)

    DistilledEstimator(STUDENT, TEACHERS[kind], random_state=0).fit(X, y)

    assert asked
    assert all(asked)


@pytest.mark.parametrize("kind", ["network", *slow("vote", "bagging", "module")])
def test_a_network_teaches_the_same_as_its_answers_would(kind, X, y):
    teacher = clone(TEACHERS[kind]).fit(X, y)
    hidden = make_pipeline(FunctionTransformer(), FrozenEstimator(teacher)).fit(X, y)

    seen, unseen = (
        DistilledEstimator(STUDENT, FrozenEstimator(each), alpha=0.9).fit(X, y)
        for each in (teacher, hidden)
    )

    np.testing.assert_allclose(seen.predict_proba(X), unseen.predict_proba(X), atol=1e-3)


def test_a_class_that_a_part_of_an_ensemble_has_not_seen_is_no_hindrance(X, y):
    few = np.r_[0:20, 2]
    labels = np.where(np.arange(21) == 20, 2, y[few] % 2)
    teacher = BaggingClassifier(STUDENT, 3, max_samples=6, random_state=0)

    model = DistilledEstimator(STUDENT, teacher).fit(X[few], labels)

    assert model.predict_proba(X).shape == (60, 3)


def test_unlabelled_samples_teach_what_the_labels_do_not(X, y):
    teacher = FrozenEstimator(clone(LINEAR).fit(X, y))
    student = CNNClassifier(widths=(8, 16), **{**SHORT, "max_epochs": 10})
    few = np.r_[0:6]

    wrong = (y[few] + 1) % 3

    helped = DistilledEstimator(student, teacher, unlabelled=X[6:]).fit(X[few], wrong)

    assert helped.score(X[6:], y[6:]) > 0.9
    assert helped.distillation_report_.n_unlabelled == 54


@pytest.mark.parametrize("consistency", [False, True])
def test_the_order_of_all_rows_changes_nothing(X, y, more, consistency):
    order, other = (np.random.default_rng(i).permutation(n) for i, n in enumerate([60, 30]))
    options = {"consistency": consistency, "random_state": 0}

    first = DistilledEstimator(STUDENT, LINEAR, unlabelled=more, **options).fit(X, y)
    second = DistilledEstimator(STUDENT, LINEAR, unlabelled=more[other], **options)
    second.fit(X[order], y[order])

    assert torch.equal(weights(first), weights(second))


def test_an_integer_weight_equals_repeating_the_sample(X, y, more):
    weight = np.random.default_rng(1).integers(0, 4, 60)
    first, second = (DistilledEstimator(STUDENT, LINEAR, unlabelled=more) for _ in range(2))

    first.fit(X, y, sample_weight=weight)
    second.fit(np.repeat(X, weight, 0), np.repeat(y, weight))

    assert torch.equal(weights(first), weights(second))


def test_weights_that_are_no_integers_are_the_teachers_too(X, y):
    weight = np.random.default_rng(1).uniform(0.1, 2, 60)

    model = DistilledEstimator(STUDENT, LINEAR).fit(X, y, sample_weight=weight)
    again = DistilledEstimator(STUDENT, LINEAR).fit(X, y, sample_weight=weight / 512)

    assert np.abs(model.teacher_.coef_ - clone(LINEAR).fit(X, y).coef_).max() > 1e-4
    assert torch.equal(weights(model), weights(again))


FORMS = {
    "images": lambda X: X.reshape(-1, 8, 8),
    "channels": lambda X: X.reshape(-1, 1, 8, 8),
    "doubles": lambda X: X.astype(np.float64),
    "tensor": torch.tensor,
    "list": lambda X: list(X.reshape(-1, 8, 8)),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_of_every_form_are_taken(form, X, y, more):
    as_form = FORMS[form]

    model = DistilledEstimator(STUDENT, LINEAR, unlabelled=as_form(more), random_state=0)

    expected = DistilledEstimator(STUDENT, LINEAR, unlabelled=more, random_state=0).fit(X, y)
    np.testing.assert_allclose(
        model.fit(as_form(X), y).predict_proba(X), expected.predict_proba(X), atol=1e-3
    )


@pytest.mark.parametrize("named", [True, False])
def test_a_data_frame_keeps_its_columns(named, X, y, more):
    columns = [f"pixel{i}" for i in range(64)]
    frame, unlabelled = pd.DataFrame(X, columns=columns), pd.DataFrame(more, columns=columns)

    model = DistilledEstimator(STUDENT, LINEAR, unlabelled=unlabelled if named else more)
    model.fit(frame, y)

    assert model.feature_names_in_.tolist() == columns
    assert model.teacher_.feature_names_in_.tolist() == columns


REGRESSORS = {
    "ridge": Ridge(),
    "network": CNNRegressor(widths=(6, 8), **SHORT),
    "vote": VotingRegressor([("one", CNNRegressor(**SHORT)), ("other", Ridge())]),
    "networks": VotingRegressor(
        [("one", CNNRegressor(**SHORT)), ("other", CNNRegressor(widths=(4, 4), **SHORT))]
    ),
}


@pytest.mark.parametrize("kind", REGRESSORS)
@pytest.mark.parametrize("n_targets", [1, 2])
def test_any_regressor_teaches_numbers(kind, n_targets, X, numbers):
    targets = numbers if n_targets == 1 else np.stack([numbers, 100 - 30 * numbers], 1)
    if n_targets == 2 and kind in ("vote", "networks"):
        pytest.skip("scikit-learn's votes take one target")

    model = DistilledEstimator(CNNRegressor(widths=(4, 8), **SHORT), REGRESSORS[kind])

    assert model.fit(X, targets).predict(X).shape == targets.shape


@pytest.mark.parametrize("kind", ["ridge", *slow("network", "networks")])
def test_a_regressor_comes_to_answer_as_its_teacher_in_other_units(kind, X, numbers):
    teacher = clone(REGRESSORS[kind]).fit(X, numbers)
    student = CNNRegressor(widths=(16, 16), **{**SHORT, "max_epochs": 40})

    model = DistilledEstimator(student, FrozenEstimator(teacher), alpha=1.0)
    model.fit(X, 1000 - 500 * numbers)

    wanted = teacher.predict(X)
    reached = model.predict(X)
    assert np.abs(reached - wanted).mean() < 0.3 * np.abs(wanted).mean() + 60


def test_a_frozen_student_is_trained_further_and_not_changed(network, X, y):
    before = weights(network)
    student = FrozenEstimator(network)

    untouched = DistilledEstimator(student, LINEAR, finetune_epochs=0).fit(X, y)
    trained = DistilledEstimator(student, LINEAR, finetune_epochs=2).fit(X, y)
    as_long = DistilledEstimator(student, LINEAR).fit(X, y)

    assert torch.equal(weights(network), before)
    assert torch.equal(weights(untouched), before)
    assert len(trained.history_) == len(network.history_) + 2
    assert len(as_long.history_) == 2 * len(network.history_)


STACKS = {
    "pruned student": DistilledEstimator(
        PrunedEstimator(STUDENT, finetune_epochs=1, random_state=0), LINEAR, random_state=0
    ),
    "quantized student": DistilledEstimator(
        QuantizedEstimator(STUDENT, random_state=0), LINEAR, random_state=0
    ),
    "distilled student": DistilledEstimator(
        DistilledEstimator(STUDENT, LINEAR), KNeighborsClassifier(), random_state=0
    ),
    "pruned": PrunedEstimator(
        DistilledEstimator(STUDENT, LINEAR), finetune_epochs=1, random_state=0
    ),
    "sparse": PrunedEstimator(
        DistilledEstimator(STUDENT, SVC()),
        granularity="weight",
        finetune_epochs=1,
        random_state=0,
    ),
    "quantized": QuantizedEstimator(DistilledEstimator(STUDENT, TEACHERS["network"])),
    "packed": PackedEstimator(
        DistilledEstimator(STUDENT, TEACHERS["probabilities"]), finetune_epochs=1, random_state=0
    ),
}


@pytest.mark.parametrize("stack", slow(*STACKS))
def test_wrappers_stack_on_it_and_in_it(stack, X, y, tmp_path):
    model = clone(STACKS[stack]).fit(X, y)

    again = load(save(model, tmp_path / "model"))
    model.finetune(X, y, epochs=0)

    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.slow
def test_a_frozen_sparse_student_keeps_its_zeros(network, X, y):
    sparse = PrunedEstimator(
        FrozenEstimator(network), granularity="weight", pruning_ratio=0.8, finetune_epochs=1
    ).fit(X, y)
    zeros = [p == 0 for p in sparse.module_.parameters() if p.ndim > 1]

    model = DistilledEstimator(FrozenEstimator(sparse), LINEAR, finetune_epochs=2).fit(X, y)

    now = [p for p in model.module_.parameters() if p.ndim > 1]
    assert all(not weight[zero].any() for weight, zero in zip(now, zeros, strict=True))


class Plain(nn.Sequential):
    def __init__(self, n_outputs=3):
        super().__init__(nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, n_outputs))


RAW = {"verbose": 0, "train_split": None, "max_epochs": 2}


@pytest.mark.parametrize("kind", ["network", "probabilities", "decisions"])
@pytest.mark.parametrize("frozen", [False, True])
def test_a_raw_net_is_taught(kind, frozen, X, y, more):
    net = NeuralNetClassifier(Plain, criterion=nn.CrossEntropyLoss, **RAW)
    student = FrozenEstimator(net.fit(X.copy(), y)) if frozen else net

    model = DistilledEstimator(student, TEACHERS[kind], unlabelled=more).fit(X, y)

    assert model.predict(X).shape == (60,)


def test_a_raw_regressor_is_taught(X, numbers):
    net = NeuralNetRegressor(Plain, module__n_outputs=1, **RAW)

    model = DistilledEstimator(net, Ridge()).fit(X, numbers.astype(np.float32))

    assert model.predict(X).shape == (60,)


class Sure(Plain):
    def forward(self, inputs):
        return super().forward(inputs).softmax(1)


@pytest.mark.parametrize(
    "module_and_loss", [(Plain, nn.CrossEntropyLoss), (Sure, nn.NLLLoss)], ids=str
)
def test_a_raw_net_teaches(module_and_loss, X, y):
    module, criterion = module_and_loss
    net = NeuralNetClassifier(module, criterion=criterion, **RAW)

    unfitted = DistilledEstimator(STUDENT, net).fit(X, y)
    frozen = DistilledEstimator(STUDENT, FrozenEstimator(net.fit(X.copy(), y))).fit(X, y)

    assert unfitted.predict(X).shape == frozen.predict(X).shape == (60,)


def test_later_training_is_taught_too(model, X, y):
    taught, alone = copy.deepcopy(model), copy.deepcopy(model.estimator_)

    taught.finetune(X, y, epochs=2, lr=0.01)
    alone.finetune(X, y, epochs=2, lr=0.01)

    assert np.abs(taught.predict_proba(X) - alone.predict_proba(X)).max() > 1e-4
    assert not any(part._forward_hooks for part in taught.module_.modules())


def test_a_copy_shares_the_teacher_and_not_the_student(model):
    copied = copy.deepcopy(model)

    assert copied.teacher_ is model.teacher_
    assert copied.module_ is not model.module_
    assert copied.estimator is not model.estimator


def test_a_file_holds_neither_teacher_nor_unlabelled_samples(X, y, more, tmp_path):
    forest = RandomForestClassifier(30, random_state=0)
    model = DistilledEstimator(STUDENT, forest, unlabelled=np.tile(more, (9, 1))).fit(X, y)

    path = save(model, tmp_path / "model")
    again = load(path)

    alone = save(model.estimator_, tmp_path / "alone").stat().st_size
    assert path.stat().st_size < alone + 1500
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert repr(again.distillation_report_) == repr(model.distillation_report_)
    again.finetune(X, y)
    with pytest.raises(TypeError, match=r"not None. A model file does not hold the teacher"):
        again.fit(X, y)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("in the middle")], ids=repr)
@pytest.mark.parametrize("method", ["fit", "finetune"])
def test_what_ends_a_training_leaves_the_last_one_whole(method, error, model, X, y, monkeypatch):
    model = copy.deepcopy(model)
    before, steps = model.predict_proba(X), []

    def ends(self, progress):
        steps.append(1)
        if len(steps) > 2:
            raise error
        return False

    monkeypatch.setattr(Distillation, "after_step", ends)

    with pytest.raises(type(error)):
        getattr(model, method)(X, y)

    if method == "fit" or isinstance(error, ValueError):
        np.testing.assert_array_equal(model.predict_proba(X), before)
    assert not any(part._forward_hooks for part in model.module_.modules())
    assert model.teacher_ is not None


@pytest.mark.slow
def test_a_search_goes_over_temperature_and_alpha(forest, X, y):
    search = GridSearchCV(
        DistilledEstimator(STUDENT, FrozenEstimator(forest)),
        {"temperature": [1.0, 4.0], "alpha": [0.8]},
        cv=2,
    ).fit(X, y)

    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.teacher_ is forest


def test_the_report_says_what_both_take(model, forest, X, y):
    report = model.distillation_report_

    assert report.student.score == model.score(X, y)
    assert report.student.n_parameters == model.estimator_.n_parameters_
    assert (report.teacher.name, report.teacher.n_parameters) == ("RandomForestClassifier", None)
    assert report.to_frame().loc["teacher", "score"] == forest.score(X, y)
    assert "accuracy on training data" in repr(report)


def refused(match, error=ValueError, student=STUDENT, teacher=LINEAR, data=None, **options):
    with pytest.raises(error, match=match):
        DistilledEstimator(student, teacher, **options).fit(*data)


PARAMETERS = [
    ({"alpha": 2}, ValueError, r"DistilledEstimator.alpha is a share, in \[0, 1\], not 2"),
    ({"alpha": "0.5"}, TypeError, "Did you mean 0.5?"),
    ({"temperature": 0}, ValueError, "DistilledEstimator.temperature"),
    ({"finetune_epochs": -1}, ValueError, "Did you mean 1?"),
    ({"teachers_per_batch": 0}, ValueError, "DistilledEstimator.teachers_per_batch"),
    ({"consistency": "yes"}, TypeError, "Did you mean True?"),
    ({"consistency": True}, ValueError, "unlabelled is None"),
    ({"teacher": None}, TypeError, "not None"),
    ({"teacher": LogisticRegression}, TypeError, r"Did you mean LogisticRegression\(\)"),
    ({"teacher": "forest"}, TypeError, "predict_proba or decision_function"),
    ({"teacher": nn.Identity()}, TypeError, r"Did you mean NeuralClassifier\(module\)"),
    ({"teacher": Ridge()}, TypeError, "Ridge has none"),
    ({"teacher": VotingClassifier([("a", LINEAR)])}, TypeError, "Did you mean voting='soft'"),
    ({"teacher": FrozenEstimator(LINEAR)}, NotFittedError, "LogisticRegression is not"),
    ({"student": LINEAR}, TypeError, "DistilledEstimator.estimator"),
    ({"student": CNNClassifier(max_epochs=0)}, ValueError, "max_epochs"),
    (
        {"teacher": SVC(decision_function_shape="ovo"), "four": True},
        ValueError,
        "Did you mean decision_function_shape='ovr'",
    ),
    ({"unlabelled": np.zeros((5, 63))}, ValueError, r"unlabelled holds .* \(64,\), not of \(63,\)"),
    ({"unlabelled": np.full((5, 64), np.nan)}, ValueError, "DistilledEstimator.unlabelled.*NaN"),
    ({"unlabelled": np.zeros((0, 64))}, ValueError, "DistilledEstimator.unlabelled"),
]


@pytest.mark.parametrize(("options", "error", "told"), PARAMETERS, ids=str)
def test_what_is_wrong_is_told(options, error, told, X, y):
    options = dict(options)
    labels = np.arange(60) % 4 if options.pop("four", False) else y

    refused(told, error, data=(X, labels), **options)


def test_images_of_another_shape_are_no_unlabelled_samples(X, y):
    images = X.reshape(-1, 8, 8)

    refused(
        r"of shape \(8, 8\), not of \(4, 16\)",
        data=(images, y),
        unlabelled=X.reshape(-1, 4, 16),
    )


@pytest.mark.parametrize("labels", [[0, 1, 5], [0, 1, 1], ["0", "1", "2"]], ids=str)
def test_a_teacher_of_other_classes_is_refused_and_both_are_named(labels, forest, X, y):
    other = np.array(labels)[y]
    known = ", ".join(repr(label) for label in np.unique(other).tolist())

    refused(
        rf"the data, \[{known}\], and the RandomForestClassifier knows \[0, 1, 2\]",
        data=(X, other),
        teacher=FrozenEstimator(forest),
    )


def test_a_teacher_that_takes_no_weights_is_named(X, y):
    model = DistilledEstimator(STUDENT, KNeighborsClassifier())

    model.fit(X, y, sample_weight=np.arange(60) % 2)
    with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
        model.fit(X, y, sample_weight=np.linspace(0.5, 1, 60))


def test_answers_that_are_not_finite_are_refused(X, numbers):
    class Endless(Ridge):
        def predict(self, X):
            return super().predict(X) * np.inf

    refused(
        "Endless does not",
        data=(X, numbers),
        student=CNNRegressor(**SHORT),
        teacher=Endless(),
    )


def test_consistency_is_for_images(X, y, more):
    refused(
        "is for images",
        data=(X, y),
        student=NeuralClassifier(**SHORT),
        unlabelled=more,
        consistency=True,
    )
