"""Graphs of numbers run by compiled C: the tape (`plan/tape.py`), walked by a small program.

The program depends only on which operations the graph uses, so the system's C compiler needs a tenth of a
second for it, however large the graph is; programs are kept while the process lives. It is built in a folder
of its own that only this user can enter and that is gone once the program is loaded: nothing that lies about
on the disk is ever run.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shlex
import shutil
import struct
import subprocess
import tempfile
from functools import cache, lru_cache
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.plan.c_loops import ELEMENTARY, HEAD, TRANSCENDENTAL, TRIALS
from graphlang.plan.c_text import c_text
from graphlang.plan.c_threads import POOL
from graphlang.plan.tape import Tape
from graphlang.run.threads import available

# No contraction of x * y + z to one rounding: every operation rounds, as in Python.
FLAGS = ("-ffp-contract=off", "-fno-math-errno", "-fwrapv", "-shared", "-fPIC")
# What loops over arrays take besides, on which no result depends either: the processor's own instructions,
# and several places at a time.
_PROCESSOR = ("-march=native",) if platform.machine() in ("x86_64", "AMD64") else ()
FAST = ("-O3", "-fno-trapping-math", *_PROCESSOR)


class Native:
    """A tape as compiled code. Calling it with numbers gives the results as floats.

    Parameters
    ----------
    tape : Tape
    arguments : int
        How many numbers it is given.

    Raises
    ------
    GraphlangError
        When there is no C compiler, or it fails.
    """

    def __init__(self, tape: Tape, arguments: int):
        loaded = library(c_text(tape.kinds))
        self._run, self._gather = loaded.run, loaded.gather
        self._run.restype = self._gather.restype = None
        found = np.empty(len(tape.results))
        self._put = struct.Struct(f"{arguments}d").pack_into
        self._get = struct.Struct(f"{len(found)}d").unpack_from
        self._values, self._found = tape.values.data.cast("B"), found.data.cast("B")
        at = tape.values.ctypes.data
        pointer = ctypes.c_void_p
        self._run_with = (
            pointer(at),
            pointer(at + 8 * tape.first),
            pointer(tape.runs.ctypes.data),
            pointer(tape.operands.ctypes.data),
            ctypes.c_int64(len(tape.runs)),
        )
        self._gather_with = (
            pointer(at),
            pointer(tape.results.ctypes.data),
            pointer(found.ctypes.data),
            ctypes.c_int64(len(found)),
        )
        # The code holds addresses of these arrays.
        self._kept = tape, found

    def __call__(self, *numbers: float) -> tuple[float, ...]:
        self._put(self._values, 0, *numbers)
        self._run(*self._run_with)
        self._gather(*self._gather_with)
        return self._get(self._found)


@lru_cache(maxsize=32)
def library(text: str, flags: tuple[str, ...] = ("-O2",)) -> Any:
    """A C program, compiled and loaded."""
    with tempfile.TemporaryDirectory(prefix="graphlang-") as folder:
        source, target = os.path.join(folder, "run.c"), os.path.join(folder, "run.so")
        with open(source, "w", encoding="ascii") as file:
            file.write(text)
        command = [*compiler(), *FLAGS, *flags, "-o", target, source, "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            lines = [line for line in lines if "error" in line] or lines
            raise _failure(
                f"The C compiler `{command[0]}` failed: {lines[0] if lines else 'it says nothing'}."
            )
        try:
            return ctypes.CDLL(target)
        except OSError as error:
            # A folder from which nothing may be run, or a compiler for another machine.
            raise _failure(f"What `{command[0]}` made cannot be loaded: {error}.") from error


@cache
def like_numpy() -> frozenset[str]:
    """Those of `exp` and `log` whose bits in C are the ones of NumPy here: it has loops for many processors.

    They are tried on every 65,521st number of single precision.
    """
    loaded = library(HEAD + ELEMENTARY + TRIALS, FAST)
    x = np.arange(0, 1 << 32, 65_521, dtype=np.uint32).view(np.float32)
    found = np.empty_like(x)
    pointer = ctypes.c_void_p
    same = set()
    for name in TRANSCENDENTAL:
        loaded[f"try_{name}"](pointer(x.ctypes.data), pointer(found.ctypes.data), ctypes.c_long(x.size))
        with np.errstate(all="ignore"):
            if np.array_equal(found, getattr(np, name)(x), equal_nan=True):
                same.add(name)
    return frozenset(same)


@cache
def pool() -> tuple[Any, int]:
    """The function that shares work among threads, for programs in C, and how many take part."""
    loaded = library(POOL, ("-O2", "-pthread"))
    return ctypes.cast(loaded.share, ctypes.c_void_p), 1 + loaded.start(available() - 1)


def compiler() -> list[str]:
    """The command of the C compiler: `$CC`, else the first one found of the usual names.

    Raises
    ------
    GraphlangError
        E0918 when there is none.
    """
    chosen = shlex.split(os.environ.get("CC", ""))
    candidates = [chosen] if chosen else [["cc"], ["gcc"], ["clang"]]
    for command in candidates:
        if shutil.which(command[0]) is not None:
            return command
    missing = f"`{chosen[0]}`, which CC names, is not there" if chosen else "none of cc, gcc, clang is there"
    raise _failure(f"There is no C compiler: {missing}.")


def _failure(message: str) -> GraphlangError:
    problems = Problems()
    hint = "Install one, say where it is with CC, or leave `--jit` out."
    problems.error("E0918", None, message, suggestion=hint)
    return GraphlangError(problems)
