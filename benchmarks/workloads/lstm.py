"""Training steps of a long short-term memory, unrolled over time: many small operations in a long row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.harness import Job, Workload
from benchmarks.training import (
    Arrays,
    Part,
    Softmax,
    Task,
    normal,
    numpy_job,
    products,
    softmax_loss,
    tuned_job,
)


@dataclass(frozen=True, slots=True)
class Size:
    """Steps in time, width of what is read, units, sequences of a batch, and how many batches there are."""

    length: int
    width: int
    units: int
    batch: int
    batches: int


WORKLOAD = Workload(
    name="lstm",
    title="Training step of an LSTM",
    sizes={"32 steps, width 32, 64 units, batch 32": Size(32, 32, 64, 32, 16)},
    small=Size(3, 4, 5, 6, 6),
    tolerance=2e-4,
    has_share=True,
)


def task_of(size: Size) -> Task:
    """Random sequences and parameters, named as in `lstm.graph`."""
    rng = np.random.default_rng(0)
    units = size.units
    start = {
        "cell.W": normal(rng, size.width, 4 * units, fan_in=2 * size.width),
        "cell.U": normal(rng, units, 4 * units, fan_in=2 * units),
        "cell.b": normal(rng, 4 * units, fan_in=10),
        "scores.dense.W": normal(rng, units, 10, fan_in=units),
        "scores.dense.b": np.zeros(10, np.float32),
    }
    count = size.batch * size.batches
    x = rng.standard_normal((count, size.length, size.width)).astype(np.float32)
    constants = {"T": size.length, "D": size.width, "H": units}
    return Task("lstm.graph", constants, start, x, rng.integers(0, 10, count), size.batch)


@WORKLOAD.contender("NumPy, textbook", "peer")
def numpy_textbook(size: Size) -> Job:
    """Backpropagation through time, written out."""
    H = size.units

    def sigmoid(a: np.ndarray) -> Any:
        return 1 / (1 + np.exp(-a))

    def gradients(p: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[Any, Arrays]:
        W, U, b = p["cell.W"], p["cell.U"], p["cell.b"]
        h = c = np.zeros((len(x), H), np.float32)
        kept = []
        for t in range(size.length):
            a = x[:, t] @ W + h @ U + b
            i, f, o = sigmoid(a[:, :H]), sigmoid(a[:, H : 2 * H]), sigmoid(a[:, 3 * H :])
            g = np.tanh(a[:, 2 * H : 3 * H])
            before = (h, c)
            c = f * c + i * g
            h = o * np.tanh(c)
            kept.append((before, i, f, g, o, np.tanh(c)))
        loss, d = softmax_loss(h @ p["scores.dense.W"] + p["scores.dense.b"], y)
        found = {n: np.zeros_like(a) for n, a in p.items()}
        found["scores.dense.W"], found["scores.dense.b"] = h.T @ d, d.sum(axis=0)
        dh, dc = d @ p["scores.dense.W"].T, np.zeros_like(c)
        for t in reversed(range(size.length)):
            (h, c), i, f, g, o, tanh_c = kept[t]
            dc = dc + dh * o * (1 - tanh_c**2)
            gates = [dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g**2)]
            da = np.concatenate([*gates, dh * tanh_c * o * (1 - o)], axis=1)
            found["cell.W"] += x[:, t].T @ da
            found["cell.U"] += h.T @ da
            found["cell.b"] += da.sum(axis=0)
            dh, dc = da @ U.T, dc * f
        return loss, found

    return numpy_job(task_of(size), gradients)


@WORKLOAD.contender("NumPy, tuned by hand", "hand")
def numpy_tuned(size: Size) -> Job:
    """What can be done for all steps at once is, and every gate is a contiguous block."""
    H = size.units
    order = np.concatenate([np.arange(2 * H), np.arange(3 * H, 4 * H), np.arange(2 * H, 3 * H)])

    def arranged(p: Arrays) -> Arrays:
        """Gates along the rows, those with a sigmoid first."""
        cell = {name: p[name].T[order] for name in ("cell.W", "cell.U", "cell.b")}
        return {**p, **cell}

    def restored(p: Arrays) -> Arrays:
        back = np.argsort(order)
        return {**p, **{name: p[name][back].T for name in ("cell.W", "cell.U", "cell.b")}}

    task = task_of(size)
    return tuned_job(task, arranged(task.start), partial(_tuned_part, size=size), restored)


def _tuned_part(p: Arrays, g: Arrays, rows: int, *, size: Size) -> Part:
    T, D, H = size.length, size.width, size.units
    W, U, b, dense = p["cell.W"], p["cell.U"], p["cell.b"], p["scores.dense.W"]
    bias, softmax = p["scores.dense.b"][:, None], Softmax(rows, rows)
    # A matrix for each step, in which every gate is a contiguous block; `h[t]` is what step t begins with.
    gates, slopes, da = np.empty((3, T, 4 * H, rows), np.float32)
    h, c = np.zeros((2, T + 1, H, rows), np.float32)
    tanh_c, through = np.empty((2, T, H, rows), np.float32)
    # What the products over all steps at once read.
    read = np.empty((T, rows, D), np.float32)
    da_rows, h_rows = np.empty((T, rows, 4 * H), np.float32), np.empty((T, rows, H), np.float32)
    flat, da_flat, h_flat = (a.reshape(T * rows, -1) for a in (read, da_rows, h_rows))
    more, spare = np.empty((4 * H, rows), np.float32), np.empty((H, rows), np.float32)
    dh, dc = np.empty((2, H, rows), np.float32)
    ones, ones_last = np.ones(T * rows, np.float32), np.ones(rows, np.float32)
    dot, add, multiply, subtract = np.dot, np.add, np.multiply, np.subtract

    def forward(x: np.ndarray) -> None:
        np.copyto(read, x.swapaxes(0, 1))
        dot(flat, W.T, da_flat)
        add(da_rows, b, da_rows)
        np.copyto(gates, da_rows.swapaxes(1, 2))
        for t, a in enumerate(gates):
            dot(U, h[t], more)
            add(a, more, a)
            sigmoids, g = a[: 3 * H], a[3 * H :]
            np.negative(sigmoids, sigmoids)
            np.exp(sigmoids, sigmoids)
            add(sigmoids, 1, sigmoids)
            np.reciprocal(sigmoids, sigmoids)
            np.tanh(g, g)
            multiply(a[:H], g, spare)
            multiply(a[H : 2 * H], c[t], c[t + 1])
            add(c[t + 1], spare, c[t + 1])
            np.tanh(c[t + 1], tanh_c[t])
            multiply(a[2 * H : 3 * H], tanh_c[t], h[t + 1])

    def backward() -> None:
        # Derivatives of all gates: s (1 - s), and 1 - g² ; and o (1 - tanh² c).
        multiply(gates, gates, slopes)
        subtract(gates[:, : 3 * H], slopes[:, : 3 * H], slopes[:, : 3 * H])
        subtract(1, slopes[:, 3 * H :], slopes[:, 3 * H :])
        multiply(tanh_c, tanh_c, through)
        subtract(1, through, through)
        multiply(through, gates[:, 2 * H : 3 * H], through)
        dc[...] = 0
        for t in range(T - 1, -1, -1):
            a, d = gates[t], da[t]
            multiply(dh, through[t], spare)
            add(dc, spare, dc)
            multiply(dc, a[3 * H :], d[:H])
            multiply(dc, c[t], d[H : 2 * H])
            multiply(dh, tanh_c[t], d[2 * H : 3 * H])
            multiply(dc, a[:H], d[3 * H :])
            multiply(d, slopes[t], d)
            multiply(dc, a[H : 2 * H], dc)
            dot(U.T, d, dh)
        np.copyto(da_rows, da.swapaxes(1, 2))
        np.copyto(h_rows, h[:T].swapaxes(1, 2))
        dot(da_flat.T, flat, g["cell.W"])
        dot(da_flat.T, h_flat, g["cell.U"])
        dot(ones, da_flat, g["cell.b"])

    def part(x: np.ndarray, y: np.ndarray) -> Any:
        forward(x)
        dot(dense.T, h[T], softmax.scores)
        add(softmax.scores, bias, softmax.scores)
        loss = softmax.loss(softmax.places(y))
        dot(h[T], softmax.scores.T, g["scores.dense.W"])
        dot(softmax.scores, ones_last, g["scores.dense.b"])
        dot(dense, softmax.scores, dh)
        backward()
        return loss

    return part


ours.declare_training(WORKLOAD, task_of)


@WORKLOAD.contender("PyTorch, step by step", "peer", needs="torch")
def torch_unrolled(size: Size) -> Job:
    """The cell's equations in a loop."""
    from benchmarks import torch_jobs

    torch = torch_jobs.setup()
    F = torch.nn.functional

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        h = c = torch.zeros(len(x), size.units)
        for t in range(size.length):
            a = F.linear(x[:, t], p["cell.W"], p["cell.b"]) + F.linear(h, p["cell.U"])
            i, f, g, o = a.chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return F.cross_entropy(F.linear(h, p["scores.dense.W"], p["scores.dense.b"]), y)

    return torch_jobs.training_job(task_of(size), loss_of, is_fused=True)


