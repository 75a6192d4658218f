"""A compiled plan gives the interpreter's bits: every operation, random programs, every training example."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.differentiate.differentiate import differentiate
from graphlang.learning import prepare_training
from graphlang.ops import registry
from graphlang.ops.build import Builder
from graphlang.pipeline import compile_source
from graphlang.plan.combine import combined
from graphlang.plan.loosen import loosened
from graphlang.plan.schedule import make_plan
from graphlang.run.evaluator import bound_sizes
from graphlang.run.interpreter import KERNEL_ERRORS, Executable
from graphlang.run.program import Program
from graphlang.run.train import Record
from graphlang.source import SourceFile
from graphlang.syntax.reading import read_source
from tests.ops.tiny_autodiff import apply, draw, leaves, sample_types

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
CASES = [
    pytest.param(op, s, id=f"{name}-{i}")
    for name, op in registry.all_ops().items()
    for i, s in enumerate(op.samples)
]
SPECIAL = [0.0, -0.0, 1.0, -1.5, np.inf, -np.inf, np.nan, 1e30]


def bits(value: Any) -> tuple[Any, bytes]:
    array = np.asarray(value)
    return array.dtype, np.where(array != array, np.nan, array).tobytes()


def same(
    nodes: list[Any],
    wanted: list[Any],
    inputs: dict[str, Any],
    dtype: Any,
    held: dict[str, Any],
    *,
    jit: bool = False,
) -> None:
    """Compare both ways of computing, the compiled one twice, since it uses its arrays again.

    What it left in its memory must not matter: another program may compute there meanwhile.
    """
    expected = Executable(make_plan(nodes, wanted), {}, dtype, 3).run({**inputs, **held})
    program = Program(nodes, wanted, {}, dtype, held)
    if jit:
        program.use(program.native())
    for _ in range(2):
        with np.errstate(all="ignore"):
            found = program.run(inputs, 3)
        for node in wanted:
            assert bits(found[node]) == bits(expected[node]), node
        for block in program.pool.blocks:
            block[...] = 0xA5


@pytest.mark.parametrize("is_held", [False, True], ids=["fed", "held"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("op", "sample"), CASES)
def test_an_operation_has_the_bits_of_its_kernel(op: Any, sample: Any, dtype: Any, is_held: bool) -> None:
    builder = Builder()
    operands = leaves(builder, sample_types(sample))
    result = apply(builder, op, operands, sample.attrs)
    arrays = {n.path: np.asarray(a) for n, a in zip(operands, draw(sample, dtype=dtype), strict=True)}
    if is_held:
        same(builder.nodes, [result], {}, dtype, arrays)
    else:
        same(builder.nodes, [result], arrays, dtype, {})


@pytest.mark.parametrize(
    "name", ["where", "relu", "softmax", "log_softmax", "pow", "mean", "maximum", "sub", "mul"]
)
def test_special_numbers_come_out_the_same(name: str) -> None:
    x = np.array([np.roll(SPECIAL, k) for k in range(8)])
    formula = {
        "where": "where(u > 0, v, 0)",
        "pow": "u ^ 2",
        "mean": "mean(u, axis = 0)",
        "relu": "relu(u)",
        "softmax": "softmax(u)",
        "log_softmax": "log_softmax(u)",
        "maximum": "maximum(u, v)",
        "sub": "u - v",
        "mul": "1 * u * v",
    }[name]
    text = f"input x: [8, 8]\ninput y: [8, 8]\nu = x + 0\nv = y * 1\nz = {formula}"
    model = compile_source(SourceFile("t", text)).value
    for dtype in (np.float32, np.float64):
        inputs = {"x": x.astype(dtype), "y": x.T.astype(dtype).copy()}
        same(model.nodes, [model.by_path["z"]], inputs, dtype, {})


# What is read decides how a value is written: each of these by itself, beside other readers, and by the other axis.
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "formulas",
    ["z = sum(one_hot(y, classes = 4) * x)", "z = one_hot(y, classes = 70)", "z = x - one_hot(y, classes = 4)",
     "z = one_hot(k, classes = 4)", "z = one_hot(y, classes = 4) @ w",
     "z = gather(log_softmax(x), y)", "z = gather(log_softmax(x, axis = 0), y)", "z = gather(log_softmax(x, axis = 0), k, axis = 0)",
     "l = log_softmax(x)\nz = sum(gather(l, y)) + sum(l)", "z = gather(log_softmax(x), y) + gather(log_softmax(x), y - 1)",
     "z = sum(gather(log_softmax(x), y) * gather(softmax(x), y))", "z = gather(log_softmax(x), o)",
     "z = mean(x > 0)", "z = sum(x > 0)", "z = mean(r < 0.5)", "z = sum(r < 0.5)", "m = x > 0\nz = mean(m) * sum(m) + sum(x * m)",
     "z = sum(mean(x > 0, axis = 0))", "z = mean(b)", "z = mean(not b)", "z = mean(x[0, 0] > 0)", "z = mean(argmax(x) == y)"],
)  # fmt: skip
def test_what_labels_and_truth_values_become_has_the_bits_of_their_kernels(formulas: str, dtype: Any) -> None:
    head = "input x: [9, 4]\ninput w: [4, 2]\ninput r: [70, 80]\ninput b: bool[6]\ninput y: int[9]\ninput k: int[4]\ninput o: int[9, 3]"
    model = compile_source(SourceFile("t", f"{head}\n{formulas}")).value
    rng = np.random.default_rng(0)
    inputs: dict[str, Any] = {n: rng.normal(size=model.inputs[n].shape).astype(dtype) for n in "xwr"}
    inputs["y"] = rng.integers(0, 4, 9)
    if "one_hot" in formulas:
        inputs["y"][:4] = -1, 4, (1 << 63) - 1, -(1 << 63)  # classes that are none
    inputs |= {"b": rng.random(6) < 0.5, "k": rng.integers(0, 3, 4), "o": rng.integers(0, 4, (9, 3))}
    given = {n: inputs[n] for n, node in model.inputs.items()}
    wanted = [model.by_path["z"]]
    same(model.nodes, wanted, given, dtype, {})
    same(model.nodes, wanted, {}, dtype, given)
    both = [*wanted, *(node for node in model.nodes if not node.is_leaf)]
    same(model.nodes, both, given, dtype, {})


def test_a_class_beyond_the_last_is_refused_as_by_the_kernel() -> None:
    model = compile_source(
        SourceFile("t", "input x: [3, 4]\ninput y: int[3]\nz = gather(log_softmax(x), y)")
    ).value
    program = Program(model.nodes, [model.by_path["z"]], {}, np.float32, {})
    with pytest.raises(IndexError):
        program.run({"x": np.zeros((3, 4), np.float32), "y": np.array([0, 4, 1])})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "product",
    ["x[:, 1:4].T @ y", "x[:, ::2].T @ y", "x[:, 1:4] @ w", "w.T @ x[:, 1:4].T", "x[1:, 1:4] @ w[:, 1:3]", "u[:, 0].T @ y",
     "u[0:3, 1].T @ u[0:3, 0]", "(x[:, 1:4] * 2).T @ y[:, ::3]", "x[:, 1:2].T @ y", "w.T @ x.T[2:5]", "x[::-1].T @ y"],
)  # fmt: skip
def test_products_of_parts_of_matrices_have_the_bits_of_their_kernel(product: str, dtype: Any) -> None:
    text = f"input x: [32, 7]\ninput y: [32, 6]\ninput w: [3, 5]\ninput u: [32, 4, 9]\nz = {product}"
    model = compile_source(SourceFile("t", text)).value
    rng = np.random.default_rng(0)
    inputs = {path: rng.normal(size=node.shape).astype(dtype) for path, node in model.inputs.items()}
    wanted = [model.by_path["z"]]
    same(model.nodes, wanted, inputs, dtype, {})
    same(model.nodes, wanted, {}, dtype, inputs)


# --- random graphs ---------------------------------------------------------------------------------------

_STEPS = st.sampled_from(
    ["{a} + {b}", "{a} * {b}", "{a} - 2 * {b}", "relu({a})", "tanh({a}) / 2", "{a}.T @ {b}", "softmax({a})",
     "{a} * mean({b})", "{a} - mean({b}, axis = 0)", "where({a} > {b}, {a}, 0)", "1 * {a}", "{a}.T", "{a} ^ 2 / 4",
     "log_softmax({a}) * {b}", "sum({a} * {b}) * {a}", "exp(-abs({a})) + {b}", "reshape({a}, [16, 16]).T",
     "{a}[0] * {b}[:, 1:2] + {a}[-1]", "flip({a}) * {b}", "einsum(\"ij->ji\", {a}) + {b}",
     "mean({a}.T * 3, axis = 0) * {b}", "sum(tanh({a}.T), axis = 1) - {b}", "softmax({a}.T + 1)"]
)  # fmt: skip


# Those of one shape and without steps on which rounding decides.
_MILD = st.sampled_from(
    ["{a} + {b}", "{a} * tanh({b})", "{a} - 2 * {b}", "relu({a})", "tanh({a}) / 2", "tanh({a} @ w.T) @ {b}", "softmax({a})",
     "{a} * mean({b})", "{a} - mean({b}, axis = 0)", "{a} - mean({b}, axis = 1, keepdims = true)", "{a} ^ 2 / 4",
     "sum({a} * {b}, axis = -1, keepdims = true) / 40 + w", "log_softmax({a}) * {b}", "{a} * (sum({b}, axis = 0) / 16)",
     "sum(sum({a}, axis = 1, keepdims = true), axis = 0) / 99 + {b}",
     "sigmoid({a}) * {b}", "reshape(reshape(tanh({a}), [4, 4, 40]) @ (w.T @ w), [16, 40]) / 16"]
)  # fmt: skip


def check_random_graph(
    steps: list[tuple[str, int, int]], seed: int, dtype: Any, *, jit: bool = False
) -> None:
    """Compare both ways of computing a graph of these steps and its gradients."""
    names = ["x", "w"]
    lines = ["input x: [16, 16]", "param w: [16, 16] ~ normal(0, 1)"]
    for k, (text, a, b) in enumerate(steps):
        lines.append(f"v{k} = " + text.format(a=names[a % len(names)], b=names[b % len(names)]))
        names.append(f"v{k}")
    lines.append("f = " + " + ".join(f"mean({n} * w)" for n in names))
    model = compile_source(SourceFile("t", "\n".join(lines))).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(seed)
    inputs, held = ({name: rng.normal(size=(16, 16)).astype(dtype)} for name in "xw")
    same(model.nodes, [model.by_path["f"], *model.gradients.values()], inputs, dtype, held, jit=jit)


RANDOM_STEPS = st.lists(st.tuples(_STEPS, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=14)
DTYPES = st.sampled_from([np.float32, np.float64])


@settings(deadline=None, max_examples=60)
@given(steps=RANDOM_STEPS, seed=st.integers(0, 99), dtype=DTYPES)
def test_random_graphs_and_their_gradients_have_the_interpreters_bits(
    steps: Any, seed: int, dtype: Any
) -> None:
    check_random_graph(steps, seed, dtype)


@pytest.mark.slow
@settings(deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
@given(steps=RANDOM_STEPS, seed=st.integers(0, 99), dtype=DTYPES)
def test_two_thousand_random_graphs_have_the_interpreters_bits(steps: Any, seed: int, dtype: Any) -> None:
    check_random_graph(steps, seed, dtype)


# --- sums in another order -------------------------------------------------------------------------------


def near(
    nodes: list[Any], wanted: list[Any], inputs: dict[str, Any], dtype: Any, held: dict[str, Any]
) -> None:
    """Compare a program that may take sums in another order with the interpreter."""
    expected = Executable(make_plan(nodes, wanted), {}, dtype, 3).run({**inputs, **held})
    program = Program(nodes, wanted, {}, dtype, held, is_exact=False)
    for _ in range(2):
        with np.errstate(all="ignore"):
            found = program.run(inputs, 3)
        for node in wanted:
            scale = np.abs(np.asarray(expected[node], float)).max(initial=1.0)
            bound = (1e-6 if dtype is np.float32 else 1e-13) * 16 * scale
            np.testing.assert_allclose(found[node], expected[node], rtol=0, atol=bound, err_msg=node.path)


@settings(deadline=None, max_examples=40)
@given(
    steps=st.lists(st.tuples(_MILD, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=10),
    seed=st.integers(0, 99),
)
def test_random_graphs_come_out_nearly_the_same_with_sums_in_another_order(steps: Any, seed: int) -> None:
    names = ["x", "w"]
    lines = ["input x: [16, 40]", "param w: [16, 40] ~ normal(0, 1)"]
    for k, (text, a, b) in enumerate(steps):
        lines.append(f"v{k} = " + text.format(a=names[a % len(names)], b=names[b % len(names)]))
        names.append(f"v{k}")
    lines.append("f = " + " + ".join(f"mean({n} * w)" for n in names))
    model = compile_source(SourceFile("t", "\n".join(lines))).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(seed)
    inputs, held = ({name: rng.normal(size=(16, 40))} for name in "xw")
    near(model.nodes, [model.by_path["f"], *model.gradients.values()], inputs, np.float64, held)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_statements_that_are_compiled_in_parts_come_to_the_same(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphlang.run.code._AT_ONCE", at_once)
    text = """input x: [3, 4]
