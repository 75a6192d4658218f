"""Threads that compute at the same time, which they do since NumPy lets go of the interpreter meanwhile."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems

if TYPE_CHECKING:
    from concurrent.futures import Future


class Threads:
    """Some threads that work together.

    Parameters
    ----------
    count : int
        At least 2; the thread that asks is one of them.
    holds_blas : bool
        Whether BLAS is held to one thread as long as these exist.

    Raises
    ------
    GraphlangError
        E0919 if BLAS is to be held, but threadpoolctl is not installed.
    """

    def __init__(self, count: int, *, holds_blas: bool = True):
        from concurrent.futures import ThreadPoolExecutor

        self.count = count
        self._limit = _one_blas_thread() if holds_blas else None
        self._pool = ThreadPoolExecutor(count - 1, thread_name_prefix="graphlang")

    def each(self, tasks: list[Any]) -> list[Any]:
        """Call the functions at the same time, the first one here; what they return, in order."""
        futures: list[Future[Any]] = [self._pool.submit(_silent, task) for task in tasks[1:]]
        try:
            first = tasks[0]()
        finally:
            # No part may still be writing when the error of another is told.
            done = [f.exception() for f in futures]
        for error in done:
            if error is not None:
                raise error
        return [first, *(f.result() for f in futures)]

    def close(self) -> None:
        """End the threads, and give BLAS back its own."""
        self._pool.shutdown()
        if self._limit is not None:
            self._limit.restore_original_limits()


def available() -> int:
    """How many threads may work at the same time: as many as BLAS would start, by what it is told."""
    told = [
        os.environ.get(name, "") for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
    ]
    counts = [int(text) for text in told if text.isdecimal() and int(text) > 0]
    has_affinity = hasattr(os, "sched_getaffinity")
    return min([*counts, len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1])


def _silent(task: Any) -> Any:
    with np.errstate(all="ignore"):
        return task()


def _one_blas_thread() -> Any:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        problems = Problems()
        problems.error(
            "E0919",
            None,
            "Threads of one's own need threadpoolctl, to keep BLAS from starting more.",
            suggestion="Install it: `pip install graphlang[threads]`.",
        )
        raise GraphlangError(problems) from None
    return threadpool_limits(1, user_api="blas")
