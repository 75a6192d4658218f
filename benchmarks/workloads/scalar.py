"""A graph of scalar operations, forward and backward: what a course draws on the board, up to 10⁵ nodes.

Each contender is given new values for the inputs every time, and computes the output and its derivative by
every input in float64. Libraries that record what is executed build their graph anew each time, as their
users do; what compiles does so once, which is its set up.
"""

from __future__ import annotations

import ctypes
import math
import random
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Job, Workload

COUNTS = {"10³ operations": 1_000, "10⁴ operations": 10_000, "10⁵ operations": 100_000}
WORKLOAD = Workload(
    name="scalar",
    title="Forward and backward of a graph of scalars",
    sizes=COUNTS,
    small=40,
    tolerance=1e-9,
    unit="evaluation",
    counts=COUNTS,
)
# A value larger than this goes through tanh next, so that nothing overflows.
LARGE = 2.0
# Operands are taken from so many values before.
REACH = 500


@dataclass(frozen=True, slots=True)
class Graph:
    """Values are numbered: the inputs, then the operations (name, operands); the last is the output."""

    inputs: tuple[float, ...]
    operations: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def feeds(self) -> list[list[float]]:
        """Some values of the inputs, close to those that the graph was made with."""
        rng = random.Random(1)
        return [[x + rng.uniform(-0.01, 0.01) for x in self.inputs] for _ in range(4)]


