"""The spellings of operations as C: the same formulas, the same functions of the C library, the same bits.

A spelling is a Python expression of conditionals, comparisons, arithmetic and calls (`Op.scalar`); each of
these has its like in C. Truth values are 0.0 and 1.0. Where Python would raise, C gives what IEEE 754 says,
as NumPy does, so there is nothing to catch. The text depends on the declarations of operations alone:
nothing of a user's file gets into it.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Sequence

from graphlang.graph.numbers import Kind
from graphlang.graph.op import Op
from graphlang.ops.spelling import FUNCTIONS
from graphlang.plan.spelled import speller

_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_OTHERWISE: dict[type[ast.operator], str] = {ast.FloorDiv: "quotient", ast.Mod: "remainder_of"}
_NAMES = {"abs": "fabs", "float": "(double)"}

_HEAD = """\
#include <math.h>
#include <stdint.h>

/* Quotient rounded down, and what remains with the divisor's sign, as NumPy computes them. */
static double remainder_of(double x, double y) {
    double r = fmod(x, y);
    if (r == 0.0) return copysign(0.0, y);
    return y != 0.0 && (y < 0.0) != (r < 0.0) ? r + y : r;
}
static double quotient(double x, double y) {
    double r = fmod(x, y), q, down;
    if (y == 0.0) return x / y;
    q = (x - r) / y;
    if (r != 0.0 && (y < 0.0) != (r < 0.0)) q -= 1.0;
    if (q == 0.0) return copysign(0.0, x / y);
    down = floor(q);
    return q - down > 0.5 ? down + 1.0 : down;
}
"""
_RUN = """\
void run(double *v, double *t, const int32_t *runs, const int32_t *o, int64_t count) {
    for (; count > 0; count--, runs += 2) {
        int32_t n = runs[1];
        switch (runs[0]) {
%s
        }
    }
}
void gather(const double *v, const int32_t *from, double *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] = v[from[i]];
}
"""


def c_text(kinds: Sequence[Kind]) -> str:
    """The program that walks a tape: `run` carries out the runs, `gather` collects results."""
    own = [f for f in FUNCTIONS.values() if inspect.isfunction(f)]
    helpers = "".join(_function(f.__name__, ast.parse(textwrap.dedent(inspect.getsource(f)))) for f in own)
    cases = "\n".join(_case(number, kind) for number, kind in enumerate(kinds))
    return f"{_HEAD}{helpers}{_RUN % cases}"


def _case(number: int, kind: Kind) -> str:
    names = kind.names
    loads = ", ".join(f"{name}_ = v[o[{i}]]" for i, name in enumerate(names))
    formula = c_formula(kind.op, kind)
    step = f"double {loads}; *t++ = {formula};" if names else f"*t++ = {formula};"
    return f"        case {number}: for (; n > 0; n--, o += {len(names)}) {{ {step} }} break;"


def c_formula(op: Op, kind: Kind) -> str:
    """An operation in C, in its own names with `_` behind them, which C has no use for itself."""
    wires = [f"{w.name}_" for w in op.wires]
    plain = {name: repr(value) for name, value in kind.attrs}
    text = speller(op)[0](*wires, **plain, **{name: f"{name}_" for name in kind.numbers})
    return _c(ast.parse(text, mode="eval").body)


def _function(name: str, module: ast.Module) -> str:
    """A function of `ops/spelling.py`: conditions with a result each, then the result otherwise."""
    (function,) = module.body
    assert isinstance(function, ast.FunctionDef)
    lines = []
    for statement in function.body[1:]:
        if isinstance(statement, ast.If):
            (result,) = statement.body
            assert isinstance(result, ast.Return) and result.value is not None
            lines.append(f"    if ({_c(statement.test)}) return {_c(result.value)};")
        else:
            assert isinstance(statement, ast.Return) and statement.value is not None
            lines.append(f"    return {_c(statement.value)};")
    parameters = ", ".join(f"double {a.arg}" for a in function.args.args)
    return "\n".join([f"static inline double {name}({parameters}) {{", *lines, "}", ""])


def _c(node: ast.expr) -> str:
    """A Python expression in C, every operation in parentheses."""
    match node:
        case ast.Name(id=name):
            return {"inf": "INFINITY", "nan": "NAN"}.get(name, name)
        case ast.Constant(value=int() | float() as value):
            return repr(float(value))
        case ast.BinOp(left=x, op=op, right=y) if type(op) in _ARITHMETIC:
            return f"({_c(x)} {_ARITHMETIC[type(op)]} {_c(y)})"
        case ast.BinOp(left=x, op=op, right=y):
            return f"{_OTHERWISE[type(op)]}({_c(x)}, {_c(y)})"
        case ast.UnaryOp(op=op, operand=x):
            return f"({'!' if isinstance(op, ast.Not) else '-'}{_c(x)})"
        case ast.Compare(left=x, ops=[op], comparators=[y]):
            return f"({_c(x)} {_COMPARISONS[type(op)]} {_c(y)})"
        case ast.BoolOp(op=op, values=values):
            return f"({(' && ' if isinstance(op, ast.And) else ' || ').join(map(_c, values))})"
        case ast.IfExp(test=test, body=x, orelse=y):
            return f"({_c(test)} ? {_c(x)} : {_c(y)})"
        case ast.Call(func=ast.Name(id=name), args=args):
            return f"{_NAMES.get(name, name)}({', '.join(map(_c, args))})"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name), args=args):
            assert hasattr(math, name)
            return f"{name}({', '.join(map(_c, args))})"
    raise TypeError(f"a spelling has no C for {ast.unparse(node)}")
