"""The terminal: colour when it is wanted, tables that line up, lengths in columns rather than characters."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import IO

STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
}


def wants_color(stream: IO[str], choice: str = "auto") -> bool:
    """Whether to colour: `--color`, else NO_COLOR, FORCE_COLOR, TERM=dumb, else whether a terminal reads."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Painter:
    """Styles text, or leaves it alone when colour is off."""

    def __init__(self, color: bool):
        self.color = color

    def __call__(self, text: str, *styles: str) -> str:
        if not self.color or not text:
            return text
        codes = ";".join(STYLES[s] for s in styles)
        return f"\x1b[{codes}m{text}\x1b[0m"


def width(text: str) -> int:
    """Columns that a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    total = 0
    for character in text:
        if unicodedata.combining(character):
            continue
        total += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return total


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """`text` filled with spaces to a number of columns."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space


def cropped(text: str, columns: int) -> str:
    """`text`, its end replaced by … if it is wider than `columns`."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    painter: Painter,
    right: frozenset[int] = frozenset(),
    styles: Sequence[tuple[str, ...]] = (),
    limits: dict[int, int] | None = None,
) -> str:
    """A table with a header; `right` names right-aligned columns, `limits` the widest a column may be."""
    cells = [[str(c) for c in row] for row in rows]
    for column, most in (limits or {}).items():
        for row in cells:
            row[column] = cropped(row[column], most)
    widths = [max([width(title), *(width(row[i]) for row in cells)]) for i, title in enumerate(header)]
    lines = [
        "  ".join(
            painter(pad(t, widths[i], right=i in right), "bold") for i, t in enumerate(header)
        ).rstrip(),
        painter("  ".join("─" * w for w in widths), "dim"),
    ]
    for row in cells:
        padded = (pad(cell, widths[i], right=i in right) for i, cell in enumerate(row))
        styled = (
            painter(cell, *styles[i]) if i < len(styles) and styles[i] else cell
            for i, cell in enumerate(padded)
        )
        lines.append("  ".join(styled).rstrip())
    return "\n".join(lines)


def say(text: str, *, quiet: bool = False) -> None:
    """A remark, on standard error."""
    if not quiet:
        print(text, file=sys.stderr)
