"""Training steps of the first half of a transformer's block: x + attention(layer_norm(x))."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ours
from benchmarks.harness import Job, Workload
from benchmarks.training import RATE, Arrays, Part, Task, numpy_job, products, threads, tuned_job

EPSILON = 1e-5
NAMES = ("Wq", "Wk", "Wv", "Wo")


@dataclass(frozen=True, slots=True)
class Size:
    """Sequences of a batch, their length, the width, the heads, and how many batches there are."""

    batch: int
    length: int
    width: int
    heads: int
    batches: int


WORKLOAD = Workload(
    name="attention",
    title="Training step of an attention block",
    sizes={"batch 8, sequence 128, width 128, 4 heads": Size(8, 128, 128, 4, 8)},
    small=Size(2, 5, 6, 2, 6),
    tolerance=2e-4,
    has_share=True,
)


def task_of(size: Size) -> Task:
    """Random sequences and targets, and parameters named as in `attention.graph`."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    width = size.width
    start = {
        "h.layer_norm.scale": 1 + draw(width) / 10,
        "h.layer_norm.shift": draw(width) / 10,
        **{f"h.attention.{n}": draw(width, width) / np.float32(np.sqrt(width)) for n in NAMES},
    }
    rows = (size.batch * size.batches, size.length, width)
    constants = {"T": size.length, "D": width, "H": size.heads}
    return Task("attention.graph", constants, start, draw(*rows), draw(*rows), size.batch)


# --- NumPy -----------------------------------------------------------------------------------------------


