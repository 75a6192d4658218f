"""Diagnostics as text for a terminal, in the shape that rustc made familiar, and as JSON.

    error[E0301]: `y` is not defined.
     --> net.graph:3:9
      |
    3 | f = x * y
      |         ^ not found in this file
      |
      = help: Did you mean `x`?

Columns on the screen are not characters: a tab reaches to the next multiple of four, East-Asian wide
characters take two cells, combining marks none. All alignment here counts cells. Long lines are cut around
the caret.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from graphlang.diagnostics.diagnostic import Diagnostic, Label, Severity
from graphlang.source import Span

TAB = 4
WIDTH = 110  # cells of a source line that are shown

_COLORS = {
    "error": "1;31",
    "warning": "1;33",
    "bold": "1",
    "gutter": "1;34",
    "related": "1;34",
    "help": "1;36",
}


def render(diagnostic: Diagnostic, color: bool = False) -> str:
    """One diagnostic as text, without a newline at its end."""
    paint = _Paint(color)
    severity = diagnostic.severity.value
    lines = [
        paint(severity, f"{severity}[{diagnostic.code}]") + paint("bold", f": {clean(diagnostic.message)}")
    ]
    labels = [label for label in (diagnostic.primary, *diagnostic.related) if label]
    gutter = max((len(str(label.span.line)) for label in labels), default=1)
    edge = " " * gutter + " "
    if diagnostic.primary:
        lines += _snippet(diagnostic.primary, "-->", severity, "^", gutter, paint)
    for label in diagnostic.related:
        lines += _snippet(label, ":::", "related", "-", gutter, paint)
    remarks = [("note", note) for note in diagnostic.notes]
    if diagnostic.suggestion:
        remarks.append(("help", diagnostic.suggestion))
    if remarks and labels:
        lines.append(edge + paint("gutter", "|"))
    for kind, text in remarks:
        first, *more = clean(text, keep_lines=True).split("\n")
        lines.append(edge + paint("gutter", "=") + " " + paint("help", kind) + ": " + first)
        lines += [edge + " " * (len(kind) + 4) + line for line in more]
    return "\n".join(line.rstrip() for line in lines)


def render_all(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """All diagnostics, a blank line between them, and a line that counts them."""
    found = list(diagnostics)
    if not found:
        return ""
    texts = [render(diagnostic, color) for diagnostic in found]
    errors = sum(d.severity is Severity.ERROR for d in found)
    counts = [_count(errors, "error"), _count(len(found) - errors, "warning")]
    paint = _Paint(color)
    summary = paint("error" if errors else "warning", ", ".join(filter(None, counts)))
    return "\n\n".join([*texts, summary])


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """The object that `graphlang check --json` prints: lines and columns from 1, columns in characters."""
    span = diagnostic.span
    line, column = span.source.position(span.start) if span else (None, None)
    end_line, end_column = span.end_position if span else (None, None)
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "file": span.source.name if span else None,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "notes": [*map(_related_note, diagnostic.related), *diagnostic.notes],
        "suggestion": diagnostic.suggestion,
    }


def _related_note(label: Label) -> str:
    """`declared here: net.graph:3:7`."""
    span = label.span
    return f"{label.text or 'see'}: {span.source.name}:{span.line}:{span.column}"


def _count(number: int, what: str) -> str:
    return "" if not number else f"{number} {what}{'' if number == 1 else 's'}"


class _Paint:
    """Colours text, or does not."""

    def __init__(self, color: bool) -> None:
        self.color = color

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self.color and text else text


# --- snippets ------------------------------------------------------------------------------------


def _snippet(label: Label, arrow: str, style: str, mark: str, gutter: int, paint: _Paint) -> list[str]:
    """Place, source line, and marks under the span; of a span over several lines the first is shown."""
    span = label.span
    line, column = span.source.position(span.start)
    text = span.source.line(line)
    start = min(column - 1, len(text))
    end = min(max(start + span.end - span.start, start), len(text))
    shown, before, width = _window(text, start, end)
    bar = paint("gutter", "|")
    edge = " " * gutter + " "
    note = f" {clean(label.text)}" if label.text else ""
    if _ends_below(span, text, start):
        note = " …" + note
    return [
        " " * gutter + paint("gutter", arrow) + f" {clean(span.source.name)}:{line}:{column}",
        edge + bar,
        paint("gutter", f"{line:>{gutter}}") + f" {bar} {shown}",
        edge + bar + " " * (before + 1) + paint(style, mark * width + note),
    ]


def _ends_below(span: Span, text: str, start: int) -> bool:
    """Whether the span goes on after its first line."""
    return "\n" in span.source.text[span.start : span.end].rstrip() and start <= len(text)


def _window(text: str, start: int, end: int) -> tuple[str, int, int]:
    """The part of a line that is shown, the cells before the marked part, and the cells that it takes.

    Cells are only counted near the caret, so that a very long line costs no more than a short one.
    """
    left, right = max(0, start - WIDTH), min(len(text), end + WIDTH, start + 2 * WIDTH)
    cells = _cells(text[left:right])
    widths = [len(_plain(cell)) if cell.isascii() else _cell_width(cell) for cell in cells]
    at, stop = start - left, min(end, right) - left
    before, marked = sum(widths[:at]), max(1, sum(widths[at:stop]))
    low, high = 0, len(cells)
    if left or right < len(text) or sum(widths) > WIDTH:
        low = 0 if not left and before + min(marked, 20) < WIDTH - 10 else _reach(widths, at, -1, WIDTH // 2)
        used = sum(widths[low:at])
        high = _reach(widths, at, 1, max(WIDTH - used, 10))
    head = "…" if left or low else ""
    tail = "…" if high < len(cells) or right < len(text) else ""
    before = len(head) + sum(widths[low:at])
    marked = max(1, sum(widths[at : min(stop, high)]))
    return head + "".join(cells[low:high]) + tail, before, marked


def _reach(widths: Sequence[int], at: int, step: int, room: int) -> int:
    """How far from `at` one gets in a direction within some cells."""
    while at > 0 if step < 0 else at < len(widths):
        room -= widths[at - 1 if step < 0 else at]
        if room < 0:
            break
        at += step
    return at


def _cells(text: str) -> list[str]:
    """Each character as it is shown: tabs as spaces, control characters as a sign."""
    cells: list[str] = []
    column = 0
    for char in text:
        cell = " " * (TAB - column % TAB) if char == "\t" else _plain(char)
        cells.append(cell)
        column += sum(map(char_width, cell)) if not cell.isascii() else len(cell)
    return cells


def _plain(text: str) -> str:
    """A character made safe for a terminal: no control characters, no changes of writing direction."""
    if text.isprintable() or text == "\u00a0" or unicodedata.category(text[0]) in ("Mn", "Me", "Zs"):
        return text
    return "\N{REPLACEMENT CHARACTER}"


def _cell_width(cell: str) -> int:
    return sum(map(char_width, cell))


def char_width(char: str) -> int:
    """Cells that a character takes on the screen: 0, 1 or 2."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def clean(text: str, keep_lines: bool = False) -> str:
    """Text from a user's file made safe to print: no escape sequences, and on one line."""
    if text.isprintable():
        return text
    lines = text.split("\n") if keep_lines else [" ".join(text.split("\n"))]
    return "\n".join("".join(map(_plain, line.replace("\t", " "))) for line in lines)
