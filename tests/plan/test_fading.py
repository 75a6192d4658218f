"""Which of an optimizer's states may be set to zero where they are next to nothing."""

from __future__ import annotations

import pytest

from graphlang.differentiate.training_step import training_step
from graphlang.pipeline import compile_source
from graphlang.plan.fading import fading
from graphlang.source import SourceFile


def fading_of(optimizer: str, definition: str = "") -> tuple[str, ...]:
    """The names of the states that fade."""
    text = f"{definition}\nparam w = 1\nloss = w ^ 2\noutput loss\ntrain {{\n  minimize = loss\n  optimizer = {optimizer}\n}}\n"
    learner = training_step(compile_source(SourceFile("m.graph", text), training=True).value).learner
    paths = learner.state_of["w"]
    return tuple(paths[k].split(".")[1] for k in fading(learner))


def own(*lines: str) -> tuple[str, ...]:
    return fading_of("own", "\n  ".join(["optimizer own(lr: float = 0.1) {", *lines]) + "\n}")


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        ("sgd", ()),
        ("momentum", ("v",)),
        ("nesterov", ("v",)),
        ("adagrad", ()),
        ("rmsprop", ()),
        ("adam", ("m",)),
        ("adamw", ("m",)),
    ],
)
def test_velocities_of_the_library_fade_and_squares_do_not(optimizer: str, expected: tuple[str, ...]) -> None:
    assert fading_of(optimizer) == expected


def test_a_state_that_is_only_added_and_multiplied_fades() -> None:
    assert own("state v = 0", "v = (v - gradient) / 2", "weight = weight - lr * -v") == ("v",)


@pytest.mark.parametrize("use", ["lr / v", "sqrt(v)", "lr * sign(v)", "exp(v)", "where(v > 0, v, 1)"])
def test_a_state_that_is_used_otherwise_does_not(use: str) -> None:
    assert own("state v = 1", "v = 0.9 * v + gradient", f"weight = weight - {use}") == ()


def test_nor_one_from_which_such_a_state_is_made() -> None:
    body = ("state a = 1", "state b = 1", "state c = 1", "c = c + b", "b = 0.9 * a", "a = 0.5 * a")
    assert own(*body, "weight = weight - lr * c") == ("a", "b", "c")
    assert own(*body, "weight = weight - lr * sqrt(c)") == ()


def test_whole_numbers_do_not() -> None:
    assert own("state k: int = 3", "state v = 0", "k = k + 1", "v = v + k", "weight = weight - v") == ("v",)
