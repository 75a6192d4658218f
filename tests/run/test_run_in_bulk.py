"""`graphlang run` of large graphs of numbers: no nodes for gradients, the same report to the bit."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from graphlang import pipeline
from graphlang.graph.model import Model
from graphlang.pipeline import compile_source, prepare
from graphlang.run.report import as_json
from graphlang.source import SourceFile

EXAMPLES = Path(__file__).parents[2] / "examples"
# All sorts of nodes that are reported: leaves, truth values, infinities, NaN, aliases, and some that the
# scalar does not depend on.
MANY_SORTS = """
input x = -0.75
param w: [] = 0.5
param u: [] ~ normal(0, 1)
a = tanh(x * w) + x ^ 2
h = a
b = where(a > 0.1, a * u, exp(-x))
is_large = b > 0.3
endless = b / 0.0
nothing = endless - endless
aside = sin(w) * 3
f = maximum(b, a) ^ 1.5 + min(x, w) + h * h * a
output f, aside
metric m = f * 2
expect f < 100
"""


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "LARGE", 0)


def compiled(text: str, path: str | None = None) -> Model:
    outcome = compile_source(SourceFile("test.graph", text, path))
    assert outcome.ok
    return outcome.value


def report(model: Model, *, in_bulk: bool, of: str | None = None) -> tuple[str, bool]:
    """The report as text, and whether it was made in bulk."""
    prepared = prepare(model, of=of, in_bulk=in_bulk)
    evaluation = prepared.evaluate()
    metrics = {name: float(value) for name, value in evaluation.metrics.items()}
    return json.dumps([as_json(evaluation), metrics]), prepared.graph is not None


def test_every_sort_of_node_is_reported_alike() -> None:
    model = compiled(MANY_SORTS)
    in_bulk, was_in_bulk = report(model, in_bulk=True, of="f")
    assert was_in_bulk
    assert in_bulk == report(model, in_bulk=False, of="f")[0]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.graph")), ids=lambda path: path.stem)
def test_examples_are_reported_alike(path: Path) -> None:
    model = compiled(path.read_text(encoding="utf-8"), str(path))
    if any(n.shape != () for n in model.nodes) or not model.outputs:
        pytest.skip("not of numbers alone")
    assert report(model, in_bulk=True)[0] == report(model, in_bulk=False)[0]


@pytest.mark.parametrize(
    "text",
    [
        "input x = 2.0\nk = 3.0\nf = k * x",  # a named constant has a gradient
        "input x = [1.0, 2.0]\nf = sum(x)",
        "input x = 2.0\ng = x * x * x\nd = grad(g, x)\nf = d * x",
        "gate twice(x) -> y {\n y = 2 * x\n backward { grad(x) = 2 * grad(y) }\n}\ninput x = 1.0\nf = twice(x)",
        "input x: int = 2\ninput y = 0.5\nf = x * y",
    ],
    ids=["named constant", "tensor", "derivative", "backward", "integer"],
)
def test_what_is_not_plain_numbers_is_differentiated_node_by_node(text: str) -> None:
    model = compiled(text)
    in_bulk, was_in_bulk = report(model, in_bulk=True, of="f")
    assert not was_in_bulk
    assert in_bulk == report(model, in_bulk=False, of="f")[0]


def test_a_file_of_thousands_of_statements_is_evaluated_without_a_node_for_each_gradient(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    model = compiled("input v0 = 0.5\n" + "".join(f"v{k + 1} = sin(v{k}) * 0.9\n" for k in range(1500)))
    prepared = prepare(model, in_bulk=True)
    assert prepared.graph is not None and prepared.model.nodes is model.nodes
    # The derivative of the last by the first is the product of all slopes, by the chain rule.
    value, slope = 0.5, 1.0
    for _ in range(1500):
        value, slope = math.sin(value) * 0.9, slope * math.cos(value) * 0.9
    assert prepared.evaluate().gradients["v0"] == pytest.approx(slope, rel=1e-9)
