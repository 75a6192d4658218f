"""The norms that a training view shows are those of the gradient of the step done last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphlang import parse
from graphlang.learning import prepare_inference, prepare_training
from graphlang.source import SourceFile
from tests.server.conftest import Client
from tests.server.test_training import MOONS, Run

# One layer, so that its gradients are a line of NumPy; every batch is all of the data.
LINEAR = """data d = moons(n = 40, noise = 0.1) {
  x = columns("x0".."x1")
  y = column("label")
}
input x: [N, 2]
input y: int[N]
scores = x -> dense(2)
loss = cross_entropy(scores, y)
output scores
train on d {
  minimize = loss
  optimizer = momentum(lr = 0.5)
  epochs = 50
  batch = all
}
"""
W, B = "scores.dense.W", "scores.dense.b"


@pytest.fixture
def run(client: Client) -> Iterator[Run]:
    made = Run(client)
    yield made
    made.client.ask("stop")


def data() -> tuple[np.ndarray, np.ndarray]:
    rows = prepare_training(SourceFile("net.graph", LINEAR, "net.graph")).rows
    assert rows is not None and rows.arrays is not None
    return rows.arrays["x"], rows.arrays["y"]


def by_formula(x: np.ndarray, y: np.ndarray, w: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the mean softmax loss: ∂L/∂scores = (p - onehot) / N."""
    scores = x @ w + b
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    g = (p / p.sum(axis=1, keepdims=True) - np.eye(2)[y]) / len(x)
    return x.T @ g, g.sum(axis=0)


def start() -> dict[str, Any]:
    return prepare_inference(
        SourceFile("net.graph", LINEAR, "net.graph"), lambda m: {"scores": m.by_path["scores"]}
    ).values


def shown(run: Run, step: int) -> dict[str, float]:
    return dict(run.until(lambda m: m["event"] == "frame" and m["step"] == step)["gradients"])


def test_they_are_those_of_the_formula_after_each_of_several_steps(run: Run) -> None:
    x, y = data()
    weights = {p: np.asarray(v, float) for p, v in start().items()}
    velocity = {p: np.zeros_like(v) for p, v in weights.items()}
    run.open(LINEAR)
    assert run.until(lambda m: m["event"] == "ready")["gradients"] == [W, B]
    for step in (1, 2, 3):
        gradients = dict(zip((W, B), by_formula(x, y, weights[W], weights[B]), strict=True))
        run.do("step")
        found = shown(run, step)
        assert list(found) == [W, B]
        for path, gradient in gradients.items():
            assert found[path] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)
            velocity[path] = 0.9 * velocity[path] - 0.5 * gradient
            weights[path] += velocity[path]


@pytest.mark.parametrize(
    "optimizer", ["sgd(lr = 0.5)", "adam(lr = 0.1)", "rmsprop()", "nesterov()", "adamw()"]
)
def test_no_optimizer_writes_over_them(run: Run, optimizer: str) -> None:
    x, y = data()
    weights = start()
    run.open(LINEAR.replace("momentum(lr = 0.5)", optimizer))
    run.do("step")
    found = shown(run, 1)
    for path, gradient in zip((W, B), by_formula(x, y, weights[W], weights[B]), strict=True):
        assert found[path] == pytest.approx(np.linalg.norm(gradient), rel=1e-5)


def test_they_are_told_as_they_were_before_clipping(run: Run) -> None:
    x, y = data()
    weights = start()
    run.open(LINEAR.replace("  batch = all\n", "  batch = all\n  clip = 1e-3\n"))
    run.do("step")
    assert shown(run, 1)[W] == pytest.approx(
        np.linalg.norm(by_formula(x, y, weights[W], weights[B])[0]), rel=1e-5
    )


def test_with_batches_they_are_those_of_the_last_batch_by_the_interpreter(run: Run) -> None:
    training = prepare_training(SourceFile("net.graph", MOONS, "net.graph"))
    trainer = training.trainer
    steps = trainer.steps(training.progress)
    next(steps)
    before = trainer.kept(training.progress.values)
    batch = trainer.feed.take(list(trainer._batches(0))[1])
    run.open(MOONS)
    run.do("step")
    run.do("step")
    found = shown(run, 2)
    evaluation = parse(MOONS).run(batch, weights=before, of="loss")
    assert list(found) == ["scores.dense.W", "scores.dense.b", "scores.dense_2.W", "scores.dense_2.b"]
    for path, norm in found.items():
        assert norm == pytest.approx(np.linalg.norm(evaluation.gradients[path]), rel=1e-4)


def test_there_are_none_before_the_first_step_nor_after_a_reset(run: Run) -> None:
    run.open(LINEAR)
    assert "gradients" not in run.until(lambda m: m["event"] == "frame")
    run.do("step")
    assert shown(run, 1)
    run.do("reset")
    run.until(lambda m: m["event"] == "ready")
    assert "gradients" not in run.until(lambda m: m["event"] == "frame")


@pytest.mark.parametrize("size", ["1e-25", "3e-12", "0.0", "1e25"])
def test_tiny_and_huge_ones_have_a_norm_too(run: Run, size: str) -> None:
    text = f"param w: [4] = 1\nloss = {size} * sum(w)\noutput loss\ntrain {{\n  minimize = loss\n  optimizer = sgd(lr = 0.0)\n}}\n"
    run.open(text)
    run.do("step")
    assert shown(run, 1)["w"] == pytest.approx(2 * float(size), rel=1e-6)


def test_of_a_run_that_diverges_they_are_those_of_the_step_that_failed(run: Run) -> None:
    run.open(
        "param w = 1\nloss = w ^ 2\noutput loss\ntrain {\n  minimize = loss\n  optimizer = sgd(lr = 1e30)\n}\n"
    )
    run.do("step")
    assert shown(run, 1) == {"w": 2.0}
    run.do("step")  # from -2e30, where the loss is beyond the range of 32 bits
    assert run.until(lambda m: m["event"] == "frame")["gradients"]["w"] == pytest.approx(4e30, rel=1e-6)
    assert run.until(lambda m: m["event"] == "failed")
