"""Which calls of NumPy C does with the same bits, and which of them it does in one loop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphlang.plan.c_loops import (
    C_TYPES,
    COMPARISONS,
    LOOSE,
    TRANSCENDENTAL,
    Access,
    Fold,
    Loop,
    Step,
    has_formula,
)
from graphlang.run.calls import Call
from graphlang.run.native import like_numpy

# Loops with more steps or arrays are cut: what a processor holds in registers is limited.
_STEPS, _ARRAYS = 24, 16


def is_possible(call: Call, *, is_exact: bool = True) -> bool:
    """Whether C computes it in its operands' type, without a detour, and if need be with NumPy's bits."""
    kinds = {a.dtype.char for a in call.operands}
    if not all(a.dtype.isnative for a in (*call.operands, call.out)):
        return False
    kind = _kind_of(call)
    if kind is None or not has_formula(call.function, kind):
        return False
    if is_exact and (
        call.function in LOOSE or (call.function in TRANSCENDENTAL and call.function not in like_numpy())
    ):
        return False
    if call.is_fold:
        (array,) = call.operands
        is_plain = min((*array.strides, *call.out.strides), default=0) >= 0 and not np.may_share_memory(
            array, call.out
        )
        return is_plain and kinds == {call.out.dtype.char} and call.function in ("add", "maximum", "minimum")
    return not any(_overlap_askew(call.out, a) for a in call.operands)


def _kind_of(call: Call) -> str | None:
    """The type in which an operation is computed, where there is C for it."""
    kinds = {a.dtype.char for a in call.operands}
    out = call.out.dtype.char
    if call.function == "copy":
        (kind,) = kinds
        is_narrow = kind in "?Bil" and out in "fd"
        return out if out in C_TYPES and (kind == out or is_narrow) else None
    if call.function in COMPARISONS:
        return next(iter(kinds)) if len(kinds) == 1 and out == "?" and kinds <= set("?Bilfd") else None
    if out in "fd" or call.function == "multiply":
        # A truth value enters as 0 or 1.
        kinds.discard("?")
    return out if kinds == {out} and out in "Bilfd" else None


def _view(array: np.ndarray) -> tuple[Any, ...]:
    """What tells whether two arrays have the same entries in the same places."""
    return (array.__array_interface__["data"][0], array.strides, array.dtype.char)


def _overlap_askew(a: np.ndarray, b: np.ndarray) -> bool:
    return _view(a) != _view(b) and np.may_share_memory(a, b)


def _have_one_order(arrays: Sequence[np.ndarray]) -> bool:
    """Whether the axes lie in the same order in the memory of each, but for those along which it stays."""
    strides = sorted(zip(*(a.strides for a in arrays), strict=True), reverse=True)
    return all(
        not a or not b or a >= b
        for outer, inner in pairwise(strides)
        for a, b in zip(outer, inner, strict=True)
    )


class Group:
    """Calls that go over the same places, one after the other at each of them.

    `passing` are arrays that nobody reads afterwards.
    """

    def __init__(self, call: Call, passing: Sequence[np.ndarray] = ()):
        self.shape = call.out.shape
        self.arrays: dict[Any, np.ndarray] = {}
        self.outs: dict[Any, np.ndarray] = {}
        self.calls: list[Call] = []
        self._passing = {_view(a) for a in passing}
        self.add(call)

    def takes(self, call: Call) -> bool:
        """Whether a call can be done at each place before the calls so far go to the next."""
        if call.is_fold or call.out.shape != self.shape or len(self.calls) >= _STEPS:
            return False
        if not _have_one_order([*self.arrays.values(), call.out, *call.operands]):
            return False
        new = {_view(a) for a in (*call.operands, call.out)}
        if len(new | set(self.arrays)) > _ARRAYS:
            return False
        reads_late = any(_overlap_askew(out, a) for out in self.outs.values() for a in call.operands)
        return not reads_late and not any(_overlap_askew(call.out, a) for a in self.arrays.values())

    def add(self, call: Call) -> None:
        """Put a call at the end."""
        self.calls.append(call)
        for array in (call.out, *call.operands):
            self.arrays.setdefault(_view(array), array)
        self.outs[_view(call.out)] = call.out

    def loop(self, *, is_shared: bool = False) -> tuple[Loop, tuple[int, ...]]:
        """The loop, shared among threads if it is long, and where the arrays begin that it goes over."""
        at = {view: k for k, view in enumerate(self.arrays)}
        steps = []
        for call in self.calls:
            kind = _kind_of(call)
            assert kind is not None
            steps.append(
                Step(call.function, tuple(at[_view(a)] for a in call.operands), at[_view(call.out)], kind)
            )
        shape, accesses, addresses = _walk([*self.arrays.values()])
        passing = frozenset(k for view, k in at.items() if view in self._passing)
        return Loop(shape, accesses, tuple(steps), passing, is_shared), addresses


def fold(call: Call, *, is_shared: bool = False) -> tuple[Fold, tuple[int, ...]]:
    """A call that folds an array, and where the result and the array begin."""
    shape, (out, array), addresses = _walk([call.out, call.operands[0]])
    return Fold(call.function, shape, out, array, is_shared), addresses


def _walk(arrays: Sequence[np.ndarray]) -> tuple[tuple[int, ...], tuple[Access, ...], tuple[int, ...]]:
    """How NumPy goes over arrays of one shape, axes as memory has them: shape, strides, first addresses."""
    views = np.nditer(arrays, [], [["readonly"]] * len(arrays)).itviews
    accesses = tuple(Access(a.dtype.char, v.strides or (0,)) for a, v in zip(arrays, views, strict=True))
    return views[0].shape or (1,), accesses, tuple(v.__array_interface__["data"][0] for v in views)
