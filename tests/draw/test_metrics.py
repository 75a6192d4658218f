"""Widths of text, and the fonts that come along."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from graphlang.draw.metrics import has_glyphs, text_width

FONTS = files("graphlang.draw.fonts")


@pytest.mark.parametrize(("file", "is_bold"), [("DejaVuSans.ttf", False), ("DejaVuSans-Bold.ttf", True)])
def test_widths_are_those_of_the_fonts(file: str, is_bold: bool):
    font_lib = pytest.importorskip("fontTools.ttLib")
    font = font_lib.TTFont(Path(str(FONTS / file)))
    glyphs, advances, per_em = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
    for text in ("−0.53", "w₀", "cross_entropy", "∂f/∂x²", "λ·N ≤ 3 → σ"):
        expected = sum(advances[glyphs[ord(c)]][0] for c in text) * 13 / per_em
        assert text_width(text, 13, is_bold=is_bold) == pytest.approx(expected, abs=0.1)


def test_characters_that_the_fonts_lack_have_a_width_too():
    assert not has_glyphs("網")
    assert text_width("網", 10) == 10
    assert has_glyphs("λ₀ = −1 × ∂f/∂w²")


def test_the_fonts_licence_comes_along():
    assert "Bitstream Vera" in (FONTS / "LICENSE").read_text(encoding="utf-8")
