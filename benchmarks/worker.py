"""A contender's own process: `python -m benchmarks.worker WORKLOAD CONTENDER`.

It reads one JSON object a line and answers each with one. `{"make": SIZE, "to": FILE}` sets the work up and
writes the numbers to compare; `{"burst": SECONDS}` does the work for about so long; `{"small": true}` does it
for a tiny size and says what memory that takes. What libraries print goes to the standard error.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import workloads
from benchmarks.harness import Command, Contender, Job, Workload

LAUNCHER = str(Path(__file__).with_name("launch.py"))


def main() -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    workload = workloads.load(sys.argv[1])
    worker = Worker(workload, workload.named(sys.argv[2]))
    for line in sys.stdin:
        try:
            answer = worker.answer(json.loads(line))
        except Exception as error:  # a contender that fails is a line of the table, not the end of the run
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {str(error).split(chr(10))[0][:120]}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Worker:
    """A contender at work."""

    def __init__(self, workload: Workload, contender: Contender):
        self._workload, self._contender = workload, contender
        self._work: _Repeated | _Started = _Repeated(Job(lambda n: None))
        self._seconds = 0.0

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """Do what a line asks for."""
        if "small" in question:
            return self._small()
        if "make" in question:
            return self._make(self._workload.sizes[question["make"]], question["to"])
        return self._burst(question["burst"])

    def _make(self, size: Any, file: str) -> dict[str, Any]:
        import numpy as np

        self._work = _Repeated(Job(lambda n: None))  # what the last size took can be freed
        gc.collect()
        start = time.perf_counter()
        made = self._contender.make(size)
        self._work = _Repeated(made) if isinstance(made, Job) else _Started(made)
        # What compiles does so in its first step, so that is part of setting up.
        np.savez(file, **(_arrays(made.check) if made.check else {}))
        self._work.timed(1)
        setup = time.perf_counter() - start
        self._seconds = self._work.timed(1)
        return {"setup": setup, "is_checked": made.check is not None}

    def _small(self) -> dict[str, Any]:
        """What the process takes that does the work for a tiny size."""
        made = self._contender.make(self._workload.small)
        assert isinstance(made, Job)
        work = _Repeated(made)
        work.timed(3)
        return {"memory": work.memory()}

    def _burst(self, seconds: float) -> dict[str, Any]:
        """Work for about `seconds`, after half as long to get warm; the time of one repetition."""
        self._work.reset()
        gc.collect()
        if self._seconds < seconds / 2:
            self._seconds = self._work.timed(_count(seconds / 2, self._seconds))
        self._seconds = self._work.timed(_count(seconds, self._seconds))
        return {"seconds": self._seconds / self._work.steps, "memory": self._work.memory()}


def _count(seconds: float, each: float) -> int:
    return max(1, int(seconds / max(each, 1e-9)))


def _arrays(check: Callable[[], Any]) -> dict[str, Any]:
    import numpy as np

    return {name: np.asarray(value) for name, value in check().items()}


class _Repeated:
    """A job in this process."""

    def __init__(self, job: Job):
        self._job, self.steps = job, job.steps
        self.reset = job.reset

    def timed(self, count: int) -> float:
        """Seconds for one repetition, the mean of so many."""
        start = time.perf_counter()
        self._job.run(count)
        return (time.perf_counter() - start) / count

    def memory(self) -> int:
        """The most memory that this process had at once, in bytes."""
        try:
            # Not by getrusage: there the process which started this one counts, too.
            status = Path("/proc/self/status").read_text(encoding="ascii")
            return int(status.split("VmHWM:")[1].split()[0]) * 1024
        except OSError:
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return most if sys.platform == "darwin" else most * 1024


class _Started:
    """A command, started anew each time."""

    def __init__(self, command: Command):
        self._argv, self._memory, self.steps = command.argv, 0, 1

    def timed(self, count: int) -> float:
        """Seconds from start to end, the mean of so many runs."""
        runs = [started(self._argv) for _ in range(count)]
        self._memory = max(self._memory, *(r["memory"] for r in runs))
        return float(sum(r["seconds"] for r in runs)) / count

    def reset(self) -> None:
        """Nothing stays."""

    def memory(self) -> int:
        """The most memory of a run, in bytes."""
        return self._memory


def started(argv: list[str]) -> dict[str, Any]:
    """Run a command by way of `launch.py`: its seconds and its peak memory in bytes.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    launch = [sys.executable, "-I", "-S", LAUNCHER, *argv]
    done = subprocess.run(launch, capture_output=True, text=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    if report["status"]:
        raise RuntimeError(f"exit status {report['status']}: {done.stderr.strip()[-100:]}")
    return report


if __name__ == "__main__":
    main()
