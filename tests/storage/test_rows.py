import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._encode import Encoder
from skdeepopt.storage._estimators import estimator_node
from skdeepopt.storage._rows import columns_of
from skdeepopt.storage._tensors import from_numpy
from skdeepopt.storage._trail import Trail

VALUES = st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=3)
HISTORY = [{"epoch": at, "loss": float(np.float32(1 / (at + 1)))} for at in range(20)]


def same(found, given):
    return repr(found) == repr(given)


FIXTURE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FIXTURE
@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=6))
def test_any_list_of_dicts_comes_back(through_json, rows):
    assert same(through_json(rows), rows)


@FIXTURE
@given(st.lists(st.tuples(st.integers(-(2**70), 2**70), st.floats()), min_size=2, max_size=40))
def test_a_table_comes_back_to_the_bit(through_json, pairs):
    rows = [{"n": n, "x": x} for n, x in pairs]

    assert same(through_json(rows), rows)


def test_a_history_is_two_tensors():
    encoder = Encoder(estimator_node)

    node = encoder.encode(HISTORY, Trail("value"))

    assert node == {"rows": {"epoch": 0, "loss": 1}}
    assert [stored.dtype for stored in encoder.tensors] == ["I64", "F64"]


@pytest.mark.parametrize(
    "rows",
    [
        [],
        HISTORY[:1],
        [{}, {}],
        [*HISTORY, {"epoch": 3}],
        [*HISTORY, {"loss": 0.5, "epoch": 3}],
        [*HISTORY, {"epoch": 3.0, "loss": 0.5}],
        [{"a": True}] * 20,
        [{1: 2}] * 20,
    ],
)
def test_what_is_no_table_stays_a_list(rows):
    assert columns_of(rows) is None


NODES = {
    "without columns": {},
    "no numbers in one axis": {"a": 0},
    "different lengths": {"a": 1, "b": 2},
    "'missing', which the file does not hold": {"a": "missing"},
    "'True', which the file does not hold": {"a": True},
    "more than 65,536 rows": {"a": 3},
}


@pytest.mark.parametrize("said", NODES)
def test_a_table_that_is_never_written_is_refused(read_back, said):
    arrays = np.zeros((2, 2)), np.zeros(3), np.zeros(4), np.zeros(65_537)
    tensors = dict(enumerate(map(from_numpy, arrays)))

    with pytest.raises(ModelFileError, match=said):
        read_back({"rows": NODES[said]}, tensors)
