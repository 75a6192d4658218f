"""Large graphs of numbers run by NumPy: the tape (`plan/tape.py`), one call for each run of steps.

Straight-line Python (`pieces.py`) is faster where runs are short, but Python's compiler needs 25 microseconds
for each operation of the graph; here everything is ready once the tape is. Before the runs of a level are
computed, all that they read is gathered in one call, but for what lies in a row anyway. The results of a run
lie in a row, so they are written where they stay. Arrays and their views are made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphlang.graph.numbers import Kind
from graphlang.plan.array_text import array_function
from graphlang.plan.spelled import PYTHON_ERRORS, number_kernel
from graphlang.plan.tape import Tape

# What is called, with what, and the kind of the steps that it carries out.
_Call = tuple[Callable[..., Any], tuple[Any, ...], Kind | None]
# Steps in a run, on average, from which on this is as fast as straight-line Python: a run takes 1.5 µs and
# 2 to 5 ns for each step, in straight lines each step takes 30 ns.
WIDE = 50


def is_wide(tape: Tape) -> bool:
    """Whether a tape's runs are so long that a `Walker` is as fast as straight-line Python."""
    return len(tape.values) - tape.first >= WIDE * (len(tape.runs) + len(tape.levels))


class Walker:
    """A tape of which NumPy computes run after run. Calling it with numbers gives the results as floats.

    Parameters
    ----------
    tape : Tape
    arguments : int
        How many numbers it is given.
    """

    def __init__(self, tape: Tape, arguments: int):
        self._values = tape.values
        self._arguments = self._values[:arguments]
        self._results = tape.results.astype(np.intp)
        self._calls: list[_Call] = []
        for level in _levels(tape):
            self._add(level)

    def __call__(self, *numbers: float) -> tuple[float, ...]:
        self._arguments[:] = numbers
        with np.errstate(all="ignore"):
            for function, operands, kind in self._calls:
                try:
                    function(*operands)
                except PYTHON_ERRORS:
                    if kind is None:
                        raise
                    _one_by_one(kind, *operands)
        return tuple(self._values[self._results].tolist())

    def _add(self, level: list[_Run]) -> None:
        """The calls for the runs of a level."""
        values, found = self._values, []
        gathered: list[np.ndarray] = []
        size = 0
        for kind, columns, start in level:
            count = columns.shape[1]
            # Where each operand lies: in the vector, or in what will be gathered, from this entry on.
            places: list[tuple[bool, int]] = []
            for column in columns:
                if _is_in_a_row(column):
                    places.append((True, int(column[0])))
                else:
                    gathered.append(column)
                    places.append((False, size))
                    size += count
            found.append((kind, places, values[start : start + count]))
        buffer = np.empty(size)
        if size:
            # The places are right, and "clip" is the mode that writes straight into the buffer.
            self._calls.append((values.take, (np.concatenate(gathered), None, buffer, "clip"), None))
        for kind, places, to in found:
            operands = [(values if stays else buffer)[at : at + len(to)] for stays, at in places]
            self._calls.append((array_function(kind), (to, *operands), kind))


# The kind, the places of the operands by columns, and where the results go.
_Run = tuple[Kind, np.ndarray, int]


def _levels(tape: Tape) -> Iterator[list[_Run]]:
    """The runs of each level in turn; what `Tape.runs` has as one may belong to several levels."""
    operands = tape.operands.astype(np.intp)
    ends = iter([*tape.levels[1:].tolist(), len(tape.values) - tape.first])
    level: list[_Run] = []
    step, at, end = 0, 0, next(ends)
    for number, count in tape.runs.tolist():
        kind = tape.kinds[number]
        arity, stop = len(kind.names), step + count
        while step < stop:
            if step == end:
                yield level
                level, end = [], next(ends)
            rows = min(stop, end) - step
            columns = operands[at : at + arity * rows].reshape(rows, arity).T
            level.append((kind, np.ascontiguousarray(columns), tape.first + step))
            step, at = step + rows, at + arity * rows
    if level:
        yield level


def _is_in_a_row(column: np.ndarray) -> bool:
    return bool(column[-1] - column[0] == len(column) - 1 and (np.diff(column) == 1).all())


def _one_by_one(kind: Kind, to: np.ndarray, *operands: np.ndarray) -> None:
    """A run whose formula some numbers have no answer to in Python: NumPy is asked about those."""
    compute, wires = number_kernel(kind.op), len(kind.op.wires)
    for i, numbers in enumerate(zip(*operands, strict=True)):
        named = dict(zip(kind.numbers, numbers[wires:], strict=True))
        to[i] = compute(*numbers[:wires], **named, **dict(kind.attrs))
