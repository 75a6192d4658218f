"""Every example of the language's design, made whole by the declarations it takes for granted, and run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphlang

BLOCKS = Path(__file__).parent / "syntax" / "language"
DATA = Path(__file__).parent.parent / "examples" / "data"


def block(name: str) -> str:
    return (BLOCKS / f"{name}.graph").read_text(encoding="utf-8")


def test_the_first_file() -> None:
    run = graphlang.parse(block("first_file")).run()
    assert run.ok
    assert run.gradients == {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1}


def test_declarations() -> None:
    text = block("declarations")
    # The page declares what flows; the model between is this line, which the outputs ask for.
    text = text.replace("output scores", "scores = relu(x @ W + b)[:, 0:3] + t\noutput scores")
    model = graphlang.parse(text)
    run = model.run(x=np.ones((3, 64)), y=[0, 1, 2])
    assert run.values["scores"].shape == (3, 3)
    assert 0 <= run.metrics["accuracy"] <= 1
    np.testing.assert_array_equal(run.values["k"], [0, 2, 1])
    assert model.parameters == {"W": (64, 128), "b": (128,)}


def test_gates_and_networks() -> None:
    text = block("gates_and_networks")
    text += "input v: [N, 4] = [[1, 2, 3, 4]]\nscores = v -> dense(64, relu) -> dense(10) -> sigmoid\n"
    run = graphlang.parse(text + "f = sum(scores)\noutput f\n").run()
    assert {"scores.dense.W", "scores.dense.b", "scores.dense_2.W", "scores.dense_2.b"} <= set(run.values)
    assert run.gradients["scores.dense.W"].shape == (4, 64)


def test_repetition_and_choice() -> None:
    head = "const L = 2\nconst H = 8\nconst deep = true\ninput x: [N, 4] = [[1, 2, 3, 4]]\n"
    # The last line of the page would bind `h` once more; on its own it stands for either branch.
    text = block("repetition").replace(
        "if deep { h = relu(h) } else { h = tanh(h) }", "if deep { g = relu(h) } else { g = tanh(h) }"
    )
    run = graphlang.parse(head + text + "f = sum(g)\noutput f").run()
    assert {f"h[{k}]" for k in range(1, 6)} <= set(run.values)
    assert run.values["h[2].dense.W"].shape == (8, 8)
    assert run.values["h[5]"].shape == (1, 32)


def test_learning(tmp_path: Path) -> None:
    head = "input x: [N, 64]\ninput y: int[N]\nscores = x -> dense(10)\n"
    path = tmp_path / "learning.graph"
    (tmp_path / "digits.csv").write_bytes((DATA / "digits.csv").read_bytes())
    path.write_text(head + block("learning"), encoding="utf-8")
    run = graphlang.load(path).run()
    assert run.of == "loss"
    assert run.values["scores"].shape == (1797, 10)
    assert run.values["x"].max() == 1


INLINE = {
    "pipeline with one wire": ("input x = 2\ny = x -> maximum(3)", 3),
    "a pipeline with two wires": ("input a = 1\ninput b = 2\ny = (a, b) -> maximum", 2),
    "named arguments": ("input x = [[1, -2]]\ny = sum(dense(x, 3, activation = relu))", None),
    "transpose and indices": ("input x = [[1, 2, 3], [4, 5, 6]]\ny = x.T[0, 1] + x[0][1] + sum(x[:, 1:3]) + x[..., -1][0]", 4 + 2 + 16 + 3),
    "several results": (
        "input x = [[1, 2]]\ninput h0 = [[0, 0, 0]]\ninput c0 = [[0, 0, 0]]\nh, c = lstm_cell(x, h0, c0)\ny = sum(h * c)",
        None,
    ),
    "a named layer": ("input x = [[1, 2]]\nlayer enc = dense(4)\ny = sum(enc(x) + enc(2 * x))\nexpect size(params) == 12", None),
    "a loop over wires": (
        "input x = [[1]]\nparam W1 = [[0.5]]\nparam W2 = [[2]]\nh = x\nfor W in [W1, W2] { h = tanh(h @ W) }\ny = h[0, 0]",
        np.tanh(2 * np.tanh(0.5)),
    ),
    "an assertion": (
        'network m(x: [N, D], heads: int) -> y {\n  assert D % heads == 0, "the width {D} must be a multiple of heads = {heads}"\n'
        "  y = sum(x)\n}\ninput x = [[1, 2]]\ny = m(x, 2)",
        3,
    ),
    "a state": (
        "network m(x: [N, D]) -> y {\n  state v: [D] = 0\n  update v = 0.9*v + 0.1*mean(x, axis = 0)\n  y = sum(x + v)\n}\n"
        "input x = [[1, 2]]\ny = m(x)",
        3,
    ),
    "numbers": ("input k: int = 3\ny = k / 2 + k // 2 + k ^ -1 + k ^ 2", 1.5 + 1 + 1 / 3 + 9),
}  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), [c for c in INLINE.values() if c[1] is not None])
def test_inline_examples_have_these_values(text: str, wanted: float) -> None:
    run = graphlang.parse(text).run()
    assert run.values["y"] == pytest.approx(wanted)


@pytest.mark.parametrize("text", [c[0] for c in INLINE.values()])
def test_inline_examples_run(text: str) -> None:
    assert graphlang.parse(text).run().ok


def test_an_author_s_message_names_the_values() -> None:
    text = INLINE["an assertion"][0].replace("m(x, 2)", "m(x, 3)")
    with pytest.raises(graphlang.GraphlangError, match="the width 2 must be a multiple of heads = 3"):
        graphlang.parse(text)
