"""What a line of a compiled step does, where it is a call of NumPy that fills an array."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphlang.records import Record

_CALL = re.compile(r"(c\d+)\(")
# A new name for what may be a view of an array that stays.
_VIEW = re.compile(r"(v\d+) = ([cvx]\d+)(\.T|\.(transpose|reshape)\([-\d, ()]*\)|\[[-\d, .:None]*\])$")


class Call(Record):
    """A function that fills `out`, entry by entry from `operands` or by folding the one there is.

    Attributes
    ----------
    function : str
        The name of a ufunc, or `copy`.
    operands : tuple of array
    out : array
        For a fold, of the operand's shape: it does not move along the axes that are folded.
    is_fold : bool
    is_product : bool
        Whether the operands are matrices, or stacks of them, to be multiplied.
    """

    function: str
    operands: tuple[np.ndarray, ...]
    out: np.ndarray
    is_fold: bool = False
    is_product: bool = False


class Reader:
    """Says what lines do.

    Parameters
    ----------
    names : mapping of str to Any
        What the lines refer to: arrays and functions.
    arrays : mapping of str to array
        What else they refer to, with arrays of the same shape and type to stand for it.
    """

    def __init__(self, names: Mapping[str, Any], arrays: Mapping[str, np.ndarray]):
        self._space: dict[str, Any] = {"__builtins__": {}, **names, **arrays}
        self._readable = {name for name, value in names.items() if type(value) in _READERS}
        for name in self._readable:
            self._space[name] = _told(names[name])

    def is_view(self, line: str) -> bool:
        """Whether a line names a view of a known array, which it makes known in turn."""
        found = _VIEW.match(line)
        base = self._space.get(found[2]) if found is not None else None
        if found is None or not isinstance(base, np.ndarray):
            return False
        view = eval(found[2] + found[3], self._space)
        if not isinstance(view, np.ndarray) or not np.may_share_memory(view, base):
            return False
        self._space[found[1]] = view
        return True

    def read(self, line: str) -> Call | None:
        """What a line does, or None where it is something else than a call that is understood.

        Its text is ours: no name or number in it is from a file.
        """
        found = _CALL.match(line)
        if found is None or found[1] not in self._readable:
            return None
        try:
            call = eval(line, self._space)
        except NameError:
            return None  # it reads what another line makes anew
        return call if isinstance(call, Call) and all(a.size for a in (*call.operands, call.out)) else None


def _told(function: Any) -> Callable[..., Call | None]:
    """What is called in the place of a function: it only says what would be done."""
    reader = _READERS[type(function)]
    return lambda *args, **kwargs: reader(function, args, kwargs)


def _of_ufunc(function: np.ufunc, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    operands = args[: function.nin]
    out = kwargs.get("out", args[function.nin] if len(args) > function.nin else None)
    if function in (np.matmul, np.vecdot):
        a, b = operands
        return _multiplied(a, b, out, is_dot=function is np.vecdot)
    is_plain = function.nout == 1 and function.signature is None
    return _entry_by_entry(function.__name__, operands, out) if is_plain else None


def _of_function(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    if function is np.dot and len(args) == 3 and all(a.ndim in (1, 2) for a in args[:2]):
        return _multiplied(*args)
    if function is not np.copyto:
        return None
    out, source, *_ = args
    array = source if isinstance(source, np.ndarray) else np.asarray(source, out.dtype)
    return _entry_by_entry("copy", (array,), out)


def _of_method(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call | None:
    owner = getattr(function, "__self__", None)
    if not isinstance(owner, np.ufunc) or function.__name__ != "reduce" or len(args) < 4 or kwargs:
        return None
    array, axis, _, out, *_ = args
    if not isinstance(out, np.ndarray):
        return None
    axes = range(array.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    kept = tuple(1 if k in {a % array.ndim for a in axes} else s for k, s in enumerate(array.shape))
    whole = np.broadcast_to(out.reshape(kept), array.shape)
    return Call(owner.__name__, (array,), whole, is_fold=True)


def _multiplied(a: Any, b: Any, out: Any, *, is_dot: bool = False) -> Call | None:
    """A product of matrices; the dot products of the last axes are products of rows by columns."""
    if not all(isinstance(x, np.ndarray) for x in (a, b, out)) or not min(a.ndim, b.ndim):
        return None
    if is_dot:
        a, b, out = a[..., None, :], b[..., :, None], out[..., None, None]
    else:
        if b.ndim == 1:
            b, out = b[:, None], out[..., None]
        if a.ndim == 1:
            a, out = a[None, :], out[..., None, :]
    stack = out.shape[:-2]
    operands = tuple(np.broadcast_to(x, stack + x.shape[-2:]) for x in (a, b))
    return Call("matmul", operands, out, is_product=True)


def _entry_by_entry(function: str, operands: tuple[Any, ...], out: Any) -> Call | None:
    if not isinstance(out, np.ndarray) or not all(isinstance(o, (np.ndarray, np.generic)) for o in operands):
        return None
    arrays = tuple(np.asarray(o) for o in operands)
    if np.broadcast_shapes(out.shape, *(a.shape for a in arrays)) != out.shape:
        return None
    # What has the shape already keeps its strides, so that the same array looks the same.
    spread = (a if a.shape == out.shape else np.broadcast_to(a, out.shape) for a in arrays)
    return Call(function, tuple(spread), out)


_READERS: dict[type, Any] = {
    np.ufunc: _of_ufunc,
    type(np.copyto): _of_function,
    type(np.add.reduce): _of_method,
}
