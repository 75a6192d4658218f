"""Optimizers and schedules: what the train block asks for becomes the graph of one update."""

from __future__ import annotations

import numpy as np
import pytest

from graphlang.graph.learner import Learner
from graphlang.graph.node import Node
from graphlang.learning import prepare_training
from graphlang.source import SourceFile
from tests.elaborate.reading import messages, model, problems

PARAMS = "param a = 1.0\nparam b = [1.0, 2.0]\nparam c: [2, 3] = 1\nloss = a ^ 2 + sum(b ^ 2) + sum(c ^ 2)\n"
STD = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")


def file(settings: str = "", head: str = "", params: str = PARAMS) -> str:
    return f"{head}\n{params}train {{\n  minimize = loss\n  {settings}\n}}\n"


def learner(settings: str = "", head: str = "", params: str = PARAMS) -> Learner:
    spec = model(file(settings, head, params), training=True).training
    assert spec is not None and spec.learner is not None
    return spec.learner


def reached(node: Node) -> set[str]:
    """The paths of the leaves that a node depends on."""
    if not node.inputs:
        return set() if node.is_const else {node.path}
    return set().union(*map(reached, node.inputs))


def trained(
    settings: str, head: str = "", params: str = "param w = 1.0\nloss = (w - 3) ^ 2\n", steps: int = 1
):
    """All values after so many steps, in float64."""
    text = file(f"{settings}\n  epochs = {steps}", head, params)
    run = prepare_training(SourceFile("test.graph", text), dtype="float64")
    for _ in run.trainer.steps(run.progress):
        pass
    return run.progress.values


# --- the library ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STD)
def test_library_optimizers_update_parameters_of_every_rank(name: str) -> None:
    found = learner(f"optimizer = {name}()")
    assert found.optimizer == name
    assert set(found.weights) == {"a", "b", "c"}
    for path, leaf in found.weights.items():
        assert found.next[path].type == leaf.type
        for state in found.state_of[path]:
            assert found.states[state].shape == leaf.shape
            assert found.next[state].shape == leaf.shape


@pytest.mark.parametrize(
    ("name", "states"),
    [
        ("sgd", ()),
        ("momentum", ("v",)),
        ("nesterov", ("v",)),
        ("adagrad", ("s",)),
        ("rmsprop", ("s",)),
        ("adam", ("m", "v")),
        ("adamw", ("m", "v")),
    ],
)
def test_states_are_kept_for_each_parameter(name: str, states: tuple[str, ...]) -> None:
    found = learner(f"optimizer = {name}()")
    assert found.state_of == {p: tuple(f"optimizer.{s}.{p}" for s in states) for p in ("a", "b", "c")}
    assert set(found.starts) == set(found.states)


@pytest.mark.parametrize("warmup", ["", "warmup = 2"])
@pytest.mark.parametrize("name", ["constant", "step", "exponential", "cosine"])
def test_library_schedules_are_scalars_of_the_time(name: str, warmup: str) -> None:
    found = learner(f"schedule = {name}({warmup})")
    assert found.rate is not None and found.rate.shape == () and found.rate.type.is_float
    assert reached(found.rate) <= {"$t", "$dt", "$epochs"}
    assert found.rate.path in {n.path for n in found.nodes}


def test_without_a_schedule_there_is_no_rate_and_no_time() -> None:
    found = learner("optimizer = sgd(lr = 0.5)")
    assert found.rate is None
    assert found.factor is None
    assert not reached(found.next["a"]) - {"$weight.a", "$gradient.a"}


def test_the_default_optimizer_is_sgd() -> None:
    assert learner().optimizer == "sgd"
    assert trained("")["w"] == pytest.approx(1.0 + 0.01 * 4)


def test_an_optimizer_may_be_named_without_parentheses() -> None:
    assert learner("optimizer = momentum").optimizer == "momentum"
    assert learner("schedule = cosine").rate is not None