param w: [4, 4] = 1
a = tanh(x @ w)
b = cumsum(a, axis = 1) + x.T[0, 0]
f = mean(b * a) + sum(x[1, 2:4]) * mean(a)
g = f * f + f
"""
    model = compile_source(SourceFile("t", text)).value
    model = differentiate(model, model.by_path["g"])
    rng = np.random.default_rng(2)
    wanted = [model.by_path["g"], model.by_path["b"], model.gradients["w"], model.gradients["x"]]
    held = {"w": rng.normal(size=(4, 4))}
    same(model.nodes, wanted, {"x": rng.normal(size=(3, 4))}, np.float64, held)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fast_logistic_function_keeps_its_digits_far_out(dtype: Any) -> None:
    model = compile_source(SourceFile("t", "input x: [64]\ny = sigmoid(x + 0)")).value
    x = np.linspace(-80, 80, 64).astype(dtype)
    program = Program(model.nodes, [model.by_path["y"]], {}, dtype, {}, is_exact=False)
    found = program.run({"x": x})[model.by_path["y"]].copy()
    exact = 1 / (1 + np.exp(-x.astype(np.float64)))
    np.testing.assert_allclose(found, exact, rtol=4e-7 if dtype is np.float32 else 1e-15)
    with np.errstate(over="ignore"):
        far = program.run({"x": np.full(64, -1e4, dtype)})
    assert not far[model.by_path["y"]].any()


POOLED = """input x: [6, 2, 8, 8]
param w: [4, 2, 3, 3] ~ normal(0, 1)
param b: [4] = 0
a = relu(conv2d(x, w, padding = 1) + reshape(b, [4, 1, 1]))
c = max_pool2d(a, {pool})
f = mean(c ^ 3)
"""


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pool", ["2", "[4, 2]", "3, stride = 1", "3, stride = 2, padding = 1"])
def test_bias_and_rectifier_may_come_after_a_pool(pool: str, dtype: Any) -> None:
    model = compile_source(SourceFile("t", POOLED.format(pool=pool))).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(6, 2, 8, 8)).astype(dtype)}
    held = {p: rng.normal(size=n.shape).astype(dtype) for p, n in model.params.items()}
    wanted = [model.by_path["f"], *(model.gradients[p] for p in ("x", *model.params))]
    near(model.nodes, wanted, inputs, dtype, held)
    fewer, now = combined(model.nodes, wanted)
    rewritten, _ = loosened(fewer, [now[n] for n in wanted])
    is_smaller = [n for n in rewritten if n.op == "relu" and n.shape == model.by_path["c"].shape]
    assert bool(is_smaller) == ("padding" not in pool)


def test_what_the_rectified_images_are_used_for_besides_keeps_them() -> None:
    model = compile_source(SourceFile("t", POOLED.format(pool="2") + "g = f + sum(a)")).value
    model = differentiate(model, model.by_path["g"])
    wanted = [model.by_path["g"], model.gradients["b"]]
    fewer, now = combined(model.nodes, wanted)
    rewritten, _ = loosened(fewer, [now[n] for n in wanted])
    assert [n.path for n in rewritten if n.op == "relu"] == ["a"]


# --- images --------------------------------------------------------------------------------------------

IMAGES = """input x: [6, 2, 9, 8]
param w1: [4, 2, 3, 3] ~ normal(0, 1)
param w2: [5, 4, 2, 3] ~ normal(0, 1)
param w3: [3, 5, 1, 1] ~ normal(0, 1)
a = relu(conv2d(x, w1, padding = 1) + reshape(sum(w1, axis = [1, 2, 3]), [4, 1, 1]))
b = max_pool2d(a, {pool})
c = conv2d(b, w2, padding = [[1, 0], [1, 1]], stride = {stride})
d = relu(c) -> max_pool2d(2)
e = conv2d(d, w3, stride = {stride}) + sum(avg_pool2d(a, {pool}) ^ 2) * mean(avg_pool2d(b, [2, 1], stride = 1))
f = sum(flatten(e) ^ 2) + sum(a * a) + sum(e, axis = [0, 2, 3])[0] + sum(c.T, axis = 2)[0, 0, 0]
"""


@pytest.mark.parametrize("cached", [1, 2000, 1 << 18], ids=["images", "some", "whole"])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pool", ["2", "[3, 2]", "3, stride = 1", "3, stride = 2, padding = 1"])
def test_a_convolutional_net_has_the_interpreters_bits(
    pool: str, stride: int, cached: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphlang.ops.im2col.CACHED", cached)
    monkeypatch.setattr("graphlang.run.sliding.UNPOOLED", cached)
    # Kept or gathered again.
    monkeypatch.setattr("graphlang.run.sliding.KEPT_BYTES", 4 * cached)
    source = SourceFile("t", IMAGES.format(pool=pool, stride=stride))
    model = compile_source(source).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        # Halves, so that entries of a window are often equal.
        inputs = {"x": (rng.integers(-4, 4, (6, 2, 9, 8)) / 2).astype(dtype)}
        held = {p: rng.integers(-2, 3, n.shape).astype(dtype) for p, n in model.params.items()}
        wanted = [model.by_path["f"], *(model.gradients[p] for p in ("x", *model.params))]
        same(model.nodes, wanted, inputs, dtype, held)


def test_patches_that_are_kept_are_not_overwritten_before_their_last_use() -> None:
    text = """input x: [2, 4, 6, 6]
