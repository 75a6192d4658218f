"""What is suggested for a misspelt name."""

from __future__ import annotations

import pytest

from graphlang.diagnostics.suggest import nearest
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile


@pytest.mark.parametrize(
    ("written", "meant"), [("tahn", "tanh"), ("sigmiod", "sigmoid"), ("Relu", "relu"), ("dens", "dense")]
)
def test_the_name_that_was_meant_is_found(written: str, meant: str) -> None:
    assert nearest(written, ["tan", "tanh", "sigmoid", "relu", "dense", "sign"]) == meant


def test_nothing_is_suggested_for_what_resembles_nothing() -> None:
    assert nearest("quux", ["tan", "dense"]) is None


@pytest.mark.parametrize(
    ("written", "meant"), [("tahn", "tanh"), ("epx", "exp"), ("smu", "sum"), ("rleu", "relu")]
)
def test_two_letters_that_are_swapped_in_an_operations_name_are_one_slip(written: str, meant: str) -> None:
    problems = compile_source(SourceFile("t", f"input x = [1.0]\ny = {written}(x)\noutput y\n")).problems
    assert [p.suggestion for p in problems] == [f"Did you mean `{meant}`?"]
