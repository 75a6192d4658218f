"""The catalogue of codes: complete, and its examples are what they say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphlang
from graphlang.diagnostics.codes import CODES
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile

SOURCES = [
    p
    for p in Path(graphlang.__file__).parent.rglob("*.py")
    if p.name != "codes.py" and "__pycache__" not in p.parts
]
WITH_EXAMPLES = [c for c in CODES if CODES[c].wrong is not None and not c.startswith(("E01", "E02"))]


def _codes(text: str) -> list[str]:
    return [d.code for d in compile_source(SourceFile("example.graph", text)).problems]


def test_every_code_that_is_reported_has_a_page_and_every_page_a_code() -> None:
    used = {
        code for path in SOURCES for code in re.findall(r'"([EW]\d{4})"', path.read_text(encoding="utf-8"))
    }
    assert used == set(CODES)


def test_pages_say_something() -> None:
    for code, page in CODES.items():
        assert page.title and not page.title.endswith("."), code
        assert page.explanation.endswith((".", "`.", ")")), code


def test_compile_time_codes_have_examples() -> None:
    without = [c for c in CODES if c[:3] in ("E03", "E04", "E05", "E06") and c not in WITH_EXAMPLES]
    assert without == []


@pytest.mark.parametrize("code", WITH_EXAMPLES)
def test_the_wrong_example_has_its_mistake_alone_and_the_right_one_none(code: str) -> None:
    page = CODES[code]
    assert page.wrong is not None and page.right is not None
    assert _codes(page.wrong) == [code]
    assert _codes(page.right) == []
