"""The conductor: starts the contenders, compares their numbers, and times them round by round.

Ratios are medians over rounds of quotients within a round, so that what slows the machine for a while slows
both sides.
"""

from __future__ import annotations

import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import Contender, Workload, difference

ROOT = Path(__file__).resolve().parents[1]
# Seconds until a contender is given up, setting up or in one burst.
PATIENCE = 600.0
# After so many seconds of rounds no further one is begun.
SHARE = 120.0
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(slots=True)
class Row:
    """What was measured of one contender.

    Attributes
    ----------
    seconds : list of float
        One repetition, in each round.
    setup : float
        Seconds of setting up, with the first step.
    memory : int
        Peak, in bytes.
    before : int or None
        The same after the work for a tiny size, where that is asked for.
    difference : float or None
        From the first contender's numbers; None where there is nothing to compare.
    why : str
        Why it is not in the comparison; empty if it is.
    """

    name: str
    kind: str
    seconds: list[float] = field(default_factory=list)
    setup: float = 0.0
    memory: int = 0
    before: int | None = None
    difference: float | None = None
    why: str = ""


@dataclass(slots=True)
class Options:
    """How to measure."""

    rounds: int = 7
    threads: int = 2
    burst: float = 0.2
    sizes: list[str] = field(default_factory=list)
    only: list[str] = field(default_factory=list)
    is_verbose: bool = False
    say: Callable[[str], None] = lambda text: None


def measure(workload: Workload, options: Options) -> Iterator[dict[str, Any]]:
    """Measure a workload: for each size what `report.table` shows, as plain data."""
    for size in workload.sizes:
        if options.sizes and size not in options.sizes:
            continue
        options.say(f"{workload.name}, {size}")
        rows = _rows(workload, size, options)
        yield {
            "workload": workload.name,
            "title": workload.title,
            "size": size,
            "count": workload.counts.get(size),
            "unit": workload.unit,
            "tolerance": workload.tolerance,
            "contenders": [_numbers(row, rows) for row in rows if row.seconds],
            "left_out": {row.name: row.why for row in rows if not row.seconds},
        }


def _rows(workload: Workload, size: str, options: Options) -> list[Row]:
    """One row for each contender of a size."""
    chosen = [c for c in workload.contenders if not c.sizes or size in c.sizes]
    if options.only:
        chosen = [c for c in chosen if c is chosen[0] or any(o in c.name for o in options.only)]
    rows = [Row(c.name, c.kind) for c in chosen]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        live: list[tuple[Row, Process]] = []
        for i, (contender, row) in enumerate(zip(chosen, rows, strict=True)):
            if contender.missing:
                row.why = f"{', '.join(contender.missing)} is not installed"
                continue
            process = Process(workload.name, contender, options)
            stack.callback(process.end)
            if _set_up(process, row, size, folder / f"{i}.npz"):
                live.append((row, process))
                row.before = _memory_before(workload, contender, options) if workload.has_share else None
        _compare(live, folder, rows, workload.tolerance)
        _rounds([(row, process) for row, process in live if not row.why], options)
    return rows


def _set_up(process: Process, row: Row, size: str, file: Path) -> bool:
    answer = process.ask({"make": size, "to": str(file)})
    row.why = answer.get("error", "")
    row.setup = answer.get("setup", 0.0)
    row.difference = 0.0 if answer.get("is_checked") else None
    return not row.why


def _memory_before(workload: Workload, contender: Contender, options: Options) -> int | None:
    """What a process of its own takes that does the work for a tiny size: the libraries' share."""
    process = Process(workload.name, contender, options)
    try:
        found: int | None = process.ask({"small": True}).get("memory")
        return found
    finally:
        process.end()


def _compare(live: list[tuple[Row, Process]], folder: Path, rows: list[Row], tolerance: float) -> None:
    """Leave out those whose numbers are not the first contender's."""
    import numpy as np

    def numbers(row: Row) -> dict[str, Any]:
        with np.load(folder / f"{rows.index(row)}.npz") as arrays:
            return dict(arrays)

    checked = [row for row, _ in live if row.difference is not None]
    if not checked or checked[0] is not rows[0]:
        for row in checked:
            row.difference = None
        return
    expected = numbers(checked[0])
    for row in checked[1:]:
        row.difference = difference(expected, numbers(row))
        if row.difference > tolerance:
            row.why = f"its numbers differ by {row.difference:.1e}, more than {tolerance:.0e}"


def _rounds(live: list[tuple[Row, Process]], options: Options) -> None:
    start = time.perf_counter()
    for number in range(options.rounds):
        first = number % max(1, len(live))
        for row, process in [*live[first:], *live[:first]]:
            if row.why:
                continue
            answer = process.ask({"burst": options.burst})
            if "error" in answer:
                row.why, row.seconds = answer["error"], []
                continue
            row.seconds.append(answer["seconds"])
            row.memory = max(row.memory, answer["memory"])
            time.sleep(0.02)  # threads that spin for work go to sleep
        if number >= 2 and time.perf_counter() - start > SHARE:
            break


# --- a contender's process -------------------------------------------------------------------------------


class Process:
    """The other end of `worker.py`."""

    def __init__(self, workload: str, contender: Contender, options: Options):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", workload, contender.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if options.is_verbose else subprocess.DEVNULL,
            env=environment(options.threads),
            cwd=ROOT,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        pin(self._process.pid, options.threads)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a line and wait for the answer, an error if none comes."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
        except BrokenPipeError:
            return {"error": "its process ended"}
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.end()
            return {"error": "its process ended" if ready else f"it took more than {PATIENCE:.0f} s"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Stop it, whatever it is doing, and the compilers that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def environment(threads: int) -> dict[str, str]:
    """The variables of a contender's process."""
    counts = {name: str(threads) for name in THREAD_VARIABLES}
    return {**os.environ, **counts, "JAX_PLATFORMS": "cpu"}


def pin(pid: int, threads: int) -> None:
    """Keep a process on so many cores: some libraries ask the machine instead of a variable."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(pid, set(cores[-threads:]))


# --- what the rounds come to -----------------------------------------------------------------------------


def _numbers(row: Row, rows: list[Row]) -> dict[str, Any]:
    """A row as plain data, with its ratios."""
    low, middle, high = quartiles(row.seconds)
    best = {f"to_{kind}": fastest(rows, kind) for kind in ("peer", "hand", "floor")}
    return {
        "name": row.name,
        "kind": row.kind,
        "median": middle,
        "low": low,
        "high": high,
        "rounds": len(row.seconds),
        **{name: ratio(row.seconds, b.seconds) if b else None for name, b in best.items()},
        "memory": row.memory,
        "share": None if row.before is None else row.memory - row.before,
        "setup": row.setup,
        "difference": row.difference,
    }


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def fastest(rows: list[Row], kind: str) -> Row | None:
    """The row of a kind with the smallest median."""
    measured = [row for row in rows if row.kind == kind and row.seconds]
    return min(measured, key=lambda row: statistics.median(row.seconds), default=None)


def ratio(above: list[float], below: list[float]) -> float:
    """Median over the rounds of one time over the other's of the same round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=False))
