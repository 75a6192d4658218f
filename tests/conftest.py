"""What all tests share: `pytest --accept` rewrites the goldens with what the code says now."""

from __future__ import annotations

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
