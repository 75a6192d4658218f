"""Training steps: the task that the contenders of `mlp`, `conv`, `attention` and `lstm` share.

One step is forward, backward and an update by gradient descent with momentum, in float32, on batches that
lie ready in memory and are taken in turn. All begin with the same parameters, which go by the names that they
have in the `.graph` file, so that after some steps they must hold the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, pairwise
from typing import Any

import numpy as np

from benchmarks.harness import Job

RATE, MOMENTUM = np.float32(0.01), np.float32(0.9)
# After so many steps the parameters are compared.
STEPS = 5

Arrays = dict[str, np.ndarray]
# The loss and its gradients by name, given the parameters and a batch.
Gradients = Callable[[Arrays, np.ndarray, np.ndarray], tuple[Any, Mapping[str, np.ndarray]]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is trained, from where, on what.

    Attributes
    ----------
    model : str
        Name of the file in `models/`.
    constants : dict of str to Any
        Values for its constants.
    start : dict of str to array
        The parameters by path, float32.
    x, y : arrays
        All rows; `y` is int or float32.
    batch : int
        Rows of a step; `x` holds whole batches.
    """

    model: str
    constants: dict[str, Any]
    start: Arrays
    x: np.ndarray
    y: np.ndarray
    batch: int

    @property
    def batches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The batches in order."""
        starts = range(0, len(self.x), self.batch)
        return [(self.x[i : i + self.batch], self.y[i : i + self.batch]) for i in starts]


def normal(rng: np.random.Generator, *shape: int, fan_in: int) -> Any:
    """A parameter to start from, with a variance that keeps values of a moderate size."""
    return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)


def stepping(
    step: Callable[[Any, Any], Any],
    batches: list[tuple[Any, Any]],
    reset: Callable[[], Any],
    parameters: Callable[[], Mapping[str, Any]],
    finish: Callable[[Any], Any] = lambda loss: loss,
) -> Job:
    """A job that takes `step(x, y)` on one batch after the other.

    Parameters
    ----------
    step : function
        Gives the loss.
    reset : function
        Goes back to where training starts.
    parameters : function
        What the parameters are now, by name.
    finish : function
        Waits until a loss, and all that went before it, is computed; gives it as a number.
    """
    turn: Iterator[tuple[Any, Any]] = cycle(batches)

    def run(count: int) -> None:
        for _ in range(count):
            loss = step(*next(turn))
        finish(loss)

    def check() -> dict[str, Any]:
        reset()
        losses = [float(finish(step(*batches[k % len(batches)]))) for k in range(STEPS)]
        return {"losses": np.array(losses), **{name: np.array(a) for name, a in parameters().items()}}

    return Job(run, check, reset)


def numpy_job(task: Task, gradients: Gradients) -> Job:
    """Parameters as arrays of their own, updated as a textbook says."""
    held: Arrays = {}
    velocity: Arrays = {}

    def reset() -> None:
        held.update({name: a.copy() for name, a in task.start.items()})
        velocity.update({name: np.zeros_like(a) for name, a in task.start.items()})

    def step(x: np.ndarray, y: np.ndarray) -> Any:
        loss, found = gradients(held, x, y)
        for name, g in found.items():
            velocity[name] = MOMENTUM * velocity[name] + g
            held[name] = held[name] - RATE * velocity[name]
        return loss

    reset()
    return stepping(step, task.batches, reset, lambda: held)


def softmax_loss(scores: np.ndarray, y: np.ndarray) -> tuple[Any, np.ndarray]:
    """Mean cross-entropy of scores, shape (N, C), and its derivative."""
    rows = np.arange(len(y))
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    p = powers / powers.sum(axis=1, keepdims=True)
    loss = -np.log(p[rows, y]).mean()
    p[rows, y] -= 1
    return loss, p / np.float32(len(y))


class Softmax:
    """The softmax loss in arrays that stay, with a row for each class: reductions run over the long axis.

    Parameters
    ----------
    rows : int
        Examples at a time.
    whole : int
        Examples of the batch that they are part of.

    Attributes
    ----------
    scores : array, shape (classes, rows)
        Filled by the caller, to be replaced by the loss's derivative times the learning rate.
    """

    def __init__(self, rows: int, whole: int, classes: int = 10):
        self.scores = np.empty((classes, rows), np.float32)
        self._flat = self.scores.reshape(-1)
        self._peak, self._sum, self._picked = np.empty((3, rows), np.float32)
        self._scale, self._whole, self._rows = RATE / np.float32(whole), whole, np.arange(rows)

    def places(self, y: np.ndarray) -> np.ndarray:
        """Where the scores of the right classes lie."""
        return y * self.scores.shape[1] + self._rows

    def loss(self, at: np.ndarray) -> Any:
        """The rows' part of the loss; afterwards the derivative is where the scores were."""
        s, peak, total, picked = self.scores, self._peak, self._sum, self._picked
        np.maximum.reduce(s, 0, out=peak)
        np.subtract(s, peak, s)
        self._flat.take(at, None, picked)
        np.exp(s, s)
        np.add.reduce(s, 0, out=total)
        np.log(total, peak)
        loss = (np.add.reduce(peak) - np.add.reduce(picked)) / self._whole
        np.divide(self._scale, total, total)
        np.multiply(s, total, s)
        self._flat[at] -= self._scale
        return loss


