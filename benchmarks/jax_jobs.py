"""JAX's contenders. Filters are held as (rows, columns, in, out), the order that suits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import Job
from benchmarks.training import MOMENTUM, RATE, STEPS, Task, stepping


def training_job(
    task: Task, loss_of: Callable[[dict[str, Any], Any, Any], Any], *, is_scanned: bool = False
) -> Job:
    """Training steps of `loss_of(parameters, x, y)`: one call each, or one call for all batches in turn."""
    import jax
    import jax.numpy as jnp

    def update(state: Any, batch: Any) -> Any:
        held, velocity = state
        loss, found = jax.value_and_grad(loss_of)(held, *batch)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, found)
        return (jax.tree.map(lambda w, v: w - RATE * v, held, velocity), velocity), loss

    state: list[Any] = []
    batches = [(jnp.asarray(x), jnp.asarray(_narrow(y))) for x, y in task.batches]

    def reset() -> None:
        held = {name: jnp.asarray(_filters_last(a)) for name, a in task.start.items()}
        state[:] = [(held, jax.tree.map(jnp.zeros_like, held))]

    def parameters() -> dict[str, np.ndarray]:
        return {name: _filters_first(np.asarray(a)) for name, a in state[0][0].items()}

    one = jax.jit(update, donate_argnums=0)

    def step(x: Any, y: Any) -> Any:
        state[0], loss = one(state[0], (x, y))
        return loss

    def finish(loss: Any) -> float:
        jax.block_until_ready(state[0])
        return float(loss)

    reset()
    if not is_scanned:
        return stepping(step, batches, reset, parameters, finish)

    def stacked(count: int) -> Any:
        return tuple(jnp.stack(arrays) for arrays in zip(*batches[:count], strict=True))

    # All batches in one call; of those, one step is the time per batch.
    many = jax.jit(lambda state, rows: jax.lax.scan(update, state, rows), donate_argnums=0)
    rows = stacked(len(batches))

    def run(count: int) -> None:
        for _ in range(count):
            state[0], _losses = many(state[0], rows)
        jax.block_until_ready(state[0])

    def check() -> dict[str, Any]:
        reset()
        state[0], losses = many(state[0], stacked(STEPS))
        return {"losses": np.asarray(losses), **parameters()}

    return Job(run, check, reset, steps=len(batches))


def _narrow(y: np.ndarray) -> np.ndarray:
    return y.astype(np.int32) if y.dtype.kind == "i" else y


def _filters_last(array: np.ndarray) -> np.ndarray:
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def _filters_first(array: np.ndarray) -> np.ndarray:
    return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
