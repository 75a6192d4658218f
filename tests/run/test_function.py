"""A model as a Python function: Python in two ways, NumPy, C and the interpreter give the same bits."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

import graphlang
from graphlang.cli.main import main
from graphlang.diagnostics import GraphlangError
from graphlang.pipeline import compile_source, prepare
from graphlang.plan.c_text import c_text
from graphlang.plan.course import course_of
from graphlang.plan.schedule import make_plan
from graphlang.plan.tape import make_tape, schedule
from graphlang.run.function import Function
from graphlang.run.pieces import Pieces
from graphlang.run.walker import Walker
from graphlang.source import SourceFile
from tests.plan.test_scalars import BINARY, SPECIAL, UNARY, bits, scalar_programs

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS_COMPILER = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="there is no C compiler"
)


def function_of(text: str, *, jit: bool = False) -> Function:
    return graphlang.parse(text).function(jit=jit)


def all_bits(found: Any) -> list[Any]:
    value, gradients = found
    return [bits(value), *map(bits, gradients)]


def walked(text: str) -> Function:
    """Whatever the size, in the way of large wide graphs."""
    f = function_of(text)
    if f._graph is not None:
        f._compute = Walker(schedule(f._graph, len(f.arguments)), len(f.arguments))
    return f


def in_pieces(text: str, size: int, compiled: int) -> Function:
    """In pieces of so many steps, so many of them compiled and the others step by step."""
    f = function_of(text)
    if f._graph is not None:
        f._compute = pieces = Pieces(course_of(f._graph, len(f.arguments), (size,)))
        pieces._compile(compiled)
        pieces._calls = -(10**6)  # and it stays so
    return f


ALL = 10**6


def all_ways(text: str) -> list[Function]:
    """Step by step, in straight lines, half and half, by NumPy, and in C."""
    return [
        in_pieces(text, ALL, 0),
        in_pieces(text, ALL, ALL),
        in_pieces(text, 7, ALL),
        in_pieces(text, 3, 3),
        walked(text),
        function_of(text, jit=True),
    ]


def interpreted(f: Function, values: Any) -> Any:
    """What the interpreter says, which has not run often enough to compile anything."""
    f.__dict__.pop("_interpreted", None)
    return f._interpret(values)


# --- the law -----------------------------------------------------------------------------------------


def check_law(text: str) -> None:
    functions = all_ways(text)
    f = functions[0]
    for values in [tuple(f._leaves.values()), *itertools.islice(itertools.permutations(SPECIAL, 3), 4)]:
        wanted = all_bits(interpreted(f, values))
        assert [all_bits(g(*values)) for g in functions] == [wanted] * len(functions)


@NEEDS_COMPILER
@given(scalar_programs())
@settings(max_examples=20, deadline=None)
def test_python_numpy_and_c_give_the_interpreters_bits(text: str) -> None:
    check_law(text)


@pytest.mark.slow
@NEEDS_COMPILER
@given(scalar_programs())
@settings(max_examples=2000, deadline=None)
def test_python_numpy_and_c_give_the_interpreters_bits_on_two_thousand_programs(text: str) -> None:
    check_law(text)


@NEEDS_COMPILER
@pytest.mark.parametrize("formula", UNARY + BINARY)
def test_every_formula_computes_the_same_everywhere(formula: str) -> None:
    text = f"input x = 0.5\ninput y = 2.0\nf = {formula.format(a='x', b='y')}\noutput f\n"
    functions = all_ways(text)
    numbers = [*SPECIAL, *np.random.default_rng(0).normal(size=4), 7.3, -20.5]
    for values in itertools.product(map(float, numbers), repeat=len(functions[0].arguments)):
        wanted = all_bits(interpreted(functions[0], values))
        for f in functions:
            assert all_bits(f(*values)) == wanted, (values, f._compute)


@NEEDS_COMPILER
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.graph")), ids=lambda p: p.stem)
def test_a_function_of_an_example_is_what_its_run_says(path: Path) -> None:
    model = graphlang.load(path)
    try:
        f = model.function(jit=True)
    except GraphlangError as error:
        # No scalar to differentiate, or inputs without values.
        assert {d.code for d in error.diagnostics} <= {"E0701", "E0901"}
        return
    run = model.run()
    value, gradients = f()
    assert bits(value) == bits(run.values[run.of])
    for name, gradient in zip(f.arguments, gradients, strict=True):
        if gradient is not None:
            assert bits(gradient) == bits(run.gradients[name])


# --- calling -----------------------------------------------------------------------------------------

TEXT = "input x = 3\ninput y = 2\nparam w = 5\nf = x ^ 2 * y + w\noutput f\n"


def test_arguments_are_inputs_and_parameters_in_the_order_of_the_file() -> None:
    f = function_of(TEXT)
    assert f.arguments == ("x", "y", "w")
    assert f.is_compiled
    assert f(3, 2, 5) == (23.0, (12.0, 9.0, 1.0))


def test_what_is_left_out_keeps_the_values_of_the_file() -> None:
    f = function_of(TEXT)
    assert f(4) == f(4, 2, 5) == f(x=4) == (37.0, (16.0, 16.0, 1.0))


@pytest.mark.parametrize(
    ("values", "named", "message"),
    [((1, 2, 3, 4), {}, "4 values"), ((1,), {"x": 2}, "twice"), ((), {"z": 1}, "no argument 'z'")],
)
def test_wrong_arguments_are_refused(values: Any, named: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        function_of(TEXT)(*values, **named)


def test_arrays_and_integers_go_through_numpy() -> None:
    f = function_of("input x = [1.0, 2.0, 3.0]\ninput k: int = 1\nf = sum(x ^ 2) + x[k]\noutput f\n")
    assert not f.is_compiled
    value, (slope, none) = f([1, 1, 1], 2)
    assert value == 4.0
    assert none is None
    assert slope.tolist() == [2.0, 2.0, 3.0]
    with pytest.raises(ValueError, match="shape"):
        f([1, 1], 2)


def test_a_model_without_a_scalar_is_no_function() -> None:
    with pytest.raises(GraphlangError, match="not a float scalar"):
        function_of("input x = [1.0, 2.0]\ny = x * 2\noutput y\n")


# --- compiled C --------------------------------------------------------------------------------------


def test_the_c_text_holds_nothing_of_the_file() -> None:
    outcome = compile_source(SourceFile("t", "input danger = 3.25\nworse = exp(danger) * 1234.5\n"))
    model = prepare(outcome.value).model
    plan = make_plan(model.nodes, [model.of])
    text = c_text(make_tape(plan, [model.inputs["danger"]], [model.of]).kinds)
    assert not any(word in text for word in ("danger", "worse", "1234", "3.25"))


def test_without_a_compiler_jit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(GraphlangError, match="no-such-compiler"):
        function_of("input x = 3\nf = x * 1.25 + tan(x)\n", jit=True)


def test_a_program_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "true")  # says that all is well, and makes nothing
    with pytest.raises(GraphlangError, match="`true` made cannot be loaded"):
        function_of("input x = 3\nf = x * 1.25 + tan(x * 2)\n", jit=True)


@NEEDS_COMPILER
def test_run_with_jit_prints_what_run_prints(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(EXAMPLES / "sigmoid_neuron_gates.graph")
    assert main(["run", file, "--json"]) == 0
    wanted = capsys.readouterr().out
    assert main(["run", file, "--json", "--jit"]) == 0
    assert capsys.readouterr().out == wanted
