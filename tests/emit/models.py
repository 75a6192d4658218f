"""Small models, one for each thing that can go wrong between a graph and its text: `text, what is fed`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphlang.differentiate.differentiate import differentiate
from graphlang.graph.model import Model
from graphlang.pipeline import compile_source, objective
from graphlang.source import SourceFile

_DRAWS = np.random.default_rng(0)


def _normal(*shape: int) -> np.ndarray:
    return _DRAWS.normal(size=shape)


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "conv_net": (
        """\
input images: [N, 2, 8, 8]
h = images -> conv(4, activation = relu) -> max_pool2d(3, 2, padding = 1)
k = h -> conv(4, 3, groups = 4) -> conv(6, 3, stride = 2, activation = tanh) -> avg_pool2d(2)
u = k -> conv_transpose(3)
s = mean(global_avg_pool2d(u) ^ 2)
output s
""",
        {"images": _normal(3, 2, 8, 8)},
    ),
    "product_of_sum": (
        """\
input x = -2
input y = 5
input z = -4
q = x + y
f = q * z
output f
expect f == -12
expect grad(f, x) == -4
""",
        {},
    ),
    "sigmoid_formula": (
        """\
input x = 0.3
f = 1 / (1 + exp(-x))
""",
        {},
    ),
    "shared_subexpression": (
        """\
input x = 0.3
input y = 2
s = x * y
f = s * sigmoid(s) + tanh(s)
""",
        {},
    ),
    "network_with_loss": (
        """\
input x: [N, 4]
input y: int[N]
scores = x -> dense(5, relu) -> dense(3)
loss = cross_entropy(scores, y) + 1e-3 * l2(params("*.W"))
output loss
""",
        {"x": _normal(6, 4), "y": np.array([0, 1, 2, 1, 1, 2])},
    ),
    "loop": (
        """\
const L = 3
input x = [[0.1, 0.2, 0.3]]
h = x
for k in 1..L { h = h -> dense(3) -> tanh }
f = mean(h ^ 2)
output f
""",
        {},
    ),
    "gate_with_two_results": (
        """\
gate sq(a, b) -> (u, v) {
  e = a * b
  u = e ^ 2
  v = e + 1
  backward {
    k = 2 * e
    grad(a) = grad(u) * k * b + grad(v) * b * 7
    grad(b) = grad(u) * k * a + grad(v) * a
  }
}
input x = 1.5
input y = -0.5
p, q = sq(x * 2, y)
r, s = sq(p, 3.0)
f = p * q + sin(s) * r
output f
""",
        {},
    ),
    "gate_in_gate": (
        """\
gate inner(a) -> b {
  b = a ^ 3
  backward { grad(a) = grad(b) * 5 }
}
gate outer(a: [..., D]) -> c {
  t = inner(a)
  c = sum(t * a) / D
  backward { grad(a) = broadcast(grad(c), shape(a)) * t }
}
input x: [N, 3]
f = outer(x) + sum(inner(x))
g = grad(f, x)
loss = sum(g ^ 2)
output loss
""",
        {"x": _normal(2, 3)},
    ),
    "second_derivative": (
        """\
input x = 1.3
y = x ^ 3
g = grad(y, x)
f = grad(g, x) * g
output f
""",
        {},
    ),
    "second_derivative_of_vectors": (
        """\
input x = [1.3, 0.2]
y = sum(sin(x) * x ^ 2)
g = grad(y, x)
n = sum(g ^ 2)
f = n * y
output f
""",
        {},
    ),
    "broadcasting": (
        """\
input a: [N, 1]
input b: [3]
input c = 2
f = sum((a * b + c) / (1 + b ^ 2)) - mean(a, axis = 0)[0]
output f
""",
        {"a": _normal(4, 1), "b": _normal(3)},
    ),
    "index": (
        """\
input x: [N, 4]
u = x[:, 1:3]
v = x[0] - x[-1, :]
f = sum(u ^ 2) + v[2] + sum(x[::2])
output f
""",
        {"x": _normal(6, 4)},
    ),
    "where": (
        """\
input x = [1.0, -2.0, 0.0]
input y = [0.5, -2.0, 1.0]
m = max(x, y)
z = where(x > 0, m, -x * y)
f = max(z) + min(m, axis = 0) + sum(abs(x)) + norm(y)
output f
""",
        {},
    ),
    "int": (
        """\
input k: int[N] = [0, 2, 1]
input E = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
h = take(E, k) * k[1] + one_hot(k, 2)
j = k * 2 + 1
f = sum(h) / size(k) + mean(j)
output f
""",
        {},
    ),
    "consts": (
        """\
input x = 2
a = 3
b = a * 2
c = -0.0
f = x * b * a + 2.5 * c + 1e-7 * x ^ -2 + (2 - x) - (3 - (4 - x)) + x ^ 2 ^ 0.5 - (-x) ^ 2
output f
""",
        {},
    ),
    "unused": (
        """\
input x = 2
input u = 3
input V = [[1, 2]]
w = u * V
f = x ^ 2
output f
""",
        {},
    ),
    "names": (
        """\
input λ = 2
input x1 = 3
σ = sigmoid(λ)
grad_x = σ * x1
mul = grad_x + 1
f = mul * λ
output f
""",
        {},
    ),
    "alias": (
        """\
input x = 2
h = x
y = h * h
z = y
f = z + 1
output f
""",
        {},
    ),
    "train_block": (
        """\
