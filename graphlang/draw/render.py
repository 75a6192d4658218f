"""A scene as a file's bytes: DOT, SVG, PNG, PDF or Mermaid.

DOT and Mermaid are texts for other programs. An SVG is laid out by the engine that is there and painted by
ourselves; a PNG is made of that SVG by resvg, or by Graphviz of the DOT text; a PDF by Graphviz alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from graphlang.diagnostics import GraphlangError
from graphlang.draw.doors import DOORS, ClosedError, picture_error
from graphlang.draw.dot import dot_text
from graphlang.draw.elements import Scene
from graphlang.draw.engines import place
from graphlang.draw.geometry import Layout
from graphlang.draw.mermaid import mermaid_text
from graphlang.draw.svg import SCALE, document_size, svg_text
from graphlang.draw.view import ENDINGS, ENGINES, FORMATS

# Doors through which Graphviz can paint what it lays out, too.
_PAINTERS = ("pygraphviz", "dot")


def format_of(path: str) -> str:
    """The format that a file's ending stands for."""
    ending = os.path.splitext(path)[1].lstrip(".").lower()
    return ENDINGS.get(ending, ending)


def render(
    scene: Scene, format: str, engine: str = "auto", remark: Callable[[str], None] = lambda text: None
) -> bytes:
    """A picture's bytes.

    Parameters
    ----------
    scene : Scene
    format : str
        `dot`, `svg`, `png`, `pdf` or `mermaid`.
    engine : str, optional
        What lays out (`engines.place`). The texts are the same for all.
    remark : function, optional
        Told which engine did it.

    Returns
    -------
    bytes
        Texts are UTF-8.

    Raises
    ------
    GraphlangError
        E0914 for another format or engine, if what is needed is not there, or if it fails.
    """
    if format not in FORMATS:
        raise picture_error(
            f"A picture cannot be written as `{format}`.", f"The formats are {', '.join(FORMATS)}."
        )
    if engine not in ENGINES:
        place(scene, engine)
    if format == "dot":
        return dot_text(scene).encode()
    if format == "mermaid":
        return mermaid_text(scene).encode()
    if format == "pdf":
        return _by_graphviz(scene, "pdf", engine, "PDF is made by Graphviz", remark)
    layout, used = place(scene, engine)
    remark(f"laid out by the engine {used}")
    return _painted(scene, layout, format, engine, remark)


def render_frames(frames: Sequence[Scene], format: str, engine: str = "auto") -> list[bytes]:
    """The bytes of each frame of one picture, see `render`: it is laid out once for all of them."""
    if format not in ("svg", "png"):
        return [render(scene, format, engine) for scene in frames]
    layout, _ = place(frames[0], engine)
    return [_painted(scene, layout, format, engine, lambda text: None) for scene in frames]


def _painted(scene: Scene, layout: Layout, format: str, engine: str, remark: Callable[[str], None]) -> bytes:
    """A scene whose places are known as SVG or PNG."""
    svg = svg_text(scene, layout)
    if format == "svg":
        return svg.encode()
    from graphlang.draw.pixels import png_of

    try:
        pixels = png_of(svg, max(document_size(scene, layout)) * SCALE)
    except ClosedError as reason:
        need = f"PNG needs `pip install 'graphlang[draw]'` or Graphviz: {reason}"
        return _by_graphviz(scene, "png", engine, need, remark)
    remark("painted by resvg")
    return pixels


def _by_graphviz(scene: Scene, format: str, engine: str, need: str, remark: Callable[[str], None]) -> bytes:
    """What Graphviz paints of the DOT text."""
    if engine != "auto" and engine not in _PAINTERS:
        raise picture_error(
            f"{need}; the engine `{engine}` cannot do it.", "Leave out `--engine`, or write .svg."
        )
    reasons = []
    for name in _PAINTERS if engine == "auto" else [engine]:
        try:
            result = DOORS[name](dot_text(scene), format)
        except ClosedError as reason:
            reasons.append(str(reason))
            continue
        remark(f"laid out and painted by the engine {name}")
        return result
    raise _not_there(need, reasons)


def _not_there(need: str, reasons: list[str]) -> GraphlangError:
    return picture_error(
        f"{need}, and {', and '.join(reasons)}.",
        "Install Graphviz (graphviz.org) or `pip install pygraphviz`; .svg and .dot need neither.",
    )
