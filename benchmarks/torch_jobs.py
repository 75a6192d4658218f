"""PyTorch's contenders. Matrices are held as `nn.Linear` holds them, (out, in), as its users have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Job
from benchmarks.training import MOMENTUM, RATE, Task, products, stepping, threads


def setup() -> Any:
    """The package, with as many threads as the others have."""
    import torch

    torch.set_num_threads(threads())
    return torch


def training_job(
    task: Task,
    loss_of: Callable[[dict[str, Any], Any, Any], Any],
    *,
    is_fused: bool = False,
    is_compiled: bool = False,
) -> Job:
    """Training steps of `loss_of(parameters, x, y)`, with `torch.optim.SGD`."""
    torch = setup()
    held = {name: torch.nn.Parameter(torch.from_numpy(_turned(a).copy())) for name, a in task.start.items()}
    fused = {"fused": True} if is_fused else {}
    optimizer = torch.optim.SGD(held.values(), lr=float(RATE), momentum=float(MOMENTUM), **fused)
    forward = torch.compile(loss_of) if is_compiled else loss_of
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in task.batches]

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = forward(held, x, y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    def reset() -> None:
        with torch.no_grad():
            for name, a in task.start.items():
                held[name].copy_(torch.from_numpy(_turned(a).copy()))
        for state in optimizer.state.values():
            state["momentum_buffer"].zero_()

    def parameters() -> dict[str, np.ndarray]:
        return {name: _turned(p.detach().numpy()) for name, p in held.items()}

    return stepping(step, batches, reset, parameters, float)


def _turned(array: np.ndarray) -> np.ndarray:
    return array.T if array.ndim == 2 else array


def products_job(shapes: list[tuple[int, ...]]) -> Job:
    """Matrix products alone, by the library that PyTorch brings."""
    torch = setup()
    torch.set_grad_enabled(False)
    return products(shapes, lambda a, b, out: torch.matmul(a, b, out=out), torch.from_numpy)