def graph_of(count: int) -> Graph:
    """A random graph of `count` operations in which every value reaches the output.

    The oldest value that nobody has used is an operand of the next operation. Where it is paired with the
    second oldest, there is one unused value less; this is done often enough that one is left at the end.
    """
    rng = random.Random(count)
    inputs = tuple(rng.uniform(-1, 1) for _ in range(max(4, count // 50)))
    values, unused = list(inputs), list(range(len(inputs)))
    operations: list[tuple[str, tuple[int, ...]]] = []
    first = 0
    while len(operations) < count:
        waiting, left = len(unused) - first, count - len(operations)
        a = unused[first]
        first += 1
        operands: tuple[int, ...]
        must_join = waiting - 1 >= left
        if waiting > 1 and (must_join or (waiting > len(inputs) and rng.random() < 0.5)):
            op, operands = "add", (a, unused[first])
            first += 1
        elif abs(values[a]) > LARGE or rng.random() < 0.2:
            op, operands = "tanh", (a,)
        elif rng.random() < 0.15:
            op, operands = "relu", (a,)
        else:
            other = rng.randrange(max(0, len(values) - REACH), len(values))
            op, operands = rng.choice(("add", "sub", "mul", "mul")), (a, other)
        operations.append((op, operands))
        unused.append(len(values))
        values.append(_FORWARD[op](*(values[i] for i in operands)))
    return Graph(inputs, tuple(operations))


_FORWARD: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "tanh": math.tanh,
    "relu": lambda a: max(a, 0.0),
}


def _job(
    graph: Graph,
    evaluate: Callable[[Any], Any],
    given: Callable[[list[float]], Any] = lambda feed: feed,
    found: Callable[[Any], tuple[float, Sequence[float]]] = lambda result: result,
) -> Job:
    """Evaluate for one feed after the other; `given` and `found` convert them and the result, untimed."""
    feeds = [given(feed) for feed in graph.feeds]
    turn = cycle(feeds)

    def run(count: int) -> None:
        for _ in range(count):
            evaluate(next(turn))

    def check() -> dict[str, Any]:
        value, gradients = found(evaluate(feeds[1]))
        return {"value": np.float64(value), "gradients": np.array([float(g) for g in gradients])}

    return Job(run, check)


# --- written by hand: straight lines of Python, and of C -------------------------------------------------


@WORKLOAD.contender("Python, straight lines", "hand")
def straight_python(count: int) -> Job:
    """One statement for each operation and each part of a derivative, as nobody would write by hand."""
    graph = graph_of(count)
    lines = _straight_lines(graph, "{}", "{} if {} > 0.0 else 0.0")
    names = [f"v{i}" for i in range(len(graph.inputs))]
    gradients = ", ".join(f"d{i}" for i in range(len(names)))
    body = [f"{', '.join(names)}, = x", *lines, f"return v{_last(graph)}, ({gradients},)"]
    surroundings: dict[str, Any] = {"tanh": math.tanh}
    exec("def evaluate(x, tanh=tanh):\n    " + "\n    ".join(body), surroundings)
    return _job(graph, surroundings["evaluate"])


def _last(graph: Graph) -> int:
    return len(graph.inputs) + len(graph.operations) - 1


_VALUES = {"add": "{a} + {b}", "sub": "{a} - {b}", "mul": "{a} * {b}", "tanh": "tanh({a})"}
# What reaches each operand of an operation with the value `v`, whose own derivative is `d`.
_DERIVATIVES = {
    "add": ("{d}", "{d}"),
    "sub": ("{d}", "-{d}"),
    "mul": ("{d} * {b}", "{d} * {a}"),
    "tanh": ("{d} * (1.0 - {v} * {v})",),
}


def _straight_lines(graph: Graph, end: str, choice: str) -> list[str]:
    """Statements `v7 = v3 * v5` forward, then `d3 += d7 * v5` backward; `choice` spells a rectifier."""
    lines, start = [], len(graph.inputs)
    for i, (op, operands) in enumerate(graph.operations, start):
        names = dict(zip("ab", (f"v{o}" for o in operands), strict=False))
        value = choice.format(names["a"], names["a"]) if op == "relu" else _VALUES[op].format(**names)
        lines.append(end.format(f"v{i} = {value}"))
    seen = {_last(graph)}
    lines.append(end.format(f"d{_last(graph)} = 1.0"))
    for i in range(_last(graph), start - 1, -1):
        op, operands = graph.operations[i - start]
        names = {**dict(zip("ab", (f"v{o}" for o in operands), strict=False)), "v": f"v{i}", "d": f"d{i}"}
        parts = (choice.format(f"d{i}", names["a"]),) if op == "relu" else _DERIVATIVES[op]
        for o, part in zip(operands, parts, strict=True):
            lines.append(end.format(f"d{o} {'+=' if o in seen else '='} {part.format(**names)}"))
            seen.add(o)
    return lines


@WORKLOAD.contender("C, straight lines", "floor", needs="$cc")
def straight_c(count: int) -> Job:
    """The same compiled by `cc -O1`, in many functions, since compilers take far longer for large ones."""
    graph = graph_of(count)
    size = _last(graph) + 1
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "graph.c"), Path(folder, "graph.so")
        source.write_text(_c_text(graph), encoding="ascii")
        subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-lm"], check=True)
        evaluate_c = ctypes.CDLL(str(library)).evaluate
    values, derivatives = np.zeros(size), np.zeros(size)
    places = [ctypes.c_void_p(a.ctypes.data) for a in (values, derivatives)]

    def evaluate(feed: tuple[np.ndarray, ctypes.c_void_p]) -> tuple[float, np.ndarray]:
        evaluate_c(feed[1], *places)
        return values[-1], derivatives[: len(graph.inputs)]

    def given(feed: list[float]) -> tuple[np.ndarray, ctypes.c_void_p]:
        array = np.array(feed)
        return array, ctypes.c_void_p(array.ctypes.data)

    return _job(graph, evaluate, given)


# Lines in a function of C.
PIECE = 50


def _c_text(graph: Graph) -> str:
    start, size = len(graph.inputs), _last(graph) + 1
    values = {op: text.format(a="v[{0}]", b="v[{1}]") for op, text in _VALUES.items()}
    values["relu"] = "v[{0}] > 0 ? v[{0}] : 0"
    parts = {**_DERIVATIVES, "relu": ("{a} > 0 ? {d} : 0",)}
    forward, backward = [], []
    for i, (op, operands) in enumerate(graph.operations, start):
        forward.append(f"v[{i}] = {values[op].format(*operands)};")
        names = {
            **dict(zip("ab", (f"v[{o}]" for o in operands), strict=False)),
            "v": f"v[{i}]",
            "d": f"d[{i}]",
        }
        backward.append(
            " ".join(
                f"d[{o}] += {part.format(**names)};" for o, part in zip(operands, parts[op], strict=True)
            )
        )
    text = ["#include <math.h>"]
    lines = [*forward, *reversed(backward)]
    calls = []
    for at in range(0, len(lines), PIECE):
        head = f"static __attribute__((noinline)) void f{at}(double *restrict v, double *restrict d)"
        text.append("\n".join([f"{head} {{", *lines[at : at + PIECE], "}"]))
        calls.append(f"f{at}(v, d);")
    clear = f"for (long i = 0; i < {size}; i++) d[i] = 0;"
    copy = f"for (long i = 0; i < {start}; i++) v[i] = x[i];"
    return "\n".join(
        [
            *text,
            "void evaluate(const double *x, double *v, double *d) {",
            copy,
            clear,
            f"d[{size - 1}] = 1;",
            *calls,
            "}\n",
        ]
    )


@WORKLOAD.contender("numba, loop over the operations", "hand", needs="numba")
def numba_loop(count: int) -> Job:
    """An interpreter of the graph, compiled: the operations are numbers in arrays."""
    import numba

    graph = graph_of(count)
    kinds = np.array([list(_FORWARD).index(op) for op, _ in graph.operations])
    left = np.array([operands[0] for _, operands in graph.operations])
    right = np.array([operands[-1] for _, operands in graph.operations])
    v, d = np.zeros((2, _last(graph) + 1))
    compiled = numba.njit(_loop)

    def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
        compiled(x, v, d, kinds, left, right)
        return v[-1], d[: len(x)]

    return _job(graph, evaluate, np.array)


def _loop(x: Any, v: Any, d: Any, kinds: Any, left: Any, right: Any) -> None:
    n = len(x)
    v[:n] = x
    for j in range(len(kinds)):
        a, b = v[left[j]], v[right[j]]
        if kinds[j] == 0:
            v[n + j] = a + b
        elif kinds[j] == 1:
            v[n + j] = a - b
        elif kinds[j] == 2:
            v[n + j] = a * b
        elif kinds[j] == 3:
            v[n + j] = math.tanh(a)
        else:
            v[n + j] = max(a, 0.0)
    d[:] = 0
    d[-1] = 1
    for j in range(len(kinds) - 1, -1, -1):
        g, a, b = d[n + j], v[left[j]], v[right[j]]
        if kinds[j] == 0:
            d[left[j]] += g
            d[right[j]] += g
        elif kinds[j] == 1:
            d[left[j]] += g
            d[right[j]] -= g
        elif kinds[j] == 2:
            d[left[j]] += g * b
            d[right[j]] += g * a
        elif kinds[j] == 3:
            d[left[j]] += g * (1 - v[n + j] * v[n + j])
        elif a > 0:
            d[left[j]] += g


# --- graphlang -------------------------------------------------------------------------------------------


def text_of(graph: Graph) -> str:
    """The graph as a `.graph` file."""
    start = len(graph.inputs)
    texts = {**_VALUES, "relu": "relu({a})"}
    lines = [f"input v{i} = {x!r}" for i, x in enumerate(graph.inputs)]
    for i, (op, operands) in enumerate(graph.operations, start):
        names = dict(zip("ab", (f"v{o}" for o in operands), strict=False))
        lines.append(f"v{i} = {texts[op].format(**names)}")
    return "\n".join([*lines, f"output v{_last(graph)}", ""])


@WORKLOAD.contender("graphlang", "graphlang")
def graphlang(count: int) -> Job:
    """The model as a function, called again and again."""
    return _ours(count, is_compiled=False)


@WORKLOAD.contender("graphlang --jit", "graphlang", needs="$cc")
def graphlang_jit(count: int) -> Job:
    """The same in compiled C."""
    return _ours(count, is_compiled=True)


def _ours(count: int, *, is_compiled: bool) -> Job:
    from benchmarks.ours import scalar_function

    graph = graph_of(count)
    inputs = [f"v{i}" for i in range(len(graph.inputs))]
    return _job(graph, scalar_function(text_of(graph), inputs, is_compiled=is_compiled))


# --- peers -----------------------------------------------------------------------------------------------


@WORKLOAD.contender("micrograd", "peer", needs="micrograd")
def micrograd(count: int) -> Job:
    """With the tanh that its lecture adds."""
    import sys

    from micrograd.engine import Value

    # It visits the graph by recursion.
    sys.setrecursionlimit(10_000_000)
    graph = graph_of(count)

    def tanh(a: Any) -> Any:
        t = math.tanh(a.data)
        out = Value(t, (a,), "tanh")

        def backward() -> None:
            a.grad += (1 - t * t) * out.grad

        out._backward = backward
        return out

    functions: dict[str, Callable[..., Any]] = {**_FORWARD, "tanh": tanh, "relu": lambda a: a.relu()}

    def evaluate(x: list[float]) -> tuple[float, list[float]]:
        leaves = [Value(value) for value in x]
        values = list(leaves)
        for op, operands in graph.operations:
            values.append(functions[op](*(values[o] for o in operands)))
        values[-1].backward()
        return values[-1].data, [leaf.grad for leaf in leaves]

    return _job(graph, evaluate)


@WORKLOAD.contender("PyTorch", "peer", needs="torch")
def torch_scalars(count: int) -> Job:
    """Each number a tensor of its own."""
    from benchmarks import torch_jobs

    torch = torch_jobs.setup()
    graph = graph_of(count)
    functions = {**_FORWARD, "tanh": torch.tanh, "relu": torch.relu}

    def evaluate(x: list[Any]) -> tuple[Any, list[Any]]:
        leaves = [value.detach().requires_grad_() for value in x]
        values = list(leaves)
        for op, operands in graph.operations:
            values.append(functions[op](*(values[o] for o in operands)))
        values[-1].backward()
        return values[-1], [leaf.grad for leaf in leaves]

    return _job(graph, evaluate, lambda feed: list(torch.tensor(feed, dtype=torch.float64).unbind()))


@WORKLOAD.contender("JAX, jitted", "peer", sizes=("10³ operations",), needs="jax", is_slow=True)
def jax_jitted(count: int) -> Job:
    """Compiled as a whole; for 10⁴ operations that takes minutes and gigabytes, so it is left out there."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    graph = graph_of(count)
    functions = {**_FORWARD, "tanh": jnp.tanh, "relu": jax.nn.relu}

    def output(x: Any) -> Any:
        values = list(x)
        for op, operands in graph.operations:
            values.append(functions[op](*(values[o] for o in operands)))
        return values[-1]

    compiled = jax.jit(jax.value_and_grad(output))
    return _job(graph, lambda x: jax.block_until_ready(compiled(x)), jnp.array)
