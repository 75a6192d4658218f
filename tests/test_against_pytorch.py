"""Values and gradients of random programs, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphlang
from tests.strategies import AXIS, BINARY, UNARY, Program, programs

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

TOLERANCE = 1e-9


def in_torch(program: Program) -> tuple[dict[str, Any], dict[str, Any]]:
    values = {name: array.clone().requires_grad_(True) for name, array in program.inputs.items()}
    for name, compute in program.steps:
        values[name] = compute(torch, values)
        if values[name].requires_grad:
            values[name].retain_grad()
    values["f"].backward()
    gradients = {n: torch.zeros_like(v) if v.grad is None else v.grad for n, v in values.items()}
    return values, gradients


def assert_close(name: str, found: Any, wanted: Any, scale: float) -> None:
    np.testing.assert_allclose(
        np.asarray(found), wanted.detach().numpy(), rtol=TOLERANCE, atol=TOLERANCE * scale, err_msg=name
    )


def compare(program: Program) -> None:
    """Assert that graphlang and PyTorch agree on every value and gradient of a program."""
    run = graphlang.parse(program.text).run()
    values, gradients = in_torch(program)
    if not all(bool(torch.isfinite(g).all()) for g in gradients.values()):
        return  # at a kink where PyTorch's convention is NaN (the standard deviation of equal numbers)
    scale = max(1.0, *(float(g.abs().max()) for g in gradients.values()))
    for name in run.values:
        assert_close(f"value of {name}\n{program.text}", run.values[name], values[name], 1.0)
    for name in run.gradients:
        assert_close(f"gradient of {name}\n{program.text}", run.gradients[name], gradients[name], scale)


def single(text: str, shapes: dict[str, tuple[int, ...]], compute: Any) -> Program:
    """A program that consists of one operation."""
    program = Program()
    generator = np.random.default_rng(len(text))
    for name, shape in shapes.items():
        array = generator.uniform(-2, 2, shape)
        program.lines.append(f"input {name} = {array.tolist()}")
        program.inputs[name] = torch.tensor(array)
    program.add(text, (), compute)
    program.lines.append("f = sum(sin(v0))")
    program.steps.append(("f", lambda t, v: t.sum(t.sin(v["v0"]))))
    program.lines.append("output f")
    return program


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("text", sorted(UNARY))
def test_operation_of_one_operand(text: str, shape: tuple[int, ...]) -> None:
    compare(single(text.format(x="x"), {"x": shape}, lambda t, v: UNARY[text](t, v["x"])))


@pytest.mark.parametrize("shapes", [((), ()), ((2, 3), (3,)), ((2, 1, 3), (4, 1))])
@pytest.mark.parametrize("text", sorted(BINARY))
def test_operation_of_two_operands(text: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    operands = {"x": shapes[0], "y": shapes[1]}
    compare(single(text.format(x="x", y="y"), operands, lambda t, v: BINARY[text](t, v["x"], v["y"])))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("text", sorted(AXIS))
def test_operation_along_an_axis(text: str, axis: int) -> None:
    compare(single(text.format(x="x", a=axis), {"x": (3, 4)}, lambda t, v: AXIS[text](t, v["x"], axis)))


@given(programs(torch))
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
def test_random_programs_have_the_values_and_gradients_that_pytorch_computes(program: Program) -> None:
    compare(program)
