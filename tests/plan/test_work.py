"""How much work a step is, and whether BLAS needs threads for it."""

from __future__ import annotations

import pytest

from graphlang.differentiate.training_step import training_step
from graphlang.graph.learner import TrainingStep
from graphlang.pipeline import compile_source
from graphlang.plan.work import can_share_products, suits_one_thread, work
from graphlang.source import SourceFile


def step_of(units: int, x: str = "[N, 64]") -> TrainingStep:
    text = (
        f"input x: {x}\ninput y: int[N]\ns = x -> dense({units}, relu) -> dense(10)\n"
        'loss = cross_entropy(s, y)\noutput s\ndata d = npz("rows.npz")\n'
        "train on d { minimize = loss }\n"
    )
    return training_step(compile_source(SourceFile("m.graph", text), training=True).value)


def test_a_step_is_mostly_the_products_of_its_matrices() -> None:
    step = step_of(64)
    # Forward, and backward to the parameters; the gradient of the first layer's input is not asked for.
    products = 2 * 32 * (2 * 64 * 64 + 3 * 64 * 10)
    found = work(step.nodes, [step.loss, *step.gradients.values()], {"N": 32})
    assert products < found < 1.1 * products


@pytest.mark.parametrize(("units", "batch", "wanted"), [(64, 32, True), (64, 2048, False), (4096, 32, False)])
def test_small_steps_suit_one_thread(units: int, batch: int, wanted: bool) -> None:
    assert suits_one_thread(step_of(units), batch) is wanted


def test_sizes_that_only_the_data_tell_leave_blas_as_it_is() -> None:
    assert not suits_one_thread(step_of(64), None)
    text = (
        "input x: [N, T]\nparam w = 1\nloss = mean(x * w)\noutput loss\n"
        'data d = npz("rows.npz")\ntrain on d { minimize = loss }\n'
    )
    step = training_step(compile_source(SourceFile("m.graph", text), training=True).value)
    assert not suits_one_thread(step, 32)


def test_without_data_a_step_is_as_large_as_its_inputs() -> None:
    text = "param w: [{0}, {0}] ~ normal(0, 1)\nloss = sum(w @ w)\noutput loss\ntrain {{ minimize = loss }}\n"
    steps = [
        training_step(compile_source(SourceFile("m.graph", text.format(n)), training=True).value)
        for n in (8, 800)
    ]
    assert [suits_one_thread(step, 32) for step in steps] == [True, False]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("input x = 2\nf = x * 3", False),
        ("param w: [30, 30] = 0\nf = w @ w", False),
        ("param w: [40, 40] = 0\nf = sum(w)", True),
        ("input x: [N]\nf = sum(x)", True),
    ],
)
def test_blas_shares_no_product_of_a_thousand_entries(text: str, wanted: bool) -> None:
    model = compile_source(SourceFile("m.graph", text)).value
    assert can_share_products(model.nodes) is wanted