param v: [4, 4, 3, 3] ~ normal(0, 1)
param w: [4, 4, 3, 3] ~ normal(0, 1)
a = conv2d(x, v, padding = 1)
b = conv2d(tanh(a), w, padding = 1)
c = conv2d(tanh(b), w, padding = 1)
f = sum(c ^ 2) + sum(a * b)
"""
    model = compile_source(SourceFile("t", text)).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(1)
    held = {p: rng.normal(size=(4, 4, 3, 3)) for p in "vw"}
    wanted = [model.by_path["f"], model.gradients["v"], model.gradients["w"], model.gradients["x"]]
    same(model.nodes, wanted, {"x": rng.normal(size=(2, 4, 6, 6))}, np.float64, held)


# --- training --------------------------------------------------------------------------------------------


def interpreted(training: Any, steps: int) -> tuple[list[float], dict[str, Any]]:
    """Train with one interpreted step after the other, each making new arrays."""
    trainer, values = training.trainer, dict(training.progress.values)
    step, losses, done = trainer.step, [], 0
    progress = training.progress
    while done < steps:
        for rows in trainer._batches(progress.epoch):
            inputs = trainer.feed.take(rows)
            count = len(next(iter(inputs[n] for n in trainer.feed.names))) if trainer.feed.names else 0
            executable = trainer.executable(
                step.nodes, [step.loss, *step.next.values()], bound_sizes(trainer.feed, count)
            )
            times = trainer._clock(progress)
            found = executable.run({**values, **inputs, **times}, seed=trainer.step_seed(progress.step + 1))
            values |= {path: np.array(found[node]) for path, node in step.next.items()}
            losses.append(float(found[step.loss]))
            progress.step, progress.batch, done = progress.step + 1, progress.batch + 1, done + 1
            if done == steps:
                break
        progress.epoch, progress.batch = progress.epoch + 1, 0
    return losses, values


HEAD = """data d = moons(n = 50, noise = 0.1, seed = 3) {
  x = columns("x0".."x1")
  y = column("label")
}
input x: [N, 2]
input y: int[N]
scores = x -> dense(5) -> batch_norm -> relu -> dropout(0.2) -> dense(2)
loss = cross_entropy(scores, y) + 1e-3 * l2(params("*.W"))
metric accuracy = mean(argmax(scores) == y)
"""
SETTINGS = [
    "optimizer = sgd(lr = 0.1)",
    "optimizer = sgd(lr = 0.1, weight_decay = 0.1)",
    "optimizer = momentum(lr = 0.1)\n clip = 0.1",
    "optimizer = nesterov(lr = 0.1)\n schedule = exponential(warmup = 1)",
    "optimizer = adagrad(lr = 0.1)",
    "optimizer = rmsprop()\n schedule = step(every = 1)",
    "optimizer = adam()\n batch = all",
    "optimizer = adamw()\n schedule = cosine(warmup = 1)\n clip = 1.0\n batch = 1",
    "optimizer = scalar_state()",
    "optimizer = swapping()",
    "optimizer = looping()\n schedule = cosine()",
]
OWN = """optimizer scalar_state(lr: float = 0.1) {
  state n: [] = 0
  n = n + 1
  weight = weight - lr * gradient / n * mean(abs(weight))
}
optimizer swapping(lr: float = 0.1) {
  state a = 0
  state b = 1
  old = identity(a)
  a = b
  b = old
  weight = weight - lr * gradient * a
}
optimizer looping(lr: float = 0.1) {
  state a = 0
  for i in 1..3 { a = 0.5 * a + gradient * gradient }
  weight = weight - lr * gradient / (1 + a) + 0.01 * (weight - a)
}
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.split("(")[0].split()[-1])
def test_training_has_the_bits_of_one_interpreted_step_after_the_other(setting: str, dtype: str) -> None:
    text = HEAD + OWN + f"train on d {{\n minimize = loss\n batch = 16\n epochs = 3\n {setting}\n}}"
    text = text.replace(" batch = 16\n", "") if setting.count("batch") else text
    source = SourceFile("t", text)
    training = prepare_training(source, dtype=dtype)
    losses = [x for x in training.trainer.steps(training.progress) if not isinstance(x, Record)]
    expected, values = interpreted(prepare_training(source, dtype=dtype), len(losses))
    assert losses == expected
    for path, value in values.items():
        assert bits(training.progress.values[path]) == bits(value), path


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.graph")), ids=lambda p: p.stem)
def test_training_an_example_has_the_interpreters_bits(path: Path) -> None:
    source = read_source(str(path)).value
    assert source is not None
    if compile_source(source).value.training is None:
        pytest.skip("it has no train block")
    training = prepare_training(source, settings={"epochs": 1})
    with contextlib.suppress(*KERNEL_ERRORS):
        losses = [x for x in training.trainer.steps(training.progress) if not isinstance(x, Record)]
    expected, values = interpreted(prepare_training(source, settings={"epochs": 1}), len(losses))
    assert losses == expected
    for name, value in values.items():
        assert bits(training.progress.values[name]) == bits(value), name
