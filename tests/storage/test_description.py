import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from skdeepopt import CNNClassifier
from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage import byte_map, save
from skdeepopt.storage._description import compress, decompress, preset

DIGEST = "f9abf76292e1cf05efe7a50260e65d31814df040fed713b0e863da8111c2cfa8"


def test_the_preset_text_of_a_schema_never_changes():
    assert hashlib.sha256(preset()).hexdigest() == DIGEST


def test_the_preset_text_is_within_reach():
    assert len(preset()) <= 2**15
    assert preset().isascii()


@given(st.text(st.characters(max_codepoint=127)))
def test_a_text_comes_back(text):
    assert decompress(compress(text)) == text.encode()


@given(st.binary(max_size=40))
def test_any_bytes_are_inflated_or_refused(data):
    try:
        decompress(data)
    except ModelFileError:
        return


@pytest.mark.parametrize("estimator", [CNNClassifier("lenet5"), StandardScaler()], ids=str)
def test_a_standard_estimator_is_described_in_few_bytes(tmp_path, estimator):
    path = save(estimator, tmp_path / "a")

    bits = {span.part: span.bits for span in byte_map(path)}

    assert bits["description"] < 8 * 60
