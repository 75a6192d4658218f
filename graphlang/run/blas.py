"""How many threads NumPy's BLAS has, where it is OpenBLAS and can be told.

OpenBLAS starts a thread for every core when NumPy is imported, and these look for work for a while after each
product that they have shared. Small steps are over sooner without them (`plan.work.suits_one_thread`), and so
is the import. What the environment says is a limit: small steps take less, and have the same bits anywhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from threading import Lock
from typing import Any

# OpenBLAS obeys the first that is set.
_VARIABLES = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
# What OpenBLAS puts before and behind its names: NumPy's own, with integers of 64 bits, comes first.
_SPELLINGS = [(before, behind) for before in ("scipy_", "") for behind in ("64_", "_64", "")]


def import_numpy_with_one_thread() -> None:
    """Import NumPy without the threads of BLAS, for a command that may do without them.

    `give_all_threads` is to be called where it turns out that it does not.
    """
    # Windows does not look for a function in the libraries that a library uses: the threads would be lost.
    if "numpy" in sys.modules or sys.platform == "win32":
        return
    before = os.environ.get(_VARIABLES[0])
    os.environ[_VARIABLES[0]] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        # For what is started from here, and for whoever asks how many threads are allowed.
        if before is None:
            del os.environ[_VARIABLES[0]]
        else:
            os.environ[_VARIABLES[0]] = before
    _State.is_started_with_one = True


def give_all_threads() -> None:
    """Let BLAS have the threads that it would have started by itself."""
    found = _functions() if _State.is_started_with_one else None
    if found is not None:
        found[1](_own_number())
    _State.is_started_with_one = False


class OneThread:
    """A context in which BLAS has one thread, in the whole process; several may overlap."""

    def __init__(self, is_wanted: bool = True):
        self._is_wanted = is_wanted

    def __enter__(self) -> None:
        found = _functions() if self._is_wanted else None
        self._set = found[1] if found is not None else None
        if found is not None:
            get, set_ = found
            with _State.lock:
                if _State.holders == 0:
                    _State.before = get()
                    set_(1)
                _State.holders += 1

    def __exit__(self, *_: object) -> None:
        if self._set is not None:
            with _State.lock:
                _State.holders -= 1
                if _State.holders == 0:
                    self._set(_State.before)


class _State:
    """What holds for the process."""

    is_started_with_one = False
    lock = Lock()
    holders = 0
    before = 1


def _own_number() -> int:
    """How many threads OpenBLAS starts by itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    told = (os.environ.get(name, "") for name in _VARIABLES)
    return min(next((int(text) for text in told if text.isdecimal() and int(text) > 0), cores), cores)


@cache
def _functions() -> tuple[Callable[[], int], Callable[[int], Any]] | None:
    """What tells the number of threads and what sets it; None where BLAS is another or cannot be reached."""
    import ctypes

    import numpy  # noqa: F401

    # A name is looked up in all libraries that this one uses, so that OpenBLAS need not be found.
    library = ctypes.CDLL(sys.modules["numpy._core._multiarray_umath"].__file__)
    for before, behind in _SPELLINGS:
        get = getattr(library, f"{before}openblas_get_num_threads{behind}", None)
        set_ = getattr(library, f"{before}openblas_set_num_threads{behind}", None)
        if get is not None and set_ is not None:
            return get, set_
    return None
