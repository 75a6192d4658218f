"""A page as one HTML file: the data, a style sheet and a script, and nothing from anywhere else.

The data stand in the file as JSON in which no `<` is left, so that no text of a model can end the element
or begin another. A content security policy allows the page's own script and style by their digests and
nothing else: no request can leave it. The script writes every text as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from graphlang.draw.quoting import cleaned
from graphlang.draw.theme import DARK, THEMES, Theme

# What each class of a painted picture paints, and with which colour of the theme.
_FILLED = {"bg": "ground", "t": "text", "c": "text", "s": "faint", "v": "value", "d": "gradient",
           "n": "warning", "h": "line", "k0": "box", "k1": "gate"}  # fmt: skip
_DRAWN = {"w": "line", "vl": "value", "dl": "gradient", "nl": "warning", "vr": "value", "dr": "gradient"}
_FRAMED = {"g": ("gate", "outline"), "l": ("loss", "outline"), "p": ("param", "param_outline"),
           "b0": ("box", "box_outline"), "b1": ("gate", "box_outline")}  # fmt: skip


def html_text(data: Mapping[str, Any]) -> str:
    """The page that shows `page_data`.

    Parameters
    ----------
    data : mapping
        See `graphlang.draw.page.page_data`.

    Returns
    -------
    str
        The same data give the same text.
    """
    style = _colours(str(data["theme"])) + _asset("page.css")
    script = _asset("page.js")
    policy = (
        f"default-src 'none'; img-src data:; script-src '{_digest(script)}'; style-src '{_digest(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": policy,
        "TITLE": escape(cleaned(str(data["name"]))),
        "STYLE": style,
        "DATA": json_in_html(data),
        "SCRIPT": script,
    }
    page = _asset("page.html")
    # In one pass: what is put in is not looked at again.
    pieces = page.split("@@")
    return "".join(piece if i % 2 == 0 else parts[piece] for i, piece in enumerate(pieces))


def json_in_html(data: Any) -> str:
    """JSON that can stand in a script element, whatever the texts in it are."""
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        written = written.replace(sign, f"\\u{ord(sign):04x}")
    # A lone surrogate is text that no file can hold.
    return written.encode("utf-8", "replace").decode("utf-8")


def _asset(name: str) -> str:
    return files("graphlang.draw").joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _colours(theme: str) -> str:
    """The colours of a theme as variables, and what paints with them; slides have a dark side."""
    own = THEMES[theme]
    sides = [f":root{{{_variables(own)}color-scheme:{'dark' if theme == 'dark' else 'light'}}}"]
    if theme != "dark":
        dark = f"{_variables(DARK)}color-scheme:dark"
        sides.append(f"@media (prefers-color-scheme:dark){{:root:not([data-side=light]){{{dark}}}}}")
        sides.append(f":root[data-side=dark]{{{dark}}}")
    rules = [f"#picture .{c}{{fill:var(--{name})}}" for c, name in _FILLED.items()]
    rules += [f"#picture .{c}{{stroke:var(--{name})}}" for c, name in _DRAWN.items()]
    rules += [f"#picture .{c}{{fill:var(--{a});stroke:var(--{b})}}" for c, (a, b) in _FRAMED.items()]
    return "\n".join([*sides, *rules, ""])


def _variables(theme: Theme) -> str:
    names = ("ground", "text", "faint", "line", "value", "gradient", "warning", "gate", "outline", "loss",
             "param", "param_outline", "box", "box_outline")  # fmt: skip
    return "".join(f"--{name}:{getattr(theme, name)};" for name in names)
