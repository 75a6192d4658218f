"""The gradient check: it passes what is right, catches what is wrong, and knows a kink when it meets one."""

from __future__ import annotations

import pytest

import graphlang
from graphlang.diagnostics import GraphlangError
from graphlang.run.gradcheck import EntryCheck, check_all, checked_paths


def checks(text: str, **options: object) -> list[EntryCheck]:
    evaluation = graphlang.parse(text).run().evaluation
    return check_all(evaluation, checked_paths(evaluation, leaves_only=False), **options)[0]  # type: ignore[arg-type]


def verdicts(text: str, **options: object) -> dict[str, str]:
    return {c.name: c.verdict for c in checks(text, **options)}


def test_right_gradients_agree() -> None:
    text = "input x = [0.3, -1.2]\nparam W = [[1, 2], [3, -4]]\nf = sum(tanh(W @ x) ^ 2)\noutput f"
    assert set(verdicts(text).values()) == {"ok"}


WRONG = """
gate double(x) -> y {
  y = 2 * x
  backward { grad(x) = WRONG }
}
input x = 1.5
f = double(x) ^ 2
output f
"""


@pytest.mark.parametrize(
    "formula", ["3 * grad(y)", "-2 * grad(y)", "2.001 * grad(y)", "0 * grad(y)", "2 * grad(y) + 1"]
)
def test_a_wrong_backward_block_is_caught(formula: str) -> None:
    assert verdicts(WRONG.replace("WRONG", formula))["x"] == "wrong"


def test_the_right_backward_block_is_not() -> None:
    assert verdicts(WRONG.replace("WRONG", "2 * grad(y)"))["x"] == "ok"


@pytest.mark.parametrize(
    "formula", ["relu(x)", "abs(x)", "max(x, 0)", "max(x, 2 * x)", "clip(x, 0, 1)", "norm([1, 1] * x)"]
)
def test_a_gradient_between_the_slopes_at_a_kink_is_accepted(formula: str) -> None:
    assert verdicts(f"input x = 0\nf = {formula}\noutput f")["x"] in ("kink", "ok")


def test_a_kink_within_reach_of_h_is_recognised() -> None:
    assert verdicts("input x = 1e-6\nf = abs(x)\noutput f")["x"] == "kink"


@pytest.mark.parametrize(
    "text", ["input x = 0.0005\nf = -log(x)", "input x = 0\nf = relu(x) ^ 2", "input x = 1e-4\nf = 1 / x", "input x = 2e-4\nf = sqrt(x)"]
)  # fmt: skip
def test_where_h_is_too_large_a_smaller_one_decides(text: str) -> None:
    assert verdicts(text + "\noutput f")["x"] == "coarse"


def test_a_wrong_gradient_does_not_come_closer_with_h() -> None:
    text = """
gate cost(x) -> y {
  y = -log(x)
  backward { grad(x) = -1.0001 / x * grad(y) }
}
input x = 0.0005
f = cost(x)
output f
"""
    assert verdicts(text)["x"] == "wrong"


def test_a_negative_label_is_refused_instead_of_being_another_class_backward_than_forward() -> None:
    with pytest.raises(GraphlangError, match="there is no class -1"):
        verdicts("input s = [1, 2, 3]\ninput y: int = -1\nf = cross_entropy(s, y)\noutput f")


def test_a_wrong_gradient_at_a_kink_is_still_wrong() -> None:
    text = """
gate rectify(x) -> y {
  y = relu(x)
  backward { grad(x) = 5 * grad(y) }
}
input x = 0
f = rectify(x)
output f
"""
    assert verdicts(text)["x"] == "wrong"


def test_the_one_sided_quotient_is_off_by_about_h() -> None:
    # f = x²: (f(x + h) − f(x)) / h = 2x + h.
    (check,) = (
        c for c in checks("input x = 3\nf = x ^ 2\noutput f", one_sided=True, h=1e-3) if c.path == "x"
    )
    assert check.numerical == pytest.approx(6 + 1e-3)
    assert (check.moved, check.loss, check.loss_moved) == pytest.approx((3.001, 9, 9.006001))
    assert check.verdict == "ok"


def test_entries_of_large_tensors_are_sampled() -> None:
    text = "param W: [40, 50] ~ normal(0, 1)\nf = sum(W ^ 2)\noutput f"
    found = [c for c in checks(text, per_node=7) if c.path == "W"]
    assert len({c.index for c in found}) == 7


def test_the_same_entries_are_drawn_every_time() -> None:
    text = "param W: [40, 50] ~ normal(0, 1)\nf = sum(W ^ 2)\noutput f"
    assert checks(text, per_node=5) == checks(text, per_node=5)
