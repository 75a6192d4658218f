"""Operations on numbers as their spelling computes them: as text, and as functions.

A number is a float64 or a truth value of shape `[]`. What an operation gives for numbers is *defined* by its
spelling (`Op.scalar`), with the C library's functions behind Python's `math`, and by its NumPy kernel where
Python raises. NumPy brings its own `exp`, `tanh` or `log1p` for some processors, whose last digits may be
others; so wherever a spelling calls one of those functions, interpreter and scripts call a function made
here in place of the kernel. All other spellings are arithmetic, which rounds alike everywhere.

The definition holds for single evaluations in float64. Training and prediction compute in a precision that
may be chosen as a script runs, and are NumPy's throughout.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from graphlang.graph.node import Node
from graphlang.graph.numbers import is_spelled
from graphlang.graph.op import Op
from graphlang.ops.spelling import FUNCTIONS

# What Python raises where floats have no answer but NumPy's kernel may.
PYTHON_ERRORS = (ArithmeticError, ValueError, TypeError)
# What spellings may call besides the functions of `ops/spelling.py`.
SURROUNDINGS: dict[str, Any] = {
    "__builtins__": {},
    **FUNCTIONS,
    "bool": bool,
    "bool_": np.bool_,
    "float64": np.float64,
    "inf": math.inf,
    "nan": math.nan,
}
# Calls whose last digits may be others in NumPy. The square root is rounded exactly by both.
_LIBRARY = re.compile(r"\b(?:cos|exp|expm1|log|log1p|power|sin|tan|tanh)\(")


def differs(node: Node, op: Op) -> bool:
    """Whether what defines a node may differ from its NumPy kernel in the last digit."""
    if not _calls_library(op) or not is_spelled(node, op):
        return False
    if any(n.is_const for n in node.inputs):
        # The square of a number is a product, not a power.
        texts = [_literal_or(n, w.name) for n, w in zip(node.inputs, op.wires, strict=True)]
        return _LIBRARY.search(speller(op)[0](*texts, **attribute_texts(node))) is not None
    return True


@cache
def _calls_library(op: Op) -> bool:
    return op.scalar is not None and _LIBRARY.search(spelled(op)) is not None


def _literal_or(node: Node, name: str) -> str:
    value = node.attrs.get("value") if node.is_const else None
    return number_literal(value) if isinstance(value, (bool, int, float)) else name


# --- text --------------------------------------------------------------------------------------------


@cache
def speller(op: Op) -> tuple[Callable[..., str], bool]:
    """How an operation is spelled, given its operands' texts; whether each of these stands there once."""
    if not isinstance(op.scalar, str):
        assert op.scalar is not None
        return op.scalar, False
    text, is_once = op.scalar, True
    for position, wire in enumerate(op.wires):
        is_once &= text.count(f"{{{wire.name}}}") == 1
        text = text.replace(f"{{{wire.name}}}", f"{{{position}}}")
    return text.format, is_once


def spelled(op: Op) -> str:
    """An operation's spelling in the names of its own operands and attributes."""
    names = {a.name: a.name for a in op.attrs}
    return speller(op)[0](*(w.name for w in op.wires), **names)


def attribute_texts(node: Node) -> dict[str, str]:
    """A node's attributes as Python reads them."""
    return {name: "None" if value is None else number_literal(value) for name, value in node.attrs.items()}


def number_literal(value: bool | int | float) -> str:
    """A number as Python reads it; NaN and the infinities are names of `SURROUNDINGS`."""
    text = repr(value if isinstance(value, bool) else float(value))
    return f"({text})" if text.startswith("-") else text


# --- functions ---------------------------------------------------------------------------------------


@cache
def number_kernel(op: Op) -> Callable[..., Any]:
    """What takes the place of an operation's kernel for numbers: its spelling, else the kernel.

    Its text holds no more than the names and formulas that the operation's declaration gives.
    """
    parameters = ", ".join([*(w.name for w in op.wires), *(a.name for a in op.attrs)])
    floats = "; ".join(f"{w.name} = float({w.name})" for w in op.wires)
    source = f"def compute({parameters}):\n {floats}\n return float64({spelled(op)})\n"
    names = dict(SURROUNDINGS)
    exec(source, names)
    compute, kernel = names["compute"], op.kernel

    def on_numbers(*operands: Any, **attrs: Any) -> Any:
        try:
            return compute(*operands, **attrs)
        except PYTHON_ERRORS:
            return kernel(*operands, **attrs)

    return on_numbers


def kernel_for(node: Node, op: Op, *, in_numbers: bool) -> Callable[..., Any]:
    """What computes a node: the kernel, or for numbers what defines it.

    Parameters
    ----------
    node : Node
    op : Op
    in_numbers : bool
        Whether spellings count: in single evaluations in float64.
    """
    return number_kernel(op) if in_numbers and differs(node, op) else op.kernel
