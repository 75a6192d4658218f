"""Tokens and trees as readable text, for `graphlang show` and for golden tests."""

from __future__ import annotations

from typing import Any

from graphlang.diagnostics.diagnostic import Problems
from graphlang.records import names_of
from graphlang.source import SourceFile, Span
from graphlang.syntax import tree
from graphlang.syntax.grammar import load_grammar
from graphlang.syntax.tokens import tokenize


def show_tokens(source: SourceFile, problems: Problems) -> str:
    """One token a line: its place, its type and its text."""
    lines = []
    for token in tokenize(source, load_grammar(), problems).tokens:
        line, column = source.position(token.start)
        lines.append(f"{line}:{column}".ljust(8) + f"{token.type:<12} {token.text!r}".rstrip())
    return "\n".join(lines)


def show_tree(root: tree.File) -> str:
    """The tree as an outline: one node a line, its plain fields beside it, its place at the end."""
    lines: list[str] = []
    stack: list[tuple[tree.Syntax, int, str]] = [(root, 0, "")]
    while stack:
        node, depth, role = stack.pop()
        plain, below = _parts(node)
        label = f"{role}: " if role else ""
        line, column = node.span.source.position(node.span.start)
        facts = " ".join(plain)
        lines.append(f"{'  ' * depth}{label}{type(node).__name__} {facts}".rstrip() + f"  @{line}:{column}")
        stack.extend((child, depth + 1, name) for name, child in reversed(below))
    return "\n".join(lines)


def _parts(node: tree.Syntax) -> tuple[list[str], list[tuple[str, tree.Syntax]]]:
    """The plain fields of a node as text, and the nodes below it with the fields they stand in."""
    plain: list[str] = []
    below: list[tuple[str, tree.Syntax]] = []
    for name in names_of(node):
        value: Any = getattr(node, name)
        if name in ("place", "source", "comments", "depth") or value is None:
            continue
        if isinstance(value, tree.Ident):
            plain.append(value.text)
        elif isinstance(value, tree.Syntax):
            below.append((name, value))
        elif isinstance(value, tuple) and not isinstance(value, Span):
            if value and all(isinstance(v, tree.Ident) for v in value):
                plain.append(", ".join(v.text for v in value))
            else:
                below.extend((name, v) for v in value if isinstance(v, tree.Syntax))
        elif value != "":
            plain.append(repr(value))
    return plain, below
