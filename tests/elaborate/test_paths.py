"""Names of nodes: LANGUAGE, sections 5 and 6. Checkpoints and pictures rest on them."""

from __future__ import annotations

import time

from tests.elaborate.reading import model, paths, problems


def parameters(text: str) -> list[str]:
    return list(model(text).params)


def test_parameters_of_calls_are_named_after_the_binding_and_counted() -> None:
    text = "input x: [N, 64]\nscores = x -> dense(64, relu) -> dense(10)"
    assert parameters(text) == ["scores.dense.W", "scores.dense.b", "scores.dense_2.W", "scores.dense_2.b"]


def test_a_named_layer_owns_its_parameters_and_shares_them() -> None:
    text = "input x: [N, 8]\nlayer fc = dense(64)\na = fc(x)\nb = fc(2 * x)\nc = fc.W"
    assert parameters(text) == ["fc.W", "fc.b"]
    assert model(text).aliases["c"].path == "fc.W"


def test_unnamed_nodes_are_named_after_their_operation() -> None:
    assert paths("input x = 1\nf = (x + 1) * (x * 2 + x * 3)") == [
        "x", "1.0", "f.add", "2.0", "f.mul", "3.0", "f.mul_2", "f.add_2", "f",
    ]  # fmt: skip


def test_a_loop_counts_the_values_that_a_name_takes() -> None:
    text = "input x: [N, 4]\nh = x\nfor k in 1..2 { h = h -> dense(4) -> relu }\noutput h"
    found = model(text)
    assert parameters(text) == ["h[1].dense.W", "h[1].dense.b", "h[2].dense.W", "h[2].dense.b"]
    assert [n.path for n in found.nodes if n.is_named and not n.is_leaf] == ["h[1]", "h[2]"]
    assert [n.path for n in found.outputs] == ["h[2]"]


def test_a_second_loop_continues_counting() -> None:
    text = (
        "input x: [N, 4]\nh = x\nfor k in 1..2 { h = h -> dense(4) }\n"
        "for units in [8, 2] { h = h -> dense(units) }\noutput h"
    )
    assert [p for p in parameters(text) if p.endswith("W")] == [f"h[{k}].dense.W" for k in (1, 2, 3, 4)]


def test_nested_loops_have_an_index_each() -> None:
    text = "input x = 1\nh = x\nfor i in 1..2 { for j in 1..3 { h = h + i * j } }\noutput h"
    assert [n.path for n in model(text).nodes if n.is_named and not n.is_leaf] == [
        f"h[{i}][{j}]" for i in (1, 2) for j in (1, 2, 3)
    ]


def test_networks_in_networks_nest_their_paths() -> None:
    text = (
        "network block(x: [N, D]) -> y {\n  layer a = dense(D)\n  y = a(a(x)) -> dense(D)\n}\n"
        "input x: [N, 3]\nh = block(x) + block(x)"
    )
    assert [p for p in parameters(text) if p.endswith("W")] == [
        "h.block.a.W", "h.block.y.dense.W", "h.block_2.a.W", "h.block_2.y.dense.W",
    ]  # fmt: skip


def test_parameters_in_a_loop_of_a_network_have_its_index() -> None:
    text = (
        "network deep(x: [N, D], L: int) -> h {\n  h = x\n  for k in 1..L { h = h -> dense(D) }\n}\n"
        "input x: [N, 3]\nlayer body = deep(2)\ny = body(x)\nz = body(y)"
    )
    assert parameters(text) == [
        "body.h[1].dense.W", "body.h[1].dense.b", "body.h[2].dense.W", "body.h[2].dense.b",
    ]  # fmt: skip


def test_an_alias_makes_no_node() -> None:
    found = model("input x = 2\nh = x\nf = h * h\nexpect grad(f, h) == 4")
    assert [n.path for n in found.nodes if n.is_named] == ["x", "f"]
    assert found.find("h") is found.inputs["x"]


def test_nodes_are_found_by_their_paths_in_expressions() -> None:
    text = (
        "input x: [N, 4]\nscores = x -> dense(3) -> dense(2)\nh = x\nfor k in 1..2 { h = h -> dense(4) }\n"
        "expect shape(scores.dense_2.W) == [3, 2]\nexpect shape(h[1].dense.W) == [4, 4]\noutput h, scores"
    )
    assert problems(text) == []


def test_several_results_are_named_each() -> None:
    found = model("input x: [N, 4]\ninput h0: [N, 3]\nh, c = lstm_cell(x, h0, h0)\noutput h, c")
    assert [n.path for n in found.outputs] == ["h", "c"]
    assert list(found.params) == ["h.lstm_cell.W", "h.lstm_cell.U", "h.lstm_cell.b"]


def test_a_comment_above_a_declaration_documents_its_node() -> None:
    found = model("# A model.\n\n# the width\ninput x = 2\n\n# twice that\nf = 2 * x\ng = f + 1\noutput g")
    assert [(n.path, n.doc) for n in found.nodes if n.is_named] == [
        ("x", "the width"), ("f", "twice that"), ("g", None),
    ]  # fmt: skip


def test_loops_and_calls_leave_boxes() -> None:
    found = model("input x: [N, 4]\nh = x\nfor k in 1..2 { h = h -> dense(4) }\noutput h")
    kinds = {path: scope.kind for path, scope in found.scopes.items()}
    assert kinds["for"] == "loop"
    assert kinds["for[1]"] == kinds["for[2]"] == "iteration"
    assert kinds["h[1].dense"] == "network"
    assert found.scopes["h[1].dense"].title == "dense(4)"


def test_a_path_is_looked_up_under_the_name_that_its_node_has_at_last() -> None:
    text = (
        "input x: [2, 2]\ng = x.T * 2.0\nh = (x + x.T).T\nexpect h.add == x + x.T\nexpect h.transpose == x.T"
    )
    found = model(text)
    assert [e.left.path for e in found.expectations] == ["h.add", "h.transpose"]
    # What was called `h.transpose_2` for a moment is `h` itself.
    assert problems(text.replace("expect h.add", "k = h.transpose_2\nexpect h.add")) == [(4, "E0303")]


def test_a_transpose_in_every_line_takes_linear_time() -> None:
    """Each might be a path, as `f.mul` is, but none is looked for among all nodes."""

    def seconds(count: int) -> float:
        text = "input h0: [2, 2]\n" + "".join(f"h{k + 1} = h{k}.T\n" for k in range(count))
        start = time.process_time()
        model(text)
        return time.process_time() - start

    assert seconds(16_000) < 16 * min(seconds(2_000), seconds(2_000))