def test_arguments_go_by_place_too() -> None:
    assert trained("optimizer = sgd(0.25)")["w"] == pytest.approx(2.0)
    # Settings of a schedule are counted without the times, which nobody gives.
    assert trained("optimizer = sgd(0.25)\n  schedule = step(1, 0.5)", steps=2)["w"] == pytest.approx(2.25)


def test_only_parameters_that_the_objective_depends_on_are_learned() -> None:
    found = learner(params="param a = 1.0\nparam idle = [1.0, 2.0]\nloss = a ^ 2\nother = sum(idle)\n")
    assert set(found.weights) == {"a"}
    assert set(found.next) == {"a"}


def test_clip_is_one_factor_of_all_gradients() -> None:
    found = learner("clip = 1.0")
    assert found.factor is not None
    assert reached(found.factor) == {"$gradient.a", "$gradient.b", "$gradient.c"}
    assert all(found.factor in found.seen[p].inputs for p in found.weights)


# --- what a file can write itself -------------------------------------------------------------------------


def test_weight_and_states_may_be_bound_several_times() -> None:
    head = (
        "optimizer two(lr: float = 0.1) {\n  state n = 5\n  weight = weight - lr * gradient\n  n = n + 1\n"
        "  weight = weight + n\n  n = 2 * n\n}"
    )
    found = trained("optimizer = two()", head)
    assert found["w"] == pytest.approx(1.0 + 0.1 * 4 + 6)
    assert found["optimizer.n.w"] == 12


def test_loops_and_conditions_belong_to_the_language_of_optimizers() -> None:
    head = (
        "optimizer often(lr: float = 0.1, times: int = 3, up: bool = false) {\n"
        "  for k in 1..times { weight = weight - lr * gradient }\n"
        "  if up { weight = weight + 100 } else { weight = weight - 1 }\n}"
    )
    assert trained("optimizer = often()", head)["w"] == pytest.approx(1.0 + 3 * 0.4 - 1)
    assert trained("optimizer = often(times = 1, up = true)", head)["w"] == pytest.approx(101.4)


def test_an_optimizer_may_call_gates() -> None:
    head = "gate sign_of(x) -> s { s = sign(x) }\noptimizer signed() { weight = weight - sign_of(gradient) }"
    assert trained("optimizer = signed", head)["w"] == 2.0


def test_a_state_may_have_a_type_of_its_own() -> None:
    head = (
        "optimizer counting(lr: float = 0.1) {\n  state t: [] = 0\n  state k: int = 7\n"
        "  t = t + 1\n  k = k + 2\n  weight = weight - lr * gradient / t\n}"
    )
    found = learner("optimizer = counting()", head)
    assert found.states["optimizer.t.c"].shape == ()
    values = trained("optimizer = counting()", head, steps=2)
    assert values["optimizer.t.w"] == 2.0
    assert values["optimizer.k.w"] == 11
    assert values["optimizer.k.w"].dtype == np.int64


def test_a_state_may_start_at_random_and_each_parameter_has_its_own() -> None:
    head = "optimizer drifting() {\n  state a ~ normal(0, 1)\n  weight = weight - a\n}"
    two = "param v = [1.0, 2.0]\nparam w = [1.0, 2.0]\nloss = sum(v * w)\n"
    first, again = (trained("optimizer = drifting", head, two) for _ in range(2))
    assert np.unique([*first["optimizer.a.v"], *first["optimizer.a.w"]]).size == 4
    np.testing.assert_array_equal(first["w"], again["w"])
    np.testing.assert_array_equal(first["w"], [1.0, 2.0] - first["optimizer.a.w"])


def test_noise_in_an_update_is_drawn_anew_in_every_step() -> None:
    head = "optimizer noisy() { weight = weight + normal(shape = []) }"
    values = [trained("optimizer = noisy", head, steps=n)["w"] for n in (1, 2, 3)]
    steps = np.diff([1.0, *values])
    assert np.unique(steps).size == 3


