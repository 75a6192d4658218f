"""What is decided before anything runs: constants, loops, branches, `training`, imports, limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphlang.elaborate.context import MAX_CALL_DEPTH
from graphlang.pipeline import compile_source
from graphlang.source import SourceFile
from tests.elaborate.reading import messages, model, problems


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("2 + 3 * 4", 14),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 / 2", 3.5),
        ("2 ^ 10", 1024),
        ("2 ^ -1", 0.5),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("1 + 0.5", 1.5),
        ("3 < 4 and not false", True),
        ("true + 1", 2),
        ('"a" + "b"', "ab"),
        ('"a" == "b"', False),
        ("[1, 2, 3][1]", 2),
        ("[1, 2, 3][-1]", 3),
        ("sqrt(16)", 4.0),
        ("max(3, 4)", 4),
        ("floor(3.7)", 3.0),
        ("1_000", 1000),
    ],
)
def test_constants_are_computed(expression: str, wanted: object) -> None:
    value = model(f"const c = {expression}\ninput x = 1").consts["c"]
    assert value == wanted
    assert type(value) is type(wanted)


def test_training_chooses_a_branch() -> None:
    text = "input x: [N, 3]\nh = x -> dropout(0.5)\noutput h"
    assert [n.op for n in model(text, training=True).nodes if n.op == "bernoulli"] == ["bernoulli"]
    assert [n.op for n in model(text, training=False).nodes] == ["input"]


def test_batch_norm_updates_its_state_while_training() -> None:
    text = "input x: [N, 3]\nh = batch_norm(x)\noutput h"
    assert [s.path for s, _ in model(text, training=True).updates] == [
        "h.batch_norm.running_mean", "h.batch_norm.running_var",
    ]  # fmt: skip
    assert model(text).updates == []


def test_an_if_takes_one_branch() -> None:
    text = "const deep = {}\ninput x = 1\nif deep {{ f = exp(x) }} else {{ f = sin(x) }}\noutput f"
    assert model(text.format("true")).by_path["f"].op == "exp"
    assert model(text.format("false")).by_path["f"].op == "sin"


def test_else_if_is_read_in_order() -> None:
    text = (
        "const k = 2\ninput x = 1\n"
        "if k == 1 { f = exp(x) } else if k == 2 { f = sin(x) } else { f = cos(x) }\noutput f"
    )
    assert model(text).by_path["f"].op == "sin"


def test_overrides_replace_constants_and_inputs() -> None:
    found = model("const H = 3\ninput x = 1\nparam W: [H] = 0\nf = x * sum(W)", overrides={"H": 5, "x": 2.5})
    assert str(found.params["W"].type) == "[5]"
    assert found.inputs["x"].attrs["default"] == 2.5


def test_loops_run_over_ranges_lists_and_wires() -> None:
    text = (
        "input A: [2, 2]\ninput B: [2, 2]\ninput x: [N, 2]\nh = x\n"
        "for W in [A, B] { h = h @ W }\nfor k in 1..0 { h = 0 * h }\nfor c in [0.5, 2] { h = c * h }\noutput h"
    )
    assert [n.op for n in model(text).nodes if n.is_named and not n.is_leaf] == [
        "matmul", "matmul", "mul", "mul",
    ]  # fmt: skip


def test_a_constant_may_be_bound_in_every_iteration() -> None:
    assert problems("input x = 1\nh = x\nfor k in 1..3 {\n  const c = 2 * k\n  h = c * h\n}\noutput h") == []


def test_a_name_bound_in_a_loop_is_not_seen_below_and_the_message_says_so() -> None:
    text = "input x = 1\nfor k in 1..3 { y = k * x }\nf = y"
    assert problems(text) == [(3, "E0301")]
    assert "for k in 1..3" in messages(text)


def test_a_name_of_a_branch_not_taken_is_explained() -> None:
    text = "input x = 1\nif false { y = x }\nf = y"
    assert problems(text) == [(3, "E0301")]
    assert "not taken" in messages(text)


def test_a_rebinding_that_fails_silences_later_uses() -> None:
    text = (
        "input x: [N, 4]\nparam A: [4, 3] = 0\nparam B: [3, 2] = 0\n"
        "h = x @ A\nh = h @ B\nf = h @ [[1], [2]]\noutput f"
    )
    assert problems(text) == [(5, "E0304")]


def test_branches_never_taken_are_read_for_unknown_names() -> None:
    assert problems("input x = 1\nif false { f = sigmod(x) } else { f = x }\noutput f") == [(2, "E0301")]
    text = "gate f(x) -> y {\n  if training { y = exq(x) } else { y = x }\n}\ninput a = 1\nb = f(a)"
    assert problems(text) == [(2, "E0301")]


def test_a_mistake_in_a_network_is_reported_once_however_often_it_is_called() -> None:
    text = (
        "network bad(x: [N, D]) -> y { y = x @ [[1, 2]] }\ninput x: [N, 4]\n"
        "a = bad(x)\nb = bad(x[:, :3])\nfor k in 1..5 { c = bad(x) }"
    )
    assert problems(text) == [(1, "E0401")]


def test_a_mistaken_call_of_the_library_is_reported_once_at_the_call() -> None:
    assert problems("input x: [N, 7, 10]\ny = attention(x, heads = 3)") == [(2, "E0607")]
    assert problems("input s: [N, 10]\ninput y: int[M]\nloss = cross_entropy(s, y)") == [(3, "E0401")]


@pytest.mark.parametrize(
    "follow_up",
    [
        "g = h + 1",
        "a, b = h",
        "g = sum(h, axis = 5)",
        "g = dense(h, 3)",
        "g = h.T[0]",
        "g = grad(h, x)",
        "g = [h, x]",
        "for k in h { g = k }",
        "if h > 0 { g = h } else { g = x }\nf = g",
        "output h",
        "expect h == 3",
        "metric m = h",
        "train { minimize = h }",
        "const c = h",
        "layer fc = dense(3)\ng = fc(h)\nw = fc.W",
        'g = h -> dense(3)\nr = l2(params("*.W"))',
        "state s = 0\nupdate s = h",
        "param W: [3] = h",
        "input z = h",
        "assert h > 0",
        "g = where(h > 0, h, x)",
        "g = shape(h)[0] + size(h)",
        "k = reshape(x, [h, 1])",
        "gate f(a, b) -> c {\n  c = a * b\n  backward {\n    grad(a) = b\n    grad(b) = a\n  }\n}\ng = f(h, x)",
    ],
)
def test_what_depends_on_a_mistake_is_not_blamed(follow_up: str) -> None:
    assert problems(f"input x: [N, 4]\nh = x @ [1, 2]\n{follow_up}") == [(2, "E0401")]


def test_imports_bring_definitions_and_constants(tmp_path: Path) -> None:
    (tmp_path / "blocks.graph").write_text(
        "const width = 5\ninput x = 1\nh = x\n\nnetwork wide(x: [N, D]) -> y { y = dense(x, width) }\n",
        encoding="utf-8",
    )
    path = tmp_path / "main.graph"
    for line in ('import "blocks.graph"', 'from "blocks.graph" import wide, width'):
        text = f"{line}\ninput x: [N, width]\ny = wide(x)\noutput y\n"
        outcome = compile_source(SourceFile(str(path), text, str(path)))
        assert list(outcome.problems) == []
        assert list(outcome.value.params) == ["y.wide.y.dense.W", "y.wide.y.dense.b"]


def test_a_file_may_be_imported_along_two_ways(tmp_path: Path) -> None:
    (tmp_path / "a.graph").write_text("gate double(x) -> y { y = 2 * x }\n", encoding="utf-8")
    for name in "bc":
        (tmp_path / f"{name}.graph").write_text(
            f'import "a.graph"\ngate {name}1(x) -> y {{ y = double(x) }}\n', encoding="utf-8"
        )
    path = str(tmp_path / "main.graph")
    text = 'import "b.graph"\nimport "c.graph"\ninput x = 1\nf = b1(x) + c1(x)\n'
    assert list(compile_source(SourceFile(path, text, path)).problems) == []


def test_a_circle_of_imports_is_reported_in_the_file_that_is_checked(tmp_path: Path) -> None:
    (tmp_path / "b.graph").write_text('\n\n\nimport "a.graph"\n', encoding="utf-8")
    path = tmp_path / "a.graph"
    text = 'input x = 1\nimport "b.graph"\nf = x\n'
    path.write_text(text, encoding="utf-8")
    (problem,) = compile_source(SourceFile("a.graph", text, str(path))).problems
    assert problem.code == "E0801"
    assert problem.span is not None and (problem.span.source.name, problem.span.line) == ("a.graph", 2)


def test_a_user_may_hide_a_name_of_the_library() -> None:
    assert problems("network dense(x) -> y { y = 2 * x }\ninput x = 1\nf = dense(x)\noutput f") == []


def test_chains_of_calls_are_limited() -> None:
    def chain(depth: int) -> str:
        links = [f"gate g{k}(x) -> y {{ y = g{k - 1}(x) }}" for k in range(1, depth)]
        return "\n".join(["gate g0(x) -> y { y = 2 * x }", *links, "input x = 1", f"f = g{depth - 1}(x)"])

    assert problems(chain(MAX_CALL_DEPTH)) == []
    assert [code for _, code in problems(chain(MAX_CALL_DEPTH + 20))] == ["E0606"]


@pytest.mark.parametrize(
    "call",
    ["dense(h)", "dense(h, unit = 3)", "sum(h, axes = 0)", "reshape(h)", "relu(h, 0.1)", "cross_entropy(h)"],
)
def test_the_arguments_of_a_call_are_checked_even_if_one_of_them_failed(call: str) -> None:
    assert problems(f"input x: [N, 4]\nh = x @ [1, 2]\ng = {call}") == [(2, "E0401"), (3, "E0505")]


def test_a_constant_takes_the_name_of_an_operation_from_its_line_on() -> None:
    text = "input x = 1.0\na = tanh(x)\nconst tanh = 2.0\nnetwork n(v) -> y {\n  y = v * tanh\n}\nb = n(x)"
    assert [n.path for n in model(text).by_path["b"].inputs] == ["x", "2.0"]
