import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skdeepopt.storage import byte_map, save


def test_parts_are_in_the_order_of_the_file(scaler_file):
    spans = byte_map(scaler_file)

    assert [(span.name, span.part) for span in spans] == [
        ("", "magic and checksum"),
        ("", "description"),
        *((name, part) for name in ("mean_", "var_", "scale_")
          for part in ("tables", "positions", "values")),
        ("", "padding"),
    ]  # fmt: skip


@pytest.mark.parametrize("n_features", [0, 1, 40])
def test_bits_sum_to_the_size_of_the_file(tmp_path, n_features):
    scaler = StandardScaler()
    if n_features:
        scaler.fit(np.random.default_rng(0).random((9, n_features)))
    path = save(scaler, tmp_path / "a")

    spans = byte_map(path)

    assert sum(span.bits for span in spans) == pytest.approx(8 * path.stat().st_size)
    assert all(span.bits >= 0 for span in spans)


def test_numbers_are_counted(tmp_path):
    scaler = StandardScaler().fit(np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 5.0]]))

    spans = byte_map(save(scaler, tmp_path / "a"))

    counts = {span.name: (span.n_values, span.n_nonzero) for span in spans}
    assert counts == {"": (0, 0), "mean_": (3, 2), "var_": (3, 2), "scale_": (3, 3)}
