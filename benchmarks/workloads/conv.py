"""Training steps of a small convolutional network.

Two convolutions, of 16 and 32 filters of 3×3, each halved by pooling, and a dense layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    threads,
    tuned_job,
)

FILTERS = (16, 32)


@dataclass(frozen=True, slots=True)
class Size:
    """Pixels along a side, a multiple of four; images of a batch; how many batches there are."""

    side: int
    batch: int
    batches: int


WORKLOAD = Workload(
    name="conv",
    title="Training step of a convolutional network",
    sizes={"8×8, batch 64": Size(8, 64, 16), "28×28, batch 64": Size(28, 64, 8)},
    small=Size(4, 6, 6),
    tolerance=5e-4,
    has_share=True,
)


def task_of(size: Size) -> Task:
    """Random images and parameters, named as in `conv.graph`."""
    rng = np.random.default_rng(0)
    first, second = FILTERS
    units = second * (size.side // 4) ** 2
    start = {
        "h1.conv.W": normal(rng, first, 1, 3, 3, fan_in=9),
        "h1.conv.b": np.zeros(first, np.float32),
        "h2.conv.W": normal(rng, second, first, 3, 3, fan_in=9 * first),
        "h2.conv.b": np.zeros(second, np.float32),
        "scores.dense.W": normal(rng, units, 10, fan_in=units),
        "scores.dense.b": np.zeros(10, np.float32),
    }
    count = size.batch * size.batches
    x = rng.standard_normal((count, 1, size.side, size.side)).astype(np.float32)
    return Task("conv.graph", {"side": size.side}, start, x, rng.integers(0, 10, count), size.batch)


# --- NumPy -----------------------------------------------------------------------------------------------


@WORKLOAD.contender("NumPy, textbook", "peer")
def numpy_textbook(size: Size) -> Job:
    """Every window as a row of a matrix."""

    def gradients(p: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[Any, Arrays]:
        z1, rows1 = _convolved(x, p["h1.conv.W"], p["h1.conv.b"])
        h1, peaks1 = _pooled(np.maximum(z1, 0))
        z2, rows2 = _convolved(h1, p["h2.conv.W"], p["h2.conv.b"])
        h2, peaks2 = _pooled(np.maximum(z2, 0))
        flat = h2.reshape(len(x), -1)
        loss, d = softmax_loss(flat @ p["scores.dense.W"] + p["scores.dense.b"], y)
        d2 = _unpooled((d @ p["scores.dense.W"].T).reshape(h2.shape), peaks2) * (z2 > 0)
        d1 = _unpooled(_to_input(d2, p["h2.conv.W"]), peaks1) * (z1 > 0)
        return loss, {
            "h1.conv.W": _to_filters(d1, rows1, p["h1.conv.W"]),
            "h1.conv.b": d1.sum(axis=(0, 2, 3)),
            "h2.conv.W": _to_filters(d2, rows2, p["h2.conv.W"]),
            "h2.conv.b": d2.sum(axis=(0, 2, 3)),
            "scores.dense.W": flat.T @ d,
            "scores.dense.b": d.sum(axis=0),
        }

    return numpy_job(task_of(size), gradients)


def _convolved(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Filters over images (N, C, H, W) with a border of zeros; and the windows, one a row."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    rows = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, W[0].size)
    z = (rows @ W.reshape(len(W), -1).T + b).reshape(len(x), *x.shape[2:], len(W))
    return z.transpose(0, 3, 1, 2), rows


def _to_filters(d: np.ndarray, rows: np.ndarray, W: np.ndarray) -> Any:
    return (d.transpose(1, 0, 2, 3).reshape(len(W), -1) @ rows).reshape(W.shape)


def _to_input(d: np.ndarray, W: np.ndarray) -> np.ndarray:
    n, filters, height, width = d.shape
    rows = d.transpose(0, 2, 3, 1).reshape(-1, filters) @ W.reshape(filters, -1)
    windows = rows.reshape(n, height, width, W.shape[1], 3, 3).transpose(0, 3, 4, 5, 1, 2)
    out = np.zeros((n, W.shape[1], height + 2, width + 2), d.dtype)
    for i in range(3):
        for j in range(3):
            out[:, :, i : i + height, j : j + width] += windows[:, :, i, j]
    return out[:, :, 1:-1, 1:-1]


def _pooled(h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, c, height, width = h.shape
    blocks = h.reshape(n, c, height // 2, 2, width // 2, 2)
    peaks = blocks.max(axis=(3, 5))
    return peaks, blocks == peaks[:, :, :, None, :, None]


def _unpooled(d: np.ndarray, peaks: np.ndarray) -> Any:
    n, c, height, _, width, _ = peaks.shape
    return (d[:, :, :, None, :, None] * peaks).reshape(n, c, 2 * height, 2 * width)


def _tuned(size: Size, parts: int) -> Job:
    task, side = task_of(size), size.side // 4
    first, second = FILTERS

    def arranged(p: Arrays) -> Arrays:
        dense = p["scores.dense.W"].reshape(second, side, side, 10).transpose(1, 2, 0, 3).reshape(-1, 10)
        filters = {n: p[n].transpose(2, 3, 1, 0).reshape(-1, len(p[n])) for n in ("h1.conv.W", "h2.conv.W")}
        return {**p, **filters, "scores.dense.W": dense}

    def restored(p: Arrays) -> Arrays:
        dense = p["scores.dense.W"].reshape(side, side, second, 10).transpose(2, 0, 1, 3).reshape(-1, 10)
        filters = {
            n: p[n].reshape(3, 3, c, f).transpose(3, 2, 0, 1)
            for n, c, f in (("h1.conv.W", 1, first), ("h2.conv.W", first, second))
        }
        return {**p, **filters, "scores.dense.W": dense}

    make = partial(_tuned_part, whole=size.batch, side=size.side)
    return tuned_job(task, arranged(task.start), make, restored, parts)


class _Convolution:
    """A convolution and its pooling in arrays that stay, channels last.

    The four pixels of a pooling window lie in four blocks, so that the largest is found by whole arrays, and
    bias and rectifier, which keep the order of numbers, follow on a quarter of them.
    """

    def __init__(self, image: np.ndarray, W: np.ndarray, b: np.ndarray, out: np.ndarray):
        n, height, _, channels = image.shape
        half, filters = (height - 2) // 2, W.shape[1]
        s = image.strides
        self._windows = np.lib.stride_tricks.as_strided(
            image, (2, 2, n, half, half, 3, 3 * channels), (s[1], s[2], s[0], 2 * s[1], 2 * s[2], s[1], s[3])
        )
        self._rows = np.empty(self._windows.shape, np.float32)
        self.rows = self._rows.reshape(-1, 9 * channels)
        self._z = np.empty((4 * n * half * half, filters), np.float32)
        self.z = self._z.reshape(4, -1, filters)
        self.peak = np.empty(self.z.shape[1:], np.float32)
        self._is_peak = np.empty(self.z.shape, bool)
        self._is_on = np.empty(out.shape, bool)
        self._W, self._b, self.out = W, b, out
        self._ones = np.ones(len(self.peak), np.float32)

    def forward(self) -> None:
        """From the image to `out`."""
        np.copyto(self._rows, self._windows)
        np.dot(self.rows, self._W, self._z)
        z, peak = self.z, self.peak
        np.maximum(z[0], z[1], out=peak)
        np.maximum(peak, z[2], out=peak)
        np.maximum(peak, z[3], out=peak)
        np.add(peak.reshape(self.out.shape), self._b, self.out)
        np.maximum(self.out, 0, out=self.out)

    def backward(self, d: np.ndarray, gW: np.ndarray, gb: np.ndarray) -> np.ndarray:
        """From the derivative by `out`, which is changed, to those by the filters; gives that by `z`."""
        np.greater(self.out, 0, self._is_on)
        np.multiply(d, self._is_on, d)
        flat = d.reshape(self.peak.shape)
        np.dot(self._ones, flat, gb)
        np.equal(self.z, self.peak, self._is_peak)
        np.multiply(self._is_peak, flat, self.z)
        np.dot(self.rows.T, self._z, gW)
        return self.z


def _tuned_part(p: Arrays, g: Arrays, rows: int, *, whole: int, side: int) -> Part:
    first, second = FILTERS
    half, quarter = side // 2, side // 4
    image = np.zeros((rows, side + 2, side + 2, 1), np.float32)
    framed = np.zeros((rows, half + 2, half + 2, first), np.float32)
    h2 = np.empty((rows, quarter, quarter, second), np.float32)
    one = _Convolution(image, p["h1.conv.W"], p["h1.conv.b"], framed[:, 1:-1, 1:-1])
    two = _Convolution(framed, p["h2.conv.W"], p["h2.conv.b"], h2)
    softmax = Softmax(rows, whole)
    flat, W, bias = h2.reshape(rows, -1), p["scores.dense.W"], p["scores.dense.b"][:, None]
    d2, ones = np.empty_like(flat), np.ones(rows, np.float32)
    # The derivative by the first layer's output is a convolution, too: with the filters turned round.
    around = np.zeros((rows, half + 2, half + 2, second), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(around, (3, 3), axis=(1, 2)).transpose(
        0, 1, 2, 4, 5, 3
    )
    copied = np.empty(windows.shape, np.float32)
    turned = np.empty((3, 3, second, first), np.float32)
    filters = p["h2.conv.W"].reshape(3, 3, first, second)[::-1, ::-1].transpose(0, 1, 3, 2)
    d1 = np.empty((rows, half, half, first), np.float32)
    quarters = [around[:, 1 + i : -1 : 2, 1 + j : -1 : 2] for i in (0, 1) for j in (0, 1)]

    def part(x: np.ndarray, y: np.ndarray) -> Any:
        np.copyto(image[:, 1:-1, 1:-1, 0], x[:, 0])
        one.forward()
        two.forward()
        np.dot(W.T, flat.T, softmax.scores)
        np.add(softmax.scores, bias, softmax.scores)
        loss = softmax.loss(softmax.places(y))
        np.dot(flat.T, softmax.scores.T, g["scores.dense.W"])
        np.dot(softmax.scores, ones, g["scores.dense.b"])
        np.dot(softmax.scores.T, W.T, d2)
        dz = two.backward(d2.reshape(h2.shape), g["h2.conv.W"], g["h2.conv.b"])
        for place, block in zip(quarters, dz, strict=True):
            np.copyto(place, block.reshape(place.shape))
        np.copyto(copied, windows)
        np.copyto(turned, filters)
        np.dot(copied.reshape(-1, 9 * second), turned.reshape(-1, first), d1.reshape(-1, first))
        one.backward(d1, g["h1.conv.W"], g["h1.conv.b"])
        return loss

    return part


@WORKLOAD.contender("NumPy, tuned by hand", "hand")
def numpy_tuned(size: Size) -> Job:
    """Nothing made in a step, pooling by whole arrays."""
    return _tuned(size, 1)


@WORKLOAD.contender("NumPy, tuned by hand, batch split over threads", "hand", needs="threadpoolctl")
def numpy_threads(size: Size) -> Job:
    """The same in Python's threads."""
    return _tuned(size, threads())


