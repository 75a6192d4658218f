"""Large graphs of numbers: differentiated in bulk, walked by NumPy or in pieces: the interpreter's bits."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphlang
from graphlang.differentiate.in_bulk import TERMS, number_graph
from graphlang.graph.numbers import Kind
from graphlang.ops.build import Builder
from graphlang.ops.registry import all_ops
from graphlang.ops.spelling import FUNCTIONS
from graphlang.ops.wire import Wire
from graphlang.pipeline import compile_source
from graphlang.plan.array_text import array_text
from graphlang.plan.course import course_of
from graphlang.plan.tape import schedule
from graphlang.run.function import Function
from graphlang.run.pieces import CALLS, Pieces
from graphlang.run.walker import Walker, is_wide
from graphlang.source import SourceFile
from tests.plan.test_scalars import BINARY, SPECIAL, UNARY, bits

SPELLED = {name: op for name, op in all_ops().items() if op.scalar is not None}
FORMULAS = [f for f in UNARY + BINARY if not f.startswith(("floor", "erf"))]


def ways_and_interpreter(text: str) -> tuple[list[Callable[..., Any]], Function]:
    """Ways to compute what was differentiated in bulk, and a function whose `_interpret` interprets nodes."""
    model = compile_source(SourceFile("t", text)).value
    of = model.outputs[0]
    graph = number_graph(model, of)
    assert graph is not None
    f = graphlang.parse(text).function()
    count = len(f.arguments)
    # Of the pieces some are compiled and some go step by step; with each call there are more of them.
    pieces = [Pieces(course_of(graph, count, (size,))) for size in (2, 25, 10**6)]
    pieces[2]._compile(1)
    return [Walker(schedule(graph, count), count), *pieces], f


def assert_same_bits(text: str, feeds: list[tuple[float, ...]]) -> None:
    ways, f = ways_and_interpreter(text)
    for values in feeds:
        f.__dict__.pop("_interpreted", None)
        value, gradients = f._interpret(values)
        wanted = [bits(v) for v in (value, *(g for g in gradients if g is not None))]
        for compute in ways:
            if isinstance(compute, Pieces):
                compute._calls += CALLS // 3
            assert [bits(v) for v in compute(*values)] == wanted, (values, compute)


def random_graph(seed: int, steps: int, inputs: int, reach: int) -> str:
    """Steps whose operands are among the `reach` values before: chains if that is 1, wide if it is large."""
    rng = random.Random(seed)
    names = [f"x{i}" for i in range(inputs)]
    lines = [f"input {name} = {rng.uniform(-1, 1)!r}" for name in names]
    # Formulas that may grow without bounds are kept small by the ones around them.
    for i in range(steps):
        a, b = rng.choice(names[-reach:]), rng.choice(names[-reach:])
        formula = rng.choice((*FORMULAS, "tanh({a})", "{a} - {b}", "relu({a} - {a})", "{a} * {a}"))
        lines.append(f"v{i} = clip({formula.format(a=a, b=b)}, -4, 4)")
        names.append(f"v{i}")
    used = names[-reach:] if reach < steps else names[inputs:]
    return "\n".join([*lines, "f = " + " + ".join(rng.sample(used, min(20, len(used)))), "output f", ""])


# --- the law -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "reach"), [(3, 2), (3, 10), (40, 300), (200, 200)])
@pytest.mark.parametrize("seed", range(4))
def test_random_graphs_narrow_and_wide_give_the_interpreters_bits(seed: int, inputs: int, reach: int) -> None:
    rng = random.Random(seed)
    feeds = [
        tuple(rng.uniform(-1, 1) for _ in range(inputs)),
        (0.0,) * inputs,
        tuple(rng.choice(SPECIAL) for _ in range(inputs)),
    ]
    assert_same_bits(random_graph(seed, 300, inputs, reach), feeds)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_larger_random_scalar_graphs_give_the_interpreters_bits(seed: int) -> None:
    rng = random.Random(seed)
    inputs, reach = rng.choice([(2, 3), (5, 50), (300, 1000)])
    feeds = [tuple(rng.choice((*SPECIAL, rng.gauss(0, 1))) for _ in range(inputs)) for _ in range(4)]
    assert_same_bits(random_graph(seed, 2000, inputs, reach), feeds)


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_formula_computes_the_same_for_all_special_numbers(formula: str) -> None:
    assert_same_bits(
        f"input x = 0.5\ninput y = 2.0\nf = {formula.format(a='x', b='y')} * y\noutput f\n",
        [tuple(map(float, pair)) for pair in itertools.product(SPECIAL, repeat=2)],
    )


@pytest.mark.parametrize("uses", [1, 2, 3, TERMS - 1, TERMS, TERMS + 1, 3 * TERMS, 100])
def test_a_gradient_is_the_sum_of_its_parts_in_the_order_of_the_sweep(uses: int) -> None:
    # The order decides the last bits: the parts are of very different sizes.
    rng = random.Random(uses)
    lines = [f"v{i} = sin(x * {rng.uniform(-1, 1) * 10 ** rng.randrange(12)!r}) * y" for i in range(uses)]
    total = " + ".join(f"v{i}" for i in range(uses))
    text = "\n".join(["input x = 0.3", "input y = 1.5", *lines, f"f = x * ({total})", "output f", ""])
    assert_same_bits(text, [(0.3, 1.5), (-1e-3, 7.0), (1e5, 1e-5)])


# --- at the edges ------------------------------------------------------------------------------------

EDGES = {
    "the output is an input": "input x = 2\noutput x\n",
    "the output is a constant": "input x = 2\nf = 3.5 * 2\noutput f\n",
    "an input is not used": "input x = 2\ninput y = 3\nf = y * y\noutput f\n",
    "all operands are one": "input x = 2\nf = x * x * x - x / x + max(x, x)\noutput f\n",
    "a sum of one input": "input x = 2\nf = x + x + x + x\noutput f\n",
    "a chain of sums passes its gradient on": "input x = 2\ninput y = 1\nf = 1 + (2 + (x + (y + 3)))\noutput f\n",
    "relu at its kink": "input x = 0\nf = relu(x) * 3 + relu(-x)\noutput f\n",
    "a stopped gradient": "input x = 2\nf = stop_gradient(x * 3) * x\noutput f\n",
    "nothing arrives": "input x = 2\nf = stop_gradient(x)\noutput f\n",
    "named constants": "const c = 2.5\ninput x = 2\nf = x * c + c ^ x + x ^ c\noutput f\n",
    "truth values": "input b = true\ninput x = 2\nf = where(b and x > 1 or not b, x * 3, -x)\noutput f\n",
    "parameters": "input x = 2\nparam w = 0.5\nparam v = 3\nf = tanh(w * x + v)\noutput f\n",
}


@pytest.mark.parametrize("text", EDGES.values(), ids=EDGES)
def test_graphs_at_the_edges(text: str) -> None:
    count = len(re.findall(r"^(?:input|param)", text, re.MULTILINE))
    feeds = [(2.0,) * count, (0.0,) * count, (-0.0,) * count, (-3.0,) * count, (math.inf,) * count]
    assert_same_bits(text, [(True, *feed[1:]) if "= true" in text else feed for feed in feeds])


@pytest.mark.parametrize(
    "text",
    [
        "input x = [1.0, 2.0]\nf = sum(x * x)\noutput f\n",
        "input x = 2\nf = grad(x * x, x) * 3\noutput f\n",
        "input x = 2\nf = floor(x) * x\noutput f\n",
        "input k: int = 2\ninput x = 2\nf = x * k\noutput f\n",
        "gate twice(x) -> y {\n  y = 2 * x\n  backward { grad(x) = 7 * grad(y) }\n}\n"
        "input x = 2\nf = twice(x)\noutput f\n",
    ],
)
def test_what_is_not_of_plain_numbers_is_left_to_others(text: str) -> None:
    outcome = compile_source(SourceFile("t", text))
    assert outcome.ok
    assert number_graph(outcome.value, outcome.value.outputs[0]) is None
    value, _ = graphlang.parse(text).function()()
    assert bits(value) == bits(graphlang.parse(text).run().values["f"])


def test_only_operations_spelled_by_a_function_look_at_constants() -> None:
    # The others share one form for all constants, so their rules must not ask for the value.
    class AskedError(Exception):
        pass

    class Guarded(Wire):
        @property
        def value(self) -> Any:
            raise AskedError

    for name, op in SPELLED.items():
        if op.vjp is None or callable(op.scalar):
            continue
        builder = Builder()
        builder.prefix = name
        numbers = [builder.const(w.kind == "Bool" or 0.5) for w in op.wires]
        attrs = dict.fromkeys(op.defaults, 0.5)
        y = builder.apply(op, numbers, attrs)
        parts = op.vjp(
            Guarded(builder, y), Guarded(builder, y), *[Guarded(builder, n) for n in numbers], **attrs
        )
        for part in parts if isinstance(parts, tuple) else (parts,):
            if callable(part) and not isinstance(part, Wire):
                part()


# --- the text, and when ------------------------------------------------------------------------------


def test_the_text_for_arrays_holds_no_more_than_names_made_by_us() -> None:
    allowed = {"def", "compute", "to", "where", "logical_and", "logical_or", "logical_not", "negated", "add",
               "subtract", "multiply", "divide", "floor_divide", "mod", "inf", "nan", *FUNCTIONS}  # fmt: skip
    for op in SPELLED.values():
        plain = callable(op.scalar)
        kind = Kind(
            op, (("low", None),) if plain and op.attrs else (), tuple(a.name for a in op.attrs)[plain:]
        )
        own = {f"{name}_" for name in kind.names}
        assert set(re.findall(r"[^\W\d]\w*", array_text(kind))) <= allowed | own, op.name


def wide_text(width: int, depth: int) -> str:
    lines = [f"input x{i} = {i / width!r}" for i in range(width)]
    before = [f"x{i}" for i in range(width)]
    for d in range(depth):
        after = [f"v{d}_{i}" for i in range(width)]
        lines += [f"{n} = {before[i]} * {before[i - 1]} + 0.5" for i, n in enumerate(after)]
        before = after
    while len(before) > 1:
        pairs = list(zip(before[::2], before[1::2], strict=False))
        after = [f"{a}_{b}" for a, b in pairs]
        lines += [f"{n} = tanh({a} + {b})" for n, (a, b) in zip(after, pairs, strict=True)]
        before = after + before[len(pairs) * 2 :]
    return "\n".join([*lines, f"output {before[0]}", ""])


def test_wide_graphs_are_walked_and_narrow_ones_become_straight_lines() -> None:
    f = graphlang.parse(wide_text(256, 12)).function()
    assert isinstance(f._compute, Walker)
    assert f._graph is not None
    assert is_wide(schedule(f._graph, 256))
    assert isinstance(graphlang.parse(wide_text(4, 12)).function()._compute, Pieces)


def test_a_walked_function_needs_no_node_for_any_gradient_even_where_python_has_no_answer() -> None:
    f = graphlang.parse(wide_text(256, 12)).function()
    f(*np.full(256, 1e300).tolist())
    assert "_planned" not in f.__dict__
