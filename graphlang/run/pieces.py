"""Graphs of numbers in Python, one call after the other faster: first step by step, then in straight lines.

Straight-line Python takes 30 ns for a step, but Python's compiler takes 8 µs for it. So the first call
compiles nothing: a function of the operation computes each step, which takes some 200 ns. Each further call
compiles a share of the pieces of the graph (`plan/course.py`) and uses them, until all are compiled. So no
call has to wait for long, and what is called once or twice does not pay for speed that it never sees.

Both ways evaluate the same formulas on the same floats. Where Python raises, as for a division by zero, the
piece is computed step by step, and NumPy is asked for the steps that Python has no answer to
(`plan/spelled.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from graphlang.collector import paused_collector
from graphlang.graph.numbers import Kind
from graphlang.plan.course import Course, Leg
from graphlang.plan.number_function import formula, piece_text
from graphlang.plan.spelled import PYTHON_ERRORS, SURROUNDINGS, number_kernel

# After how many calls all is compiled. Compiling takes as long as some 30 calls step by step, so each of the
# calls until then takes a few times as long as the first.
CALLS = 20
# Operands of a step that are passed one by one; the others are passed as a tuple with the last of these.
_PLACES = 3

_Numbers = tuple[float, ...]
# Steps by columns: the function, where the result goes, and where the operands lie.
_Columns = tuple[list[Any], list[int], list[int], list[int], list[Any]]


class Pieces:
    """A course, piece by piece. Calling it with numbers gives the results as floats.

    Parameters
    ----------
    course : Course

    Attributes
    ----------
    compiled : int
        How many pieces are compiled so far, from the first on.
    """

    def __init__(self, course: Course):
        self.compiled = 0
        self._course = course
        self._calls = 0
        self._legs = _ways(course)
        self._functions: list[Callable[..., Any] | None] = [None] * course.pieces
        self._values: list[float] = [*[0.0] * course.arguments, *course.constants, *[0.0] * len(course.kind)]
        self._results = _getter(course.results)
        self._by_function = {step_function(kind): kind for kind in course.kinds}
        self._legs_of: list[list[_Way]] = [[] for _ in range(course.pieces)]
        for way in self._legs:
            self._legs_of[way.leg.piece].append(way)

    def __call__(self, *numbers: float) -> _Numbers:
        if self.compiled < len(self._functions):
            self._compile(self._calls * len(self._functions) // CALLS)
            self._calls += 1
        values, functions = self._values, self._functions
        values[: len(numbers)] = numbers
        # Generators that wait for the way back; None where a piece goes step by step.
        waiting: list[Any] = [None] * len(functions)
        for way in self._legs:
            piece = way.piece
            function = functions[piece]
            try:
                if function is None:
                    self._step(way)
                elif way.is_whole:
                    values[way.leaves] = function(*way.read(values))
                elif way.is_first:
                    waiting[piece] = function(*way.read(values))
                    values[way.leaves] = next(waiting[piece])
                elif waiting[piece] is None:
                    self._step(way)
                else:
                    values[way.leaves] = waiting[piece].send(way.read(values))
            except PYTHON_ERRORS:
                waiting[piece] = None
                for earlier in self._legs_of[piece]:
                    self._step(earlier)
                    if earlier is way:
                        break
        return self._results(values)

    # --- step by step --------------------------------------------------------------------------------

    def _step(self, way: _Way) -> None:
        """Carry out a leg step by step."""
        values, steps = self._values, zip(*self._columns_of(way), strict=True)
        while True:
            try:
                for function, target, a, b, c in steps:
                    values[target] = function(values, a, b, c)
                return
            except PYTHON_ERRORS:
                # The step that failed has been taken from `steps`.
                values[target] = self._answer(self._by_function[function], (a, b, c))

    def _answer(self, kind: Kind, places: Sequence[Any]) -> float:
        """What NumPy says where Python raises."""
        *some, rest = places
        flat = [*some, *(rest if isinstance(rest, tuple) else (rest,))][: len(kind.names)]
        numbers, wires = [np.float64(self._values[place]) for place in flat], len(kind.op.wires)
        named = dict(zip(kind.numbers, numbers[wires:], strict=True))
        with np.errstate(all="ignore"):
            return float(number_kernel(kind.op)(*numbers[:wires], **named, **dict(kind.attrs)))

    def _columns_of(self, way: _Way) -> _Columns:
        if way.columns is None:
            way.columns = _columns(self._course, way.leg)
        return way.columns

    # --- straight lines ------------------------------------------------------------------------------

    @paused_collector()
    def _compile(self, count: int) -> None:
        """Compile pieces until there are so many."""
        for piece in range(self.compiled, min(count, len(self._functions))):
            legs = self._legs_of[piece]
            self._functions[piece] = _compiled(piece_text(self._course, [way.leg for way in legs]))
            for way in legs:
                way.columns = None
        self.compiled = max(self.compiled, count)


class _Way:
    """A leg, and what is needed to go it."""

    __slots__ = ("columns", "is_first", "is_whole", "leaves", "leg", "piece", "read")

    def __init__(self, leg: Leg, course: Course, *, is_first: bool, is_whole: bool):
        self.leg, self.piece = leg, leg.piece
        self.is_first, self.is_whole = is_first, is_whole
        self.leaves = slice(leg.leaves, course.first + leg.stop)
        self.read = _getter(leg.reads)
        # Made when it is first needed, and kept until the piece is compiled.
        self.columns: _Columns | None = None


def _ways(course: Course) -> list[_Way]:
    """All legs in order."""
    counts = Counter(leg.piece for leg in course.legs)
    seen: set[int] = set()
    found = []
    for leg in course.legs:
        is_first = leg.piece not in seen
        seen.add(leg.piece)
        found.append(_Way(leg, course, is_first=is_first, is_whole=counts[leg.piece] == 1))
    return found


def _getter(places: Sequence[int]) -> Callable[[list[float]], _Numbers]:
    """The function that gets the values at some places, as a tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple([values[place] for place in places])


