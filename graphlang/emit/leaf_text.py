"""Inputs, parameters and states, back as declarations.

An input keeps its default, a parameter or state starts from the same numbers: a draw names its stream, so
that it is the same draw under whatever name the parameter is declared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.emit.formulas import is_number
from graphlang.graph.dag import ancestors
from graphlang.graph.node import INPUT, Node
from graphlang.graph.show import POSTFIX, Text, operation, short, size_text, value_of_list, value_text
from graphlang.ops import registry
from graphlang.types.dims import Dim
from graphlang.types.tensor import DType, TensorType


def declaration(node: Node, name: str, start: Node | None) -> str:
    """`input x: [N, 4]`, `param W: [4, 3] ~ normal(0, 1, …)`.

    Parameters
    ----------
    node : Node
        An input, parameter or state.
    name : str
    start : Node or None
        Of a parameter or state, the node of the initial graph that it starts from.
    """
    if start is None:
        assert node.op == INPUT
        return f"input {name}{_type_and_default(node.type, node.attrs.get('default'))}"
    return f"{node.op} {name}{type_text(node.type)} {_start(start, is_float=node.type.is_float)}"


def type_text(kind: TensorType) -> str:
    """What stands behind a name to tell its type: `: int[N]`; nothing for a float scalar."""
    shape = f"[{', '.join(size_text(s) for s in kind.shape)}]"
    if kind.is_float:
        return f": {shape}" if kind.shape else ""
    return f": {kind.dtype}{shape if kind.shape else ''}"


def _type_and_default(kind: TensorType, default: np.ndarray | None) -> str:
    """The type and default of an input, the type only where the default does not tell it."""
    is_free = any(isinstance(s, Dim) for s in kind.shape)
    if default is None:
        return type_text(kind) or ": []"
    if not is_free and default.size > 1 and _is_uniform(default):
        return f"{type_text(kind)} = {_array(default.reshape(-1)[0])}"
    is_told = kind.dtype is not DType.INT and not is_free and 0 not in default.shape
    return f"{'' if is_told else type_text(kind)} = {_array(default)}"


def _is_uniform(array: np.ndarray) -> bool:
    first = array.reshape(-1)[0]
    return bool((array == first).all()) and bool((np.signbit(array) == np.signbit(first)).all())


def _array(array: Any) -> str:
    """Numbers that a leaf starts from: its type makes floats of whole numbers."""

    def spelled(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(spelled(v) for v in value)}]"
        return short(value).text if isinstance(value, float) else value_text(value)

    return spelled(np.asarray(array).tolist())


def _start(start: Node, *, is_float: bool) -> str:
    """Where a parameter or state starts: `= 0`, or `~` a formula with draws."""
    if start.op == "broadcast" and start.inputs[0].shape == ():
        start = start.inputs[0]
    if start.is_const:
        value = start.attrs["value"]
        if isinstance(value, np.ndarray):
            return f"= {_array(value)}"
        return f"= {short(value).text if is_float else value_text(value)}"
    is_drawn = any(registry.find(n.op).is_random for n in ancestors([start]) if not n.is_leaf)
    return f"{'~' if is_drawn else '='} {_formula(start).text}"


def _formula(node: Node) -> Text:
    """A start with draws, whose shape is the parameter's and need not be written."""
    if is_number(node):
        return Text(value_of_list(node.attrs["value"]), POSTFIX)
    if node.is_const:
        return Text(value_of_list(node.attrs["value"].tolist()), POSTFIX)
    is_draw = registry.find(node.op).is_random
    attrs = {k: v for k, v in node.attrs.items() if not (is_draw and k == "shape")}
    bare = Node(node.path, node.op, node.inputs, attrs, node.type, is_named=node.is_named)
    return operation(bare, _formula, lambda _: True)
