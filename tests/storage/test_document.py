import pytest

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._document import FORMAT, SCHEMA, read_document, write_document
from skdeepopt.storage._files import load
from skdeepopt.storage._limits import MAX_DEPTH, MAX_VALUES


def test_a_description_says_format_schema_versions_and_model():
    document = read_document(write_document({"a": 1}))

    assert document["format"] == FORMAT
    assert document["schema"] == 1
    assert {"skdeepopt", "scikit-learn", "numpy"} <= document["versions"].keys()
    assert document["model"] == {"a": 1}


def test_only_a_sparse_model_asks_for_a_reader_that_knows_it():
    document = read_document(write_document({"a": 1}, is_sparse=True))

    assert document["schema"] == SCHEMA == 2


def test_a_newer_schema_asks_for_an_upgrade(forge_document):
    path = forge_document(lambda document: document.update(schema=SCHEMA + 1, news=True))

    with pytest.raises(ModelFileError, match=r"has schema 3, .* reads up to 2\. Upgrade skdeepopt"):
        load(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.update(format="other"), "of a format other"),
        (lambda document: document.update(schema="1"), "without a schema"),
        (lambda document: document.update(schema=True), "without a schema"),
        (lambda document: document.update(schema=0), "without a schema"),
        (lambda document: document.update(versions=[]), "without the versions"),
        (lambda document: document.update(versions={"numpy": 2}), "without the versions"),
        (lambda document: document.update(more=1), "keys other than"),
        (lambda document: document.update(model=[]), "other than an estimator"),
        (lambda document: document["model"].update(estimator="os.system"), "do not know"),
        (lambda document: document["model"].update(estimator=["a"]), "do not know"),
        (lambda document: "[]", "of a format other"),
        (lambda document: "[" * 10**5, "levels deep"),
        (lambda document: "\ud800", "not valid JSON"),
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
        write_document(model)


def test_another_minor_version_of_scikit_learn_is_warned_of(forge_document):
    path = forge_document(lambda document: document["versions"].update({"scikit-learn": "1.0.2"}))

    with pytest.warns(UserWarning, match=r"StandardScaler of scikit-learn 1\.0\.2"):
        load(path)


def test_another_patch_version_is_not_warned_of(forge_document):
    def patch(document):
        major, minor, *_ = document["versions"]["scikit-learn"].split(".")
        document["versions"]["scikit-learn"] = f"{major}.{minor}.999"

    load(forge_document(patch))
