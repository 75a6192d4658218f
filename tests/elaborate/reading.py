"""Short ways to a model and its problems, for the tests of this folder."""

from __future__ import annotations

from typing import Any

from graphlang.graph.model import Model
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile


def model(text: str, **options: Any) -> Model:
    """The model of a text without mistakes."""
    outcome = compile_source(SourceFile("test.graph", text), **options)
    assert outcome.ok, [(d.code, d.message) for d in outcome.problems]
    return outcome.value


def problems(text: str, **options: Any) -> list[tuple[int, str]]:
    """Line and code of everything that is reported."""
    outcome = compile_source(SourceFile("test.graph", text), **options)
    return [(d.span.line if d.span else 0, d.code) for d in outcome.problems]


def messages(text: str) -> str:
    """All that is said: messages, labels, notes and suggestions."""
    parts: list[str] = []
    for d in compile_source(SourceFile("test.graph", text)).problems:
        parts += [d.message, *(x.text for x in d.related), *d.notes, d.suggestion or ""]
    return "\n".join(parts)


def paths(text: str) -> list[str]:
    """Paths of all nodes in order."""
    return [n.path for n in model(text).nodes]


def type_of(expression: str, declarations: str = "") -> str:
    """The type of an expression, as messages write it."""
    found = model(f"{declarations}\nresult = {expression}\noutput result")
    return str(found.outputs[0].type)