def _columns(course: Course, leg: Leg) -> _Columns:
    """The steps of a leg by columns."""
    steps = slice(leg.start, leg.stop)
    functions = [step_function(kind) for kind in course.kinds]
    starts, ends = course.starts[steps], course.starts[leg.start + 1 : leg.stop + 1]
    # Steps with fewer operands are given some place, which they do not look at.
    last = len(course.operands) - 1
    columns = [course.operands[np.minimum(starts + i, last)].tolist() for i in range(_PLACES)]
    for step in np.flatnonzero(ends - starts > _PLACES).tolist():
        columns[-1][step] = tuple(course.operands[starts[step] + _PLACES - 1 : ends[step]].tolist())
    chosen = [functions[number] for number in course.kind[steps].tolist()]
    first, second, third = columns
    return chosen, course.targets[steps].tolist(), first, second, third


@cache
def step_function(kind: Kind) -> Callable[[list[float], int, int, Any], float]:
    """The function of the vector and of the places of the operands: two, then the third or a tuple."""
    names = dict(SURROUNDINGS)
    exec(f"def compute(v, a, b, c):\n return {step_text(kind)}\n", names)
    function: Callable[..., float] = names["compute"]
    return function


def step_text(kind: Kind) -> str:
    """The formula of a kind in terms of the vector `v` and of places in it."""
    count = len(kind.names)
    places = list("abc") if count <= _PLACES else ["a", "b", *[f"c[{i}]" for i in range(count - 2)]]
    return formula(kind, [f"v[{place}]" for place in places[:count]])


def _compiled(text: str) -> Callable[..., Any]:
    """A piece's function. Its text holds no name and no number that `piece_text` did not write."""
    names = dict(SURROUNDINGS)
    exec(compile(text, "<graph>", "exec"), names)
    function: Callable[..., Any] = names["run"]
    return function
