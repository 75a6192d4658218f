"""A batch cut into parts gives what the whole batch gives, up to the order of its sums."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.differentiate.differentiate import differentiate
from graphlang.learning import prepare_training
from graphlang.pipeline import compile_source
from graphlang.plan.schedule import make_plan
from graphlang.plan.split import Role, split
from graphlang.plan.work import work
from graphlang.run.interpreter import Executable
from graphlang.run.split_program import SplitProgram
from graphlang.run.threads import Threads
from graphlang.run.train import Record
from graphlang.source import SourceFile
from tests.run.training import training

pytest.importorskip("threadpoolctl")

DENSE = """input x: [N, 6]
input y: int[N]
scores = x -> dense(5, relu) -> dense(3)
f = cross_entropy(scores, y)
metric accuracy = mean(argmax(scores) == y)
"""
MODELS = {
    "dense": DENSE,
    "regularised": DENSE + "g = f + 0.1 * l2(params(\"*.W\"))\noutput g",
    "images": """input x: [N, 2, 8, 8]
input y: int[N]
scores = x -> conv(3, activation = relu) -> max_pool2d(2) -> conv(4) -> global_avg_pool2d -> dense(3)
f = cross_entropy(scores, y)
output f
""",
    "attention": """input x: [N, 4, 8]
input t: [N, 4, 8]
f = mse(x + (x -> layer_norm -> attention(heads = 2, causal = true)), t)
output f
""",
    "slices": """input x: [N, 4, 6]
q = permute(reshape(x @ reshape(cumsum(broadcast(0.1, [36])), [6, 6]), [N, 4, 3, 2]), [2, 0, 1, 3])
f = sum(tanh(q[0] @ q[1].T) @ q[2])
output f
""",
    "words": """input x: int[N, 3]
input y: int[N]
f = cross_entropy(x -> embedding(7, 4) -> flatten -> dense(3, tanh), y)
output f
""",
    "recurrent": """input x: [N, 3, 2]
input y: int[N]
layer cell = lstm_cell()
h = broadcast(0.0, [N, 4])
c = h
for t in 1..3 { h, c = cell(x[:, t - 1], h, c) }
f = cross_entropy(h -> dense(3), y)
output f
""",
    "columns": """input x: [N, 4]
f = sum((x.T @ x) ^ 2) / N + mean(exp(-x), axis = 0)[1] + sum(x) * N
output f
""",
}  # fmt: skip
NOT_SPLIT = {
    "batch_norm": "input x: [N, 4]\nf = sum((x -> batch_norm) ^ 3)",
    "dropout": "input x: [N, 4]\nf = sum((x -> dropout(0.5)) ^ 3)",
    "greatest": "input x: [N, 4]\nf = sum(max(x, axis = 0))",
    "rows_meet": "input x: [N, N]\nf = sum(x @ x)",
    "distances": "input x: [N, 4]\nf = sum(abs(expand(x, axis = 0) - expand(x, axis = 1)))",
    "loss_squared": "input x: [N, 4]\nf = mean(tanh(x)) ^ 2",
    "sorted": "input x: [N, 4]\nf = sum(cumsum(x, axis = 0) ^ 2)",
}


def drawn(model: Any, count: int) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    found = {}
    for name, node in model.inputs.items():
        shape = (count, *node.shape[1:])
        found[name] = rng.normal(size=shape) if node.type.is_float else rng.integers(0, 3, shape)
    return found | {name: rng.normal(size=node.shape) for name, node in model.params.items()}


@pytest.fixture(params=[2, 3])
def threads(request: pytest.FixtureRequest) -> Any:
    made = Threads(request.param)
    yield made
    made.close()


@pytest.mark.parametrize("name", MODELS)
def test_parts_add_up_to_the_whole(name: str, threads: Threads) -> None:
    model = compile_source(SourceFile("t", MODELS[name]), training=True).value
    model = differentiate(model, model.by_path["g" if name == "regularised" else "f"])
    gradients = [
        model.gradients[p]
        for p in (*model.params, *(["x"] if name in ("dense", "attention", "slices") else []))
    ]
    wanted = [model.by_path["f"], *gradients, *model.metrics.values()]
    values, sizes = drawn(model, 11), {"N": 11}
    expected = Executable(make_plan(model.nodes, wanted), sizes, np.float64).run(values)
    held = {path: values[path] for path in model.params}
    parted = split(model.nodes, wanted, "N", sizes)
    assert parted is not None
    targets = {n: np.zeros(n.shape) for n in gradients[: len(held)] if not n.is_leaf}
    program = SplitProgram(parted, wanted, "N", sizes, np.float64, held, targets, threads)
    for _ in range(2):
        found = program.run(values)
        for node in wanted:
            np.testing.assert_allclose(found[node], expected[node], rtol=1e-9, atol=1e-12, err_msg=node.path)
        for node, target in targets.items():
            np.testing.assert_array_equal(target, found[node])


@pytest.mark.parametrize("name", NOT_SPLIT)
def test_what_needs_all_rows_at_once_is_not_split(name: str) -> None:
    model = compile_source(SourceFile("t", NOT_SPLIT[name]), training=True).value
    model = differentiate(model, model.by_path["f"])
    assert split(model.nodes, [model.by_path["f"], *model.gradients.values()], "N", {"N": 8}) is None


def test_a_regularised_gradient_waits_for_the_sums() -> None:
    model = compile_source(SourceFile("t", MODELS["regularised"]), training=True).value
    model = differentiate(model, model.by_path["g"])
    weights, bias = (model.gradients[f"scores.dense.{name}"] for name in "Wb")
    parted = split(model.nodes, [weights, bias], "N", {"N": 8})
    assert parted is not None
    assert parted.roles[weights] is Role.AFTER


TRAINED = """data d = moons(n = 50, noise = 0.1, seed = 3) {{
  x = columns("x0".."x1")
  y = column("label")
}}
input x: [N, 2]
input y: int[N]
scores = x -> dense(8, tanh) {more}-> dense(2)
loss = cross_entropy(scores, y) + 1e-3 * l2(params("*.W"))
metric accuracy = mean(argmax(scores) == y)
train on d {{ minimize = loss
 optimizer = adam(lr = 0.01)
 clip = 1.0
 batch = 16
 epochs = 4 }}
