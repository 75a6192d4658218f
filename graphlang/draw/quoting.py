"""Texts and attributes as DOT writes them.

Every name and text is quoted here: pydot takes `node` for a keyword, `a:b` for a port, and leaves a `"` in a
name as it is.
"""

from __future__ import annotations

from html import escape
from typing import Any

from graphlang.draw.text import name_parts


def quoted(text: str) -> str:
    """A DOT string of any text."""
    return '"' + cleaned(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def html(text: str) -> str:
    """Any text inside an HTML-like label."""
    return escape(cleaned(text), quote=True)


def name_html(name: str) -> str:
    """A name in italics, with its subscript."""
    stem, subscript = name_parts(name)
    return f"<I>{html(stem)}</I>{subscript}"


def cleaned(text: str) -> str:
    """Without what neither DOT nor XML can hold; line ends become spaces."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def attributes_of(attributes: dict[str, Any]) -> dict[str, Any]:
    """Attributes as pydot takes them."""
    return {key: _attribute(value) for key, value in attributes.items()}


def _attribute(value: Any) -> Any:
    """Numbers as they are, HTML labels and quoted strings as they are, other text quoted."""
    if not isinstance(value, str):
        return str(value)
    if value[:1] in '"<' and value[-1:] in '">' and len(value) > 1:
        return value
    return value if value.isalnum() and value.isascii() and value[0].isalpha() else quoted(value)
