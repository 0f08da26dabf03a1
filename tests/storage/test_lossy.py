import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from skdeepopt import NeuralClassifier
from skdeepopt.storage import load, save
from skdeepopt.storage._lossy import LOSSLESS, LOSSY, Lossy, check_lossy
from skdeepopt.storage._tensors import from_numpy

X = np.random.default_rng(0).random((30, 60), dtype=np.float32)
Y = np.arange(30) % 3
WIDE = np.linspace(-9, 9, 999, dtype="f4")


@pytest.fixture(scope="module")
def network():
    return NeuralClassifier(module__widths=(20,), max_epochs=2, random_state=0).fit(X, Y)


def weights(estimator):
    return [tensor.detach().clone() for tensor in estimator.module_.state_dict().values()]


@pytest.mark.parametrize(
    ("name", "dtype"), [("float16", torch.float16), ("bfloat16", torch.bfloat16)]
)
def test_wide_weights_are_rounded_and_stay_float32(tmp_path, network, name, dtype):
    found = weights(load(save(network, tmp_path / "a", lossy=name)))

    for after, before in zip(found, weights(network), strict=True):
        is_wide = before.unique().numel() > 257
        assert after.dtype == before.dtype
        assert after.equal(before.to(dtype).to(before.dtype) if is_wide else before)


@pytest.mark.parametrize("lossy", ["float16", "bfloat16", "history", ("bfloat16", "history")])
def test_a_file_that_loses_something_is_smaller(tmp_path, network, lossy):
    whole, less = save(network, tmp_path / "a"), save(network, tmp_path / "b", lossy=lossy)

    assert less.stat().st_size < whole.stat().st_size


def test_history_is_left_out(tmp_path, network):
    found = load(save(network, tmp_path / "a", lossy="history"))

    assert found.history_ == []
    np.testing.assert_array_equal(found.predict_proba(X), network.predict_proba(X))


@given(arrays.arrays("f4", 600, elements=st.floats(width=32)), st.sampled_from(LOSSY[:2]))
def test_rounding_is_that_of_torch_and_done_once(numbers, name):
    stored = from_numpy(np.concatenate([WIDE, numbers[np.abs(numbers) < 60_000]]))

    once = Lossy(name).rounded(stored)

    plain = torch.from_numpy(stored.raw.view("f4").copy())
    expected = plain.to(getattr(torch, name)).to(torch.float32).numpy()
    np.testing.assert_array_equal(once.raw.view("f4"), expected)
    assert Lossy(name).rounded(once).raw.tobytes() == once.raw.tobytes()


@pytest.mark.parametrize("values", [WIDE * 1e5, np.tile(WIDE[:256], 9), WIDE.astype("f8")])
def test_what_would_become_infinite_is_coarse_already_or_no_float32_stays(values):
    stored = from_numpy(values)

    assert Lossy("float16").rounded(stored) is stored


def test_not_a_number_stays_as_it_is():
    odd = np.concatenate([WIDE, np.array([0x7FC00001, 0xFFFFFFFF], "u4").view("f4")])

    rounded = Lossy("bfloat16").rounded(from_numpy(odd))

    assert rounded.patterns[-2:].tolist() == [0x7FC00001, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("lossy", "said"),
    [
        ("bfloat", r"'float16', 'bfloat16', 'history', not 'bfloat'\. Did you mean 'bfloat16'\?"),
        (["history", 3], "not 3"),
        (["float16", "bfloat16"], "rounds to one type, not to bfloat16 and float16"),
    ],
)
def test_an_unknown_loss_is_refused(tmp_path, network, lossy, said):
    with pytest.raises(ValueError, match=f"^skdeepopt.save.lossy .*{said}"):
        save(network, tmp_path / "a", lossy=lossy)


def test_a_flag_is_no_loss(tmp_path, network):
    with pytest.raises(TypeError, match="None, a name or a list of names, not True"):
        save(network, tmp_path / "a", lossy=True)


def test_nothing_is_lost_unless_asked():
    assert check_lossy(None) == LOSSLESS == Lossy()
