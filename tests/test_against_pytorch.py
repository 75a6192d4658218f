"""Values and gradients of random programs, against PyTorch in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import graphlang
from tests.strategies import Program, programs

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


@given(programs(torch))
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
def test_random_programs_have_the_values_and_gradients_that_pytorch_computes(program: Program) -> None:
    run = graphlang.parse(program.text).run()
    values, gradients = in_torch(program)
    if not all(bool(torch.isfinite(g).all()) for g in gradients.values()):
        return  # at a kink where PyTorch's convention is NaN (the standard deviation of equal numbers)
    scale = max(1.0, *(float(g.abs().max()) for g in gradients.values()))
    for name in run.values:
        assert_close(f"value of {name}\n{program.text}", run.values[name], values[name], 1.0)
    for name in run.gradients:
        assert_close(f"gradient of {name}\n{program.text}", run.gradients[name], gradients[name], scale)
