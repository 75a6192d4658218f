"""Colours: legible on their grounds, apart for colour-blind readers, grey in print."""

from __future__ import annotations

from itertools import product

import pytest

from graphlang.draw.theme import THEMES, Theme


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_all_text_has_a_contrast_of_five_to_one(name: str):
    theme = THEMES[name]
    grounds = (theme.ground, theme.gate, theme.loss, theme.param, theme.box)
    for text, ground in product((theme.text, theme.faint), grounds):
        assert contrast(text, ground) >= 5
    for text, ground in product((theme.value, theme.gradient, theme.warning), (theme.ground, theme.box)):
        assert contrast(text, ground) >= 5


def test_print_is_grey():
    colours = [getattr(THEMES["print"], field) for field in Theme.__dataclass_fields__]
    assert all(c[1:3] == c[3:5] == c[5:7] for c in colours)


def test_the_colour_blind_pair_is_blue_and_orange():
    """Told apart by blue, which red-green blindness leaves."""
    theme = THEMES["colorblind"]
    value, gradient = (int(c[5:7], 16) for c in (theme.value, theme.gradient))
    assert value - gradient > 128
