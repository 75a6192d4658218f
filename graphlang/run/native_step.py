"""The lines of a compiled step in C, as far as they go over arrays entry by entry or add entries up.

Lines that follow one another become one function; those that go over the same places become one loop. What
is left to NumPy are matrix products and functions such as `tanh`, so that the bits stay the same.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphlang.plan.c_loops import ELEMENTARY, HEAD, SUMS, Fold, Loop
from graphlang.plan.c_products import Product, products_text
from graphlang.plan.c_threads import SHARING
from graphlang.run.calls import Call, Reader
from graphlang.run.code import Code
from graphlang.run.loops import Group, fold, is_possible
from graphlang.run.native import FAST, library, pool
from graphlang.run.products import is_product, product

# Bytes of an input from which on C reads it where it lies: to say where takes as long as to copy fewer.
_LARGE = 1 << 16
_NAME = re.compile(r"\b[vx]\d+\b")
# Loops and folds, one after the other.
_Segment = list[Call | Group]


def natively(
    code: Code,
    inputs: Mapping[str, tuple[tuple[int, ...], Any]],
    *,
    is_exact: bool = True,
    is_shared: bool = False,
) -> Code:
    """The same statements, with as many as possible of them in C.

    Parameters
    ----------
    code : Code
    inputs : mapping of str to (shape, dtype)
        Parameters of the statements that are arrays. Small ones that C reads are copied into a place of their
        own.
    is_exact : bool
        Whether the bits are to be NumPy's; otherwise products become C too.
    is_shared : bool
        Whether long loops and large products are shared among the processor's cores.

    Raises
    ------
    GraphlangError
        E0918 when there is no C compiler, or it fails.
    """
    staged = {name: np.zeros(shape, dtype) for name, (shape, dtype) in inputs.items()}
    # What views are of is there from the beginning on, and so may they be.
    parts: list[str | _Segment] = []
    views: list[str] = []
    segment: _Segment | None = None
    used: set[str] = set()
    reader = Reader(code.names, staged)
    for line in code.lines:
        if reader.is_view(line):
            views.append(line)
            continue
        call = reader.read(line)
        if call is None or not (is_product(call, is_exact=is_exact) or is_possible(call, is_exact=is_exact)):
            parts.append(line)
            segment = None
            continue
        used |= set(_NAME.findall(line))
        if segment is None:
            segment = []
            parts.append(segment)
        _append(segment, call)
    for line in reversed(views):
        name, *bases = _NAME.findall(line)
        used |= set(bases) if name in used else set()
    read = {name: array for name, array in staged.items() if name in used}
    writer = _Writer(code, is_exact=is_exact, is_shared=is_shared)
    return writer.written([*views, *parts], read)


def _append(segment: _Segment, call: Call) -> None:
    last = segment[-1] if segment else None
    if call.is_fold or call.is_product:
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
    *,
    is_shared: bool = False,
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
    is_shared : bool
        Whether the processor's cores share a long loop.

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
    return _Writer(taking, is_shared=is_shared).written([*lines, [group]], {}).function(numbers)


class _Writer:
    """Writes the C, and the statements that call it."""

    def __init__(self, code: Code, *, is_exact: bool = True, is_shared: bool = False):
        self._old = code
        self._is_exact, self._is_shared = is_exact, is_shared
        self._functions: dict[Loop | Fold | Product, str] = {}
        self._addresses: list[int] = []
        self._at: dict[int, int] = {}
        # What the addresses point into, by identity.
        self._kept: dict[int, Any] = {}

    def written(self, parts: Sequence[str | _Segment], staged: Mapping[str, np.ndarray]) -> Code:
        """All parts as new statements."""
        segments = [self._segment(k, part) for k, part in enumerate(parts) if isinstance(part, list)]
        new = Code()
        new.names.update(self._old.names)
        if not segments:
            new.lines = list(self._old.lines)
            return new
        text = self._text(segments)
        loaded = self._library(text)
        table = (ctypes.c_void_p * len(self._addresses))(*self._addresses)
        new.kept = [list(self._kept.values()), table, staged]
        where = new.constant(ctypes.c_void_p(ctypes.addressof(table)))
        for name, array in staged.items():
            hand = partial(np.copyto, array) if array.nbytes < _LARGE else _pointing(table, array)
            new.lines.append(f"{new.constant(hand)}({name})")
        for k, part in enumerate(parts):
            new.lines.append(part if isinstance(part, str) else f"{new.constant(_entry(loaded, k))}({where})")
        return new

    def _segment(self, k: int, groups: _Segment) -> str:
        lines = [self._call(group) for group in groups]
        return "\n".join([f"void part{k}(char **at) {{", *lines, "}", ""])

    def _call(self, group: Call | Group) -> str:
        loop: Loop | Fold | Product
        if isinstance(group, Group):
            loop, addresses = group.loop(is_shared=self._is_shared)
        elif group.is_product:
            loop, addresses = product(group, is_shared=self._is_shared)
        else:
            loop, addresses = fold(group, is_shared=self._is_shared)
        for array in group.arrays.values() if isinstance(group, Group) else (group.out, *group.operands):
            owner = array if array.base is None else array.base
            self._kept[id(owner)] = owner
        name = self._functions.setdefault(loop, f"loop{len(self._functions)}")
        return f"    {name}({', '.join(map(self._place, addresses))});"

    def _place(self, address: int) -> str:
        at = self._at.setdefault(address, len(self._at))
        if at == len(self._addresses):
            self._addresses.append(address)
        return f"at[{at}]"

    def _text(self, segments: list[str]) -> str:
        functions = [loop.text(name) for loop, name in self._functions.items()]
        kinds = sorted({f.kind for f in self._functions if isinstance(f, Product)})
        products = products_text(kinds) if kinds else ""
        sharing = SHARING if self._is_shared or kinds else ""
        return "\n".join([HEAD, ELEMENTARY, SUMS, sharing, products, *functions, *segments])

    def _library(self, text: str) -> Any:
        loaded = library(text, FAST if self._is_exact else (*FAST, "-ffp-contract=fast"))
        if self._is_shared:
            function, count = pool()
            loaded.share_by(function, ctypes.c_long(count))
        return loaded


def _pointing(table: Any, place: np.ndarray) -> Callable[[np.ndarray], None]:
    """A function that lets addresses in a place point into an array instead, if it is laid out like it."""
    start = _address(place)
    inside = [(k, at - start) for k, at in enumerate(table) if 0 <= (at or 0) - start < place.nbytes]

    def hand(array: np.ndarray) -> None:
        base = start
        if array.strides == place.strides and array.dtype == place.dtype and array.shape == place.shape:
            base = _address(array)
        else:
            np.copyto(place, array)
        for k, offset in inside:
            table[k] = base + offset

    return hand


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _entry(loaded: Any, k: int) -> Any:
    function = loaded[f"part{k}"]
    function.argtypes, function.restype = (ctypes.c_void_p,), None
    return function
