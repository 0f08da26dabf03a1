from __future__ import annotations

import joblib
import pytest

from skdeepopt.workers._backends import open_workers
from skdeepopt.workers._local_workers import InlineWorkers, ProcessWorkers, ThreadWorkers
from skdeepopt.workers._workers import Job


@pytest.fixture
def opened():
    workers = []

    def opened(n_jobs):
        workers.append(open_workers(Job(len, (), None), n_jobs))
        return workers[-1]

    yield opened
    for each in workers:
        each.close()


@pytest.mark.parametrize("n_jobs", [None, 1])
def test_one_worker_is_this_process(opened, n_jobs):
    assert isinstance(opened(n_jobs), InlineWorkers)


def test_several_workers_are_processes(opened):
    workers = opened(3)

    assert isinstance(workers, ProcessWorkers)
    assert workers.n_workers == 3


@pytest.mark.parametrize("name", ["loky", "multiprocessing"])
def test_joblib_says_how_many_where_the_search_does_not(opened, name):
    with joblib.parallel_config(name, n_jobs=2):
        assert opened(None).n_workers == 2
        assert opened(3).n_workers == 3
        assert isinstance(opened(1), InlineWorkers)


def test_joblib_can_ask_for_threads(opened):
    with joblib.parallel_config("threading", n_jobs=2):
        assert isinstance(opened(None), ThreadWorkers)
    with joblib.parallel_config(require="sharedmem"):
        assert isinstance(opened(2), ThreadWorkers)


def test_negative_numbers_count_back_from_all(opened):
    assert opened(-1).n_workers == joblib.cpu_count()
    assert opened(-1000).n_workers == 1


def test_no_workers_at_all_are_refused():
    with pytest.raises(ValueError, match="not 0"):
        open_workers(Job(len, (), None), 0)


def test_joblib_s_threads_and_folder_are_those_of_the_processes(opened, tmp_path):
    with joblib.parallel_config(
        "loky", n_jobs=2, inner_max_num_threads=3, temp_folder=str(tmp_path)
    ):
        children = opened(None)._children

    assert children._environment["OMP_NUM_THREADS"] == "3"
    assert children._folder == str(tmp_path)
