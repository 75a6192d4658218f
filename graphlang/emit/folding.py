"""Long lines of Python folded at their brackets, as a formatter would."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

# How long a line of a script may be.
WIDTH = 110
_OPEN, _CLOSE = "([{", ")]}"
_OPERATORS = (" or ", " and ", " + ", " - ", " * ", " / ", " @ ")


def fold(text: str, width: int = WIDTH) -> str:
    """A script whose statements and comments keep to the width where that is possible.

    Parameters
    ----------
    text : str
        Every statement that is longer must stand on one line; text in triple quotes is left as it is.
    width : int
    """
    lines: list[str] = []
    is_quoted = False
    for line in text.split("\n"):
        was_quoted = is_quoted
        is_quoted ^= line.count('"""') % 2 == 1
        lines += [line] if len(line) <= width or was_quoted or '"""' in line else _folded(line, width)
    return "\n".join(lines)


def wrapped(text: str, width: int = WIDTH) -> str:
    """Prose whose lines keep to the width."""
    return "\n".join("\n".join(textwrap.wrap(line, width)) for line in text.split("\n"))


def _folded(line: str, width: int) -> list[str]:
    code = line.lstrip()
    indent = line[: len(line) - len(code)]
    if code.startswith("#"):
        return textwrap.wrap(
            code[1:].lstrip(), width, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
        )
    code = _without_remark(code)
    return list(_statement(code, indent, width))


def _statement(code: str, indent: str, width: int) -> Iterator[str]:
    if len(indent) + len(code) <= width or _widest_group(code) is not None:
        yield from _lines(code, indent, width)
        return
    head, sign, formula = code.partition(" = ")
    if not sign and code.startswith("return "):
        head, sign, formula = "return", " ", code[len("return ") :]
    yield f"{indent}{head}{sign}("
    yield from _lines(formula, indent + "    ", width, is_inside=True)
    yield f"{indent})"


def _lines(code: str, indent: str, width: int, *, is_inside: bool = False) -> Iterator[str]:
    """A piece of code on as many lines as it needs; inside brackets it may also be cut at its operators."""
    if len(indent) + len(code) <= width:
        yield indent + code
        return
    operator = next((o for o in _OPERATORS if len(_split(code, o)) > 1), None) if is_inside else None
    if operator is not None:
        first, *rest = _split(code, operator)
        yield from _lines(first, indent, width, is_inside=True)
        for part in rest:
            yield from _lines(operator[1:] + part, indent, width, is_inside=True)
        return
    group = _widest_group(code)
    if group is None:
        yield indent + code
        return
    start, stop = group
    yield indent + code[: start + 1]
    yield from _items(code[start + 1 : stop], indent + "    ", width)
    yield from _lines(code[stop:], indent, width)


def _items(inner: str, indent: str, width: int) -> Iterator[str]:
    items = [item.strip() for item in _split(inner, ",") if item.strip()]
    if len(items) < 2 or len(_split(inner, " for ")) > 1:
        yield from _lines(inner, indent, width, is_inside=True)
        return
    for item in items:
        yield from _lines(f"{item},", indent, width, is_inside=True)


def _widest_group(code: str) -> tuple[int, int] | None:
    """Where the brackets stand that hold most, among those that stand in no others."""
    groups: list[tuple[int, int]] = []
    start = depth = 0
    for i, c in _bare(code):
        if c in _OPEN:
            start = start if depth else i
            depth += 1
        elif c in _CLOSE and depth:
            depth -= 1
            if depth == 0:
                groups.append((start, i))
    best = max(groups, key=lambda g: g[1] - g[0], default=None)
    return best if best is not None and best[1] - best[0] > 2 else None


def _split(code: str, at: str) -> list[str]:
    """The parts between a text wherever it stands outside brackets and strings."""
    parts, last, depth = [], 0, 0
    for i, c in _bare(code):
        if c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth -= 1
        elif depth == 0 and i >= last and code.startswith(at, i):
            parts.append(code[last:i])
            last = i + len(at)
    return [*parts, code[last:]]


def _bare(code: str) -> Iterator[tuple[int, str]]:
    """The characters outside strings, with their places."""
    quote, is_escaped = "", False
    for i, c in enumerate(code):
        if quote:
            if is_escaped:
                is_escaped = False
            elif c == "\\":
                is_escaped = True
            elif c == quote:
                quote = ""
        elif c in "\"'":
            quote = c
        else:
            yield i, c


def _without_remark(code: str) -> str:
    at = next((i for i, c in _bare(code) if c == "#"), None)
    return code if at is None else code[:at].rstrip()
