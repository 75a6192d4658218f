"""What an expression can stand for while a file is elaborated.

A wire is a `Node`. Compile-time values are Python's own `int float bool str`, a `Dim` (a size that depends
on a free name), tuples of values (lists of the language) and the callables below. `Several` is what a
network with more than one result gives.
"""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics import Label
from graphlang.graph.node import INPUT, PARAM, STATE, Node
from graphlang.graph.op import Op
from graphlang.records import Record, field
from graphlang.source import Span
from graphlang.syntax import tree
from graphlang.types.dims import Dim


class Definition(Record, frozen=False, eq=False):
    """A gate, network, init or optimizer, and the module whose names its body sees."""

    name: str
    kind: str
    syntax: tree.Gate | tree.Network | tree.Init | tree.Optimizer
    module: Any
    is_used: bool = False


class Instance(Record, frozen=False, eq=False):
    """`layer fc = dense(64)`: a network with some arguments given and parameters of its own."""

    definition: Definition
    args: list[tuple[str | None, Any, Span]]
    path: str
    span: Span
    leaves: dict[str, Node] = field(default_factory=dict)
    # Whether a call of it went wrong, so that leaves may be missing for a reason already reported.
    has_failed: bool = False


class Operation(Record):
    """A primitive operation used as a value, perhaps under a second name (`max`)."""

    name: str
    op: Op


class Builtin(Record):
    """A form that the elaborator itself knows: grad, params, shape, size."""

    name: str


class Several(Record):
    """The results of a network that has more than one, `names` being what its signature calls them."""

    items: tuple[Any, ...]
    of: str = ""
    names: tuple[str, ...] = ()


class Bad(Record):
    """Stands for a value whose making failed; the error has been reported."""


class Listed(tuple[Any, ...]):
    """A list as it is written: its items, and where each of them stands (for messages)."""

    spans: tuple[Span, ...]


BAD = Bad()
INITIALISERS = "Initialisers are zeros, ones, constant, normal, uniform, glorot, he, lecun, orthogonal …"
CALLABLES = (Definition, Instance, Operation, Builtin)


def is_number(value: object) -> bool:
    """Whether it is a compile-time number (not a boolean)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_constant(value: object) -> bool:
    """Whether it is known at compile time, free sizes included."""
    if isinstance(value, tuple):
        return all(is_constant(v) for v in value)
    return isinstance(value, (bool, int, float, str, Dim))


def places(items: tuple[Any, ...], otherwise: Span) -> tuple[Span, ...]:
    """Where each item of a list stands, as far as that is known."""
    return items.spans if isinstance(items, Listed) else (otherwise,) * len(items)


def excerpt(span: Span) -> str:
    """What stands somewhere, on one line and cut short, for messages."""
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "…"


def passage(span: Span) -> str:
    """What stands somewhere, on one line: longer than an excerpt, for messages about a whole line."""
    text = " ".join(span.text.split())
    return text if len(text) <= 80 else text[:77] + "…"


_LEAVES = {INPUT: "input", PARAM: "parameter", STATE: "state"}


def describe(value: object) -> str:
    """What kind of thing a value is, for messages."""
    if isinstance(value, Node):
        return _describe_wire(value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"the integer {value}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= 20 else value[:19] + "…"}"'
    if isinstance(value, Dim):
        return f"the free size {value}"
    if isinstance(value, tuple):
        return "a list"
    if isinstance(value, Definition):
        return f"the {KIND_WORDS.get(value.kind, value.kind)} `{value.name}`"
    if isinstance(value, Instance):
        return f"the layer `{value.path}`"
    if isinstance(value, Several):
        return f"{len(value.items)} results"
    return f"the function `{getattr(value, 'name', '?')}`"


KIND_WORDS = {"init": "initialiser"}


def _describe_wire(node: Node) -> str:
    what = _LEAVES.get(node.op, "wire")
    article = "an" if what == "input" else "a"
    if node.type.is_float:
        return f"{article} {what} of shape {node.type}" if node.shape else f"a scalar {what}"
    return f"{article} {what} of type {node.type}"


def has_type(node: Node) -> str:
    """`has shape [N, 4]`, `has type int[N]`, `is a scalar`."""
    if not node.type.is_float:
        return f"has type {node.type}"
    return f"has shape {node.type}" if node.shape else "is a scalar (shape [])"


def is_what(text: str, value: object) -> str:
    """What `text`, as it is written, turns out to be: never "`3` is the integer 3"."""
    if isinstance(value, str) and text.startswith('"'):
        return "a text"
    if isinstance(value, bool) and text == str(value).lower():
        return "a truth value"
    if isinstance(value, (int, float)) and text[:1] in "-0123456789":
        return "an integer" if isinstance(value, int) else "a number with a fraction"
    if isinstance(value, Dim) and text == str(value):
        return "a free size"
    described = describe(value)
    own_name = f" `{text}`"
    if described.startswith("the ") and described.endswith(own_name):
        kind = described[4 : -len(own_name)]
        return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return described


def declared_label(value: Any, where: Span, *, is_value_needed: bool = True) -> list[Label]:
    """Where a wire is from, unless that is here; for an input, why its value is not known."""
    if not isinstance(value, Node) or value.span is None or value.span == where:
        return []
    if value.op == INPUT and is_value_needed:
        return [Label(value.span, f"`{value.path}` is an input: its value is known only when data are fed")]
    if value.is_leaf and not value.is_const:
        return [Label(value.span, f"`{value.path}` is declared here and {has_type(value)}")]
    return (
        [Label(value.span, f"`{value.path}` is computed here and {has_type(value)}")]
        if value.is_named
        else []
    )
