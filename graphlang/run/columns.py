"""Which columns of a table a data block means: `column("x")`, `columns("a".."c")`, `columns(0..3)`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphlang.diagnostics import Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.run.files import listed, printable
from graphlang.run.tables import Table
from graphlang.source import Span


def references(formula: Any) -> Iterator[tuple[Any, ...]]:
    """The `column` and `columns` in a formula, from left to right."""
    if not isinstance(formula, tuple):
        return
    if formula[0] == "op":
        for operand in formula[2]:
            yield from references(operand)
    else:
        yield formula


def only_column(formula: Any, table: Table) -> str | None:
    """The name of the column that a formula is, if it is just that."""
    if not isinstance(formula, tuple) or formula[0] != "column":
        return None
    found = table.find(formula[1])
    return None if found is None else table.name(found)


def meant_columns(
    table: Table, reference: tuple[Any, ...], line: Span, problems: Problems
) -> list[int] | None:
    """The positions of the columns that are meant; None after E0805."""
    span = reference[-1] if isinstance(reference[-1], Span) else line
    if reference[0] == "column":
        if reference[1] in table.extra:
            return []
        keys: tuple[str | int, ...] = (reference[1],)
    else:
        first, last = reference[1], reference[2]
        if first is None:
            return list(range(table.width))
        keys = first if isinstance(first, tuple) else (first, last)
    found = [table.find(key) for key in keys]
    for key, position in zip(keys, found, strict=True):
        if position is None:
            _report_unknown(table, key, span, problems)
    positions = [p for p in found if p is not None]
    if len(positions) < len(keys):
        return None
    if reference[0] == "column" or isinstance(reference[1], tuple):
        return positions
    start, stop = positions
    if start > stop:
        problems.error(
            "E0805",
            span,
            f"In {table.called} the column `{printable(table.name(start))}` comes after"
            f" `{printable(table.name(stop))}`.",
            suggestion="Write the range in the order of the file.",
        )
        return None
    return list(range(start, stop + 1))


def _report_unknown(table: Table, key: str | int, span: Span, problems: Problems) -> None:
    suggestion = None
    if table.names is None:
        have = f"Its columns are numbered 0 to {table.width - 1}, without names."
        if isinstance(key, str) and table.width:
            suggestion = "Use a number, such as `column(0)`."
    else:
        names = [n for n in (*table.names, *table.extra) if n]
        have = f"It has {listed(map(printable, names))}."
        meant = nearest(key, names) if isinstance(key, str) else None
        suggestion = f'Did you mean "{printable(meant)}"?' if meant is not None else None
    shown = f'called "{printable(key)}"' if isinstance(key, str) else f"number {key}"
    problems.error(
        "E0805",
        span,
        f"{table.called} has no column {shown}.",
        notes=[have],
        suggestion=suggestion,
    )
