"""A task in a worker of a cluster."""

from __future__ import annotations

import pickle
from typing import Any

from skdeepopt.workers._failure import Answer, answer, failure_of
from skdeepopt.workers._isolation import Children, Shipment
from skdeepopt.workers._local_workers import thread_limits
from skdeepopt.workers._shipping import Package
from skdeepopt.workers._surroundings import Surroundings

__all__ = ["run_shipped"]


def run_shipped(
    package: Package,
    arguments: bytes,
    surroundings: Surroundings,
    *,
    timeout: float | None,
    isolated: bool,
    owns_process: bool,
) -> Answer:
    """Answer of a package's function; whatever happens, short of the worker's end, is in it.

    Parameters
    ----------
    package : Package
        Shipped to the worker once.
    arguments : bytes
        A pickled tuple.
    surroundings : Surroundings
    timeout, isolated
        As in ``Dispatcher`` and ``Task``: the call then runs in a child of the worker.
    owns_process : bool
        Whether the worker does one thing at a time.
    """
    try:
        given: tuple[Any, ...] = pickle.loads(arguments)  # noqa: S301, from who searches
        if isolated or timeout is not None:
            limits = thread_limits(surroundings.n_threads)
            shipment = Shipment(package.token, package, surroundings, limits)
            return Children(shipment).call(given, timeout)
        function, data = package.unpack()
    except Exception as error:
        return Answer(None, failure_of(error), 0.0)
    with surroundings.taken_over(owns_process=owns_process):
        return answer(function, (*data, *given))
