"""When the suite is shared among processes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import pytest_xdist_auto_num_workers

ROOT = Path(__file__).parents[1]


def workers(request: pytest.FixtureRequest, *named: str, **chosen: Any) -> int | None:
    """How many processes a command has, None for one for each core."""
    options = {"keyword": "", "lf": False, "stepwise": False, "accept": False, "capture": "fd"}
    options |= {"markexpr": "not slow and not browser", **chosen}
    config = SimpleNamespace(
        invocation_params=SimpleNamespace(dir=ROOT),
        rootpath=ROOT,
        args=named or ("tests",),
        option=SimpleNamespace(**options),
        getini=request.config.getini,
    )
    return pytest_xdist_auto_num_workers(config)  # type: ignore[arg-type]


def test_the_whole_suite_is_shared_among_the_cores(request: pytest.FixtureRequest) -> None:
    assert workers(request) is workers(request, str(ROOT / "tests")) is workers(request, "tests/") is None


@pytest.mark.parametrize("named", ["tests/run", "tests/test_suite.py", "tests/test_suite.py::test_x"])
def test_a_part_of_it_is_not(request: pytest.FixtureRequest, named: str) -> None:
    assert workers(request, named) == 0


@pytest.mark.parametrize(
    "chosen",
    [
        {"keyword": "dims"},
        {"lf": True},
        {"stepwise": True},
        {"accept": True},
        {"capture": "no"},
        {"markexpr": "slow"},
        {"markexpr": "slow or oracle"},
        {"markexpr": "browser"},
    ],
    ids=str,
)
def test_neither_is_what_was_chosen(request: pytest.FixtureRequest, chosen: dict[str, Any]) -> None:
    assert workers(request, **chosen) == 0
