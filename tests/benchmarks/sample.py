"""A workload for the tests of the harness: additions, and contenders that go wrong in every way."""

from __future__ import annotations

import os
import sys
from typing import Any

from benchmarks.harness import Command, Job, Workload

WORKLOAD = Workload(
    name="tests.benchmarks.sample", title="Sums", sizes={"some": 2_000}, small=10, tolerance=1e-6
)


def _sums(times: int, value: float = 1.0) -> Job:
    def run(count: int) -> None:
        for _ in range(count):
            total = 0
            for k in range(times):
                total += k

    return Job(run, lambda: {"value": value})


@WORKLOAD.contender("reference", "peer")
def reference(size: int) -> Job:
    return _sums(size)


@WORKLOAD.contender("ten times the work", "graphlang")
def more(size: int) -> Job:
    return _sums(10 * size)


@WORKLOAD.contender("floor", "floor")
def floor(size: int) -> Job:
    return Job(_sums(size // 2).run)


@WORKLOAD.contender("other numbers", "peer")
def other_numbers(size: int) -> Job:
    return _sums(size, value=2.0)


@WORKLOAD.contender("broken", "peer")
def broken(size: int) -> Job:
    return Job(lambda count: 1 // 0)


@WORKLOAD.contender("ends", "peer")
def ends(size: int) -> Job:
    os._exit(3)


@WORKLOAD.contender("command", "hand")
def command(size: int) -> Command:
    return Command([sys.executable, "-c", "pass"])


@WORKLOAD.contender("missing", "peer", needs="no_such_package")
def missing(size: int) -> Any:
    raise AssertionError("what it needs is not there, so it is not made")