@WORKLOAD.contender("PyTorch, nn.LSTM", "peer", needs="torch")
def torch_layer(size: Size) -> Job:
    """Its own layer. It has a second bias, which stays zero here."""
    from benchmarks import torch_jobs

    torch = torch_jobs.setup()
    F = torch.nn.functional
    none = torch.zeros(4 * size.units)
    zeros = torch.zeros(1, size.batch, size.units)

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        weights = [p["cell.W"], p["cell.U"], p["cell.b"], none]
        # As `nn.LSTM` calls it: with biases, one layer, no dropout, in training, one way, batch first.
        _, h, _ = torch.lstm(x, (zeros, zeros), weights, True, 1, 0.0, True, False, True)
        return F.cross_entropy(F.linear(h[0], p["scores.dense.W"], p["scores.dense.b"]), y)

    return torch_jobs.training_job(task_of(size), loss_of, is_fused=True)


def _jax(size: Size, *, is_scanned: bool) -> Job:
    import jax
    import jax.numpy as jnp

    from benchmarks import jax_jobs

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        def cell(state: Any, now: Any) -> Any:
            h, c = state
            i, f, g, o = jnp.split(now @ p["cell.W"] + h @ p["cell.U"] + p["cell.b"], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        zeros = jnp.zeros((len(x), size.units), jnp.float32)
        state = (zeros, zeros)
        if is_scanned:
            state, _ = jax.lax.scan(cell, state, x.swapaxes(0, 1))
        else:
            for t in range(size.length):
                state, _ = cell(state, x[:, t])
        logs = jax.nn.log_softmax(state[0] @ p["scores.dense.W"] + p["scores.dense.b"])
        return -jnp.take_along_axis(logs, y[:, None], axis=1).mean()

    return jax_jobs.training_job(task_of(size), loss_of)


@WORKLOAD.contender("JAX, unrolled", "peer", needs="jax", is_slow=True)
def jax_unrolled(size: Size) -> Job:
    """The loop in Python."""
    return _jax(size, is_scanned=False)


@WORKLOAD.contender("JAX, scan over time", "peer", needs="jax")
def jax_scanned(size: Size) -> Job:
    """The loop compiled."""
    return _jax(size, is_scanned=True)


@WORKLOAD.contender("matrix products alone, NumPy's", "floor")
def floor_numpy(size: Size) -> Job:
    """By `numpy.dot`; what is read is multiplied for all steps at once, where nothing waits for it."""
    T, D, H, N = size.length, size.width, size.units, size.batch
    together = [(N * T, D, 4 * H), (D, N * T, 4 * H), (H, N * T, 4 * H)]
    step = [(N, H, 4 * H), (N, 4 * H, H)]
    return products([*together, *step * T, (N, H, 10), (H, N, 10), (N, 10, H)], np.dot, lambda a: a)
