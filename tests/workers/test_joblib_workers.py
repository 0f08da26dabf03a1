from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
from joblib.parallel import ParallelBackendBase

from skdeepopt.workers._dispatch import Dispatcher
from skdeepopt.workers._failure import Task


class OtherBackend(ParallelBackendBase):
    """Stands for a library's own backend."""

    supports_retrieve_callback = True
    breaks = 0

    def configure(self, n_jobs=1, parallel=None, **kwargs):
        self.parallel = parallel
        self.threads = ThreadPoolExecutor(2)
        return self.effective_n_jobs(n_jobs)

    def effective_n_jobs(self, n_jobs):
        return 2

    def submit(self, func, callback=None):
        if OtherBackend.breaks:
            OtherBackend.breaks -= 1
            raise OSError("the line is down")
        future = self.threads.submit(func)
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out):
        return out.result()

    def terminate(self):
        self.threads.shutdown()


joblib.register_parallel_backend("other", OtherBackend)


@pytest.mark.parametrize("breaks", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_backend_that_nobody_knows_does_the_work_in_batches(breaks):
    OtherBackend.breaks = breaks
    tasks = [Task(str(i), (i,)) for i in range(5)]

    with (
        joblib.parallel_config("other"),
        Dispatcher(pow, (2,), n_jobs=None, timeout=None) as workers,
    ):
        values = {o.key: o.value for o in workers.run(tasks)}

    assert values == {str(i): 2**i for i in range(5)}
