"""The spellings of operations as NumPy: the same formulas on arrays, the same bits.

A conditional becomes `where`, of which both sides are computed; arithmetic and comparisons stay as they are.
The C library's functions are called for each entry, since NumPy has its own for some processors, whose last
digits may be others. Where Python would raise, arithmetic gives what IEEE 754 says, as NumPy's kernels do. A
function of the library does raise, for the whole array: then the entries have to be computed one by one
(`run/walker.py` does it). Truth values are 0.0 and 1.0.

The text depends on the declarations of operations alone: nothing of a user's file gets into it.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphlang.graph.numbers import Kind
from graphlang.ops.spelling import FUNCTIONS
from graphlang.plan.spelled import speller

_UFUNCS: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.FloorDiv: "floor_divide", ast.Mod: "mod",
}  # fmt: skip
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_LOGIC: dict[type[ast.boolop], str] = {ast.And: "logical_and", ast.Or: "logical_or"}
# What these functions of `ops/spelling.py` compute, in terms of arithmetic.
_FORMULAS = {
    "positive": "where({0} <= 0.0, 0.0, {0})",
    "negative": "where({0} >= 0.0, 0.0, {0})",
    "sign": "where({0} > 0.0, 1.0, where({0} < 0.0, -1.0, {0} + 0.0))",
    "abs": "abs({0})",
    "sqrt": "sqrt({0})",
    "float": "{0}",
}


def _mapped(function: Callable[..., float]) -> Callable[..., np.ndarray]:
    """A function of floats on arrays of equal lengths."""

    def on_arrays(*arrays: np.ndarray) -> np.ndarray:
        return np.array(list(map(function, *[a.tolist() for a in arrays])))

    return on_arrays


_SURROUNDINGS: dict[str, Any] = {
    "__builtins__": {},
    **{name: getattr(np, name) for name in (*_UFUNCS.values(), *_LOGIC.values())},
    **{name: _mapped(f) for name, f in FUNCTIONS.items() if name not in _FORMULAS},
    "abs": np.abs,
    "negated": np.negative,
    "logical_not": np.logical_not,
    "sqrt": np.sqrt,
    "where": np.where,
    "inf": math.inf,
    "nan": math.nan,
}


@cache
def array_function(kind: Kind) -> Callable[..., None]:
    """The function of an array for the results and one for each of `kind.names`, all of the same length."""
    names = dict(_SURROUNDINGS)
    exec(array_text(kind), names)
    function: Callable[..., None] = names["compute"]
    return function


def array_text(kind: Kind) -> str:
    """The text of that function."""
    wires = [f"{w.name}_" for w in kind.op.wires]
    plain = {name: repr(value) for name, value in kind.attrs}
    text = speller(kind.op)[0](*wires, **plain, **{name: f"{name}_" for name in kind.numbers})
    body = ast.parse(text, mode="eval").body
    parameters = ", ".join(["to", *[f"{name}_" for name in kind.names]])
    if isinstance(body, ast.BinOp):
        statement = f"{_UFUNCS[type(body.op)]}({_array(body.left)}, {_array(body.right)}, to)"
    elif isinstance(body, ast.UnaryOp) and isinstance(body.op, ast.USub):
        statement = f"negated({_array(body.operand)}, to)"
    else:
        statement = f"to[:] = {_array(body)}"
    return f"def compute({parameters}):\n {statement}\n"


def _array(node: ast.expr) -> str:
    """A formula of floats as one of arrays, every operation in parentheses."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Constant(value=int() | float() as value):
            return repr(float(value))
        case ast.BinOp(left=x, op=op, right=y):
            return f"{_UFUNCS[type(op)]}({_array(x)}, {_array(y)})"
        case ast.UnaryOp(op=ast.Not(), operand=x):
            return f"logical_not({_array(x)})"
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return f"(-{_array(x)})"
        case ast.Compare(left=x, ops=[op], comparators=[y]):
            return f"({_array(x)} {_COMPARISONS[type(op)]} {_array(y)})"
        case ast.BoolOp(op=op, values=[x, y]):
            return f"{_LOGIC[type(op)]}({_array(x)}, {_array(y)})"
        case ast.IfExp(test=test, body=x, orelse=y):
            return f"where({_array(test)}, {_array(x)}, {_array(y)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            texts = [_array(a) for a in args]
            return _FORMULAS[name].format(*texts) if name in _FORMULAS else f"{name}({', '.join(texts)})"
    raise TypeError(f"a spelling has no NumPy for {ast.unparse(node)}")
