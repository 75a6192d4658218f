"""How long each step of a plan takes: the interpreter with a clock around every kernel.

The least of several runs counts, since whatever else the machine does only adds to it. What the clock itself
costs is measured and taken off.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.records import Record
from graphlang.run.interpreter import Executable

# Rows and columns of the product that says how fast the machine is.
PRODUCT = 1024


class Measured(Record, frozen=False):
    """What one step took: seconds, and the bytes of its operands and its result."""

    node: Node
    seconds: float
    nbytes: int


class Profiler(Executable):
    """A plan that can be measured."""

    def measure(
        self, leaves: Mapping[str, Any], *, seconds: float = 1.0, least: int = 3, most: int = 100
    ) -> tuple[list[Measured], int]:
        """Time every step in several runs.

        Parameters
        ----------
        leaves : mapping of str to array
        seconds : float
            After so long no further run is begun.
        least, most : int
            Runs, whatever they take.

        Returns
        -------
        measured : list of Measured
            In the order of the plan.
        runs : int
        """
        started, runs = time.perf_counter(), 0
        self.run(leaves)
        best = [float("inf")] * len(self._program)
        nbytes = [0] * len(self._program)
        while runs < least or (runs < most and time.perf_counter() - started < seconds):
            self._timed(leaves, best, nbytes)
            runs += 1
        clock = _clock_cost()
        found = zip(self.plan.steps, best, nbytes, strict=True)
        return [Measured(step.node, max(0.0, t - clock), n) for step, t, n in found], runs

    def _timed(self, leaves: Mapping[str, Any], best: list[float], nbytes: list[int]) -> None:
        clock = time.perf_counter
        slots = self._blank.copy()
        for path, slot in self._fed:
            slots[slot] = leaves[path]
        with np.errstate(all="ignore"):
            for i, (kernel, sources, attrs, target, frees) in enumerate(self._program):
                operands = [slots[s] for s in sources]
                start = clock()
                result = kernel(*operands, **attrs)
                best[i] = min(best[i], clock() - start)
                slots[target] = result
                nbytes[i] = sum(np.asarray(v).nbytes for v in (*operands, result))
                for slot in frees:
                    slots[slot] = None


def _clock_cost() -> float:
    clock, least = time.perf_counter, float("inf")
    for _ in range(1000):
        start = clock()
        least = min(least, clock() - start)
    return least


def product_speed(dtype: type[np.floating[Any]], repeats: int = 10) -> float:
    """Floating-point operations per second of a product of two square matrices."""
    a = np.random.default_rng(0).standard_normal((PRODUCT, PRODUCT)).astype(dtype)
    out, least = np.empty_like(a), float("inf")
    for _ in range(repeats + 1):
        start = time.perf_counter()
        np.matmul(a, a, out=out)
        least = min(least, time.perf_counter() - start)
    return 2.0 * PRODUCT**3 / least