class Flat:
    """Parameters, gradients and velocities as one vector each, for what is written by hand.

    Parameters
    ----------
    start : dict of str to array
        Where training begins.
    parts : int
        How many gradients are computed at once, which the update adds.

    Attributes
    ----------
    held : dict of str to array
        The parameters, views of the vector.
    gradients : list of dict of str to array
        Of each part, of the loss times the learning rate: that costs nothing where the loss's own derivative
        is scaled anyway.
    """

    # Entries that are updated at once, so that they stay in the processor's cache.
    PIECE = 65_536

    def __init__(self, start: Arrays, parts: int = 1):
        self._start = start
        size = sum(a.size for a in start.values())
        weight, self._velocity, *gradients = (np.zeros(size, np.float32) for _ in range(parts + 2))
        self.held, *self.gradients = (self._views(v) for v in (weight, *gradients))
        self._pieces = [
            tuple(v[i : i + self.PIECE] for v in (weight, self._velocity, *gradients))
            for i in range(0, size, self.PIECE)
        ]
        self.reset()

    def _views(self, vector: np.ndarray) -> Arrays:
        views, at = {}, 0
        for name, a in self._start.items():
            views[name] = vector[at : at + a.size].reshape(a.shape)
            at += a.size
        return views

    def reset(self) -> None:
        """Back to where training starts."""
        for name, a in self._start.items():
            self.held[name][...] = a
        self._velocity[...] = 0

    def update(self) -> None:
        """One update."""
        for w, v, *gradients in self._pieces:
            np.multiply(v, MOMENTUM, v)
            for g in gradients:
                np.add(v, g, v)
            np.subtract(w, v, w)


# Computes the gradients of some rows, and gives their part of the loss.
Part = Callable[[np.ndarray, np.ndarray], Any]


def tuned_job(
    task: Task,
    start: Arrays,
    make: Callable[[Arrays, Arrays, int], Part],
    restored: Callable[[Arrays], Arrays],
    parts: int = 1,
) -> Job:
    """A step written by hand, on whole batches or on parts of them in threads of their own.

    NumPy lets go of Python's lock while it computes, so what is no matrix product is done by several threads
    as well; those of the products are then one each.

    Parameters
    ----------
    start : dict of str to array
        The parameters in the arrangement that suits the step.
    make : function of parameters, gradients and rows
        Gives the step's forward and backward pass for so many rows.
    restored : function
        From that arrangement to the task's.
    """
    flat, rows = Flat(start, parts), task.batch // parts
    first, *others = (make(flat.held, g, rows) for g in flat.gradients)
    if parts > 1:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    threads = ThreadPoolExecutor(max(1, parts - 1))

    def step(x: np.ndarray, y: np.ndarray) -> Any:
        cuts = [slice(i * rows, (i + 1) * rows) for i in range(parts)]
        waiting = [threads.submit(f, x[c], y[c]) for f, c in zip(others, cuts[1:], strict=True)]
        loss = first(x[cuts[0]], y[cuts[0]]) + sum(w.result() for w in waiting)
        flat.update()
        return loss

    return stepping(step, task.batches, flat.reset, lambda: restored(flat.held))


def threads() -> int:
    """How many threads a contender may have."""
    return int(os.environ["OMP_NUM_THREADS"])


def products(shapes: list[tuple[int, ...]], multiply: Callable[[Any, Any, Any], Any], array: Any) -> Job:
    """Matrix products alone, those of a step: a floor.

    Parameters
    ----------
    shapes : list of (m, k, n) or (m, k, n, count)
        Products of (m, k) by (k, n), `count` of them at once where it is given.
    multiply : function of (a, b, out)
    array : function
        From NumPy's array to what `multiply` takes.
    """
    rng = np.random.default_rng(0)
    calls = []
    for m, k, n, *count in shapes:
        of = [rng.standard_normal((*count, *s)).astype(np.float32) for s in ((m, k), (k, n), (m, n))]
        calls.append(tuple(array(a) for a in of))

    def run(repetitions: int) -> None:
        for _ in range(repetitions):
            for a, b, out in calls:
                multiply(a, b, out)

    return Job(run)


def dense_products(batch: int, widths: list[int]) -> list[tuple[int, ...]]:
    """The products of dense layers in a step: forward, then by the weights, then by the layers' inputs."""
    pairs = list(pairwise(widths))
    forward = [(batch, a, b) for a, b in pairs]
    return [*forward, *((a, batch, b) for a, b in pairs), *((batch, b, a) for a, b in pairs[1:])]
