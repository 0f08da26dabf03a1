import json

import pytest

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._document import (
    FORMAT,
    SCHEMA,
    read_description,
    read_document,
    write_description,
)
from skdeepopt.storage._files import load
from skdeepopt.storage._limits import MAX_DEPTH, MAX_VALUES

OLD = {"format": FORMAT, "schema": 2, "versions": {"numpy": "2.0.0"}, "model": {"a": 1}}


def test_a_description_says_schema_versions_and_model():
    document = read_description(write_description({"a": 1}).encode())

    assert document["schema"] == SCHEMA
    assert {"skdeepopt", "scikit-learn", "numpy"} <= document["versions"].keys()
    assert document["model"] == {"a": 1}


def test_an_old_description_is_read():
    assert read_document(json.dumps(OLD)) == OLD


def test_a_newer_schema_in_the_old_layout_asks_for_an_upgrade():
    newer = {**OLD, "schema": 3, "versions": {"skdeepopt": "9.0"}, "news": True}

    with pytest.raises(ModelFileError, match=r"has schema 3, written by skdeepopt 9\.0; .*Upgrade"):
        read_document(json.dumps(newer))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "other"}, "of a format other"),
        ({"schema": "1"}, "without a schema"),
        ({"schema": True}, "without a schema"),
        ({"schema": 0}, "without a schema"),
        ({"versions": []}, "without the versions"),
        ({"versions": {"numpy": 2}}, "without the versions"),
        ({"more": 1}, "keys other than"),
    ],
)
def test_an_old_description_that_is_never_written_is_refused(change, said):
    with pytest.raises(ModelFileError, match=said):
        read_document(json.dumps(OLD | change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.update(versions=[]), "without the versions"),
        (lambda document: document.update(versions="2.0.0"), "without the versions"),
        (lambda document: document.update(more=1), "keys other than"),
        (lambda document: document.update(model=[]), "other than an estimator"),
        (lambda document: document["model"].update(estimator="os.system"), "do not know"),
        (lambda document: document["model"].update(estimator=["a"]), "do not know"),
        (lambda document: "[]", "keys other than"),
        (lambda document: "[" * 10**5, "levels deep"),
        (lambda document: "\x7f", "not valid JSON"),
    ],
)
def test_a_sealed_description_that_is_never_written_is_refused(forge_document, change, said):
    with pytest.raises(ModelFileError, match=said):
        load(forge_document(change))


@pytest.mark.parametrize("model", [[0] * MAX_VALUES, "deep"])
def test_what_could_not_be_read_is_not_written(model):
    if model == "deep":
        for _ in range(MAX_DEPTH):
            model = [model]

    with pytest.raises(ValueError, match="cannot be stored"):
        write_description(model)


def test_another_minor_version_of_scikit_learn_is_warned_of(forge_document):
    def older(document):
        mine, _, *others = document["versions"].split(" ")
        document["versions"] = " ".join([mine, "1.0.2", *others])

    with pytest.warns(UserWarning, match=r"StandardScaler of scikit-learn 1\.0\.2"):
        load(forge_document(older))


def test_another_patch_version_is_not_warned_of(forge_document):
    def patch(document):
        mine, theirs, *others = document["versions"].split(" ")
        document["versions"] = " ".join([mine, theirs.rpartition(".")[0] + ".999", *others])

    load(forge_document(patch))