"""


def trained(text: str, threads: int) -> tuple[list[float], dict[str, Any]]:
    training = prepare_training(SourceFile("t", text), dtype="float64", threads=threads)
    losses = [x for x in training.trainer.steps(training.progress) if not isinstance(x, Record)]
    return losses, training.progress.values


def test_training_in_parts_learns_the_same_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlang.run.step_program.LEAST_WORK", 0)
    whole, values = trained(TRAINED.format(more=""), 1)
    losses, found = trained(TRAINED.format(more=""), 2)
    assert losses != whole or any(not np.array_equal(found[p], values[p]) for p in values)
    np.testing.assert_allclose(losses, whole, rtol=1e-9)
    for path, value in values.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-7, atol=1e-9)
    again, values_again = trained(TRAINED.format(more=""), 2)
    assert again == losses
    assert all(np.array_equal(found[p], values_again[p]) for p in found)


def test_a_model_that_cannot_be_split_is_trained_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlang.run.step_program.LEAST_WORK", 0)
    text = TRAINED.format(more="-> dropout(0.3) -> batch_norm ")
    whole, parts = trained(text, 1), trained(text, 2)
    np.testing.assert_allclose(parts[0], whole[0], rtol=1e-9)


def test_the_work_of_a_step_is_that_of_its_products() -> None:
    text = "input x: [N, 20]\nparam w: [20, 30] ~ normal(0, 1)\nf = sum(x @ w)"
    model = compile_source(SourceFile("t", text)).value
    products, sums = 2 * 50 * 20 * 30, 50 * 30
    assert work(model.nodes, [model.by_path["f"]], {"N": 50}) == products + sums


def test_an_update_that_is_shared_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, values = trained(TRAINED.format(more=""), 1)
    monkeypatch.setattr("graphlang.run.flat_update.PIECE", 8)
    monkeypatch.setattr("graphlang.run.train._SHARED_UPDATE", 1)
    monkeypatch.setattr("graphlang.run.train.available", lambda: 2)
    shared, found = trained(TRAINED.format(more=""), 1)
    assert shared == alone
    assert all(np.array_equal(found[p], values[p]) for p in values)


def test_what_fails_in_one_part_is_told_when_all_are_done(threads: Threads) -> None:
    done = []

    def fails() -> None:
        raise IndexError("no such row")

    for tasks in ([fails, lambda: done.append(1)], [lambda: done.append(2), fails]):
        with pytest.raises(IndexError, match="no such row"):
            threads.each(tasks)
    assert sorted(done) == [1, 2]


IMAGES = """data d = npz("d.npz")
input x: [N, {shape}]
input y: int[N]
h = {body}
scores = h -> dense(3)
train on d {{
  minimize = cross_entropy(scores, y)
  batch = 32
  optimizer = sgd(lr = 0.1)
}}
"""


@pytest.mark.parametrize(
    ("shape", "body", "is_better"),
    [
        ("8, 16, 16", "x -> conv(64, 3) -> relu -> flatten", True),
        ("1, 4, 4", "x -> conv(2, 3) -> relu -> flatten", False),
        ("2048", "x -> dense(1024) -> relu", False),
        ("8, 16, 16", "x -> conv(64, 3) -> batch_norm2d -> relu -> flatten", False),
    ],
    ids=["images", "small images", "one large product", "rows that meet"],
)
def test_threads_are_chosen_where_they_pay(
    shape: str, body: str, is_better: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphlang.run.train.available", lambda: 2)
    sizes = [int(s) for s in shape.split(",")]
    np.savez(tmp_path / "d.npz", x=np.zeros((64, *sizes), np.float32), y=np.zeros(64, int))
    run = training(IMAGES.format(shape=shape, body=body), tmp_path, "float32", threads=0)
    assert run.trainer.helpful_threads() == (2 if is_better else 1)
