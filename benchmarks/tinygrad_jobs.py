"""tinygrad's contender, compiled by clang for as many threads as the others have."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from benchmarks.harness import Job
from benchmarks.training import MOMENTUM, RATE, Task, stepping, threads


def mlp_job(task: Task, layers: list[str]) -> Job:
    """Training steps of dense layers under `TinyJit`."""
    os.environ.update(DEV="CPU", CC="clang-19", CPU_COUNT=str(threads()))
    from tinygrad import Tensor, TinyJit

    held = {name: Tensor(a).realize() for name, a in task.start.items()}
    velocity = {name: Tensor.zeros(*a.shape).contiguous().realize() for name, a in task.start.items()}
    *hidden, last = layers

    @TinyJit  # type: ignore[untyped-decorator]
    def step(x: Any, y: Any) -> Any:
        for layer in hidden:
            x = (x @ held[f"{layer}.W"] + held[f"{layer}.b"]).relu()
        scores = x @ held[f"{last}.W"] + held[f"{last}.b"]
        loss = scores.sparse_categorical_crossentropy(y)
        gradients = loss.gradient(*held.values())
        for name, g in zip(held, gradients, strict=True):
            velocity[name].assign(velocity[name] * float(MOMENTUM) + g)
            held[name].assign(held[name].detach() - float(RATE) * velocity[name])
        return loss.realize(*velocity.values(), *held.values())

    def reset() -> None:
        for name, a in task.start.items():
            held[name].assign(Tensor(a)).realize()
            velocity[name].assign(Tensor.zeros(*a.shape).contiguous()).realize()

    def parameters() -> dict[str, np.ndarray]:
        return {name: t.numpy() for name, t in held.items()}

    batches = [(Tensor(np.array(x)).realize(), Tensor(y.astype(np.int32)).realize()) for x, y in task.batches]
    # Its first calls are not compiled yet.
    for x, y in batches[:3]:
        step(x, y)
    return stepping(step, batches, reset, parameters, lambda loss: loss.item())
