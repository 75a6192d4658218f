"""Training steps of multilayer perceptrons, from one that is all overhead to one that is all products."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.harness import Job, Workload
from benchmarks.training import (
    Arrays,
    Flat,
    Softmax,
    Task,
    dense_products,
    normal,
    numpy_job,
    products,
    softmax_loss,
    stepping,
)


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of the layers from the input to the scores, rows of a batch, and how many batches there are."""

    widths: tuple[int, ...]
    batch: int
    batches: int


WORKLOAD = Workload(
    name="mlp",
    title="Training step of a multilayer perceptron",
    sizes={
        "64-128-10, batch 32": Size((64, 128, 10), 32, 45),
        "784-256-128-10, batch 64": Size((784, 256, 128, 10), 64, 16),
        "784-1024-1024-10, batch 256": Size((784, 1024, 1024, 10), 256, 8),
    },
    small=Size((6, 8, 7, 10), 5, 6),
    tolerance=2e-4,
    has_share=True,
)


def task_of(size: Size) -> Task:
    """Random rows and parameters, named as in `mlp.graph`."""
    rng = np.random.default_rng(0)
    start: Arrays = {}
    for (inputs, outputs), layer in zip(_pairs(size), layers(size), strict=True):
        start[f"{layer}.W"] = normal(rng, inputs, outputs, fan_in=inputs)
        start[f"{layer}.b"] = np.zeros(outputs, np.float32)
    count = size.batch * size.batches
    x = rng.standard_normal((count, size.widths[0])).astype(np.float32)
    y = rng.integers(0, size.widths[-1], count)
    constants = {"D": size.widths[0], "hidden": size.widths[1:-1]}
    return Task("mlp.graph", constants, start, x, y, size.batch)


def layers(size: Size) -> list[str]:
    """Paths of the layers."""
    return [*(f"h[{k}].dense" for k in range(1, len(size.widths) - 1)), "scores.dense"]


def _pairs(size: Size) -> list[tuple[int, int]]:
    return list(pairwise(size.widths))


# --- NumPy -----------------------------------------------------------------------------------------------


