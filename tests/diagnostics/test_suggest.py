"""What is suggested for a misspelt name."""

from __future__ import annotations

import pytest

from graphlang.diagnostics.suggest import nearest


@pytest.mark.parametrize(
    ("written", "meant"), [("tahn", "tanh"), ("sigmiod", "sigmoid"), ("Relu", "relu"), ("dens", "dense")]
)
def test_the_name_that_was_meant_is_found(written: str, meant: str) -> None:
    assert nearest(written, ["tan", "tanh", "sigmoid", "relu", "dense", "sign"]) == meant


def test_nothing_is_suggested_for_what_resembles_nothing() -> None:
    assert nearest("quux", ["tan", "dense"]) is None