def test_step_counts_the_updates_from_one() -> None:
    head = "optimizer counting() { weight = weight + step }"
    assert trained("optimizer = counting", head, steps=4)["w"] == 1 + 1 + 2 + 3 + 4


def test_a_state_that_is_never_bound_stays() -> None:
    head = "optimizer lazy() {\n  state s = 3\n  weight = weight - s * gradient\n}"
    assert trained("optimizer = lazy", head, steps=2)["optimizer.s.w"] == 3


def test_a_file_may_write_its_own_schedule() -> None:
    head = "gate halving(t, base: float = 2) -> factor { factor = base ^ (-t) }"
    # w ← w + 0.25 · factor · 2 (3 - w), with factors 1 and 1/2
    assert trained("optimizer = sgd(lr = 0.25)\n  schedule = halving()", head, steps=2)["w"] == pytest.approx(
        2.25
    )


def test_a_definition_of_the_file_takes_the_place_of_the_librarys() -> None:
    head = "optimizer adam(lr: float = 1) { weight = weight - 1 }"
    assert trained("optimizer = adam()", head)["w"] == 0.0


# --- mistakes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "settings", "code", "said"),
    [
        ("optimizer o() { v = gradient }", "optimizer = o", "E0609", "never changes `weight`"),
        ("optimizer o() { weight = sum(gradient) }", "optimizer = o", "E0609", "has shape [2]"),
        (
            "optimizer o() {\n  state s: [] = 0\n  s = gradient\n  weight = weight - s\n}",
            "optimizer = o",
            "E0609",
            "`s`",
        ),
        ("optimizer o(x) { weight = weight - x }", "optimizer = o(1)", "E0609", "known at compile time"),
        (
            "optimizer o(rate: float = 1) { weight = weight - rate }",
            "optimizer = o\n  schedule = cosine",
            "E0609",
            "has none",
        ),
        (
            'optimizer o(lr: string = "a") { weight = weight - gradient }',
            "optimizer = o\n  schedule = cosine",
            "E0609",
            "is the text",
        ),
        ("gate g(t) -> f { f = [t, t] }", "schedule = g", "E0609", "has shape [2]"),
        ("gate g(t) -> (a, b) { a = t\n b = t }", "schedule = g", "E0609", "number that multiplies"),
        ("gate g(time) -> f { f = time }", "schedule = g", "E0609", "wants a wire `time`"),
        (
            "optimizer o() {\n  state gradient = 0\n  weight = weight - gradient\n}",
            "optimizer = o",
            "E0304",
            "something else",
        ),
        ("", "optimizer = adam(rate = 0.1)", "E0505", "rate"),
        ("", "optimizer = adam(lr = [1, 2])", "E0504", "lr"),
        ("", "schedule = step(every = 0)", "E0607", "`every`"),
        ("", "schedule = step(t = 3)", "E0505", "given twice"),
        ("metric loss2 = a\n", "minimize = loss2", "E0304", "twice"),
    ],
)
def test_mistakes_are_told_once_and_by_name(head: str, settings: str, code: str, said: str) -> None:
    params = "param a = 1.0\nparam b = [1.0, 2.0]\nparam c = [3.0, 4.0]\nloss = a ^ 2 + sum(b ^ 2 + c ^ 2)\n"
    text = f"{params}{head}\ntrain {{\n  minimize = loss\n  {settings}\n}}\n"
    assert [c for _, c in problems(text)] == [code], messages(text)
    assert said in messages(text)


def test_a_metric_called_loss_is_what_is_minimised() -> None:
    model(file(params="param w = 1.0\nmetric loss = w ^ 2\n"))
    text = "param w = 1.0\nrisk = w ^ 2\nmetric loss = w\ntrain {\n  minimize = risk\n}\n"
    assert [c for _, c in problems(text)] == ["E0608"]
    assert "Call the metric something else." in messages(text)
