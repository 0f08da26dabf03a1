import contextlib
import pickle
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepopt.exceptions import ModelFileError
from skdeepopt.storage._description import compress, decompress
from skdeepopt.storage._files import load, read_header, save

ROOT = Path(__file__).parents[2]
X = np.random.default_rng(0).random((30, 4))


def test_save_returns_the_path_of_the_file(tmp_path):
    assert save(StandardScaler(), str(tmp_path / "a")) == tmp_path / "a"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_the_same_estimator_gives_the_same_bytes(tmp_path):
    scaler = StandardScaler().fit(X)

    first, second = save(scaler, tmp_path / "a"), save(scaler, tmp_path / "b")

    assert first.read_bytes() == second.read_bytes()


def test_a_loaded_estimator_saves_to_the_same_bytes(tmp_path):
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0)).fit(X)

    first = save(pipeline, tmp_path / "a")
    second = save(load(first), tmp_path / "b")

    assert first.read_bytes() == second.read_bytes()


def test_saving_changes_nothing(tmp_path):
    scaler = StandardScaler().fit(X)
    before = pickle.dumps(scaler)

    save(scaler, tmp_path / "a")

    assert pickle.dumps(scaler) == before


def test_a_refused_estimator_leaves_the_old_file(tmp_path):
    path = save(StandardScaler().fit(X), tmp_path / "a")
    before = path.read_bytes()

    with pytest.raises(TypeError):
        save(StandardScaler(with_mean=1j), path)

    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_the_header_describes_the_file(tmp_path):
    path = save(StandardScaler().fit(X), tmp_path / "a")

    header = read_header(path)

    assert header["size_bytes"] == path.stat().st_size
    assert header["model"]["estimator"] == "sklearn.preprocessing.StandardScaler"
    assert header["schema"] == 3
    assert header["tensors"]["mean_"] == {"dtype": "F64", "shape": [4], "size_bytes": 35}


def test_an_error_begins_with_the_file(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(StandardScaler()))

    with pytest.raises(ModelFileError, match=r"model\.pkl is a pickle\. skdeepopt does not open"):
        load(tmp_path / "model.pkl")


def test_a_small_model_takes_milliseconds(tmp_path):
    pipeline = make_pipeline(StandardScaler(), PCA(2)).fit(X)
    load(save(pipeline, tmp_path / "warm-up"))

    start = time.perf_counter()
    load(save(pipeline, tmp_path / "a"))

    assert time.perf_counter() - start < 0.2


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_file_is_refused_in_time_or_gives_the_right_answer(tmp_path, seed):
    chance = random.Random(seed)
    pipeline = make_pipeline(OneHotEncoder(), StandardScaler(with_mean=False))
    labels = np.array([["red"], ["green"], ["blue"]])
    path = save(pipeline.fit(labels), tmp_path / "a")
    good, expected = path.read_bytes(), pipeline.transform(labels).toarray()

    def answer(blob):
        path.write_bytes(blob)
        start = time.perf_counter()
        try:
            return load(path).transform(labels).toarray()
        except ModelFileError as error:
            return str(error)
        finally:
            assert time.perf_counter() - start < 1

    answers = [answer(damaged(good, chance)) for _ in range(100)]

    assert all(isinstance(item, str) or np.array_equal(item, expected) for item in answers)
    assert sum(isinstance(item, str) for item in answers) >= 95


@pytest.mark.filterwarnings("ignore:.* of scikit-learn")
@given(at=st.integers(0, 399), character=st.sampled_from('[]{}",:0919.-eE\\anulx'))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=1000)
def test_a_description_altered_and_sealed_again_is_read_or_refused(forge, parts, at, character):
    plain = decompress(parts["text"]).decode()

    path = forge(text=compress(plain[:at] + character + plain[at + 1 :]))

    with contextlib.suppress(ModelFileError):
        load(path)


@given(at=st.integers(0, 99), change=st.integers(1, 255), n_tensors=st.integers(0, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=1000)
def test_a_stream_altered_and_sealed_again_is_read_or_refused(forge, parts, at, change, n_tensors):
    stream = bytearray(parts["stream"])
    stream[at % len(stream)] ^= change

    path = forge(stream=bytes(stream), n_tensors=n_tensors)

    with contextlib.suppress(ModelFileError):
        load(path)


@pytest.mark.slow
def test_a_fresh_process_gives_the_same_answer(tmp_path):
    pipeline = make_pipeline(StandardScaler(), PCA(2, random_state=0)).fit(X)
    path = save(pipeline, tmp_path / "a")
    np.save(tmp_path / "x.npy", X)
    script = (
        "import sys, numpy; from skdeepopt import load\n"
        "model = load(sys.argv[1] + '/a'); x = numpy.load(sys.argv[1] + '/x.npy')\n"
        "assert 'torch' not in sys.modules\n"
        "sys.stdout.write(model.transform(x).tobytes().hex())"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(path.parent)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert done.stdout == pipeline.transform(X).tobytes().hex()


@pytest.mark.slow
def test_importing_storage_imports_no_heavy_library():
    heavy = "{'constriction', 'torch', 'sklearn'}"
    script = f"import sys, skdeepopt.storage; print({heavy} & set(sys.modules))"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )

    assert done.stdout.strip() == "set()"


def damaged(blob: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    at = chance.randrange(len(blob))
    if kind == 0:
        return blob[:at] + bytes([chance.randrange(256)]) + blob[at + 1 :]
    if kind == 1:
        return blob[:at]
    if kind == 2:
        return blob[:at] + chance.randbytes(chance.randrange(1, 30)) + blob[at:]
    return blob[:at] + blob[at + chance.randrange(1, 30) :]
