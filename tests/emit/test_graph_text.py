"""The printed backward pass is a file that runs, with the same values and the same gradients, to the bit."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.diagnostics import Problems
from graphlang.emit.graph_text import GraphText, graph_text
from graphlang.emit.numpy_script import numpy_script
from graphlang.graph.model import Model
from graphlang.run.feeds import bind_inputs
from graphlang.run.session import Evaluation, evaluate
from tests.emit.models import CASES, build

GOLDEN = Path(__file__).parent / "golden"
GOLDENS = sorted(p.stem for p in GOLDEN.glob("*.graph") if not p.stem.endswith("_grad"))


def run(model: Model, fed: dict[str, Any]) -> Evaluation:
    problems = Problems()
    inputs, sizes = bind_inputs(model, fed, problems)
    assert not problems.has_errors, [d.message for d in problems.found]
    return evaluate(model, inputs, sizes)


def same(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def check(model: Model, fed: dict[str, Any]) -> None:
    """The law: same values, same written gradients, same gradients derived anew."""
    writer = GraphText(model, ".")
    text = "\n".join(writer.lines())
    again = build(text)
    expected, found = run(model, fed), run(again, fed)
    for node in writer.forward:
        assert same(found.values[writer.called[node]], expected.values[node.path]), node.path
    for node, name in writer.gradients.names.items():
        holder = again.find(name)  # the name may be a further one, which is no node of its own
        assert holder is not None, name
        if node.path in expected.gradients:
            assert same(found.values[holder.path], expected.gradients[node.path]), name
        if node.op in ("input", "param"):
            assert same(found.gradients[writer.called[node]], expected.gradients[node.path]), node.path
    failed = [c.expectation.text for c in found.expectations if not c.ok]
    assert not failed


@pytest.mark.parametrize("name", CASES)
def test_text_read_back_gives_the_same_values_and_gradients(name: str) -> None:
    text, fed = CASES[name]
    check(build(text), fed)


def test_text_of_a_training_model_draws_the_same_numbers() -> None:
    model = build(
        "input x: [N, 3]\nh = x -> dropout(0.5) -> dense(2)\nf = sum(h ^ 2)\noutput f\n", training=True
    )
    check(model, {"x": np.arange(12.0).reshape(4, 3)})


@pytest.mark.parametrize("name", GOLDENS)
def test_text_is_the_golden_one(name: str, accept: bool) -> None:
    model = build((GOLDEN / f"{name}.graph").read_text(encoding="utf-8"), name=name)
    text = graph_text(model)
    golden = GOLDEN / f"{name}_grad.graph"
    if accept:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


def test_a_wrong_backward_block_stays_wrong() -> None:
    """The printed gate keeps its own gradient, so deriving the file again repeats the mistake."""
    text = "gate double(x) -> y {\n  y = 2 * x\n  backward { grad(x) = 7 * grad(y) }\n}\n"
    model = build(text + "input x = 3\nf = double(x)\noutput f\n")
    again = build(graph_text(model))
    assert run(again, {}).gradients["x"] == 7.0
    assert run(again, {}).values["grad_x"] == 7.0


def test_gates_of_the_same_text_are_defined_once() -> None:
    text = "gate sq(x) -> y {\n  y = x ^ 2\n  backward { grad(x) = grad(y) * 2 * x }\n}\n"
    printed = graph_text(build(text + "input x = 3\nf = sq(sq(x) + 1) * sq(x)\noutput f\n"))
    assert printed.count("gate sq") == 1


def test_gates_keep_the_names_of_their_parameters() -> None:
    text = (
        "gate scaled_sum(value: [N], by, shift: int[N]) -> (total, first) {\n"
        "  total = sum(value * by + shift) / N\n  first = value[0]\n"
        "  backward {\n    grad(value) = broadcast(grad(total) * by / N, shape(value))\n"
        "    grad(by) = grad(total) * mean(value)\n  }\n}\n"
        "input x: [N] = [1, 2]\ninput k: int[N] = [3, 4]\ninput b = 3\nf, g = scaled_sum(x, b, k)\nh = f * g\noutput h\n"
    )
    printed = graph_text(build(text))
    assert "gate scaled_sum(value: [N], by, shift: int[N]) -> (total, first) {" in printed
    assert "grad(by) = grad(total) * mean(value)" in printed
    check(build(text), {})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("input x = 2\nf = tan(x)\noutput f\n", "grad_x = grad_f * (1 + f * f)"),
        ("input x = 2\nf = x * 3 + x\noutput f\n", "grad_x = grad_f + grad_f * 3"),
        (
            "gate ln(x) -> y {\n  y = log(x)\n  backward { grad(x) = grad(y) * (1 / x) }\n}\n"
            "input x = 2\nf = ln(x)\noutput f\n",
            "grad_x = grad_f * (1 / x)",
        ),
    ],
)
def test_only_the_1_that_the_pass_starts_from_is_written_as_the_results_gradient(
    text: str, line: str
) -> None:
    assert line in graph_text(build(text)).splitlines()


def test_every_step_stands_under_the_statement_that_it_goes_through() -> None:
    text = "input z = 3\ninput x = 1\ninput y = 2\nq = x + y\nr = z + q\nf = r * z\noutput f\n"
    printed = graph_text(build(text)).splitlines()
    start = printed.index("grad_f = 1.0")
    assert printed[start + 1 : start + 10] == [
        "# through f = r * z",
        "grad_r = grad_f * z",
        "# through r = z + q",
        "grad_q = grad_r",
        "# through q = x + y",
        "grad_y = grad_q",
        "grad_x = grad_q",
        "# through r and f",
        "grad_z = grad_f * r + grad_r",
    ]


def test_what_the_result_does_not_depend_on_is_said_to_be_out_of_reach() -> None:
    printed = graph_text(build("input x = 2\ny = x * 3\ng = grad(y, x)\nf = g * x\noutput f\n"))
    assert "# not reached by the gradient\ngrad_y = 0.0\n" in printed


def test_expectations_about_names_that_a_loop_binds_anew_mean_the_last() -> None:
    text = "input x = 2\nh = x\nfor k in 1..2 { h = h * x }\nf = h + x\noutput f\nexpect h == 8\n"
    again = run(build(graph_text(build(text + "expect grad(f, h) == 1\n"))), {})
    assert [c.ok for c in again.expectations] == [True] * 3


def test_data_files_are_found_from_where_the_text_lies() -> None:
    from graphlang.differentiate.differentiate import differentiate
    from graphlang.pipeline import compile_source, objective
    from graphlang.source import SourceFile

    text = (
        'data d = csv("rows.csv") { x = columns("a".."c") / 16 - column("b") }\n'
        "input x: [N, 3]\nf = sum(x)\noutput f\n"
    )
    outcome = compile_source(SourceFile("m.graph", text, path="models/m.graph"))
    of, _ = objective(outcome.value, None)
    printed = graph_text(differentiate(outcome.value, of), folder="out")
    assert 'data d = csv("../models/rows.csv") {' in printed
    assert '  x = (columns("a".."c") / 16) - column("b")' in printed


def random_products(count: int) -> str:
    """Each value is the product of two of the fifty before it."""
    draw = np.random.default_rng(0)
    lines = ["input v0 = 1.0001", "input v1 = 0.99"]
    for i in range(2, count):
        a, b = draw.integers(max(0, i - 50), i, size=2)
        lines.append(f"v{i} = v{a} * v{b}")
    return "\n".join([*lines, f"output v{count - 1}\n"])


def lines_run(function: Callable[[Model], str], model: Model) -> int:
    """How many lines of Python it takes, loops counted by their turns: work, whatever the machine does."""
    count = 0

    def local(frame: Any, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: local)
    try:
        function(model)
    finally:
        sys.settrace(before)
    return count


def sum_of_powers(count: int) -> str:
    """One input that everything uses."""
    lines = ["input x = 0.5", *(f"y{i} = x ^ {i % 7 + 2}" for i in range(count)), "s0 = y0"]
    lines += [f"s{i} = s{i - 1} + y{i}" for i in range(1, count)]
    return "\n".join([*lines, f"output s{count - 1}\n"])


@pytest.mark.parametrize("text", [random_products, sum_of_powers])
@pytest.mark.parametrize("write", [graph_text, numpy_script])
def test_twice_as_long_a_file_is_twice_the_work(
    text: Callable[[int], str], write: Callable[[Model], str]
) -> None:
    models = [build(text(n)) for n in (100, 300, 600)]
    lengths = [write(model).count("\n") for model in models]
    # The first is for what is done only once.
    _, single, double = (lines_run(write, model) / n for model, n in zip(models, lengths, strict=True))
    assert double < 1.1 * single


def test_a_long_chain_needs_no_recursion() -> None:
    lines = ["input x0 = 0.5", *(f"x{i + 1} = tanh(x{i}) * 0.9" for i in range(3000)), "output x3000"]
    model = build("\n".join(lines))
    text = graph_text(model)
    assert text.count("\n") > 6000
    # One unnamed expression of 3000 operations.
    deep = build("input x = 0.5\nf = " + " + ".join(["sin(x)"] * 3000) + "\noutput f\n")
    assert graph_text(deep)
