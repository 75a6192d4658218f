"""Training: one step by hand, the order of the rows, and what an epoch comes to."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

from graphlang import learning
from graphlang.diagnostics import GraphlangError
from graphlang.plan import fading
from graphlang.run import streamed_table
from graphlang.run.batches import batches_of_epoch, count_batches, split_rows
from graphlang.run.step_program import all_finite, lone_square
from tests.run.training import losses, points, records, training, values

SCALAR = "param w = 1.0\nloss = (w - 3) ^ 2\n"


def one(block: str, params: str = SCALAR, **options):
    return training(f"{params}train {{\n  minimize = loss\n  {block}\n}}\n", **options)


def final(block: str, params: str = SCALAR, **options):
    run = one(block, params, **options)
    records(run)
    return values(run)


# --- steps by hand: w = 1, d/dw (w - 3)² = -4 -----------------------------------------------------------


def test_a_step_of_sgd_goes_against_the_gradient() -> None:
    found = final("optimizer = sgd(lr = 0.1)\n  epochs = 2")
    first = 1 - 0.1 * -4
    assert found["w"] == pytest.approx(first - 0.1 * 2 * (first - 3), abs=1e-15)


def test_weight_decay_adds_to_the_gradient() -> None:
    assert final("optimizer = sgd(lr = 0.1, weight_decay = 0.5)\n  epochs = 1")["w"] == pytest.approx(
        1 - 0.1 * (-4 + 0.5 * 1), abs=1e-15
    )


def test_momentum_remembers_its_velocity() -> None:
    found = final("optimizer = momentum(lr = 0.1, mu = 0.5)\n  epochs = 2")
    v = 0.4
    w = 1.4
    v = 0.5 * v - 0.1 * 2 * (w - 3)
    assert found["optimizer.v.w"] == pytest.approx(v, abs=1e-15)
    assert found["w"] == pytest.approx(w + v, abs=1e-15)


def test_adam_follows_its_paper() -> None:
    found = final("optimizer = adam(lr = 0.1, beta1 = 0.8, beta2 = 0.9, epsilon = 0.01)\n  epochs = 3")
    w, m, v = 1.0, 0.0, 0.0
    for t in (1, 2, 3):
        g = 2 * (w - 3)
        m = 0.8 * m + 0.2 * g
        v = 0.9 * v + 0.1 * g**2
        w -= 0.1 * (m / (1 - 0.8**t)) / (math.sqrt(v / (1 - 0.9**t)) + 0.01)
    assert found["w"] == pytest.approx(w, abs=1e-14)
    assert found["optimizer.m.w"] == pytest.approx(m, abs=1e-14)
    assert found["optimizer.v.w"] == pytest.approx(v, abs=1e-14)


def test_clip_bounds_the_norm_of_all_gradients_together() -> None:
    params = "param a = 1.0\nparam b = [1.0, 2.0]\nloss = 3 * a + sum([4.0, 12.0] * b)\n"
    run = final("optimizer = sgd(lr = 1)\n  clip = 2.6\n  epochs = 1", params)  # the norm is 13
    np.testing.assert_allclose(run["a"], 1 - 3 / 5, rtol=1e-15)
    np.testing.assert_allclose(run["b"], [1 - 4 / 5, 2 - 12 / 5], rtol=1e-14)


def test_clip_leaves_small_and_vanishing_gradients_alone() -> None:
    params = "param a = 1.0\nloss = {} * a\n"
    found = final("optimizer = sgd(lr = 1)\n  clip = 5.0\n  epochs = 1", params.format(3))
    assert found["a"] == -2.0
    found = final("optimizer = sgd(lr = 1)\n  clip = 5.0\n  epochs = 1", params.format(0))
    assert found["a"] == 1.0


def test_all_parameters_are_updated_from_the_same_values() -> None:
    found = final("optimizer = sgd(lr = 0.1)\n  epochs = 1", "param a = 2.0\nparam b = 5.0\nloss = a * b\n")
    assert found["a"] == pytest.approx(2 - 0.1 * 5)
    assert found["b"] == pytest.approx(5 - 0.1 * 2)


def test_an_update_may_exchange_a_weight_and_its_state() -> None:
    """What is bound at the end is computed from what was there before the step."""
    swap = "optimizer swap() {\n  state s = 7\n  old = weight\n  weight = s + 0 * gradient\n  s = identity(old)\n}\n"
    for epochs, wanted in ((1, (7, 1)), (2, (1, 7))):
        found = final(f"optimizer = swap\n  epochs = {epochs}", swap + SCALAR)
        assert (found["w"], found["optimizer.s.w"]) == wanted


def test_a_parameter_may_be_its_own_gradient() -> None:
    assert final("optimizer = sgd(lr = 0.5)\n  epochs = 3", "param w = 8.0\nloss = w ^ 2 / 2\n")["w"] == 1.0


def test_two_parameters_may_share_a_gradient() -> None:
    found = final(
        "optimizer = sgd(lr = 0.5)\n  epochs = 1", "param a = 1.0\nparam b = 2.0\nloss = (a + b) ^ 2\n"
    )
    assert (found["a"], found["b"]) == (-2.0, -1.0)


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        ("constant()", [1, 1, 1, 1]),
        ("constant(warmup = 2)", [1 / 2, 1, 1, 1]),
        ("step(every = 2, gamma = 0.5)", [1, 1, 0.5, 0.5]),
        ("exponential(gamma = 0.5)", [1, 0.5, 0.25, 0.125]),
        ("cosine()", [(1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)]),
        ("cosine(warmup = 1)", [1, 1, 3 / 4, 1 / 4]),
        ("cosine(least = 0.5)", [0.5 + 0.25 * (1 + math.cos(math.pi * k / 4)) for k in range(4)]),
    ],
)
def test_schedules_multiply_the_learning_rate(schedule: str, factors: list[float]) -> None:
    """With full batches a step is an epoch, so t = 0, 1, 2, 3; the gradient is always 1."""
    run = one(
        f"optimizer = sgd(lr = 1)\n  schedule = {schedule}\n  epochs = 4", "param w = 0.0\nloss = 1.0 * w\n"
    )
    found = [-float(run.progress.values["w"])]
    for item in run.trainer.steps(run.progress):
        if isinstance(item, float):
            found.append(-float(run.progress.values["w"]))
    np.testing.assert_allclose(np.diff(found), factors, atol=1e-15)


# --- the order of the rows -----------------------------------------------------------------------------


def rows_of(split, epoch: int, **options) -> list[np.ndarray]:
    given = {"batch": 4, "shuffle": True, "seed": 0, **options}
    return [np.arange(split.count)[rows] for rows in batches_of_epoch(split, epoch, **given)]


@pytest.mark.parametrize("holdout", [0.0, 0.3])
@pytest.mark.parametrize("batch", [1, 2, 4, 22, 23, 24, None])
@pytest.mark.parametrize("shuffle", [True, False])
def test_every_epoch_goes_through_the_learned_rows_once(
    holdout: float, batch: int | None, shuffle: bool
) -> None:
    split = split_rows(23, holdout, seed=3)
    for epoch in range(3):
        found = rows_of(split, epoch, batch=batch, shuffle=shuffle)
        together = np.concatenate(found)
        assert sorted([*together, *split.held]) == list(range(23))
        assert len(together) == split.size == 23 - round(23 * holdout)
        assert len(found) == count_batches(split.size, batch)
        assert all(len(rows) == (batch or split.size) for rows in found[:-1])


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    split = split_rows(50, 0.2, seed=0)

    def order(epoch: int, seed: int) -> tuple[int, ...]:
        return tuple(np.concatenate(rows_of(split, epoch, seed=seed)))

    assert order(3, 5) == order(3, 5)
    assert len({order(epoch, seed) for epoch in range(4) for seed in range(4)}) == 16


def test_batches_of_different_sizes_follow_the_same_order() -> None:
    split = split_rows(20, 0.0, seed=0)
    small, large = (np.concatenate(rows_of(split, 1, batch=b)) for b in (3, 7))
    np.testing.assert_array_equal(small, large)


def test_without_shuffling_the_rows_keep_their_order() -> None:
    for holdout in (0.0, 0.4):
        split = split_rows(20, holdout, seed=1)
        for epoch in range(2):
            assert (np.diff(np.concatenate(rows_of(split, epoch, shuffle=False))) > 0).all()


def test_the_rows_held_out_depend_on_the_seed_alone() -> None:
    held = [tuple(split_rows(40, 0.25, seed).held) for seed in range(4)]
    assert len(set(held)) == 4
    assert tuple(split_rows(40, 0.25, 0).held) == held[0]
    assert all(len(h) == 10 for h in held)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_at_least_one_row_is_learned_from(count: int) -> None:
    split = split_rows(count, 0.99, seed=0)
    assert split.size == 1
    assert len(split.held) == count - 1


# --- rows in a run ----------------------------------------------------------------------------------------

ROWS = 'data d = npy("d.npy") {\n  n = column(0)\n  x = column(1)\n  y = column(2)\n}\ninput n: [N]\ninput x: [N]\ninput y: [N]\n'
LINE = (
    ROWS
    + "param w = 0.5\nparam b = 0.0\nloss = mean((w * x + b - y) ^ 2)\nmetric seen = mean(n)\nmetric off = mean(abs(w * x + b - y))\n"
)


def on_rows(folder, block: str, text: str = LINE, **options):
    return training(f"{text}train on d {{\n  minimize = loss\n  {block}\n}}\n", folder, **options)


def test_one_row_at_a_time(tmp_path) -> None:
    rows = points(tmp_path)
    run = on_rows(tmp_path, "batch = 1\n  shuffle = false\n  optimizer = sgd(lr = 0.05)\n  epochs = 1")
    w, b = 0.5, 0.0
    for _, x, y in rows:
        e = w * x + b - y
        w, b = w - 0.05 * 2 * e * x, b - 0.05 * 2 * e
    records(run)
    assert run.progress.step == len(rows)
    np.testing.assert_allclose([run.progress.values["w"], run.progress.values["b"]], [w, b], rtol=1e-13)


def test_all_rows_at_once(tmp_path) -> None:
    rows = points(tmp_path)
    run = on_rows(tmp_path, "batch = all\n  optimizer = sgd(lr = 0.05)\n  epochs = 1")
    records(run)
    e = 0.5 * rows[:, 1] - rows[:, 2]
    assert run.progress.step == 1
    np.testing.assert_allclose(run.progress.values["w"], 0.5 - 0.05 * np.mean(2 * e * rows[:, 1]), rtol=1e-13)


def test_the_last_batch_of_an_epoch_may_be_smaller(tmp_path) -> None:
    points(tmp_path, 11)
    run = on_rows(tmp_path, "batch = 4\n  shuffle = false\n  optimizer = sgd(lr = 0)\n  epochs = 1")
    (record,) = records(run)
    assert record.step == 3
    # A mean over rows, not over batches: (0 + … + 10) / 11.
    assert record.metrics["seen"] == pytest.approx(5.0, abs=1e-14)


def test_loss_and_metrics_of_an_epoch_are_means_over_its_rows(tmp_path) -> None:
    rows = points(tmp_path, 11)
    run = on_rows(tmp_path, "batch = 4\n  optimizer = sgd(lr = 0)\n  epochs = 1")
    (record,) = records(run)
    e = 0.5 * rows[:, 1] - rows[:, 2]
    assert record.loss == pytest.approx(np.mean(e**2), rel=1e-13)
    assert record.metrics["off"] == pytest.approx(np.mean(np.abs(e)), rel=1e-13)
    assert record.holdout is None


def test_a_batch_counts_as_it_was_before_its_update(tmp_path) -> None:
    rows = points(tmp_path, 4)
    (record,) = records(on_rows(tmp_path, "batch = all\n  optimizer = sgd(lr = 0.1)\n  epochs = 1"))
    assert record.loss == pytest.approx(np.mean((0.5 * rows[:, 1] - rows[:, 2]) ** 2), rel=1e-13)


def test_the_rows_held_out_are_evaluated_after_the_epoch(tmp_path) -> None:
    rows = points(tmp_path, 20)
    run = on_rows(tmp_path, "batch = 4\n  holdout = 0.25\n  optimizer = sgd(lr = 0.1)\n  epochs = 3")
    *_, record = records(run)
    held = rows[run.trainer.split.held]
    e = run.progress.values["w"] * held[:, 1] + run.progress.values["b"] - held[:, 2]
    assert len(held) == 5
    assert record.holdout == pytest.approx(
        {"loss": np.mean(e**2), "seen": np.mean(held[:, 0]), "off": np.mean(np.abs(e))}, rel=1e-12
    )


def test_the_seed_says_where_parameters_start_and_in_which_order_rows_come(tmp_path) -> None:
    points(tmp_path, 20)
    text = LINE.replace("param w = 0.5", "param w: [] ~ normal(0, 1)")
    runs = [on_rows(tmp_path, "batch = 4\n  epochs = 2", text, settings={"seed": s}) for s in (0, 0, 1)]
    starts = [float(r.progress.values["w"]) for r in runs]
    followed = [losses(r) for r in runs]
    assert starts[0] == starts[1] != starts[2]
    assert followed[0] == followed[1] != followed[2]


def test_settings_given_replace_those_of_the_file(tmp_path) -> None:
    points(tmp_path, 20)
    run = on_rows(
        tmp_path, "batch = 4\n  epochs = 2\n  seed = 3", settings={"epochs": 3, "batch": "all", "seed": None}
    )
    assert [r.step for r in records(run)] == [1, 2, 3]
    assert run.trainer.settings.seed == 3


def test_without_data_an_epoch_is_a_step() -> None:
    found = records(one("epochs = 4"))
    assert [(r.epoch, r.step) for r in found] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert found[0].loss == 4.0


def test_no_epochs_leave_everything_as_it_was() -> None:
    run = one("epochs = 0")
    assert records(run) == []
    assert run.progress.values["w"] == 1.0


def test_inputs_may_be_fed_instead_of_read(tmp_path) -> None:
    np.savez(tmp_path / "f.npz", x=np.array([1.0, 2.0]))
    text = "input x: [N]\nparam w = 1.0\nloss = sum(w * x)\ntrain {\n  minimize = loss\n  epochs = 1\n  optimizer = sgd(lr = 0.1)\n}\n"
    run = training(text, feed=str(tmp_path / "f.npz"))
    records(run)
    assert run.progress.values["w"] == pytest.approx(0.7)


# --- patience -----------------------------------------------------------------------------------------------


def bouncing(settings: str):
    """The loss is 1, 0, 1, 4, 9, …: the weight goes up by 1 in each step, and is best in the second epoch."""
    head = "optimizer up() { weight = weight + 1 + 0 * gradient }\nparam w = 0.0\nloss = (w - 1) ^ 2\n"
    return one(f"optimizer = up\n  {settings}", head)


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (5, 7), (100, 9)])
def test_patience_ends_training_after_so_many_epochs_without_a_better_one(patience: int, epochs: int) -> None:
    run = bouncing(f"epochs = 9\n  patience = {patience}")
    assert len(records(run)) == epochs
    assert run.progress.best_epoch == 2


def test_the_best_epoch_is_kept_as_it_was_at_its_end() -> None:
    run = bouncing("epochs = 9\n  patience = 3")
    records(run)
    assert run.progress.best is not None
    assert run.progress.best_loss == 0.0
    assert run.progress.best["w"] == 2.0
    assert run.progress.values["w"] == 5.0


def test_without_patience_or_rows_held_out_no_epoch_is_preferred() -> None:
    run = bouncing("epochs = 4")
    records(run)
    assert run.progress.best is None


def test_the_best_epoch_is_chosen_by_the_rows_held_out(tmp_path) -> None:
    points(tmp_path, 20)
    run = on_rows(tmp_path, "batch = 4\n  holdout = 0.25\n  optimizer = sgd(lr = 0.3)\n  epochs = 8")
    held = [r.holdout["loss"] for r in records(run)]
    assert run.progress.best_loss == min(held)
    assert run.progress.best_epoch == held.index(min(held)) + 1


# --- models that differ after training -----------------------------------------------------------------------


def test_rows_held_out_are_evaluated_without_dropout(tmp_path) -> None:
    rows = points(tmp_path, 20)
    text = ROWS + "param w = 1.0\nz = dropout(x, 0.5)\nloss = mean((w * z) ^ 2) + 0 * mean(y + n)\n"
    run = on_rows(tmp_path, "batch = all\n  holdout = 0.5\n  optimizer = sgd(lr = 0)\n  epochs = 2", text)
    found = records(run)
    held, learned = rows[run.trainer.split.held, 1], rows[run.trainer.split.learn, 1]
    for record in found:
        assert record.holdout is not None
        assert record.holdout["loss"] == pytest.approx(np.mean(held**2), rel=1e-13)
        assert abs(record.loss - np.mean(learned**2)) > 1e-3
    assert found[0].loss != found[1].loss


def test_dropout_draws_as_the_seed_and_the_step_say() -> None:
    text = "param w: [50] = 1\nz = dropout(w, 0.5)\nloss = mean(z)\n"
    first, again, other = (
        losses(one("epochs = 5\n  optimizer = sgd(lr = 0)", text, settings={"seed": s})) for s in (0, 0, 1)
    )
    assert first == again != other
    assert len(set(first)) > 1


def test_running_means_follow_the_batches_and_are_used_after_training(tmp_path) -> None:
    rows = points(tmp_path, 12)
    text = ROWS + (
        "z = reshape(x, [-1, 1]) -> batch_norm(momentum = 0.75, epsilon = 0)\n"
        "loss = mean((z - 1) ^ 2) + 0 * mean(y + n)\n"
    )
    run = on_rows(tmp_path, "batch = 4\n  shuffle = false\n  optimizer = sgd(lr = 0)\n  epochs = 1", text)
    records(run)
    (mean,) = (float(v[0]) for p, v in run.progress.values.items() if p.endswith("running_mean"))
    expected = 0.0
    for k in range(0, 12, 4):
        expected = 0.75 * expected + 0.25 * rows[k : k + 4, 1].mean()
    assert mean == pytest.approx(expected, rel=1e-13)
    (variance,) = (float(v[0]) for p, v in run.progress.values.items() if p.endswith("running_var"))
    found = run.trainer.evaluate(run.progress.values, np.arange(12))
    assert found["loss"] == pytest.approx(
        np.mean(((rows[:, 1] - mean) / math.sqrt(variance) - 1) ** 2), rel=1e-12
    )


# --- rows that are read as they are needed ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", ["1", "4", "all"])
def test_streamed_rows_give_the_same_bits(tmp_path, monkeypatch, batch: str, dtype: str) -> None:
    points(tmp_path, 23)
    settings = f"batch = {batch}\n  holdout = 0.25\n  optimizer = adam(lr = 0.1)\n  epochs = 3"
    runs = [on_rows(tmp_path, settings, dtype=dtype)]
    monkeypatch.setattr(streamed_table, "STREAM_ABOVE", 0)
    runs.append(on_rows(tmp_path, settings, dtype=dtype))
    assert [r.trainer.feed.is_in_memory for r in runs] == [True, False]
    found = [[(r.loss, r.metrics, r.holdout) for r in records(run)] for run in runs]
    assert found[0] == found[1]
    for path, array in values(runs[0]).items():
        np.testing.assert_array_equal(array, runs[1].progress.values[path])


def test_a_row_that_is_not_finite_is_found_when_it_is_read(tmp_path, monkeypatch) -> None:
    rows = points(tmp_path, 23)
    rows[17, 1] = np.nan
    np.save(tmp_path / "d.npy", rows)
    with pytest.raises(GraphlangError) as error:
        on_rows(tmp_path, "epochs = 1")
    assert [d.code for d in error.value.diagnostics] == ["E0807"]
    monkeypatch.setattr(streamed_table, "STREAM_ABOVE", 0)
    run = on_rows(tmp_path, "batch = 4\n  epochs = 1")
    with pytest.raises(GraphlangError) as error:
        records(run)
    assert [d.code for d in error.value.diagnostics] == ["E0807"]
    assert "17" in error.value.diagnostics[0].message


# --- numbers that are not finite ---------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_before_its_update() -> None:
    run = one("optimizer = sgd(lr = 1e200)\n  epochs = 5", "param w = [1.0, 2.0]\nq = w ^ 2\nloss = sum(q)\n")
    with pytest.raises(GraphlangError) as error:
        records(run)
    (found,) = error.value.diagnostics
    assert found.code == "E0915"
    assert found.message == "Training stopped at step 2, in epoch 2: the loss is inf."
    assert found.notes[0] == "The first value that is not finite is `q`: inf in 2 of 2 entries."
    assert "`w` 8.94e+200" in found.notes[1]
    assert run.progress.step == 1
    assert np.isfinite(run.progress.values["w"]).all()


def test_a_gradient_that_is_not_finite_is_told() -> None:
    run = one("epochs = 1", "param a = 0.0\nparam w = 1.0\nloss = sqrt(a) + w\n")
    with pytest.raises(GraphlangError) as error:
        records(run)
    (found,) = error.value.diagnostics
    assert found.code == "E0915"
    assert "a gradient is not" in found.message
    assert "gradient `grad(" in found.notes[0]


def test_an_update_that_is_not_finite_is_told_at_the_end_of_its_epoch() -> None:
    run = one("optimizer = sgd(lr = 1e308)\n  epochs = 1")
    with pytest.raises(GraphlangError) as error:
        records(run)
    (found,) = error.value.diagnostics
    assert found.code == "E0915"
    assert found.message == "Training stopped after step 1: its update made `w` inf."


@pytest.mark.parametrize(("layer", "times"), [("dense(2)", 1), ("dense(2) -> dropout(0.5)", 2)])
def test_a_model_is_elaborated_for_inference_only_if_training_makes_a_difference(
    layer: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    elaborated = []
    whole = learning.compile_tree
    monkeypatch.setattr(learning, "compile_tree", lambda *a, **k: elaborated.append(k) or whole(*a, **k))
    text = f"""data d = moons(n = 20)
