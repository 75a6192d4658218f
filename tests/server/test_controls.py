"""Sliders edit the numbers that stand in the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphlang.pipeline import compile_source
from graphlang.server.controls import controls_of
from graphlang.server.places import Places
from graphlang.source import SourceFile
from graphlang.syntax.parse import parse

SPIRAL = (Path(__file__).parents[2] / "examples" / "spiral.graph").read_text(encoding="utf-8")


def controls(text: str) -> dict[str, dict[str, Any]]:
    source = SourceFile("net.graph", text, "net.graph")
    return {f"{c['group']}.{c['name']}": c for c in controls_of(parse(source).value, Places(source))}


def moved(text: str, name: str, value: str) -> str:
    """The text after a control was moved, as the page's sliders.js does it."""
    c = controls(text)[name]
    return text[: c["from"]] + c["before"] + value + c["after"] + text[c["to"] :]


def test_scalar_inputs_and_constants_have_sliders() -> None:
    found = controls(
        "input x = -2\ninput v = [1, 2]\nconst H = 8\nconst λ = 3e-4\nconst K = 2 * H\ninput k: int = 3\n"
    )
    assert {n: (c["value"], c["is_whole"]) for n, c in found.items()} == {
        "input.x": (-2, False), "const.H": (8, True), "const.λ": (3e-4, False), "input.k": (3, True),
    }  # fmt: skip


def test_a_value_lies_within_its_slider() -> None:
    for text in ("-2", "0", "1e-4", "7", "123456.0", "0.5", "-1e-9"):
        for c in controls(f"input x = {text}\nconst C = {text}\n").values():
            assert c["min"] <= c["value"] <= c["max"], (text, c)
            assert c["min"] < c["max"]
            assert not c["is_log"] or c["min"] > 0


def test_a_small_positive_constant_moves_by_factors() -> None:
    assert controls("const λ = 3e-4\n")["const.λ"]["is_log"]


def test_moving_an_input_changes_its_literal_and_nothing_else() -> None:
    assert moved("input x = -2  # two\nf = x\n", "input.x", "3.5") == "input x = 3.5  # two\nf = x\n"


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("train.lr", "0.5", "  optimizer = adam(lr = 0.5)"),
        ("train.batch", "all", "  batch     = all"),
        ("train.epochs", "7", "  epochs    = 7"),
        ("train.holdout", "0.25", "  holdout = 0.25"),
        ("data.noise", "0.4", "data arms = spiral(n = 300, noise = 0.4, classes = 3, seed = 1) {"),
        ("data.n", "90", "data arms = spiral(n = 90, noise = 0.2, classes = 3, seed = 1) {"),
        ("const.× l2", "0.01", 'risk = loss + 0.01 * l2(params("*.W"))'),
        ("const.H", "4", "const H = 4"),
    ],
)
def test_what_is_turned_in_a_lecture_can_be_moved(name: str, value: str, line: str) -> None:
    text = moved(SPIRAL, name, value)
    assert line in text.split("\n")
    assert compile_source(SourceFile("spiral.graph", text, "spiral.graph")).ok


@pytest.mark.parametrize(
    ("written", "expected"),
    [("sgd", "sgd(lr = 0.3)"), ("momentum()", "momentum(lr = 0.3)"), ("momentum(mu = 0.5)", "momentum(mu = 0.5, lr = 0.3)"),
     ("sgd(0.1)", "sgd(0.3)"), ("adam(lr = 0.1, b1 = 0.8)", "adam(lr = 0.3, b1 = 0.8)")],
)  # fmt: skip
def test_a_learning_rate_is_replaced_or_written_where_it_belongs(written: str, expected: str) -> None:
    text = (
        f"param w = 1\nloss = w ^ 2\noutput loss\ntrain {{\n  minimize = loss\n  optimizer = {written}\n}}\n"
    )
    assert f"optimizer = {expected}\n" in moved(text, "train.lr", "0.3")


def test_a_learning_rate_that_is_a_constant_is_moved_there() -> None:
    text = (
        "const η = 0.1\nparam w = 1\nloss = w ^ 2\ntrain {\n  minimize = loss\n  optimizer = sgd(lr = η)\n}\n"
    )
    assert "const.η" in controls(text)
    assert "train.lr" not in controls(text)


def test_another_data_set_keeps_the_options_that_it_knows() -> None:
    choices = dict(controls(SPIRAL)["data.data"]["choices"])
    assert choices["moons"] == "moons(n = 300, noise = 0.2, seed = 1)"
    assert choices["blobs"] == "blobs(n = 300, noise = 0.2, classes = 3, seed = 1)"
    assert "sine" not in choices  # it has one feature, not two


def test_every_choice_gives_a_text_without_mistakes() -> None:
    for name, c in controls(SPIRAL).items():
        for _, text in c.get("choices", ()):
            changed = SPIRAL[: c["from"]] + c["before"] + text + SPIRAL[c["to"] :]
            outcome = compile_source(SourceFile("spiral.graph", changed, "spiral.graph"))
            assert outcome.ok, (name, text, [d.message for d in outcome.problems])
