import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeepopt.storage import read_header, save
from skdeepopt.storage._names import tensor_names


def test_names_are_where_the_tensors_are(tmp_path):
    pipeline = make_pipeline(StandardScaler()).fit(np.arange(12.0).reshape(4, 3))

    names = read_header(save(pipeline, tmp_path / "a"))["tensors"]

    assert list(names) == ["steps.0.1.mean_", "steps.0.1.var_", "steps.0.1.scale_"]


def test_two_tensors_never_share_a_name():
    model = {"dict": {"a.b": {"array": 0}, "a": {"dict": {"b": {"tensor": 1}}}}}

    assert tensor_names(model, 2) == ["a.b", "a.b~2"]


def test_a_tensor_that_is_named_twice_is_called_after_the_first():
    assert tensor_names([{"array": 0}, {"rows": {"x": 1, "y": 0}}], 2) == ["0", "1.x"]


def test_a_tensor_that_nothing_names_has_its_number():
    assert tensor_names([{"array": 1}, {"scalar": "int64", "value": 0}], 2) == [
        "unnamed tensor 0", "0",
    ]  # fmt: skip
