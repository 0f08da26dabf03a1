from __future__ import annotations

import threading
import warnings

import joblib
import pytest
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from skdeepopt.workers._surroundings import Surroundings


def in_thread(call):
    found = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def test_a_worker_has_the_settings_of_the_thread_that_searches():
    with config_context(enable_metadata_routing=True, assume_finite=True):
        here = Surroundings.here()

    def work():
        with here.taken_over(owns_process=False):
            inside = get_config()
        return inside, get_config()

    inside, after = in_thread(work)
    assert inside["enable_metadata_routing"]
    assert inside["assume_finite"]
    assert not after["enable_metadata_routing"]


def test_a_worker_raises_the_warnings_that_are_errors_here():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", message="known .*", category=UserWarning)
        here = Surroundings.here()
    before = list(warnings.filters)

    with here.taken_over(owns_process=True):
        warnings.warn("known slip", UserWarning, stacklevel=1)
        with pytest.raises(RuntimeWarning):
            warnings.warn("other", RuntimeWarning, stacklevel=1)

    assert warnings.filters == before


def test_a_filter_of_a_warning_that_a_worker_may_not_know_stays_here():
    class OwnWarning(UserWarning):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error", OwnWarning)
        here = Surroundings.here()

    assert OwnWarning not in [entry[2] for entry in here.filters]


def test_what_a_worker_runs_in_parallel_shares_its_core():
    with Surroundings.here().taken_over(owns_process=False):
        backend, n_jobs = get_active_backend()
        threads = Parallel()(delayed(threading.get_ident)() for _ in range(3))

    assert backend.nesting_level == 1
    assert n_jobs == 1
    assert set(threads) == {threading.get_ident()}


def test_below_a_worker_nothing_runs_in_parallel():
    with joblib.parallel_config(backend=joblib.parallel.ThreadingBackend(nesting_level=1)):
        here = Surroundings.here()

    with here.taken_over(owns_process=False):
        assert type(get_active_backend()[0]).__name__ == "SequentialBackend"