input x: [N, 2]
input y: int[N]
s = x -> dense(3)
loss = cross_entropy(s, y)
metric acc = mean(argmax(s) == y)
output s
train { minimize = loss * 2 }
""",
        {"x": _normal(6, 2), "y": np.array([1, 2, 0, 1, 2, 2])},
    ),
    "state": (
        """\
input x: [N, 3]
h = x -> batch_norm()
f = sum(h ^ 3)
output f
""",
        {"x": _normal(5, 3)},
    ),
    "attention": (
        """\
input x: [N, T, 4]
y = attention(x, heads = 2, causal = true)
f = sum(y ^ 2)
output f
""",
        {"x": _normal(2, 3, 4)},
    ),
    "lstm": (
        """\
input x: [N, 3]
input h0: [N, 2]
input c0: [N, 2]
layer cell = lstm_cell()
h, c = cell(x, h0, c0)
h2, c2 = cell(x, h, c)
f = sum(h2 * c2)
output f
""",
        {"x": _normal(2, 3), "h0": _normal(2, 2), "c0": _normal(2, 2)},
    ),
    "shapes": (
        """\
input x: [N, 6]
a = reshape(x, [N, 2, 3])
b = permute(a, [0, 2, 1])
c = concat(b, b * 2, axis = 1)
d = stack(x, x ^ 2, axis = 1)
e = expand(x, axis = 1)
p = pad(x, [[0, 0], [1, 2]])
t = tile(x, [2, 1])
g = flip(cumsum(x, axis = 1), axis = 1)
part = sum(c) + sum(d * e) + sum(p ^ 2) + sum(t) + sum(g * x)
more = sum(squeeze(e, axis = 1))
spread = sum(std(x, axis = 0, keepdims = true))
f = part + more + spread + einsum("ni,ni->", x, g) + prod(x[0]) + var(x) + logsumexp(x)[0]
output f
""",
        {"x": _normal(3, 6)},
    ),
    "bool": (
        """\
input x = [1.0, -1.0]
b = x > 0
c = b and not (x < 2) or x == 1
f = sum(x * c) + sum(where(b == c, x, 1))
output f
""",
        {},
    ),
    "large_numbers": (
        """\
input x = 1e300
f = exp(x) - x * 1e10 + 1e16 + 123456789 * x
output f
""",
        {},
    ),
    "infinities": (
        """\
input x = 2.0
f = x / 0.0 + x * log(0.0)
output f
""",
        {},
    ),
    "stop_gradient": (
        """\
input x = 2.0
input y = 3.0
f = stop_gradient(x) * y
output f
""",
        {},
    ),
    "gate_with_one_wire_twice": (
        """\
gate g(a, b) -> c {
 c = a * b
 backward {
 grad(a) = grad(c) * b
 grad(b) = grad(c) * a * 2
 }
}
input x = 2
f = g(x, x) + g(2.0, x)
output f
""",
        {},
    ),
    "const_input": (
        """\
input W: [3, 3] = 0
input y = true
f = sum(W * y)
output f
""",
        {},
    ),
    "gate_std": (
        """\
input p: [N]
input t: [N]
f = mse(p, t) + mae(p, t) + huber(p, t) + binary_cross_entropy(p, t)
output f
""",
        {"p": _normal(4), "t": _normal(4)},
    ),
    "two_losses_of_different_sizes": (
        """\
input a: [N, 3]
input y: int[N]
input b: [M, 4]
input z: int[M]
f = cross_entropy(a, y) + cross_entropy(b, z) + cross_entropy(a * 2, y)
output f
""",
        {"a": _normal(4, 3), "y": np.array([1, 1, 2, 1]), "b": _normal(2, 4), "z": np.array([2, 3])},
    ),
    "hinge": (
        """\
input a: [N, 3]
input y: int[N]
f = hinge(a, y)
output f
""",
        {"a": _normal(4, 3), "y": np.array([2, 2, 0, 0])},
    ),
    "matvec": (
        """\
input W = [[1, 2], [3, 4]]
input x = [0.5, -1]
f = sum(W @ x) + x @ x + x @ W @ x
output f
""",
        {},
    ),
    "sizes": (
        """\
input x: [N, 2*K]
f = sum(x) / (N * K) + shape(x)[1] * x[0, 0] + N
s = N
output f
""",
        {"x": _normal(3, 4)},
    ),
    "parameters": (
        """\
input x = 2.0
param w = 0.5
param W: [2, 2] ~ orthogonal()
param v: [3] ~ normal(0, 1)
l = (w * x - 1) ^ 2 + sum(W) * sum(v)
output l
expect l > -100
""",
        {},
    ),
    "userinit": (
        """\
init foo(s: float) = 0.5 * uniform(-s, s) + 1
input x = [1, 2]
param W: [2, 3] ~ foo(0.1)
f = sum(x @ W)
output f
""",
        {},
    ),
    "forward": (
        """\
input x = [1, 2]
a = x * 2
b = x + 1
""",
        {},
    ),
    "contextual_words_as_names": (
        """\
network T(x: [N, D], units: int) -> on {
  param within: [D, units] ~ he()
  on = x @ within
}
input x: [N, 2]
layer my = T(3)
f = sum(my(x)) + sum(my(x * 2))
output f
""",
        {"x": _normal(5, 2)},
    ),
}


def build(text: str, *, name: str = "model", training: bool = False) -> Model:
    """A text to a model with its backward pass."""
    outcome = compile_source(SourceFile(f"{name}.graph", text), training=training)
    assert outcome.ok, [d.message for d in outcome.problems]
    of, _ = objective(outcome.value, None)
    return differentiate(outcome.value, of)
