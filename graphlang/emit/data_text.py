"""Data blocks, back as text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphlang.graph.model import DataSpec
from graphlang.graph.op import REQUIRED
from graphlang.graph.show import value_text
from graphlang.ops import registry


def data_block(spec: DataSpec, path: str, name_of: Callable[[str], str]) -> Iterator[str]:
    """The lines of `data name = kind("path") { … }`."""
    arguments = [value_text(path)] if path else []
    arguments += [f"{name} = {value_text(value)}" for name, value in spec.options.items()]
    head = f"data {spec.name} = {spec.kind}({', '.join(arguments)})"
    if not spec.columns:
        yield head
        return
    yield head + " {"
    for column in spec.columns:
        yield f"  {name_of(column.name)} = {_formula(column.formula)}"
    yield "}"


def _formula(formula: Any) -> str:
    if not isinstance(formula, tuple):
        return value_text(formula)
    if formula[0] == "column":
        return f"column({value_text(formula[1])})"
    if formula[0] == "columns":
        return f"columns({_range(formula[1], formula[2])})"
    _, name, operands, attrs = formula
    op = registry.find(name)
    texts = [_formula(o) for o in operands]
    if op.infix is not None:
        left, right = (f"({t})" if _is_operator(o) else t for t, o in zip(texts, operands, strict=True))
        return f"{left} {op.infix} {right}"
    if name in ("neg", "logical_not"):
        inner = f"({texts[0]})" if _is_operator(operands[0]) else texts[0]
        return f"-{inner}" if name == "neg" else f"not {inner}"
    defaults = {p.name: p.default for p in op.attrs}
    texts += [
        f"{k} = {value_text(v)}" for k, v in attrs.items() if v is not REQUIRED and v != defaults.get(k)
    ]
    return f"{name}({', '.join(texts)})"


def _range(first: Any, last: Any) -> str:
    if first is None:
        return ""
    if isinstance(first, tuple):
        return value_text(first)
    return value_text(first) if first == last else f"{value_text(first)}..{value_text(last)}"


def _is_operator(formula: Any) -> bool:
    """Whether it is written with an operator, or is a number with a sign."""
    if not isinstance(formula, tuple):
        return isinstance(formula, (int, float)) and formula < 0
    return formula[0] == "op" and (
        registry.find(formula[1]).infix is not None or formula[1] in ("neg", "logical_not")
    )
