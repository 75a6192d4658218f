"""Numbers, arrays and tables as Python text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphlang.emit.kernels import ATOM, UNARY
from graphlang.emit.writer import quoted
from graphlang.graph.node import Node
from graphlang.graph.show import Text
from graphlang.types.tensor import DType

NUMPY = {DType.FLOAT: "np.float64", DType.INT: "np.int64", DType.BOOL: "np.bool_"}


def types_with(floats: str) -> dict[DType, str]:
    """NumPy's names of the types; `floats` stands for that of floats."""
    return {**NUMPY, DType.FLOAT: floats}


def literal(node: Node) -> Text:
    """The number of a constant."""
    return number_text(node.attrs["value"])


def number_text(value: Any) -> Text:
    """A number as Python writes it."""
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            return Text("np.nan", ATOM)
        return Text("np.inf", ATOM) if value > 0 else Text("-np.inf", UNARY)
    text = repr(value)
    return Text(text, UNARY if text.startswith("-") else ATOM)


def array_text(array: np.ndarray) -> str:
    """An array as nested lists, or as `np.full` where it is one number throughout."""
    if array.size > 8 and array.dtype.kind != "O":
        first = array.reshape(-1)[0]
        if (array == first).all() and (np.signbit(array) == np.signbit(first)).all():
            return f"np.full({array.shape}, {number_text(first.item()).text})"
    if array.size == 0:
        return f"np.zeros({array.shape})"

    def spelled(value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(spelled(v) for v in value)}]"
        return number_text(value).text

    return spelled(array.tolist())


def tuple_text(items: Sequence[str]) -> str:
    """A tuple of strings, on as many lines as it needs."""
    text = f"({', '.join(map(quoted, items))}{',' if len(items) == 1 else ''})"
    if len(text) <= 100:
        return text
    inner = ", ".join(map(quoted, items)) + ","
    wrapped = textwrap.wrap(inner, 96, break_long_words=False, break_on_hyphens=False)
    return "\n".join(["(", *(f"    {line}" for line in wrapped), ")"])


def dict_text(items: Mapping[str, str]) -> str:
    """A dictionary from strings to expressions."""
    text = "{" + ", ".join(f"{quoted(k)}: {v}" for k, v in items.items()) + "}"
    if len(text) <= 96:
        return text
    return "\n".join(["{", *(f"    {quoted(k)}: {v}," for k, v in items.items()), "}"])


def returned(items: Mapping[str, str]) -> list[str]:
    """The `return` of such a dictionary, line by line."""
    text = "{" + ", ".join(f"{quoted(k)}: {v}" for k, v in items.items()) + "}"
    if len(text) <= 90:
        return [f"return {text}"]
    return ["return {", *(f"    {quoted(k)}: {v}," for k, v in items.items()), "}"]
