"""Kinds and shapes: promotion, free sizes, unification, broadcasting."""

from __future__ import annotations

import pytest

from tests.elaborate.reading import messages, model, problems, type_of

WIRES = (
    "input k: int = 3\ninput v: int[N] = [1, 2]\ninput t: bool = true\ninput x = 0.5\n"
    "input A: [M, 4]\ninput B: [4, 5]\ninput I: int[M, 4]"
)


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("k + 1", "int"),
        ("k * k", "int"),
        ("k + 1.0", "[]"),
        ("k / 2", "[]"),
        ("k // 2", "int"),
        ("k % 2", "int"),
        ("k ^ 2", "int"),
        ("k ^ -2", "[]"),
        ("k ^ 0.5", "[]"),
        ("-k", "int"),
        ("x + k", "[]"),
        ("mean(v)", "[]"),
        ("sum(v)", "int"),
        ("sum(v > 1)", "int"),
        ("mean(v > 1)", "[]"),
        ("v > 1 and t", "bool[N]"),
        ("not t", "bool"),
        ("(x > 0) + 1", "int"),
        ("t * x", "[]"),
        ("where(t, k, 1)", "int"),
        ("where(t, k, x)", "[]"),
        ("argmax(A)", "int[M]"),
        ("one_hot(v, 3)", "[N, 3]"),
        ("sqrt(k)", "[]"),
        ("abs(k)", "int"),
        ("exp(v)", "[N]"),
        ("[1, 2, 3] * k", "int[3]"),
        ("[1, 2.5] * k", "[2]"),
        ("[x, x + 1]", "[2]"),
        ("shape(A)[0] * 2", "int"),
        ("A + I", "[M, 4]"),
    ],
)
def test_kinds_follow_numpy(expression: str, wanted: str) -> None:
    assert type_of(expression, WIRES) == wanted


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("A @ B", "[M, 5]"),
        ("B.T @ A.T", "[5, M]"),
        ("A + [1, 2, 3, 4]", "[M, 4]"),
        ("A[0]", "[4]"),
        ("A[:, 1:3]", "[M, 2]"),
        ("A[..., -1]", "[M]"),
        ("A[v]", "[N, 4]"),
        ("reshape(A, [-1])", "[4*M]"),
        ("reshape(A, [M, 2, 2])", "[M, 2, 2]"),
        ("concat([A, A])", "[2*M, 4]"),
        ("concat([A, A], axis = 1)", "[M, 8]"),
        ("stack([A, A])", "[2, M, 4]"),
        ("sum(A, axis = 0)", "[4]"),
        ("sum(A, axis = 0, keepdims = true)", "[1, 4]"),
        ("expand(x, 0)", "[1]"),
        ('einsum("ij,jk->ik", A, B)', "[M, 5]"),
        ("A -> dense(7) -> relu", "[M, 7]"),
        ("(A, A) -> max", "[M, 4]"),
    ],
)
def test_shapes_are_inferred_with_free_sizes_kept(expression: str, wanted: str) -> None:
    assert type_of(expression, WIRES) == wanted


@pytest.mark.parametrize(
    ("declaration", "wanted"),
    [
        ("x", "[]"),
        ("x: [3]", "[3]"),
        ("x = 2", "[]"),
        ("x = [1, 2]", "[2]"),
        ("x: int = 2", "int"),
        ("x: int[N] = [1, 2]", "int[N]"),
        ("x = true", "bool"),
        ("x: float", "[]"),
        ("x: [2*N + 1] = [1, 2, 3]", "[2*N + 1]"),
        ("x: [N // 2]", "[N // 2]"),
    ],
)
def test_inputs_have_the_type_that_is_written(declaration: str, wanted: str) -> None:
    assert type_of("x", f"input {declaration}") == wanted


def test_defaults_give_values_to_free_sizes() -> None:
    found = model("input x: [N, 2*H] = [[1, 2, 3, 4]]\ninput y: [H] = [1, 2]\nf = sum(x) + sum(y)")
    assert found.sizes.defaults == {"N": 1, "H": 2}


def test_an_agreement_that_rests_on_defaults_is_written_down() -> None:
    found = model("input x: [N] = [1, 2]\ninput y: [M] = [3, 4]\nf = sum(x * y)")
    assert [(str(c.left), str(c.right)) for c in found.sizes.constraints] == [("N", "M")]
    assert problems("input x: [N]\ninput y: [M]\nf = sum(x * y)") == [(3, "E0401")]


def test_signatures_bind_sizes_by_unification() -> None:
    text = (
        "network cell(x: [..., D], h: [N, H], gates: [N, 2*H], W: [D, H]) -> y {\n"
        "  param b: [D + H] = 0\n  y = x @ W\n}\n"
        "input x: [B, T, 5]\ninput h: [N, 3]\ninput g: [N, 6]\ninput W: [5, 3]\ny = cell(x, h, g, W)"
    )
    found = model(text)
    assert str(found.by_path["y"].type) == "[B, T, 3]"
    assert str(found.params["y.cell.b"].type) == "[8]"


def test_a_size_bound_two_ways_names_both() -> None:
    said = messages("network f(a: [D], b: [D]) -> y { y = a + b }\nz = f([1, 2], [1, 2, 3])")
    assert "`D`" in said and "2" in said and "3" in said


def test_fan_in_and_fan_out_count_connections() -> None:
    text = "init fans() = fan_in + 1000 * fan_out\nparam W: {} ~ fans()\noutput W"
    starts = {"[3, 4]": 4003, "[7]": 7007, "[8, 3, 5, 5]": 200075}
    for shape, wanted in starts.items():
        found = model(text.format(shape))
        node = found.initial_of["W"]
        while node.inputs:
            (node,) = node.inputs
        assert node.attrs["value"] == wanted


def test_sizes_of_parameters_are_counted() -> None:
    text = "input x: [N, 64]\ns = x -> dense(10)\nexpect size(params) == 650\nexpect size(s) == 10 * 3"
    found = model(text)
    assert found.expectations[0].left == 650
    assert str(found.expectations[1].left) == "10*N"
    assert model('param W: [3] = 0\nparam V: [4] = 0\nn = size(params("W"))\noutput n').by_path["n"].attrs[
        "value"
    ] == 3  # fmt: skip


def test_bare_params_is_every_parameter() -> None:
    found = model("param W: [3] = 1\nparam V: [2] = 1\nf = l2(params)\noutput f")
    assert {n.path for n in found.nodes if n.op == "param"} == {"W", "V"}


def test_data_lines_are_formulas_of_columns() -> None:
    text = (
        'input x: [N, 2]\ndata d = csv("d.csv") {\n  x = columns("a".."b") / 16\n  y = column("c")\n}\n'
        "f = sum(x)"
    )
    first, second = model(text).data["d"].columns
    assert first.name == "x"
    assert first.formula[:2] == ("op", "div")
    assert first.formula[2][0][:3] == ("columns", "a", "b")
    assert first.formula[2][1] == 16
    assert second.formula[:2] == ("column", "c")
