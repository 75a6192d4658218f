"""Runs of scalar steps as straight-line Python: `v9 = (v3 * v5) + v7` instead of two calls of NumPy.

A scalar step is one whose operands and result are floats or booleans of shape `[]` and whose operation says
how it is spelled for plain floats (`Op.scalar`). Consecutive ones are cut into chunks, and each chunk becomes
the text of one function of the list of slots: it reads what was made before it, computes on local variables,
and writes what is needed behind it. A result used once is put in place of its use, which saves Python a
variable and changes no digit. What only other chunks read lies in the slots as Python's number, everything
else as NumPy's.

All names in the text are made here (`v` and `s` with numbers of slots, and those of `ops/spelling.py`), and
numbers are written by `repr`. Nothing of the user's file gets into it. Since a spelling defines what its
operation gives for numbers (`plan/spelled.py`), the text computes what the interpreter does, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from graphlang.collector import paused_collector
from graphlang.graph.node import Node
from graphlang.graph.numbers import is_number, is_spelled
from graphlang.plan.schedule import Plan, Step
from graphlang.plan.spelled import attribute_texts, number_literal, speller
from graphlang.records import Record
from graphlang.types.tensor import DType

# Steps in a chunk. The backward pass reads nearly every value of the forward pass; where both are in one
# function these are local variables, which makes it twice as fast as several, and no slower to compile.
CHUNK = 500_000
# Steps in a chunk where some of them must be left to NumPy, so that only a few are at a time.
SHORT = 1000
# Fewer steps than these in a row are not worth the conversion of what goes in and comes out.
LEAST = 4
# Levels of brackets in one expression. Python's parser gives up at 200.
DEEPEST = 12


class Chunk(Record):
    """Steps `start` to `stop` of a plan as a function.

    Attributes
    ----------
    start, stop : int
        Positions in `Plan.steps`.
    source : str
        Text of a function `run(s)` of the list of slots.
    reads : tuple of int
        Slots that it finds as Python's numbers.
    plain : tuple of int
        Slots that hold Python's numbers behind it: those, and those that it leaves for other chunks.
    """

    start: int
    stop: int
    source: str
    reads: tuple[int, ...]
    plain: tuple[int, ...]


@paused_collector()
def find_chunks(plan: Plan, size: int = CHUNK) -> list[Chunk]:
    """The chunks of a plan's scalar steps, in order; none where too few stand in a row.

    Parameters
    ----------
    plan : Plan
    size : int
        Steps in a chunk at most.
    """
    spans = list(_spans(plan.steps, size))
    if not spans:
        return []
    traffic, literals = Traffic(plan, spans), literals_of(plan)
    return [_chunk(plan, traffic, literals, start, stop) for start, stop in spans]


def _chunk(plan: Plan, traffic: Traffic, literals: Mapping[int, str], start: int, stop: int) -> Chunk:
    writer = Writer(traffic, literals)
    writer.write(plan.steps[start:stop])
    return writer.chunk(start, stop)


def _spans(steps: Sequence[Step], size: int) -> Iterator[tuple[int, int]]:
    at = 0
    for is_scalar, group in groupby(steps, _is_scalar):
        stop = at + sum(1 for _ in group)
        if is_scalar and stop - at >= LEAST:
            yield from ((start, min(start + size, stop)) for start in range(at, stop, size))
        at = stop


def _is_scalar(step: Step) -> bool:
    return is_spelled(step.node, step.op)


class Traffic:
    """Which values go in and out of the chunks, the spans of steps.

    Attributes, each with an entry per slot
    ---------------------------------------
    home : the number of the chunk that fills the slot, -1 if none does
    uses : how often its own chunk reads it
    is_left : whether it is read, or wanted, outside its own chunk
    is_numpy : whether it then holds NumPy's number
    """

    def __init__(self, plan: Plan, spans: Sequence[tuple[int, int]]):
        self.home = [-1] * plan.slots
        self.uses = [0] * plan.slots
        self.is_left = [False] * plan.slots
        self.is_numpy = [True] * plan.slots
        home, uses, is_left, is_numpy = self.home, self.uses, self.is_left, self.is_numpy
        for number, (start, stop) in enumerate(spans):
            for _, _, sources, target, _ in plan.steps[start:stop]:
                home[target] = number
                is_numpy[target] = False
                for slot in sources:
                    if home[slot] == number:
                        uses[slot] += 1
                    else:
                        is_left[slot] = True
        for slot in (*_read_outside(plan.steps, spans), *plan.wanted.values()):
            is_left[slot] = is_numpy[slot] = True


def _read_outside(steps: Sequence[Step], spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The slots that steps outside all chunks read."""
    at = 0
    for start, stop in (*spans, (len(steps), 0)):
        for step in steps[at:start]:
            yield from step.sources
        at = stop


