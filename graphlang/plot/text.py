"""Names from files as pictures and messages can hold them."""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """Without what neither a terminal nor XML can hold: spaces for white space, � for other controls."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def short(text: str, columns: int = 28) -> str:
    """`plain` text, its middle replaced by … if it is wider than `columns`; wide characters count twice."""
    text = plain(text)
    if _width(text) <= columns:
        return text
    head, tail = text, text
    while _width(head) > (columns - 1) // 2:
        head = head[:-1]
    while _width(tail) > columns - 1 - _width(head):
        tail = tail[1:]
    return f"{head}…{tail}"


def number(x: float) -> str:
    """A number with four significant digits, and a true minus."""
    return f"{x:.4g}".replace("-", "−")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
