"""What an expression can stand for while a file is elaborated.

A wire is a `Node`. Compile-time values are Python's own `int float bool str`, a `Dim` (a size that depends
on a free name), tuples of values (lists of the language) and the callables below. `Several` is what a
network with more than one result gives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from graphlang.graph.node import Node
from graphlang.graph.op import Op
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim


@dataclass(eq=False, slots=True)
class Definition:
    """A gate, network, init or optimizer, and the module whose names its body sees."""

    name: str
    kind: str
    syntax: tree.Gate | tree.Network | tree.Init | tree.Optimizer
    module: Any
    is_used: bool = False


@dataclass(eq=False, slots=True)
class Instance:
    """`layer fc = dense(64)`: a network with some arguments given and parameters of its own."""

    definition: Definition
    args: list[tuple[str | None, Any, Span]]
    path: str
    span: Span
    leaves: dict[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """A primitive operation used as a value, perhaps under a second name (`max`)."""

    name: str
    op: Op


@dataclass(frozen=True, slots=True)
class Builtin:
    """A form that the elaborator itself knows: grad, params, shape, size."""

    name: str


@dataclass(frozen=True, slots=True)
class Several:
    """The results of a network that has more than one."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Bad:
    """Stands for a value whose making failed; the error has been reported."""


BAD = Bad()
CALLABLES = (Definition, Instance, Operation, Builtin)


def is_number(value: object) -> bool:
    """Whether it is a compile-time number (not a boolean)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_constant(value: object) -> bool:
    """Whether it is known at compile time, free sizes included."""
    if isinstance(value, tuple):
        return all(is_constant(v) for v in value)
    return isinstance(value, (bool, int, float, str, Dim))


def describe(value: object) -> str:
    """What kind of thing a value is, for messages."""
    if isinstance(value, Node):
        return f"a wire of type {value.type}"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return f"the integer {value}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Dim):
        return f"the size {value}"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, Definition):
        return f"the {value.kind} `{value.name}`"
    if isinstance(value, Instance):
        return f"the layer `{value.path}`"
    if isinstance(value, Several):
        return f"{len(value.items)} results"
    return f"the function `{getattr(value, 'name', '?')}`"
