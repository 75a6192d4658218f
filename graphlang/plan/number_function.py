"""A piece of a graph of numbers (`course.py`) as the text of one straight-line function of Python.

Every result of a step is a local variable or stands inside another's formula (`v9 = (v3 * v5) + v7`). A
result used once is put in place of its use, which saves Python a variable and changes no digit. All names in
the text are made here (`v` with numbers, and those of `ops/spelling.py`), and numbers are written by `repr`:
nothing of the user's file gets into it.

A piece with two legs is a generator. It is called with what the first leg reads, yields what leaves that leg,
is sent what the second leg reads, and yields again; meanwhile its variables stay where they are:

    def run(v0, v1):
     v2=v0 * v1
     v3=tanh(v2)
     v4,= yield (v3,)
     v5=v4 * (1.0 - v3 * v3)
     yield (v5,)

A piece with one leg is a plain function.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphlang.graph.numbers import Kind, is_number, is_spelled
from graphlang.plan.course import Course, Leg
from graphlang.plan.scalars import DEEPEST, literals_of
from graphlang.plan.schedule import Plan
from graphlang.plan.spelled import number_literal, speller


def is_of_numbers(plan: Plan) -> bool:
    """Whether every leaf is a number and every step an operation on numbers that its spelling defines."""
    literals = literals_of(plan)
    leaves = all(slot in literals if n.is_const else is_number(n) for n, slot in plan.leaves)
    return leaves and all(is_spelled(step.node, step.op) for step in plan.steps)


def piece_text(course: Course, legs: Sequence[Leg]) -> str:
    """The text of `run` for the legs of a piece."""
    writer = _Writer(course, legs)
    for leg in legs:
        writer.write(leg)
    return "\n".join([*writer.lines, ""])


class _Writer:
    """The text of a piece as it grows."""

    def __init__(self, course: Course, legs: Sequence[Leg]):
        self.course = course
        self.lines: list[str] = []
        self._is_generator = len(legs) > 1
        # How often the piece reads each of its results.
        self._uses: dict[int, int] = {}
        for leg in legs:
            for place in self._operands(leg).tolist():
                self._uses[place] = self._uses.get(place, 0) + 1
        self._variables = 0
        # For each place a variable or a number that can stand anywhere.
        self._known: dict[int, str] = {}
        # Formulas that will be put in place of their only use, with their levels of brackets.
        self._waiting: dict[int, tuple[str, int]] = {}

    def write(self, leg: Leg) -> None:
        """Add a leg."""
        read = [self._variable(place) for place in leg.reads]
        if not self.lines:
            self.lines.append(f"def run({','.join(read)}):")
        else:
            self.lines[-1] = (
                f" {''.join(f'{name},' for name in read)}={self.lines[-1]}" if read else self.lines[-1]
            )
        self._steps(leg)
        stop = self.course.first + leg.stop
        found = "".join(f"{self._known[place]}," for place in range(leg.leaves, stop))
        self.lines.append(f" {'yield' if self._is_generator else 'return'} ({found})")

    def _steps(self, leg: Leg) -> None:
        course, known, uses, waiting, lines = self.course, self._known, self._uses, self._waiting, self.lines
        kinds, start = course.kinds, leg.start
        starts = (course.starts[start : leg.stop + 1] - course.starts[start]).tolist()
        operands = self._operands(leg).tolist()
        targets, numbers = course.targets[start : leg.stop].tolist(), course.kind[start : leg.stop].tolist()
        at = 0
        for number, target, end in zip(numbers, targets, starts[1:], strict=True):
            places, at = operands[at:end], end
            is_left, used = target >= leg.leaves, uses.get(target, 0)
            if not used and not is_left:
                continue
            kind = kinds[number]
            _, is_once = speller(kind.op)
            depth, texts = 1, []
            for place in places:
                text = known.get(place)
                if text is None and place in waiting:
                    text, below = waiting.pop(place)
                    if is_once and below < DEEPEST:
                        depth = max(depth, below + 1)
                    else:
                        lines.append(f" {self._variable(place)}={text}")
                        text = known[place]
                elif text is None:
                    constant = course.constants[place - course.arguments]
                    text = known[place] = number_literal(constant)
                texts.append(text)
            text = formula(kind, texts)
            if used == 1 and not is_left:
                waiting[target] = (f"({text})", depth)
            else:
                lines.append(f" {self._variable(target)}={text}")

    def _operands(self, leg: Leg) -> np.ndarray:
        course = self.course
        return course.operands[course.starts[leg.start] : course.starts[leg.stop]]

    def _variable(self, place: int) -> str:
        """A new variable for what lies at a place."""
        name = self._known[place] = f"v{self._variables}"
        self._variables += 1
        return name


def formula(kind: Kind, texts: list[str]) -> str:
    """What a step computes, given the texts of its operands."""
    spell, _ = speller(kind.op)
    if not kind.attrs and not kind.numbers:
        return spell(*texts)
    wires = len(kind.op.wires)
    numbers = dict(zip(kind.numbers, texts[wires:], strict=True))
    return spell(*texts[:wires], **numbers, **{name: repr(value) for name, value in kind.attrs})
