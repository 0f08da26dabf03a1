"""Files of every schema keep loading, and keep predicting what they predicted."""

from pathlib import Path

import numpy as np
import pytest

from skdeepopt.storage import byte_map, load, read_header

GOLDEN = Path(__file__).with_name("golden")
EXPECTED = np.load(GOLDEN / "expected.npz")
SCHEMAS = {
    "pipeline.safetensors": 1,
    "network.safetensors": 1,
    "quantized.safetensors": 1,
    "pruned.safetensors": 2,
    "packed.skdo": 3,
    "packed_quantized.skdo": 3,
}


@pytest.mark.filterwarnings("ignore:.* of scikit-learn:UserWarning")
@pytest.mark.parametrize("name", SCHEMAS)
def test_a_file_of_any_schema_predicts_what_it_did(name):
    path = GOLDEN / name

    model = load(path)

    answer = model.transform if name.startswith("pipeline") else model.predict_proba
    np.testing.assert_allclose(answer(EXPECTED["rows"]), EXPECTED[path.stem], atol=1e-5)
    assert read_header(path)["schema"] == SCHEMAS[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_byte_of_a_file_of_any_schema_has_a_part(name):
    spans = byte_map(GOLDEN / name)

    assert sum(span.bits for span in spans) == pytest.approx(8 * (GOLDEN / name).stat().st_size)
    assert all(span.bits >= 0 for span in spans)