# --- graphlang, PyTorch, JAX -----------------------------------------------------------------------------


ours.declare_training(WORKLOAD, task_of)


def _torch(size: Size, *, is_compiled: bool = False) -> Job:
    from benchmarks import torch_jobs

    F = torch_jobs.setup().nn.functional

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        for layer in ("h1.conv", "h2.conv"):
            x = F.max_pool2d(F.relu(F.conv2d(x, p[f"{layer}.W"], p[f"{layer}.b"], padding=1)), 2)
        return F.cross_entropy(F.linear(x.flatten(1), p["scores.dense.W"], p["scores.dense.b"]), y)

    return torch_jobs.training_job(task_of(size), loss_of, is_fused=True, is_compiled=is_compiled)


@WORKLOAD.contender("PyTorch, fused SGD", "peer", needs="torch")
def torch_fused(size: Size) -> Job:
    """Convolutions by oneDNN."""
    return _torch(size)


@WORKLOAD.contender("torch.compile, fused SGD", "peer", needs="torch", is_slow=True)
def torch_compiled(size: Size) -> Job:
    """What surrounds them compiled to C++."""
    return _torch(size, is_compiled=True)


@WORKLOAD.contender("JAX, jitted step", "peer", needs="jax")
def jax_step(size: Size) -> Job:
    """Channels last, as it prefers."""
    import jax
    import jax.numpy as jnp

    from benchmarks import jax_jobs

    task = task_of(size)
    quarter = size.side // 4
    shape = (FILTERS[1], quarter, quarter)
    order = np.arange(np.prod(shape)).reshape(shape).transpose(1, 2, 0).reshape(-1)

    def loss_of(p: dict[str, Any], x: Any, y: Any) -> Any:
        for layer in ("h1.conv", "h2.conv"):
            z = jax.lax.conv_general_dilated(
                x, p[f"{layer}.W"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            h = jax.nn.relu(z + p[f"{layer}.b"])
            x = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        scores = x.reshape(len(x), -1) @ p["scores.dense.W"] + p["scores.dense.b"]
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1).mean()

    start = {**task.start, "scores.dense.W": task.start["scores.dense.W"][order]}
    job = jax_jobs.training_job(replace(task, start=start, x=task.x.transpose(0, 2, 3, 1)), loss_of)
    inner = job.check
    assert inner is not None

    def check() -> dict[str, Any]:
        found = dict(inner())
        back = np.empty_like(found["scores.dense.W"])
        back[order] = found["scores.dense.W"]
        return {**found, "scores.dense.W": back}

    return replace(job, check=check)


# --- what nobody can avoid -------------------------------------------------------------------------------


def _shapes(size: Size) -> list[tuple[int, ...]]:
    first, second = FILTERS
    pixels, fewer = size.batch * size.side**2, size.batch * (size.side // 2) ** 2
    units = second * (size.side // 4) ** 2
    convolutions = [
        (pixels, 9, first),
        (fewer, 9 * first, second),
        (9 * first, fewer, second),
        (fewer, second, 9 * first),
        (9, pixels, first),
    ]
    return [*convolutions, (size.batch, units, 10), (units, size.batch, 10), (size.batch, 10, units)]


@WORKLOAD.contender("matrix products alone, NumPy's", "floor")
def floor_numpy(size: Size) -> Job:
    """By `numpy.dot` into arrays that are there."""
    return products(_shapes(size), np.dot, lambda a: a)


@WORKLOAD.contender("matrix products alone, PyTorch's", "floor", needs="torch")
def floor_torch(size: Size) -> Job:
    """By the library that PyTorch brings."""
    from benchmarks.torch_jobs import products_job

    return products_job(_shapes(size))
