"""Formulas of gates: what is written below a step reads back as a program and gives the right numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import graphlang
from graphlang import pipeline
from graphlang.draw.formulas import gate_text, local_text, names_around, quotient, sent_text, with_numbers
from graphlang.graph.node import Node
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.ops.local import has_local_derivative
from graphlang.source import SourceFile
from graphlang.types.dims import Sizes
from graphlang.types.tensor import DType, TensorType

SIGNS = str.maketrans({"·": "*", "−": "-"})
POWERS = {"²": "^2", "³": "^3", "⁻¹": "^-1"}


def plain(text: str) -> str:
    """A formula as the language writes it."""
    for sign, power in POWERS.items():
        text = text.replace(sign, power)
    return text.translate(SIGNS)


def gate(text: str, name: str) -> tuple[Node, Mapping[Node, str]]:
    outcome = pipeline.compile_source(SourceFile("m.graph", text))
    assert outcome.ok, [d.message for d in outcome.problems]
    node = outcome.value.by_path[name]
    return node, names_around(node)


def scalar_gates() -> list[str]:
    """Every operation that has a gradient and works on single numbers."""
    found = []
    for name, op in registry.all_ops().items():
        if op.vjp is None or op.is_random or op.is_variadic or any(a.kind == "Sizes_" for a in op.attrs):
            continue
        if any(set(s.shapes) == {()} for s in op.samples) or op.rule.__name__ in (
            "elementwise",
            "broadcasting",
        ):
            found.append(name)
    return found


@pytest.mark.parametrize("name", scalar_gates())
def test_a_local_derivative_as_written_is_the_slope(name: str):
    op = registry.find(name)
    builder = Builder()
    kind = TensorType(DType.FLOAT, ())
    operands = [
        builder.add(Node(letter, "input", (), {}, kind, is_named=True)) for letter in "xyz"[: len(op.wires)]
    ]
    sample = next((s for s in op.samples if set(s.shapes) == {()}), op.samples[0])
    attrs = {a.name: a.default for a in op.attrs} | dict(sample.attrs)
    if any(w.kind == "Bool" for w in op.wires) or any(type(v) is type for v in attrs.values()):
        pytest.skip("not a function of numbers alone")
    node = builder.apply(op, operands, attrs, "r")
    node.is_named = True
    names = names_around(node)
    at = dict(zip("xyz", (0.7, 0.4, 0.55), strict=False))

    def value(point: Mapping[str, float], text: str, of: str) -> float:
        inputs = "".join(f"input {n.path} = {point[n.path]!r}\n" for n in operands)
        given = f"r = {plain(gate_text(node, names))}\n" if of == "d" else ""
        run = graphlang.parse(f"{inputs}{given}{of} = 1.0 * ({plain(text)})\noutput {of}\n").run()
        return float(run.values[of])

    for position, operand in enumerate(operands):
        text = local_text(node, position, names, Sizes())
        if text is None:
            # Too long for a slide, or no number.
            assert name == "gelu" or not has_local_derivative(node, position)
            continue
        h = 1e-5
        ends = [
            value(at | {operand.path: at[operand.path] + s * h}, gate_text(node, names), "r") for s in (1, -1)
        ]
        assert value(at, text, "d") == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("right", "local"),
    [
        ("x * y", ["y", "x"]),
        ("x + y", ["1", "1"]),
        ("x - y", ["1", "−1"]),
        ("1 / x", [None, "−1 / x²"]),
        ("x ^ 2", ["2 · x"]),
        ("exp(x)", ["f"]),
        ("tanh(x)", ["1 − f²"]),
        ("sigmoid(x)", ["f · (1 − f)"]),
        ("log(x)", ["1 / x"]),
    ],
)
def test_local_derivatives_are_written_as_on_slides(right: str, local: list[str | None]):
    node, names = gate(f"input x = 2.0\ninput y = 3.0\nf = {right}\nz = x * y * f\noutput z", "f")
    for position, wanted in enumerate(local):
        if wanted is not None:
            assert local_text(node, position, names, Sizes()) == wanted


def test_wires_without_a_name_have_letters_that_no_name_has():
    node, names = gate("input u = 2.0\ninput y = 3.0\nf = (u * y) + u\noutput f", "f")
    assert gate_text(node, names) == "v + u"


def test_numbers_stand_in_the_formula_with_parentheses_where_a_sign_needs_them():
    node, _ = gate("input x = -2.0\ninput y = -4.0\nf = x * y\noutput f", "f")
    assert with_numbers(node, dict(zip(node.inputs, ("−2", "−4"), strict=True))) == "−2 · (−4)"
    node, _ = gate("input x = -2.0\nf = x ^ 2\noutput f", "f")
    assert with_numbers(node, {node.inputs[0]: "−2"}) == "(−2)²"
    node, _ = gate("input x = -2.0\nf = exp(x)\noutput f", "f")
    assert with_numbers(node, {node.inputs[0]: "−2"}) == "exp(−2)"


def test_what_a_matrix_product_sends_back_is_written_with_the_arriving_gradient():
    node, names = gate("input x: [5, 3] = 1\nparam W: [3, 2] = 1\nh = x @ W\nf = sum(h)\noutput f", "h")
    assert sent_text(node, 0, names, "dL/dh", Sizes()) == "dL/dh @ Wᵀ"
    assert sent_text(node, 1, names, "dL/dh", Sizes()) == "xᵀ @ dL/dh"


def test_words_behind_a_d_stand_in_parentheses():
    assert quotient("f", "x") == "df/dx"
    assert quotient("f", "w₀") == "df/dw₀"
    assert quotient("loss", "dot") == "d(loss)/d(dot)"


def test_elementwise_operations_have_local_derivatives_and_others_do_not():
    text = "input x = [1.0, -2.0]\nh = relu(x)\nf = sum(h)\noutput f"
    node, _ = gate(text, "h")
    assert has_local_derivative(node, 0)
    node, _ = gate(text, "f")
    assert not has_local_derivative(node, 0)


def test_strings_in_formulas_are_left_alone():
    text = 'input x: [2, 3] = 1\nparam W: [3, 4] = 1\nh = einsum("ij,jk->ik", x, W)\nf = sum(h)\noutput f'
    node, names = gate(text, "h")
    assert gate_text(node, names) == 'einsum("ij,jk->ik", x, W)'
    assert np.shape(node.inputs) == (2,)
