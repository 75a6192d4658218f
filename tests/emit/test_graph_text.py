"""The printed backward pass is a file that runs, with the same values and the same gradients, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.diagnostics import Problems
from graphlang.emit.graph_text import _Text, graph_text
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
    writer = _Text(model, ".")
    text = "\n".join(writer.lines())
    again = build(text)
    expected, found = run(model, fed), run(again, fed)
    for node in writer.forward:
        assert same(found.values[writer.called[node]], expected.values[node.path]), node.path
    for node, name in writer.grad_names.items():
        if node.path in expected.gradients:
            assert same(found.values[name], expected.gradients[node.path]), name
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


def test_a_long_chain_needs_no_recursion() -> None:
    lines = ["input x0 = 0.5", *(f"x{i + 1} = tanh(x{i}) * 0.9" for i in range(3000)), "output x3000"]
    model = build("\n".join(lines))
    text = graph_text(model)
    assert text.count("\n") > 6000
    # One unnamed expression of 3000 operations.
    deep = build("input x = 0.5\nf = " + " + ".join(["sin(x)"] * 3000) + "\noutput f\n")
    assert graph_text(deep)
