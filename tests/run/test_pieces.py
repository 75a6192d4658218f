"""Narrow graphs of numbers: no call waits for long, and each gives the same bits as the first."""

from __future__ import annotations

import math
import random
import re

import pytest

import graphlang
from graphlang.graph.numbers import Kind
from graphlang.ops.registry import all_ops
from graphlang.ops.spelling import FUNCTIONS
from graphlang.plan.course import Course, course_of
from graphlang.plan.number_function import piece_text
from graphlang.run.function import Function
from graphlang.run.pieces import CALLS, Pieces, step_text
from tests.run.test_walker import wide_text


def chain(steps: int, chains: int = 1) -> str:
    """Chains side by side, each step of which needs the one before, with two weights for all."""
    rng = random.Random(steps)
    lines = ["input x = 0.5", "param w = 0.9", "param b = 0.1"]
    names = ["x"] * chains
    for i in range(steps):
        formula = rng.choice(("tanh({a} * w)", "{a} - b", "{a} * {b} + w", "relu({a}) + b * {b}"))
        at = i % chains
        lines.append(f"v{i} = tanh({formula.format(a=names[at], b=rng.choice(names))})")
        names[at] = f"v{i}"
    return "\n".join([*lines, f"f = {' + '.join(dict.fromkeys(names))} + 0.5", "output f", ""])


def function_and_pieces(text: str) -> tuple[Function, Pieces]:
    f = graphlang.parse(text).function()
    assert isinstance(f._compute, Pieces)
    return f, f._compute


def course_of_text(text: str, *sizes: int) -> Course:
    f, _ = function_and_pieces(text)
    assert f._graph is not None
    return course_of(f._graph, len(f.arguments), sizes)


@pytest.mark.parametrize("chains", [1, 3])
def test_every_call_gives_the_bits_of_the_first_while_more_and_more_is_compiled(chains: int) -> None:
    f, pieces = function_and_pieces(chain(3000, chains))
    found, compiled = [], []
    for _ in range(CALLS + 2):
        found.append(f(0.25, 1.5, -0.125))
        compiled.append(pieces.compiled)
    assert set(found) == {found[0]}
    assert found[0] == f._interpret((0.25, 1.5, -0.125))
    assert compiled == sorted(compiled)
    assert compiled[0] == 0
    assert compiled[-1] == len(pieces._functions) > 5


def test_what_is_called_once_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlang.run.pieces.piece_text", lambda *_: pytest.fail("compiled"))
    f, _ = function_and_pieces(chain(1000))
    assert f()[0] == graphlang.parse(chain(1000)).run().values["f"]


def test_a_call_compiles_no_more_than_a_share_of_the_pieces() -> None:
    f, pieces = function_and_pieces(chain(6000))
    before = 0
    for _ in range(CALLS):
        f()
        assert pieces.compiled - before <= len(pieces._functions) // CALLS + 1
        before = pieces.compiled


def test_a_chain_is_cut_where_little_crosses() -> None:
    course = course_of_text(chain(3000), 500)
    # Each piece but the last has a way through and a way back, in opposite orders.
    assert [leg.piece for leg in course.legs] == [*range(course.pieces), *range(course.pieces - 2, -1, -1)]
    # The value of the chain, its gradient, and of the gradients of both weights what is not added up yet.
    leaving = [course.first + leg.stop - leg.leaves for leg in course.legs]
    assert max(leaving) <= 2 + 2 * 16 + 3


def test_graphs_through_which_much_crosses_are_cut_into_larger_pieces() -> None:
    narrow, wide = (course_of_text(text, 1000, 50_000) for text in (chain(1500), wide_text(40, 40)))
    assert narrow.pieces > 5
    assert wide.pieces == 1


def test_a_result_used_by_another_piece_is_handed_on_and_no_other() -> None:
    course = course_of_text(chain(40), 20)
    handed = {p for leg in course.legs for p in range(leg.leaves, course.first + leg.stop)}
    read = {p for leg in course.legs for p in leg.reads if p >= course.first}
    assert read <= handed <= read | set(course.results)


@pytest.mark.parametrize("calls", [1, CALLS + 1])
@pytest.mark.parametrize(
    ("x", "value", "slope"), [(0.0, math.inf, -math.inf), (-0.0, -math.inf, -math.inf), (4.0, 0.25, -0.0625)]
)
def test_where_python_raises_numpy_answers_at_every_stage(
    calls: int, x: float, value: float, slope: float
) -> None:
    f, _ = function_and_pieces("input x = 1\nf = 1 / x\noutput f\n")
    for _ in range(calls):
        found = f(x)
    assert found == (value, (slope,))
    assert f(2.0) == (0.5, (-0.25,))


def test_a_piece_that_raises_on_its_way_back_is_gone_through_again() -> None:
    # The value is 0, and 1/(2·0) its derivative: Python raises only on the way back.
    text = chain(60) + "s = sqrt(x * 0) + f\n"
    f, _ = function_and_pieces(text.replace("output f\n", "") + "output s\n")
    assert f._graph is not None
    f._compute = pieces = Pieces(course_of(f._graph, 3, (20,)))
    pieces._compile(len(pieces._functions))
    wanted, found = f._interpret((0.5, 0.9, 0.1)), f(0.5, 0.9, 0.1)
    assert repr(found) == repr(wanted)
    assert any(not math.isfinite(g) for g in found[1])


def test_the_text_holds_no_more_than_names_made_by_us() -> None:
    text = chain(50).replace("v1", "danger").replace("w", "worse")
    course = course_of_text(text, 50)
    source = "".join(
        piece_text(course, [leg for leg in course.legs if leg.piece == p]) for p in range(course.pieces)
    )
    words = set(re.findall(r"[^\W\d]\w*", source))
    ours = {"def", "run", "return", "yield", "if", "else", *FUNCTIONS}
    assert words - ours == {f"v{i}" for i in range(len(words - ours))}


def test_a_step_is_spelled_in_places_of_the_vector_alone() -> None:
    allowed = {"v", "a", "b", "c", "if", "else", "and", "or", "not", "inf", "nan", *FUNCTIONS}
    for op in all_ops().values():
        if op.scalar is not None:
            plain = callable(op.scalar)
            attrs = (("low", None),) if plain and op.attrs else ()
            kind = Kind(op, attrs, tuple(a.name for a in op.attrs)[plain:])
            assert set(re.findall(r"[^\W\d]\w*", step_text(kind))) <= allowed, op.name
