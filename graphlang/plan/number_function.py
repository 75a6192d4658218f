"""A tape as one Python function: numbers in, the wanted numbers out.

Everything is a local variable or stands inside another's formula (`v9 = (v3 * v5) + v7`). A result used once
is put in place of its use, which saves Python a variable and changes no digit. All names in the text are made
here (`v` with numbers of places, and those of `ops/spelling.py`), and numbers are written by `repr`: nothing
of the user's file gets into it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphlang.collector import paused_collector
from graphlang.graph.numbers import Kind, is_number, is_spelled
from graphlang.plan.scalars import DEEPEST, literals_of
from graphlang.plan.schedule import Plan
from graphlang.plan.spelled import number_literal, speller
from graphlang.plan.tape import Tape


def is_of_numbers(plan: Plan) -> bool:
    """Whether every leaf is a number and every step an operation on numbers that its spelling defines."""
    literals = literals_of(plan)
    leaves = all(slot in literals if n.is_const else is_number(n) for n, slot in plan.leaves)
    return leaves and all(is_spelled(step.node, step.op) for step in plan.steps)


@paused_collector()
def number_function(tape: Tape, arguments: int) -> str:
    """The text of `run`, a function of so many floats that returns the tuple of the results."""
    wanted = tape.results.tolist()
    uses = np.bincount([*tape.operands.tolist(), *wanted], minlength=len(tape.values)).tolist()
    # For each place a variable or a number that can stand anywhere.
    known: list[str | None] = [f"v{i}" for i in range(arguments)]
    known += map(number_literal, tape.values[arguments : tape.first].tolist())
    known += [None] * (len(tape.values) - tape.first)
    # Formulas that will be put in place of their only use, with their levels of brackets.
    waiting: dict[int, tuple[str, int]] = {}
    lines: list[str] = []
    for target, (kind, places) in enumerate(_steps(tape), tape.first):
        if not uses[target]:
            continue
        _, is_once = speller(kind.op)
        depth, texts = 1, []
        for place in places:
            text = known[place]
            if text is None:
                text, below = waiting.pop(place)
                if is_once and below < DEEPEST:
                    depth = max(depth, below + 1)
                else:
                    lines.append(f" v{place}={text}")
                    text = known[place] = f"v{place}"
            texts.append(text)
        formula = _formula(kind, texts)
        if uses[target] == 1:
            waiting[target] = (f"({formula})", depth)
        else:
            lines.append(f" v{target}={formula}")
            known[target] = f"v{target}"
    found = ", ".join(known[place] or waiting[place][0] for place in wanted)
    parameters = ", ".join(f"v{i}" for i in range(arguments))
    return "\n".join([f"def run({parameters}):", *lines, f" return ({found},)", ""])


def _steps(tape: Tape) -> Iterator[tuple[Kind, list[int]]]:
    """Each step's kind and the places of its operands."""
    operands, at = tape.operands.tolist(), 0
    for number, count in tape.runs.tolist():
        kind = tape.kinds[number]
        arity = len(kind.names)
        for start in range(at, at + arity * count, arity) if arity else [at] * count:
            yield kind, operands[start : start + arity]
        at += arity * count


def _formula(kind: Kind, texts: list[str]) -> str:
    spell, _ = speller(kind.op)
    if not kind.attrs and not kind.numbers:
        return spell(*texts)
    wires = len(kind.op.wires)
    numbers = dict(zip(kind.numbers, texts[wires:], strict=True))
    return spell(*texts[:wires], **numbers, **{name: repr(value) for name, value in kind.attrs})
