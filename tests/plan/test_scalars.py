"""Scalar steps as straight-line Python compute what NumPy computes, whatever the numbers."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import GraphlangError
from graphlang.emit.kernels import one_expression
from graphlang.emit.number_functions import number_function
from graphlang.ops.registry import all_ops
from graphlang.ops.spelling import FUNCTIONS
from graphlang.pipeline import compile_source, prepare
from graphlang.plan.scalars import find_chunks
from graphlang.plan.schedule import Plan, make_plan
from graphlang.plan.spelled import number_kernel
from graphlang.run import interpreter
from graphlang.run.interpreter import Executable
from graphlang.source import SourceFile

SPECIAL = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    -2.5,
    3.0,
    5e-324,
    1e308,
    -1e308,
    800.0,
    math.inf,
    -math.inf,
    math.nan,
)


def planned(text: str) -> tuple[Plan, dict[str, Any]]:
    """A plan for every named value and every gradient of a program, and what its inputs hold."""
    outcome = compile_source(SourceFile("test.graph", text))
    assert not outcome.problems.has_errors, list(outcome.problems)
    ready = prepare(outcome.value)
    model = ready.model
    wanted = [*(n for n in model.nodes if n.is_named), *model.gradients.values()]
    return make_plan(model.nodes, wanted), {k: np.asarray(v, np.float64) for k, v in ready.inputs.items()}


def bits(value: Any) -> tuple[str, bytes]:
    """Kind and bytes of a number; one NaN is like another."""
    array = np.asarray(value)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array)
    return str(array.dtype), array.tobytes()


def compiled_and_interpreted(plan: Plan, leaves: dict[str, Any], **more: Any) -> tuple[list[Any], list[Any]]:
    executables = Executable(plan, is_repeated=True, in_numbers=True), Executable(plan, in_numbers=True)
    compiled, interpreted = (list(e.run(leaves, **more).values()) for e in executables)
    return compiled, interpreted


# --- the law -----------------------------------------------------------------------------------------

UNARY = (
    "-{a}", "abs({a})", "exp({a})", "log({a})", "log1p({a})", "expm1({a})", "sqrt({a})", "square({a})",
    "reciprocal({a})", "sin({a})", "cos({a})", "tan({a})", "tanh({a})", "sign({a})", "relu({a})",
    "sigmoid({a})", "softplus({a})", "silu({a})", "leaky_relu({a}, 0.1)", "elu({a})", "{a} ^ 2", "{a} ^ 3",
    "{a} ^ -1", "{a} ^ 0.5", "{a} ^ -1.5", "clip({a}, -0.7, 0.9)", "clip({a}, low = 0.0)", "{a} / 3", "1 / {a}",
    "floor({a})", "erf({a})", "stop_gradient({a})", "where(not ({a} > 0), 0.5, {a})",
)  # fmt: skip
BINARY = (
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / {b}", "{a} ^ {b}", "{a} % {b}", "{a} // {b}", "max({a}, {b})",
    "min({a}, {b})", "where({a} < {b}, {a}, {b})", "where({a} == {b} or {a} > 1, {b}, {a})",
)  # fmt: skip


@st.composite
def scalar_programs(draw: st.DrawFn) -> str:
    number = st.one_of(st.sampled_from([v for v in SPECIAL if math.isfinite(v)]), st.floats(-3, 3))
    names = ["x0", "x1", "x2"]
    lines = [f"input {name} = {draw(number)!r}" for name in names]
    for i in range(draw(st.integers(2, 25))):
        a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        lines.append(f"v{i} = " + draw(st.sampled_from(UNARY + BINARY)).format(a=a, b=b))
        names.append(f"v{i}")
    lines += ["f = " + " + ".join(names), "output f"]
    return "\n".join(lines) + "\n"


@given(scalar_programs(), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_compiled_steps_give_the_interpreters_bits(text: str, size: int) -> None:
    plan, leaves = planned(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "CHUNK", size)
        compiled, interpreted = compiled_and_interpreted(plan, leaves)
    assert list(map(bits, compiled)) == list(map(bits, interpreted))


@given(scalar_programs(), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_no_chunk_holds_more_than_names_and_numbers_made_by_us(text: str, size: int) -> None:
    renamed = re.sub(r"\b(x\d|v\d+)\b", r"danger_\1", text)
    allowed = {"run", "def", "if", "else", "and", "or", "not", "True", "False", "nan", "inf", "bool", "bool_",
               "float64", "s", *FUNCTIONS}  # fmt: skip
    for chunk in find_chunks(planned(renamed)[0], size):
        source = re.sub(r"\b\d[\d.]*(e[-+]?\d+)?", "0", chunk.source)
        names = set(re.findall(r"[^\W\d]\w*", source))
        assert {n for n in names if not re.fullmatch(r"v\d+", n)} <= allowed
        assert set(re.findall(r"\W", source)) <= set("()[]:=+-*/%<>!., \n")


# --- each operation ----------------------------------------------------------------------------------

SPELLED = {name: op for name, op in all_ops().items() if op.scalar is not None}
ATTRS = {"leaky_relu": {"slope": 0.1}, "elu": {"alpha": 0.7}, "clip": {"low": -0.7, "high": 0.9}}


# Their last digits may be others in NumPy, which has its own functions for some processors.
LIBRARY = {
    "cos",
    "elu",
    "exp",
    "expm1",
    "log",
    "log1p",
    "pow",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "tan",
    "tanh",
}
NUMBERS = [
    *SPECIAL,
    *np.random.default_rng(0).normal(size=20),
    *(30 * np.random.default_rng(1).normal(size=20)),
]


def operands_of(op: Any) -> Any:
    kinds = ["bool" if w.kind == "Bool" else "float" for w in op.wires]
    return itertools.product(*[(True, False) if k == "bool" else map(float, NUMBERS) for k in kinds])


def by_numpy(op: Any, operands: Any) -> Any:
    given_by_the_run = {"dtype": np.float64} if op.needs_dtype else {}
    with np.errstate(all="ignore"):
        return op.kernel(*map(np.asarray, operands), **ATTRS.get(op.name, {}), **given_by_the_run)


@pytest.mark.parametrize("name", sorted(SPELLED.keys() - LIBRARY))
def test_a_spelling_computes_what_its_kernel_computes(name: str) -> None:
    op = SPELLED[name]
    for operands in operands_of(op):
        found = _spelled(op, list(operands))
        if found is not None:
            assert bits(found) == bits(by_numpy(op, operands)), operands


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_a_spelling_with_the_c_librarys_functions_defines_what_numbers_give(name: str) -> None:
    op = SPELLED[name]
    for operands in operands_of(op):
        found, kernels = _spelled(op, list(operands)), by_numpy(op, operands)
        with np.errstate(all="ignore"):
            made = number_kernel(op)(*map(np.float64, operands), **ATTRS.get(name, {}))
        assert bits(made) == bits(kernels if found is None else found), operands
        # NumPy's own functions are exact to a few units in the last place.
        if found is not None and math.isfinite(found):
            assert abs(found - kernels) <= 6 * np.spacing(abs(found)), operands


@pytest.mark.parametrize("name", sorted(LIBRARY))
def test_a_script_has_numpys_answer_wherever_python_has_none(name: str) -> None:
    op = SPELLED[name]
    if "except" not in number_function(op, one_expression(op)):
        assert all(_spelled(op, list(operands)) is not None for operands in operands_of(op))


def _spelled(op: Any, operands: list[Any]) -> Any:
    """What the spelling gives; None where Python has no answer and NumPy is asked."""
    texts = [f"_{i}" for i in range(len(operands))]
    attrs = {k: repr(v) for k, v in ATTRS.get(op.name, {}).items()}
    if isinstance(op.scalar, str):
        text = op.scalar.format(**dict(zip([w.name for w in op.wires], texts, strict=True)), **attrs)
    else:
        text = op.scalar(*texts, **attrs)
    try:
        return eval(text, {**FUNCTIONS, **dict(zip(texts, operands, strict=True))})
    except (ArithmeticError, ValueError):
        return None


# --- where Python has no answer ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 / (x - x)", math.inf),
        ("-1 / (x - x)", -math.inf),
        ("(x - x) / (x - x)", math.nan),
        ("exp(x * 1000)", math.inf),
        ("log(-x)", math.nan),
        ("log(x - x)", -math.inf),
        ("sqrt(-x)", math.nan),
        ("(-x) ^ 0.5", math.nan),
        ("(x - x) ^ -1.5", math.inf),
        ("sin(exp(x * 1000))", math.nan),
        ("x % (x - x)", math.nan),
        ("x * 1e300 * 1e300", math.inf),
        ("-(x - x)", -0.0),
    ],
)
def test_numpy_answers_where_python_raises(formula: str, value: float) -> None:
    plan, leaves = planned(f"input x = 2.0\nf = {formula}\ny = x + x * x - 3 / x\noutput f, y\n")
    for size in (1, 2, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(interpreter, "CHUNK", size)
            executable = Executable(plan, is_repeated=True, in_numbers=True)
            found = {node.path: v for node, v in executable.run(leaves).items()}
            assert executable._chunks()
        assert bits(found["f"]) == bits(np.float64(value))
        assert found["y"] == 4.5


def test_a_value_put_in_place_of_a_step_is_used_by_all_chunks() -> None:
    lines = "".join(f"v{i + 1} = v{i} * 0.5 + v0\n" for i in range(20))
    plan, leaves = planned("input x = 2.0\nv0 = x * x\n" + lines + "output v20\n")
    node = next(n for n in plan.wanted if n.path == "v3")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interpreter, "CHUNK", 5)
        compiled, interpreted = compiled_and_interpreted(plan, leaves, overrides={node: np.float64(7.0)})
    assert list(map(bits, compiled)) == list(map(bits, interpreted))


def test_an_error_names_the_node_also_when_its_neighbours_are_compiled() -> None:
    text = (
        "input x = 2.0\ny = x * x\nz = y + x\nw = exp(z) - y\ntable = [1.0, 2.0]\nf = table[to_int(w)] * z\n"
    )
    plan, leaves = planned(text + "output f\n")
    with pytest.raises(GraphlangError, match="could not be computed"):
        Executable(plan, is_repeated=True, in_numbers=True).run(leaves)


# --- when --------------------------------------------------------------------------------------------

CHAIN = "input x = 0.5\n" + "".join(f"v{i} = {f'v{i - 1}' if i else 'x'} * 1.5 - x\n" for i in range(9))


def test_steps_are_compiled_after_ten_runs_or_when_many_are_foreseen() -> None:
    plan, leaves = planned(CHAIN + "output v8\n")
    executable = Executable(plan, in_numbers=True)
    compiled = []
    for _ in range(12):
        executable.run(leaves)
        compiled.append(executable._compiled is not None)
    assert compiled == 10 * [False] + 2 * [True]
    executable = Executable(plan, is_repeated=True, in_numbers=True)
    executable.run(leaves)
    assert executable._compiled


def test_chunks_get_short_where_python_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "SHORT", 5)
    plan, leaves = planned(CHAIN + "y = log(v8 - v8)\noutput y\n")
    executable = Executable(plan, is_repeated=True, in_numbers=True)
    assert len(executable._chunks()) == 1
    results = [list(map(bits, executable.run(leaves).values())) for _ in range(3)]
    assert len(executable._chunks()) > 2
    assert results == 3 * [list(map(bits, Executable(plan, in_numbers=True).run(leaves).values()))]


def test_float32_stays_with_numpy() -> None:
    plan, leaves = planned(CHAIN + "output v8\n")
    executable = Executable(plan, dtype=np.float32, is_repeated=True, in_numbers=True)
    values = executable.run({k: np.float32(v) for k, v in leaves.items()})
    assert executable._compiled is None
    assert {np.asarray(v).dtype for v in values.values()} == {np.dtype(np.float32)}


def test_arrays_and_integers_are_left_to_numpy_between_chunks() -> None:
    text = CHAIN + "a = [v8, v7] * 2\nn = to_int(v8)\nb = sum(a) + to_float(n)\n"
    text += "c = b * b + v3 - x\nd = c / b - v2 * c\noutput d\n"
    plan, leaves = planned(text)
    assert len(find_chunks(plan)) >= 2
    compiled, interpreted = compiled_and_interpreted(plan, leaves)
    assert list(map(bits, compiled)) == list(map(bits, interpreted))
