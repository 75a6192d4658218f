"""The lines of a compiled step in C, as far as they go over arrays entry by entry or add entries up.

Lines that follow one another become one function; those that go over the same places become one loop. What
is left to NumPy are matrix products and functions such as `tanh`, so that the bits stay the same.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.plan.c_loops import ELEMENTARY, HEAD, SUMS, Fold, Loop
from graphlang.run.calls import Call, Reader
from graphlang.run.code import Code
from graphlang.run.loops import Group, fold, is_possible
from graphlang.run.native import FAST, library

_INPUT = re.compile(r"\bx\d+\b")
# Loops and folds, one after the other.
_Segment = list[Call | Group]


def natively(code: Code, inputs: Mapping[str, tuple[tuple[int, ...], Any]]) -> Code:
    """The same statements, with as many as possible of them in C.

    Parameters
    ----------
    code : Code
    inputs : mapping of str to (shape, dtype)
        Parameters of the statements that are arrays. Those that C reads are copied into a place of their own.

    Raises
    ------
    GraphlangError
        E0918 when there is no C compiler, or it fails.
    """
    staged = {name: np.zeros(shape, dtype) for name, (shape, dtype) in inputs.items()}
    parts: list[str | _Segment] = []
    segment: _Segment | None = None
    read: set[str] = set()
    reader = Reader(code.names, staged)
    for line in code.lines:
        call = reader.read(line)
        if call is None or not is_possible(call):
            parts.append(line)
            segment = None
            continue
        read |= set(_INPUT.findall(line)) & set(staged)
        if segment is None:
            segment = []
            parts.append(segment)
        _append(segment, call)
    return _Writer(code).written(parts, {name: staged[name] for name in sorted(read)})


def _append(segment: _Segment, call: Call) -> None:
    last = segment[-1] if segment else None
    if call.is_fold:
        segment.append(call)
    elif isinstance(last, Group) and last.takes(call):
        last.add(call)
    else:
        segment.append(Group(call))


def one_loop(
    code: Code,
    lines: Iterable[str],
    arrays: Mapping[str, np.ndarray],
    passing: Sequence[str],
    numbers: Sequence[str],
) -> Callable[..., None] | None:
    """Statements over vectors of one length as a function that goes over them once.

    Parameters
    ----------
    code : Code
        What the statements refer to.
    lines : iterable of str
    arrays : mapping of str to array
        What else they refer to.
    passing : sequence of str
        Those arrays that hold nothing before or afterwards.
    numbers : sequence of str
        Numbers that they refer to: the function's parameters.

    Returns
    -------
    function, or None where there is no C for a statement
    """
    dtype = next(iter(arrays.values())).dtype
    given = {name: np.zeros((), dtype) for name in numbers}
    group: Group | None = None
    reader = Reader(code.names, {**arrays, **given})
    for line in lines:
        call = reader.read(line)
        if call is None or not is_possible(call) or (group is not None and not group.takes(call)):
            return None
        if group is None:
            group = Group(call, [arrays[name] for name in passing])
        else:
            group.add(call)
    if group is None:
        return None
    taking = Code()
    lines = [f"{taking.constant(array)}[...] = {name}" for name, array in given.items()]
    return _Writer(taking).written([*lines, [group]], {}).function(numbers)


class _Writer:
    """Writes the C, and the statements that call it."""

    def __init__(self, code: Code):
        self._old = code
        self._functions: dict[Loop | Fold, str] = {}
        self._addresses: list[int] = []
        self._at: dict[int, int] = {}
        # What the addresses point into.
        self._kept: list[Any] = []

    def written(self, parts: Sequence[str | _Segment], staged: Mapping[str, np.ndarray]) -> Code:
        """All parts as new statements."""
        segments = [self._segment(k, part) for k, part in enumerate(parts) if isinstance(part, list)]
        new = Code()
        new.names.update(self._old.names)
        if not segments:
            new.lines = list(self._old.lines)
            return new
        text = self._text(segments)
        loaded = library(text, FAST)
        table = (ctypes.c_void_p * len(self._addresses))(*self._addresses)
        new.kept = [self._kept, table, staged]
        where = new.constant(ctypes.c_void_p(ctypes.addressof(table)))
        copy = new.constant(np.copyto)
        new.lines = [f"{copy}({new.constant(array)}, {name})" for name, array in staged.items()]
        for k, part in enumerate(parts):
            new.lines.append(part if isinstance(part, str) else f"{new.constant(_entry(loaded, k))}({where})")
        return new

    def _segment(self, k: int, groups: _Segment) -> str:
        lines = [self._call(group) for group in groups]
        return "\n".join([f"void part{k}(char **at) {{", *lines, "}", ""])

    def _call(self, group: Call | Group) -> str:
        loop, addresses = group.loop() if isinstance(group, Group) else fold(group)
        self._kept.append(group)
        name = self._functions.setdefault(loop, f"loop{len(self._functions)}")
        return f"    {name}({', '.join(map(self._place, addresses))});"

    def _place(self, address: int) -> str:
        at = self._at.setdefault(address, len(self._at))
        if at == len(self._addresses):
            self._addresses.append(address)
        return f"at[{at}]"

    def _text(self, segments: list[str]) -> str:
        functions = [loop.text(name) for loop, name in self._functions.items()]
        return "\n".join([HEAD, ELEMENTARY, SUMS, *functions, *segments])


def _entry(loaded: Any, k: int) -> Any:
    function = loaded[f"part{k}"]
    function.argtypes, function.restype = (ctypes.c_void_p,), None
    return function