input x: [N, 2]
input y: int[N]
scores = x -> {layer}
train on d {{
  minimize = cross_entropy(scores, y)
  optimizer = sgd(lr = 0.1)
  holdout = 0.2
}}
"""
    run = training(text)
    assert len(elaborated) == times
    assert (run.trainer.inference is run.trainer.step.model) == (times == 1)
    assert "bernoulli" not in {node.op for node in run.trainer.inference.nodes}


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize("size", [1, 4095, 4096, 20_000])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_entry_that_is_not_finite_is_found_wherever_it_is(size: int, bad: float) -> None:
    vector = np.full(size, 1e30, np.float32)
    assert all_finite(vector, partial(lone_square, vector)), "though its square is not"
    for at in (0, size // 2, size - 1):
        broken = vector.copy()
        broken[at] = bad
        assert not all_finite(broken, partial(lone_square, broken))
    assert lone_square(np.arange(size)) == sum(k * k for k in range(size))


# --- numbers next to nothing ----------------------------------------------------------------------------

FADING = """\
optimizer fading(lr: float = 0.1) {
  state v = 1e-36
  state s = 1e-36
  v = 0.9 * v
  s = 0.9 * s
  weight = weight - lr * gradient + v + sqrt(s)
}
"""


def test_what_an_optimizer_keeps_becomes_zero_once_it_is_next_to_nothing() -> None:
    def after(epochs: int, name: str):
        block = f"optimizer = fading\n  epochs = {epochs}"
        found = final(block, f"{FADING}{SCALAR}", dtype="float32")
        return found[f"optimizer.{name}.w"]

    least = np.finfo(np.float32).tiny
    assert 0 < after(99, "v") < least
    assert after(100, "v") == 0
    assert 0 < after(100, "s") < least, "its root is taken: zero might not do"


def test_numbers_that_count_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "optimizer = momentum(lr = 0.01)\n  epochs = 250"
    with_fading = final(text)
    monkeypatch.setattr(fading, "EVERY", 1000)
    assert with_fading == final(text)
