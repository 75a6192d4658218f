"""A scene as a file's bytes: DOT, SVG, PNG or PDF.

DOT needs nothing but pydot. SVG and the others go through Graphviz's `dot` where it is on the PATH; without
it, or if asked to, an SVG is laid out and painted by ourselves, and PNG and PDF are refused with a hint.
"""

from __future__ import annotations

import shutil
import subprocess

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.dot import dot_text
from graphlang.draw.elements import Scene

FORMATS = ("dot", "svg", "png", "pdf")
# What lays out a picture: Graphviz, ourselves, or whichever there is, in this order.
ENGINES = ("auto", "dot", "builtin")
# Pixels per inch of a PNG.
RESOLUTION = 144
# Seconds after which a layout is given up: `dot` may take very long on graphs of thousands of gates.
TIME_LIMIT = 120
_CODE = "E0914"


def render(scene: Scene, format: str, engine: str = "auto") -> bytes:
    """A picture's bytes.

    Parameters
    ----------
    scene : Scene
    format : str
        `dot`, `svg`, `png` or `pdf`.
    engine : str, optional
        `dot` (Graphviz), `builtin` (SVG only), or `auto`: Graphviz if it is on the PATH, else our own. DOT
        text is the same for all.

    Returns
    -------
    bytes
        DOT and SVG are UTF-8.

    Raises
    ------
    GraphlangError
        E0914 for another format or engine, if the engine that is needed is not there, or if it fails.
    """
    if format not in FORMATS:
        raise _error(f"A picture cannot be written as `{format}`.", f"The formats are {', '.join(FORMATS)}.")
    if engine not in ENGINES:
        raise _error(f"There is no engine `{engine}` for pictures.", f"The engines are {', '.join(ENGINES)}.")
    if format == "dot":
        return dot_text(scene).encode()
    program = None if engine == "builtin" else shutil.which("dot")
    if program is not None:
        return _graphviz(program, scene, format)
    if format == "svg" and engine != "dot":
        from graphlang.draw.svg import svg_text

        return svg_text(scene).encode()
    raise _without_graphviz(format, engine)


def _without_graphviz(format: str, engine: str) -> GraphlangError:
    if engine == "builtin":
        return _error(f"The builtin engine writes SVG, not {format.upper()}.", "Write .svg.")
    if format == "svg":
        return _error(
            "The engine `dot` is Graphviz's, and its program is not on the PATH.",
            "Install Graphviz (graphviz.org), or let the builtin engine lay out the picture.",
        )
    return _error(
        f"{format.upper()} needs Graphviz: its program `dot` is not on the PATH.",
        "Install Graphviz (graphviz.org), or write .svg or .dot, which need nothing else.",
    )


def _graphviz(program: str, scene: Scene, format: str) -> bytes:
    """Let `dot` lay out and paint; it is run without a shell, the graph goes in and out through pipes."""
    command = [program, f"-T{format}"]
    if format == "png":
        command.append(f"-Gdpi={RESOLUTION}")
    try:
        done = subprocess.run(
            command, input=dot_text(scene).encode(), capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise _error(
            f"Graphviz did not finish within {TIME_LIMIT} seconds.",
            "Close some boxes (`--depth 0`), or write .svg with `--engine builtin`, which does not need it.",
        ) from None
    except OSError as error:
        raise _error(
            f"Graphviz's `{program}` could not be started: {error.strerror}.", "Write .svg or .dot instead."
        ) from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _error(
            f"Graphviz failed with status {done.returncode}{': ' + said[0] if said else ''}.",
            "Write .dot to see the graph it was given.",
        )
    return done.stdout


def _error(message: str, suggestion: str) -> GraphlangError:
    problems = Problems()
    problems.error(_CODE, None, message, suggestion=suggestion)
    return GraphlangError(problems)
