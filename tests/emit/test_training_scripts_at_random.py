"""Scripts of random models, data and settings train as the tool does, to the bit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.emit.test_training_script import assert_same_bits, executed, prepared, script_of, trained

ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "gelu", "softplus"])
LAYERS = st.sampled_from(["", " -> batch_norm", " -> dropout(0.3)", " -> layer_norm"])
OPTIMIZERS = st.sampled_from(
    ["sgd(lr = 0.1)", "momentum(lr = 0.05)", "nesterov", "adam", "adamw", "rmsprop", "adagrad"]
)
LOSSES = st.sampled_from(
    [
        "cross_entropy(s, y)",
        "mean(s ^ 2) + 0.1 * cross_entropy(s, y)",
        'cross_entropy(s, y) + 1e-3 * l2(params("*"))',
    ]
)
FURTHER = st.sampled_from(["", "  clip = 0.5\n", "  schedule = cosine(warmup = 1)\n", "  shuffle = false\n"])


# From wires {a} and {b} of shape [N, 6] to another.
_STEPS = st.sampled_from(
    [
        "tanh({a}[:, 1:4] @ A)",
        "{a} @ B.T",
        "{a} * mean({a}, axis = 0)",
        "softmax({a}) + {b}",
        "flip({a}, axis = 1) @ B",
        "reshape(reshape({a}, [N, 2, 3]) @ C, [N, 6])",
        'einsum("nk,jk->nj", {a}, B)',
        "concat([{a}[:, :3], {b}[:, 3:] * 2], axis = 1)",
        "({a}.T * 2).T @ B",
        "relu({a} - {b})",
        "{a} / (1 + abs({b}))",
        "(B @ {a}.T).T",
        "{a}[:, ::2] @ A",
        "{a} - max({a}, axis = 1, keepdims = true)",
        "sigmoid({a}) * {b}",
        "cumsum({a}, axis = 1) / 6",
        "({a} @ ({b}.T @ {a})) / 50",
        "where({a} > {b}, {a}, 0.1 * {b})",
        "x[:, :6] * {a}",
        "permute(stack([{a}, {b}], axis = 1), [0, 2, 1])[:, :, 0] @ B",
        "abs({a}) + {b}",
        "{a} - min({a}, axis = 0)",
        "max({a}, axis = 0) * {b}",
        "prod({a}, axis = 1, keepdims = true) + {b}",
        "round({a} * 4) / 4 + {b}",
        "sign({a}) * {b}",
        "clip({a}, -0.5, 0.5) + {b} / 2",
        "{a} / (1 + norm({a}))",
        "std({a}, axis = 1, keepdims = true) * {b}",
        "var({a}, axis = 0) + {b}",
        "logsumexp({a}, axis = 1, keepdims = true) - {b}",
        "maximum({a}, {b})",
        "minimum({a}, 0.3) * {b}",
        "mod({a}, 0.7) + {b}",
        "erf({a})",
        "expm1(-abs({a})) * {b}",
        "log1p(abs({a}))",
        "sin({a}) + cos({b})",
        "tan({a} / 4)",
        "elu({a})",
        "gelu({a}) - {b}",
        "silu({a})",
        "leaky_relu({a})",
        "softplus({b})",
        "square({a}) / 3 - {b}",
        "1 / (1 + square({a}))",
        "stop_gradient({a}) * {b}",
        "tile({a}[:, :3], [1, 2]) + {b}",
        "pad({a}[:, 1:5], [[0, 0], [1, 1]])",
        "expand(gather({a}, y * 0 + 1, axis = 1), 1) + {b}",
        "take({a}, [5, 4, 3, 2, 1, 0], axis = 1)",
        "to_float({a} > {b}) * {a}",
        "{a} ^ 3 / 10",
        "abs({a}) ^ 0.5",
        "normal(0, 0.1, shape = shape({a})) + {a}",
        "bernoulli(0.8, shape = shape({a})) * {a}",
        "uniform(0.5, 1.5, shape = shape({a})) * {b}",
        "one_hot(y, 4) @ D + {a}",
        "expand(to_float(argmax({a}, axis = 1)), 1) * {b} / 6",
        "{a} * to_float(all({a} > -9))",
        "{a} * to_float(any({a} > 0, axis = 1, keepdims = true))",
        "sqrt(abs({a}) + 1) - {b}",
        "log(abs({a}) + 1)",
        "exp({a} / 5)",
        "floor({a}) / 5 + {b}",
        "ceil({a}) / 5 + {b}",
        'expand(einsum("nk,nk->n", {a}, {b}), 1) + {a}',
        "squeeze(expand({a}, 1), 1)",
        "log_softmax({a}) / 4",
        "expand(mean({a}, axis = 1), 1) * {b}",
        "sum({a}, axis = 0) / 20 + {b}",
        "softmax({a}, axis = 0) * {b}",
        "flip({a}, axis = 0) / 2 + {b}",
        "({a} // 0.5) / 9 + {b}",
        "sum({a} * {b})/50 * {a}",
    ]
)
_PARAMETERS = "".join(
    f"param {name}: {shape} ~ normal(0, 0.4)\n"
    for name, shape in {"A": [3, 6], "B": [6, 6], "C": [3, 3], "D": [4, 6]}.items()
)


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """The shape of a row, and the statements from `x` to the scores `s`: operations of every kind."""
    wires, lines = ["x[:, 2:8]"], []
    for k in range(draw(st.integers(1, 6))):
        a, b = draw(st.sampled_from(wires[-2:])), draw(st.sampled_from(wires))
        lines.append(f"h{k} = {draw(_STEPS).format(a=a, b=b)}\n")
        wires.append(f"h{k}")
    return (9,), f"{_PARAMETERS}{''.join(lines)}s = {wires[-1]} -> dense(4)\n"


@st.composite
def perceptrons(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """The same for layers."""
    hidden = [
        f" -> dense({draw(st.sampled_from([1, 5, 16, 64]))}, {draw(ACTIVATIONS)}){draw(LAYERS)}"
        for _ in range(draw(st.integers(0, 3)))
    ]
    return (draw(st.sampled_from([1, 3, 16])),), f"s = x{''.join(hidden)} -> dense(4)\n"


@st.composite
def convolutional(draw: st.DrawFn) -> tuple[tuple[int, ...], str]:
    """The same for images."""
    first, second = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    between = draw(st.sampled_from(["", " -> batch_norm2d", " -> dropout(0.2)"]))
    pooling = draw(st.sampled_from(["max_pool2d(2)", "avg_pool2d(2)"]))
    start = f"x -> conv({first}, activation = {draw(ACTIVATIONS)}){between} -> {pooling}"
    return (2, 8, 8), f"s = {start} -> conv({second}, activation = relu) -> flatten -> dense(4)\n"


def recurrent() -> st.SearchStrategy[tuple[tuple[int, ...], str]]:
    """The same for short sequences."""
    return st.just(
        (
            (5, 3),
            "param U: [3, 6] ~ normal(0, 0.4)\nparam V: [6, 6] ~ normal(0, 0.4)\nh = tanh(x[:, 0] @ U)\n"
            "for t in 1..4 { h = tanh(x[:, t] @ U + h @ V) }\ns = h -> dense(4)\n",
        )
    )


@pytest.mark.slow
def test_scripts_train_as_the_tool_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    @given(
        mixtures() | perceptrons() | convolutional() | recurrent(),
        LOSSES,
        OPTIMIZERS,
        FURTHER,
        st.integers(5, 120).flatmap(lambda rows: st.tuples(st.just(rows), st.integers(1, rows))),
        st.booleans(),
        st.booleans(),
    )
    def check(
        model: tuple[tuple[int, ...], str],
        loss: str,
        optimizer: str,
        further: str,
        sizes: tuple[int, int],
        holds_out: bool,
        is_optimized: bool,
    ) -> None:
        (row, body), (rows, batch) = model, sizes
        rng = np.random.default_rng(rows)
        np.savez(tmp_path / "d.npz", x=rng.normal(size=(rows, *row)), y=rng.integers(0, 4, rows))
        text = (
            f'data d = npz("d.npz")\ninput x: {["N", *row]}\ninput y: int[N]\n{body}loss = {loss}\n'
            "output s\nmetric accuracy = mean(argmax(s) == y)\n"
            f"train on d {{\n  minimize = loss\n  optimizer = {optimizer}\n  batch = {batch}\n  epochs = 2\n"
            f"{further}{'  holdout = 0.25' if holds_out else ''}\n}}\n"
        ).replace("'", "")
        training = prepared(text, tmp_path)
        script = script_of(training, tmp_path, is_optimized=is_optimized)
        seen["two sizes"] += "rows: step(rows)" in script
        wanted = trained(training)
        found = executed(script, tmp_path, capsys, monkeypatch)
        assert found.log == wanted.log
        assert_same_bits(found.best, wanted.best)
        assert_same_bits(found.last, wanted.last)

    check()
    assert seen["two sizes"] >= 10, "last batches with a compiled step are among them"
