"""A scene as a file's bytes: DOT, SVG, PNG or PDF.

DOT needs nothing but pydot. SVG and the others go through Graphviz's `dot` where it is on the PATH; without
it an SVG is laid out and painted by ourselves, and PNG and PDF are refused with a hint.
"""

from __future__ import annotations

import shutil
import subprocess

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.draw.dot import dot_text
from graphlang.draw.elements import Scene

FORMATS = ("dot", "svg", "png", "pdf")
# Pixels per inch of a PNG.
RESOLUTION = 144
# Seconds after which a layout is given up: `dot` may take very long on graphs of thousands of gates.
TIME_LIMIT = 120
_CODE = "E0914"


def render(scene: Scene, format: str) -> bytes:
    """A picture's bytes.

    Parameters
    ----------
    scene : Scene
    format : str
        `dot`, `svg`, `png` or `pdf`.

    Returns
    -------
    bytes
        DOT and SVG are UTF-8.

    Raises
    ------
    GraphlangError
        E0914 for another format, if PNG or PDF is asked for and `dot` is not on the PATH, or if it fails.
    """
    if format not in FORMATS:
        raise _error(f"A picture cannot be written as `{format}`.", f"The formats are {', '.join(FORMATS)}.")
    if format == "dot":
        return dot_text(scene).encode()
    program = shutil.which("dot")
    if program is not None:
        return _graphviz(program, scene, format)
    if format == "svg":
        from graphlang.draw.svg import svg_text

        return svg_text(scene).encode()
    raise _error(
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
            "Close some boxes (`--depth 0`), or write .dot and lay it out with another program.",
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