@WORKLOAD.contender("NumPy, textbook", "peer")
def numpy_textbook(size: Size) -> Job:
    """One formula after the other."""
    shape = (size.batch, size.length, size.heads, size.width // size.heads)
    scale = np.float32(shape[-1] ** -0.5)

    def split(a: np.ndarray) -> np.ndarray:
        return a.reshape(shape).transpose(0, 2, 1, 3)

    def joined(a: np.ndarray) -> np.ndarray:
        return a.transpose(0, 2, 1, 3).reshape(-1, size.width)

    def gradients(p: Arrays, x: np.ndarray, t: np.ndarray) -> tuple[Any, Arrays]:
        Wq, Wk, Wv, Wo = (p[f"h.attention.{n}"] for n in NAMES)
        centred = x - x.mean(axis=-1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        n = (normal * p["h.layer_norm.scale"] + p["h.layer_norm.shift"]).reshape(-1, size.width)
        q, k, v = split(n @ Wq), split(n @ Wk), split(n @ Wv)
        s = (q @ k.swapaxes(2, 3)) * scale
        powers = np.exp(s - s.max(axis=-1, keepdims=True))
        a = powers / powers.sum(axis=-1, keepdims=True)
        o = joined(a @ v)
        rest = x + (o @ Wo).reshape(x.shape) - t
        loss = (rest**2).mean()
        dy = (rest * np.float32(2 / rest.size)).reshape(-1, size.width)
        do = split(dy @ Wo.T)
        da = do @ v.swapaxes(2, 3)
        ds = a * (da - (da * a).sum(axis=-1, keepdims=True)) * scale
        dq, dk, dv = joined(ds @ k), joined(ds.swapaxes(2, 3) @ q), joined(a.swapaxes(2, 3) @ do)
        dn = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
        return loss, {
            "h.layer_norm.scale": (dn * normal.reshape(dn.shape)).sum(axis=0),
            "h.layer_norm.shift": dn.sum(axis=0),
            "h.attention.Wq": n.T @ dq,
            "h.attention.Wk": n.T @ dk,
            "h.attention.Wv": n.T @ dv,
            "h.attention.Wo": o.T @ dy,
        }

    return numpy_job(task_of(size), gradients)


def _tuned(size: Size, parts: int) -> Job:
    task = task_of(size)

    def restored(p: Arrays) -> Arrays:
        three = np.split(p["h.attention.Wqkv"], 3, axis=1)
        rest = {n: a for n, a in p.items() if not n.endswith("Wqkv")}
        return {**rest, **{f"h.attention.{n}": a for n, a in zip(NAMES, three, strict=False)}}

    three = np.concatenate([task.start[f"h.attention.{n}"] for n in NAMES[:3]], axis=1)
    kept = ("h.layer_norm.scale", "h.layer_norm.shift", "h.attention.Wo")
    start = {**{n: task.start[n] for n in kept}, "h.attention.Wqkv": three}
    make = partial(_tuned_part, size=size)
    return tuned_job(task, start, make, restored, parts)


def _tuned_part(p: Arrays, g: Arrays, batch: int, *, size: Size) -> Part:
    """Forward and backward in arrays that stay.

    Queries, keys and values come from one product. Sums over a row are products with ones. The weights are
    divided by their sum only after they have met the values, which are fewer numbers.
    """
    T, D, H = size.length, size.width, size.heads
    rows, each = batch * T, D // H
    scale, factor = np.float32(each**-0.5), RATE * np.float32(2 / (size.batch * T * D))
    gain, shift = p["h.layer_norm.scale"], p["h.layer_norm.shift"]
    Wo, Wqkv = p["h.attention.Wo"], p["h.attention.Wqkv"]
    normal, n, o, y, do, spare, dn = np.empty((7, rows, D), np.float32)
    qkv, dqkv = np.empty((2, rows, 3 * D), np.float32)
    s, ds = np.empty((2, batch, H, T, T), np.float32)
    peak, total = np.empty((2, batch, H, T, 1), np.float32)
    mean, deviation = np.empty((2, rows, 1), np.float32)
    along = np.empty((batch, T, H, 1), np.float32)
    ones = np.ones(rows, np.float32)
    ones_along, ones_each = np.ones((T, 1), np.float32), np.ones((each, 1), np.float32)
    share = np.full((D, 1), 1 / D, np.float32)

    def heads(a: np.ndarray) -> np.ndarray:
        return a.reshape(batch, T, H, each).transpose(0, 2, 1, 3)

    def thirds(a: np.ndarray) -> list[np.ndarray]:
        return list(a.reshape(batch, T, 3, H, each).transpose(2, 0, 3, 1, 4))

    (q, k, v), (dq, dk, dv), oh, doh = thirds(qkv), thirds(dqkv), heads(o), heads(do)
    sT, dsT, kT, vT = (a.swapaxes(2, 3) for a in (s, ds, k, v))
    queries, d_queries = qkv[:, :D], dqkv[:, :D]
    along_heads = along.transpose(0, 2, 1, 3)
    dot, matmul, add, subtract, multiply = np.dot, np.matmul, np.add, np.subtract, np.multiply

    def forward(x: np.ndarray) -> None:
        dot(x, share, mean)
        subtract(x, mean, normal)
        multiply(normal, normal, spare)
        dot(spare, share, deviation)
        add(deviation, np.float32(EPSILON), deviation)
        np.sqrt(deviation, deviation)
        np.divide(normal, deviation, normal)
        multiply(normal, gain, n)
        add(n, shift, n)
        dot(n, Wqkv, qkv)
        multiply(queries, scale, queries)
        matmul(q, kT, s)
        np.maximum.reduce(s, 3, out=peak[..., 0])
        subtract(s, peak, s)
        np.exp(s, s)
        dot(s.reshape(-1, T), ones_along, total.reshape(-1, 1))
        np.reciprocal(total, total)
        matmul(s, v, oh)
        multiply(oh, total, oh)
        dot(o, Wo, y)

    def part(x: np.ndarray, t: np.ndarray) -> Any:
        x, t = x.reshape(rows, D), t.reshape(rows, D)
        forward(x)
        add(y, x, y)
        subtract(y, t, y)
        flat = y.reshape(-1)
        loss = dot(flat, flat) / (size.batch * T * D)
        multiply(y, factor, y)
        dot(o.T, y, g["h.attention.Wo"])
        dot(y, Wo.T, do)
        # Σ (derivative by a weight) × (weight) along a row is Σ do × o, over far fewer numbers.
        multiply(do, o, spare)
        dot(spare.reshape(-1, each), ones_each, along.reshape(-1, 1))
        multiply(doh, total, doh)
        matmul(sT, doh, dv)
        matmul(doh, vT, ds)
        multiply(along_heads, total, peak)
        subtract(ds, peak, ds)
        multiply(ds, s, ds)
        matmul(ds, k, dq)
        multiply(d_queries, scale, d_queries)
        matmul(dsT, q, dk)
        dot(n.T, dqkv, g["h.attention.Wqkv"])
        dot(dqkv, Wqkv.T, dn)
        dot(ones, dn, g["h.layer_norm.shift"])
        multiply(dn, normal, spare)
        dot(ones, spare, g["h.layer_norm.scale"])
        return loss

    return part


@WORKLOAD.contender("NumPy, tuned by hand", "hand")
def numpy_tuned(size: Size) -> Job:
    """Nothing made in a step."""
    return _tuned(size, 1)


@WORKLOAD.contender("NumPy, tuned by hand, batch split over threads", "hand", needs="threadpoolctl")
def numpy_threads(size: Size) -> Job:
    """The same in Python's threads."""
    return _tuned(size, threads())


# --- graphlang, PyTorch, JAX -----------------------------------------------------------------------------


ours.declare_training(WORKLOAD, task_of)


def _torch(size: Size, *, is_one_call: bool, is_compiled: bool = False) -> Job:
    from benchmarks import torch_jobs

    torch = torch_jobs.setup()
    F = torch.nn.functional
    shape = (size.batch, size.length, size.heads, size.width // size.heads)

    def loss_of(p: dict[str, Any], x: Any, t: Any) -> Any:
        n = F.layer_norm(x, (size.width,), p["h.layer_norm.scale"], p["h.layer_norm.shift"], EPSILON)
        q, k, v = (F.linear(n, p[f"h.attention.{m}"]).view(shape).transpose(1, 2) for m in NAMES[:3])
        if is_one_call:
            o = F.scaled_dot_product_attention(q, k, v)
        else:
            o = torch.softmax(q @ k.transpose(2, 3) * shape[-1] ** -0.5, dim=-1) @ v
        y = x + F.linear(o.transpose(1, 2).reshape(x.shape), p["h.attention.Wo"])
        return F.mse_loss(y, t)

    return torch_jobs.training_job(task_of(size), loss_of, is_fused=True, is_compiled=is_compiled)


@WORKLOAD.contender("PyTorch, scaled_dot_product_attention", "peer", needs="torch")
def torch_one_call(size: Size) -> Job:
    """With its own operation for attention."""
    return _torch(size, is_one_call=True)


@WORKLOAD.contender("PyTorch, formula by formula", "peer", needs="torch")
def torch_formulas(size: Size) -> Job:
    """As a course writes it."""
    return _torch(size, is_one_call=False)


@WORKLOAD.contender("torch.compile", "peer", needs="torch", is_slow=True)
def torch_compiled(size: Size) -> Job:
    """The formulas, compiled to C++."""
    return _torch(size, is_one_call=False, is_compiled=True)


@WORKLOAD.contender("JAX, jitted step", "peer", needs="jax")
def jax_step(size: Size) -> Job:
    """One call a step."""
    import jax
    import jax.numpy as jnp

    from benchmarks import jax_jobs

    shape = (size.batch, size.length, size.heads, size.width // size.heads)

    def loss_of(p: dict[str, Any], x: Any, t: Any) -> Any:
        centred = x - x.mean(axis=-1, keepdims=True)
        normal = centred / jnp.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        n = normal * p["h.layer_norm.scale"] + p["h.layer_norm.shift"]
        q, k, v = ((n @ p[f"h.attention.{m}"]).reshape(shape).swapaxes(1, 2) for m in NAMES[:3])
        a = jax.nn.softmax(q @ k.swapaxes(2, 3) * shape[-1] ** -0.5)
        y = x + (a @ v).swapaxes(1, 2).reshape(x.shape) @ p["h.attention.Wo"]
        return ((y - t) ** 2).mean()

    return jax_jobs.training_job(task_of(size), loss_of)


# --- what nobody can avoid -------------------------------------------------------------------------------


def _shapes(size: Size) -> list[tuple[int, ...]]:
    T, D = size.length, size.width
    rows, each, count = size.batch * T, D // size.heads, size.batch * size.heads
    scores, values = (T, each, T, count), (T, T, each, count)
    forward = [(rows, D, 3 * D), scores, values, (rows, D, D)]
    backward = [
        (D, rows, D),
        (rows, D, D),
        scores,
        values,
        values,
        values,
        (D, rows, 3 * D),
        (rows, 3 * D, D),
    ]
    return [*forward, *backward]


@WORKLOAD.contender("matrix products alone, NumPy's", "floor")
def floor_numpy(size: Size) -> Job:
    """By `numpy.matmul` into arrays that are there."""
    return products(_shapes(size), lambda a, b, out: np.matmul(a, b, out=out), lambda a: a)


@WORKLOAD.contender("matrix products alone, PyTorch's", "floor", needs="torch")
def floor_torch(size: Size) -> Job:
    """By the library that PyTorch brings."""
    from benchmarks.torch_jobs import products_job

    return products_job(_shapes(size))