class Writer:
    """The text of a function's body as it grows."""

    def __init__(self, traffic: Traffic, literals: Mapping[int, str]):
        self.traffic = traffic
        self.lines: list[str] = []
        self.reads: list[int] = []
        self.writes: list[int] = []
        # For each slot a variable or a number that can stand anywhere.
        self.known: dict[int, str] = dict(literals)
        # Expressions that will be put in place of their only use, with their levels of brackets.
        self.waiting: dict[int, tuple[str, int]] = {}

    def write(self, steps: Sequence[Step]) -> None:
        """Add some steps."""
        known, waiting, lines = self.known, self.waiting, self.lines
        uses, is_left = self.traffic.uses, self.traffic.is_left
        for node, op, sources, target, _ in steps:
            spell, is_once = speller(op)
            depth, texts = 1, []
            for slot, operand in zip(sources, node.inputs, strict=True):
                text = known.get(slot)
                if text is None:
                    text, below = self._expression(slot, operand, is_once)
                    depth = max(depth, below + 1)
                texts.append(text)
            text = spell(*texts, **attribute_texts(node)) if node.attrs else spell(*texts)
            if is_left[target]:
                self._leave(target, node, text)
            elif uses[target] == 1:
                waiting[target] = (f"({text})", depth)
            else:
                lines.append(f" v{target}={text}")
                known[target] = f"v{target}"

    def chunk(self, start: int, stop: int) -> Chunk:
        """What was written, as the function of some steps."""
        plain = [slot for slot in self.writes if not self.traffic.is_numpy[slot]]
        text = "\n".join(["def run(s):", *self.lines]) + "\n"
        return Chunk(start, stop, text, tuple(self.reads), (*self.reads, *plain))

    def _expression(self, slot: int, node: Node, is_once: bool) -> tuple[str, int]:
        """What stands for an operand, and its levels of brackets; a variable if it must stand twice."""
        if slot in self.waiting:
            text, depth = self.waiting.pop(slot)
            if is_once and depth < DEEPEST:
                return text, depth
        elif self.traffic.is_numpy[slot]:
            text = f"{'bool' if node.type.dtype is DType.BOOL else 'float'}(s[{slot}])"
        else:
            text = f"s[{slot}]"
            self.reads.append(slot)
        self.lines.append(f" v{slot}={text}")
        self.known[slot] = f"v{slot}"
        return self.known[slot], 0

    def _leave(self, slot: int, node: Node, text: str) -> None:
        """Write a value that is needed behind the chunk."""
        self.writes.append(slot)
        if self.traffic.uses[slot]:
            self.lines.append(f" v{slot}={text}")
            text = self.known[slot] = f"v{slot}"
        if self.traffic.is_numpy[slot]:
            text = f"{'bool_' if node.type.dtype is DType.BOOL else 'float64'}({text})"
        self.lines.append(f" s[{slot}]={text}")


def literals_of(plan: Plan) -> dict[int, str]:
    """The texts of the constants that are plain numbers."""
    constants = [(node, slot) for node, slot in plan.leaves if node.is_const and is_number(node)]
    return {
        slot: number_literal(node.attrs["value"])
        for node, slot in constants
        if isinstance(node.attrs["value"], (bool, int, float))
    }
