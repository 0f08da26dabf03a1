from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest

from skdeepopt.workers._pickles import pickled
from skdeepopt.workers._shipping import Package, PackageFile, read_package

LARGE = np.arange(100_000, dtype=np.float32).reshape(100, 1000)
SMALL = np.arange(10)


def in_file(package):
    file = PackageFile(package)
    there = read_package(file.path)
    file.close()
    return there


def by_pickle(package):
    return pickle.loads(pickled(package))


def by_buffers(package):
    buffers = []
    data = pickle.dumps(package, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=buffers)


def by_old_pickle(package):
    return pickle.loads(pickle.dumps(package, protocol=4))


@pytest.mark.parametrize("way", [in_file, by_pickle, by_buffers, by_old_pickle])
def test_a_function_and_its_data_arrive(way):
    ten = 10
    package = Package.of(lambda x: x + ten, (LARGE, {"y": SMALL, "F": np.asfortranarray(LARGE)}))

    function, (large, rest) = way(package).unpack()

    assert function(1) == 11
    np.testing.assert_array_equal(large, LARGE)
    np.testing.assert_array_equal(rest["y"], SMALL)
    np.testing.assert_array_equal(rest["F"], LARGE)
    assert rest["F"].flags.f_contiguous


@pytest.mark.parametrize("way", [in_file, by_pickle, by_buffers])
def test_large_arrays_cannot_be_changed_by_a_task_and_small_ones_are_its_own(way):
    _, (large, small) = way(Package.of(len, (LARGE, SMALL))).unpack()

    assert not large.flags.writeable
    assert small.flags.writeable


def test_large_arrays_are_not_copied_into_the_pickle():
    package = Package.of(len, (LARGE, LARGE, SMALL))

    assert len(package.head) < 2000
    assert LARGE.nbytes <= package.n_bytes < LARGE.nbytes + 2000


def test_a_package_is_unpacked_once():
    package = Package.of(len, (SMALL,))

    assert package.unpack()[1] is package.unpack()[1]


def test_arrays_of_a_file_outlive_it():
    _, (large,) = in_file(Package.of(len, (LARGE,))).unpack()

    assert large.sum() == LARGE.sum()


def test_a_closed_file_leaves_nothing(tmp_path):
    file = PackageFile(Package.of(len, (LARGE,)), str(tmp_path))
    assert file.path.exists()

    file.close()
    file.close()

    assert list(tmp_path.iterdir()) == []


def test_no_two_packages_share_a_token():
    assert Package.of(len, ()).token != Package.of(len, ()).token


def test_what_cannot_be_pickled_is_named():
    with pytest.raises(TypeError, match=r"cannot pickle '_thread.lock'.*n_jobs=1 without a tim"):
        Package.of(len, (threading.Lock(),))
