"""The lines of a compiled step in C, as far as they go over arrays entry by entry or add entries up.

Lines that follow one another become one function; those that go over the same places become one loop. What
is left to NumPy are matrix products and functions such as `tanh`, so that the bits stay the same.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from graphlang.plan.c_loops import ELEMENTARY, HEAD, SUMS, Fold, Loop
from graphlang.plan.c_products import Product, products_text
from graphlang.plan.c_threads import SHARING
from graphlang.run.calls import Call, Reader
from graphlang.run.code import Code, Statement
from graphlang.run.loops import Group, fold, is_possible
from graphlang.run.native import FAST, library, pool
from graphlang.run.products import is_product, product

# Bytes of an input from which on C reads it where it lies: to say where takes as long as to copy fewer.
_LARGE = 1 << 16
_NAME = re.compile(r"\b[vx]\d+\b")


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
    cut = _Cut(code, staged, is_exact=is_exact)
    writer = _Writer(code, is_exact=is_exact, is_shared=is_shared)
    for part in cut.parts():
        writer.add(part)
    return writer.written(cut.views, cut.staged())


class _Cut:
    """Statements cut into what C does and what it leaves, one part at a time.

    Attributes
    ----------
    views : list of str
        Statements that come first. What views are of is there from the beginning on, and so may they be.
    """

    def __init__(self, code: Code, staged: Mapping[str, np.ndarray], *, is_exact: bool):
        self._lines, self._staged, self._is_exact = code.lines, staged, is_exact
        self._reader = Reader(code.names, staged)
        self._used: set[str] = set()
        self.views: list[str] = []

    def parts(self) -> Iterator[str | Call | Group]:
        """Statements for Python, and loops, folds and products for C, in order."""
        group: Group | None = None
        for line in _in_c(self._lines):
            if self._reader.is_view(line):
                self.views.append(line)
                continue
            call = self._call(line)
            is_loop = call is not None and not (call.is_fold or call.is_product)
            if group is not None and call is not None and is_loop and group.takes(call):
                group.add(call)
                continue
            if group is not None:
                yield group
            group = Group(call) if call is not None and is_loop else None
            if group is None:
                yield line if call is None else call
        if group is not None:
            yield group

    def _call(self, line: str) -> Call | None:
        call = self._reader.read(line)
        if call is None:
            return None
        if not (is_product(call, is_exact=self._is_exact) or is_possible(call, is_exact=self._is_exact)):
            return None
        self._used |= set(_NAME.findall(line))
        return call

    def staged(self) -> dict[str, np.ndarray]:
        """The inputs that C reads, once all parts are known."""
        used = set(self._used)
        for line in reversed(self.views):
            name, *bases = _NAME.findall(line)
            used |= set(bases) if name in used else set()
        return {name: array for name, array in self._staged.items() if name in used}


def _in_c(lines: Iterable[str]) -> Iterator[str]:
    """Statements in the form that C can take."""
    for line in lines:
        yield from line.in_c if isinstance(line, Statement) else (line,)


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
    writer = _Writer(taking, is_shared=is_shared)
    for line in lines:
        writer.add(line)
    writer.add(group)
    return writer.written([], {}).function(numbers)


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
        # Statements for Python, or the numbers of functions in C.
        self._parts: list[str | int] = []
        # The text of these, and the lines of the one that is not complete.
        self._segments: list[str] = []
        self._open: list[str] = []

    def add(self, part: str | Call | Group) -> None:
        """Write the next part at once, so that what it was made of need not be kept."""
        if isinstance(part, str):
            self._close()
            self._parts.append(part)
        else:
            self._open.append(self._call(part))

    def _close(self) -> None:
        if self._open:
            k = len(self._segments)
            self._parts.append(k)
            self._segments.append("\n".join([f"void part{k}(char **at) {{", *self._open, "}", ""]))
            self._open = []

    def written(self, views: Sequence[str], staged: Mapping[str, np.ndarray]) -> Code:
        """All parts as new statements, after those that are views."""
        self._close()
        new = Code()
        new.names.update(self._old.names)
        if not self._segments:
            new.lines = list(self._old.lines)
            return new
        loaded = self._library(self._text(self._segments))
        table = (ctypes.c_void_p * len(self._addresses))(*self._addresses)
        new.kept = [list(self._kept.values()), table, staged]
        where = new.constant(ctypes.c_void_p(ctypes.addressof(table)))
        for name, array in staged.items():
            hand = partial(np.copyto, array) if array.nbytes < _LARGE else _pointing(table, array)
            new.lines.append(f"{new.constant(hand)}({name})")
        new.lines += views
        for part in self._parts:
            line = part if isinstance(part, str) else f"{new.constant(_entry(loaded, part))}({where})"
            new.lines.append(line)
        return new

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