@WORKLOAD.contender("NumPy, textbook", "peer")
def numpy_textbook(size: Size) -> Job:
    """One formula after the other, each with arrays of its own."""
    *hidden, last = layers(size)

    def gradients(p: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[Any, Arrays]:
        values = [x]
        for layer in hidden:
            values.append(np.maximum(values[-1] @ p[f"{layer}.W"] + p[f"{layer}.b"], 0))
        loss, d = softmax_loss(values[-1] @ p[f"{last}.W"] + p[f"{last}.b"], y)
        found: Arrays = {}
        for layer, h in zip([last, *reversed(hidden)], reversed(values), strict=True):
            found[f"{layer}.W"], found[f"{layer}.b"] = h.T @ d, d.sum(axis=0)
            d = (d @ p[f"{layer}.W"].T) * (h > 0) if h is not x else d
        return loss, found

    return numpy_job(task_of(size), gradients)


@WORKLOAD.contender("NumPy, tuned by hand", "hand")
def numpy_tuned(size: Size) -> Job:
    """No array is made in a step, and no pass over memory more than is needed.

    The scores lie transposed, sums over rows are products with a vector of ones, and the update is done in
    pieces that stay in the cache.
    """
    task = task_of(size)
    flat, softmax = Flat(task.start), Softmax(size.batch, size.batch, size.widths[-1])
    p, (g,) = flat.held, flat.gradients
    *hidden, last = layers(size)
    h = [np.empty((size.batch, units), np.float32) for units in size.widths[1:-1]]
    d = [np.empty_like(a) for a in h]
    is_on = [np.empty(a.shape, bool) for a in h]
    ones, zero = np.ones(size.batch, np.float32), np.float32(0)
    forward = [(p[f"{n}.W"], p[f"{n}.b"], a) for n, a in zip(hidden, h, strict=True)]
    W, bias, gW, gb = p[f"{last}.W"], p[f"{last}.b"][:, None], g[f"{last}.W"], g[f"{last}.b"]
    # Of each hidden layer from the last to the first: the layer above's weights and derivative.
    above = [*(p[f"{n}.W"].T for n in hidden[1:]), W.T]
    d_above = [*d[1:], softmax.scores.T]
    backward = [
        (d_above[k], above[k], h[k], is_on[k], d[k], g[f"{n}.W"], g[f"{n}.b"], h[k - 1].T if k else None)
        for k, n in reversed(list(enumerate(hidden)))
    ]
    dot, add, multiply, maximum, greater = np.dot, np.add, np.multiply, np.maximum, np.greater
    WT, hT, scores, scoresT = W.T, h[-1].T, softmax.scores, softmax.scores.T

    def step(x: np.ndarray, at: np.ndarray) -> Any:
        a = x
        for weight, b, out in forward:
            dot(a, weight, out)
            add(out, b, out)
            maximum(out, zero, out=out)
            a = out
        dot(WT, hT, scores)
        add(scores, bias, scores)
        loss = softmax.loss(at)
        dot(hT, scoresT, gW)
        dot(scores, ones, gb)
        for upper, weight, here, on, out, weight_out, bias_out, below in backward:
            dot(upper, weight, out)
            greater(here, zero, on)
            multiply(out, on, out)
            dot(x.T if below is None else below, out, weight_out)
            dot(ones, out, bias_out)
        flat.update()
        return loss

    batches = [(x, softmax.places(y)) for x, y in task.batches]
    return stepping(step, batches, flat.reset, lambda: flat.held)


# --- graphlang -------------------------------------------------------------------------------------------


ours.declare_training(WORKLOAD, task_of)


# --- PyTorch, JAX, tinygrad ------------------------------------------------------------------------------


def _torch(size: Size, **how: bool) -> Job:
    from benchmarks import torch_jobs

    F = torch_jobs.setup().nn.functional
    *hidden, last = layers(size)

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        for layer in hidden:
            x = F.relu(F.linear(x, p[f"{layer}.W"], p[f"{layer}.b"]))
        return F.cross_entropy(F.linear(x, p[f"{last}.W"], p[f"{last}.b"]), y)

    return torch_jobs.training_job(task_of(size), loss_of, **how)


@WORKLOAD.contender("PyTorch", "peer", needs="torch")
def torch_eager(size: Size) -> Job:
    """As in its tutorials."""
    return _torch(size)


@WORKLOAD.contender("PyTorch, fused SGD", "peer", needs="torch")
def torch_fused(size: Size) -> Job:
    """With all parameters updated in one call."""
    return _torch(size, is_fused=True)


@WORKLOAD.contender("torch.compile, fused SGD", "peer", needs="torch", is_slow=True)
def torch_compiled(size: Size) -> Job:
    """Forward and backward compiled to C++."""
    return _torch(size, is_fused=True, is_compiled=True)


def _jax(size: Size, *, is_scanned: bool) -> Job:
    import jax
    import jax.numpy as jnp

    from benchmarks import jax_jobs

    *hidden, last = layers(size)

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        for layer in hidden:
            x = jax.nn.relu(x @ p[f"{layer}.W"] + p[f"{layer}.b"])
        logs = jax.nn.log_softmax(x @ p[f"{last}.W"] + p[f"{last}.b"])
        return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()

    return jax_jobs.training_job(task_of(size), loss_of, is_scanned=is_scanned)


@WORKLOAD.contender("JAX, jitted step", "peer", needs="jax")
def jax_step(size: Size) -> Job:
    """One call a step."""
    return _jax(size, is_scanned=False)


@WORKLOAD.contender("JAX, jitted scan over all batches", "peer", needs="jax")
def jax_scan(size: Size) -> Job:
    """One call for as many steps as there are batches."""
    return _jax(size, is_scanned=True)


@WORKLOAD.contender("tinygrad, TinyJit", "peer", needs="tinygrad $clang-19", is_slow=True)
def tinygrad(size: Size) -> Job:
    """Compiled by clang."""
    from benchmarks.tinygrad_jobs import mlp_job

    return mlp_job(task_of(size), layers(size))


# --- what nobody can avoid -------------------------------------------------------------------------------


@WORKLOAD.contender("matrix products alone, NumPy's", "floor")
def floor_numpy(size: Size) -> Job:
    """By `numpy.dot` into arrays that are there."""
    shapes = dense_products(size.batch, list(size.widths))
    return products(shapes, np.dot, lambda a: a)


@WORKLOAD.contender("matrix products alone, PyTorch's", "floor", needs="torch")
def floor_torch(size: Size) -> Job:
    """By the library that PyTorch brings."""
    from benchmarks.torch_jobs import products_job

    return products_job(dense_products(size.batch, list(size.widths)))
