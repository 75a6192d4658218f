"""Random programs for property tests.

`programs` draws a `.graph` text over the language's operations together with the same computation as a
Python function of the backend's arrays (PyTorch's, in the oracle tests). Shapes are tracked while drawing,
so that every program is legal; operations with a restricted domain get an operand that lies inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Shape = tuple[int, ...]


@dataclass
class Program:
    """A text, and the steps that compute the same from a dict of arrays."""

    lines: list[str] = field(default_factory=list)
    inputs: dict[str, Any] = field(default_factory=dict)
    steps: list[tuple[str, Callable[[Any, dict[str, Any]], Any]]] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        """The program."""
        return "\n".join(self.lines) + "\n"

    def add(self, text: str, shape: Shape, compute: Callable[[Any, dict[str, Any]], Any]) -> str:
        """Append `name = text`."""
        name = f"v{len(self.steps)}"
        self.lines.append(f"{name} = {text}")
        self.steps.append((name, compute))
        self.shapes[name] = shape
        return name


# --- operations of one operand: text, and what PyTorch calls it --------------------------------------

UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "-{x}": lambda t, x: -x,
    "abs({x})": lambda t, x: t.abs(x),
    "exp(tanh({x}))": lambda t, x: t.exp(t.tanh(x)),
    "log(square({x}) + 0.5)": lambda t, x: t.log(t.square(x) + 0.5),
    "log1p(square({x}))": lambda t, x: t.log1p(t.square(x)),
    "expm1(sin({x}))": lambda t, x: t.expm1(t.sin(x)),
    "sqrt(square({x}) + 0.25)": lambda t, x: t.sqrt(t.square(x) + 0.25),
    "square({x})": lambda t, x: t.square(x),
    "reciprocal(square({x}) + 1)": lambda t, x: 1 / (t.square(x) + 1),
    "sin({x})": lambda t, x: t.sin(x),
    "cos({x})": lambda t, x: t.cos(x),
    "tan(0.5 * tanh({x}))": lambda t, x: t.tan(0.5 * t.tanh(x)),
    "tanh({x})": lambda t, x: t.tanh(x),
    "erf({x})": lambda t, x: t.erf(x),
    "relu({x})": lambda t, x: t.relu(x),
    "sigmoid({x})": lambda t, x: t.sigmoid(x),
    "softplus({x})": lambda t, x: t.logaddexp(x, t.zeros_like(x)),
    "gelu({x})": lambda t, x: t.nn.functional.gelu(x),
    "silu({x})": lambda t, x: t.nn.functional.silu(x),
    "leaky_relu({x}, 0.1)": lambda t, x: t.nn.functional.leaky_relu(x, 0.1),
    "elu({x})": lambda t, x: t.nn.functional.elu(x),
    "{x} ^ 3": lambda t, x: x**3,
    "(square({x}) + 0.5) ^ -1.5": lambda t, x: (t.square(x) + 0.5) ** -1.5,
    "2 ^ tanh({x})": lambda t, x: 2 ** t.tanh(x),
    "clip({x}, -0.7, 0.9)": lambda t, x: t.clamp(x, -0.7, 0.9),
    "floor({x}) + {x}": lambda t, x: t.floor(x) + x,
    "ceil({x}) * {x}": lambda t, x: t.ceil(x) * x,
    "round({x}) - 2 * {x}": lambda t, x: t.round(x) - 2 * x,
    "sign({x}) * {x}": lambda t, x: t.sign(x) * x,
    "stop_gradient({x}) * {x}": lambda t, x: x.detach() * x,
    "where({x} > 0, exp(-{x}), 1 - {x})": lambda t, x: t.where(x > 0, t.exp(-x), 1 - x),
    "max({x}, 0.3)": lambda t, x: t.clamp(x, min=0.3),
    "min({x}, 0.3 * {x})": lambda t, x: t.minimum(x, 0.3 * x),
    "1 - {x} / 3": lambda t, x: 1 - x / 3,
    "sum({x})": lambda t, x: t.sum(x),
    "mean({x})": lambda t, x: t.mean(x),
    "norm({x})": lambda t, x: t.sqrt(t.sum(t.square(x))),
    "prod(sin({x}))": lambda t, x: t.prod(t.sin(x)),
    "max({x})": lambda t, x: t.amax(x),
    "min({x})": lambda t, x: t.amin(x),
    "logsumexp(reshape({x}, [-1]))": lambda t, x: t.logsumexp(x.reshape(-1), 0),
    "mean({x} > 0.1) * {x}": lambda t, x: t.mean((x > 0.1).to(x.dtype)) * x,
}  # fmt: skip

BINARY: dict[str, Callable[[Any, Any, Any], Any]] = {
    "{x} + {y}": lambda t, x, y: x + y,
    "{x} - {y}": lambda t, x, y: x - y,
    "{x} * {y}": lambda t, x, y: x * y,
    "{x} / (square({y}) + 0.5)": lambda t, x, y: x / (t.square(y) + 0.5),
    "(square({x}) + 0.5) ^ tanh({y})": lambda t, x, y: (t.square(x) + 0.5) ** t.tanh(y),
    "{x} % (square({y}) + 0.5)": lambda t, x, y: t.remainder(x, t.square(y) + 0.5),
    "max({x}, {y})": lambda t, x, y: t.maximum(x, y),
    "min({x}, {y})": lambda t, x, y: t.minimum(x, y),
    "where({x} < {y}, {x}, tanh({y}))": lambda t, x, y: t.where(x < y, x, t.tanh(y)),
    "where({x} <= {y} and not ({y} > 1), {x}, {y})": lambda t, x, y: t.where((x <= y) & ~(y > 1), x, y),
}  # fmt: skip

AXIS: dict[str, Callable[[Any, Any, int], Any]] = {
    "sum({x}, axis = {a})": lambda t, x, a: t.sum(x, a),
    "mean({x}, axis = {a}, keepdims = true)": lambda t, x, a: t.mean(x, a, keepdim=True),
    "prod(cos({x}), axis = {a})": lambda t, x, a: t.prod(t.cos(x), a),
    "var({x}, axis = {a})": lambda t, x, a: t.var(x, a, correction=0),
    "std({x} + exp(2 * sin(cumsum({x}, {a}))), axis = {a}, keepdims = true) * {x}": lambda t, x, a: (
        t.var(x + t.exp(2 * t.sin(t.cumsum(x, a))), a, correction=0, keepdim=True).sqrt() * x
    ),
    "norm({x}, axis = {a})": lambda t, x, a: t.linalg.vector_norm(x, dim=a),
    "max({x}, axis = {a})": lambda t, x, a: t.amax(x, a),
    "min({x}, axis = {a}, keepdims = true)": lambda t, x, a: t.amin(x, a, keepdim=True),
    "cumsum({x}, axis = {a})": lambda t, x, a: t.cumsum(x, a),
    "softmax({x}, axis = {a})": lambda t, x, a: t.softmax(x, a),
    "log_softmax({x}, axis = {a})": lambda t, x, a: t.log_softmax(x, a),
    "logsumexp({x}, axis = {a})": lambda t, x, a: t.logsumexp(x, a),
    "flip({x}, axis = {a})": lambda t, x, a: t.flip(x, (a,)),
    "concat([{x}, 2 * {x}], axis = {a})": lambda t, x, a: t.cat([x, 2 * x], a),
    "stack([{x}, -{x}], axis = {a})": lambda t, x, a: t.stack([x, -x], a),
    "expand({x}, axis = {a})": lambda t, x, a: t.unsqueeze(x, a),
    "take({x}, [0, 0, -1], axis = {a})": lambda t, x, a: t.index_select(
        x, a, t.tensor([0, 0, x.shape[a] - 1])
    ),
}


@st.composite
def programs(draw: st.DrawFn, backend: Any) -> Program:
    """A program of up to a dozen statements that ends in a scalar `f`; `backend` is torch."""
    program = Program()
    values = _inputs(draw, program, backend)
    for _ in range(draw(st.integers(1, 10))):
        kind = draw(st.sampled_from((_unary, _unary, _binary, _binary, _axis, _shaping, _linear, _indexing)))
        kind(draw, program, values, backend)
    _finish(program, values, backend)
    return program


def _numbers(draw: st.DrawFn, count: int) -> list[float]:
    grid = st.integers(-2000, 2000).map(lambda k: (2 * k + 1) / 1999)
    return draw(st.lists(grid, min_size=count, max_size=count))


def _inputs(draw: st.DrawFn, program: Program, t: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for i in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
        count = 1
        for s in shape:
            count *= s
        array = t.tensor(_numbers(draw, count), dtype=t.float64).reshape(shape)
        name = f"x{i}"
        word = draw(st.sampled_from(("input", "param")))
        program.lines.append(f"{word} {name} = {array.tolist()}")
        program.inputs[name] = array
        program.shapes[name] = shape
        values[name] = array
    return values


def _pick(draw: st.DrawFn, program: Program, names: Sequence[str]) -> str:
    name = draw(st.sampled_from(sorted(names)))
    program.used.add(name)
    return name


def _record(
    program: Program, values: dict[str, Any], t: Any, text: str, compute: Callable[[Any, dict[str, Any]], Any]
) -> None:
    result = compute(t, values)
    if result.numel() > 256 or not bool(t.isfinite(result).all()) or float(result.abs().max()) > 1e4:
        return
    name = program.add(text, tuple(result.shape), compute)
    values[name] = result


def _unary(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    x = _pick(draw, program, list(values))
    text = draw(st.sampled_from(sorted(UNARY)))
    _record(program, values, t, text.format(x=x), lambda t, v: UNARY[text](t, v[x]))


def _binary(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    x = _pick(draw, program, list(values))
    y = _pick(draw, program, [n for n in values if _broadcasts(values[x].shape, values[n].shape)])
    text = draw(st.sampled_from(sorted(BINARY)))
    _record(program, values, t, text.format(x=x, y=y), lambda t, v: BINARY[text](t, v[x], v[y]))


def _broadcasts(a: Shape, b: Shape) -> bool:
    return all(m == n or 1 in (m, n) for m, n in zip(reversed(a), reversed(b), strict=False))


def _axis(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    candidates = [n for n in values if values[n].ndim]
    if not candidates:
        return
    x = _pick(draw, program, candidates)
    axis = draw(st.integers(0, values[x].ndim - 1))
    text = draw(st.sampled_from(sorted(AXIS)))
    _record(program, values, t, text.format(x=x, a=axis), lambda t, v: AXIS[text](t, v[x], axis))


def _shaping(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    x = _pick(draw, program, list(values))
    shape, rank = tuple(values[x].shape), values[x].ndim
    order = draw(st.permutations(range(rank)))
    padding = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=rank, max_size=rank))
    options: list[tuple[str, Callable[[Any, dict[str, Any]], Any]]] = [
        (f"reshape({x}, [-1])", lambda t, v: v[x].reshape(-1)),
        (f"broadcast({x}, {[2, *shape]})", lambda t, v: v[x].expand(2, *shape)),
        (f"tile({x}, {[2] * max(1, rank)})", lambda t, v: v[x].tile((2,) * max(1, rank))),
    ]
    if rank:
        flat = [n for pair in reversed(padding) for n in pair]
        widths = [list(pair) for pair in padding]
        options += [
            (f"permute({x}, {list(order)})", lambda t, v: v[x].permute(*order)),
            (f"reshape({x}, {list(reversed(shape))})", lambda t, v: v[x].reshape(*reversed(shape))),
            (f"pad({x}, {widths})", lambda t, v: t.nn.functional.pad(v[x], flat)),
            ("squeeze(expand(" + x + ", axis = 0), axis = 0)", lambda t, v: v[x].clone()),
        ]
    if rank >= 2:
        options += [
            (f"{x}.T", lambda t, v: v[x].transpose(-1, -2)),
            (f"flatten({x})", lambda t, v: v[x].reshape(shape[0], -1)),
        ]
    text, compute = draw(st.sampled_from(options))
    _record(program, values, t, text, compute)


def _linear(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    candidates = [n for n in values if values[n].ndim]
    if not candidates:
        return
    x = _pick(draw, program, candidates)
    rank = values[x].ndim
    partners = [
        n for n in candidates
        if values[n].shape[-2 if values[n].ndim > 1 else 0] == values[x].shape[-1]
        and _broadcasts(values[x].shape[:-2], values[n].shape[:-2])
    ]  # fmt: skip
    options: list[tuple[str, Callable[[Any, dict[str, Any]], Any]]] = []
    for y in sorted(partners)[:3]:
        options.append((f"{x} @ {y}", lambda t, v, y=y: t.matmul(v[x], v[y])))
    if rank == 1:
        options.append((f"{x} @ {x}", lambda t, v: t.matmul(v[x], v[x])))
        options.append((f'einsum("i,j->ij", {x}, {x})', lambda t, v: t.einsum("i,j->ij", v[x], v[x])))
    if rank == 2:
        options += [
            (f"{x} @ {x}.T", lambda t, v: v[x] @ v[x].T),
            (f'einsum("ij,kj->ik", {x}, tanh({x}))', lambda t, v: t.einsum("ij,kj->ik", v[x], t.tanh(v[x]))),
            (f'einsum("ij->j", {x})', lambda t, v: v[x].sum(0)),
        ]
    if rank == 3:
        options.append((f'einsum("bij,bkj->bik", {x}, {x})', lambda t, v: v[x] @ v[x].transpose(1, 2)))
    if not options:
        return
    text, compute = draw(st.sampled_from(options))
    _record(program, values, t, text, compute)


def _indexing(draw: st.DrawFn, program: Program, values: dict[str, Any], t: Any) -> None:
    candidates = [n for n in values if values[n].ndim]
    if not candidates:
        return
    x = _pick(draw, program, candidates)
    shape = tuple(values[x].shape)
    last = shape[-1]
    start = draw(st.integers(0, last - 1))
    stop = draw(st.integers(start + 1, last))
    k = draw(st.integers(-shape[0], shape[0] - 1))
    labels = draw(st.lists(st.integers(0, last - 1), min_size=shape[0], max_size=shape[0]))
    options: list[tuple[str, Callable[[Any, dict[str, Any]], Any]]] = [
        (f"{x}[{k}]", lambda t, v: v[x][k]),
        (f"{x}[..., {start}:{stop}]", lambda t, v: v[x][..., start:stop]),
        (f"{x}[..., ::2]", lambda t, v: v[x][..., ::2]),
        (f"{x}[..., -1]", lambda t, v: v[x][..., -1]),
        (f"one_hot(argmax({x}), {last}) * {x}", lambda t, v: (
            t.nn.functional.one_hot(t.argmax(v[x], -1), last) * v[x])),
    ]  # fmt: skip
    if len(shape) == 2:
        options += [
            (f"gather({x}, {labels})", lambda t, v: v[x].gather(1, t.tensor(labels)[:, None])[:, 0]),
            (
                f"cross_entropy({x}, {labels})",
                lambda t, v: t.nn.functional.cross_entropy(v[x], t.tensor(labels)),
            ),
            (f"{x}[:, {labels[0]}]", lambda t, v: v[x][:, labels[0]]),
        ]
    text, compute = draw(st.sampled_from(options))
    _record(program, values, t, text, compute)


def _finish(program: Program, values: dict[str, Any], t: Any) -> None:
    """f = the sum of the means of everything, so that every node takes part."""
    names = list(values)
    program.lines.append("f = " + " + ".join(f"mean(sin({n}))" for n in names))
    program.steps.append(("f", lambda t, v: sum(t.mean(t.sin(v[n])) for n in names)))
    program.lines.append("output f")
