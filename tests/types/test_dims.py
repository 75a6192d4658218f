"""Symbolic sizes compute like the integers that they stand for."""

from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlang.types.dims import Dim, Sizes, product, solve, substitute
from graphlang.types.tensor import broadcast_shapes

N, M = Dim.of("N"), Dim.of("M")
VALUES = st.fixed_dictionaries({"N": st.integers(1, 40), "M": st.integers(1, 40)})
OPERATORS = st.sampled_from([operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod])


@st.composite
def programs(draw, depth=4):
    """A formula over N, M and small integers: a function of a dict of their values."""
    if depth == 0 or draw(st.booleans()):
        leaf = draw(st.sampled_from(["N", "M", -3, -1, 0, 1, 2, 3, 4]))
        return (lambda v: v[leaf]) if isinstance(leaf, str) else (lambda v: leaf)
    act, left, right = draw(OPERATORS), draw(programs(depth=depth - 1)), draw(programs(depth=depth - 1))
    return lambda v: act(left(v), right(v))


@given(programs(), VALUES)
def test_arithmetic_agrees_with_that_of_integers(formula, values):
    try:
        symbolic = formula({"N": N, "M": M})
        expected = formula(values)
    except ZeroDivisionError:
        return
    assert substitute(symbolic, values) == expected


@given(programs(), programs(), VALUES)
def test_equal_sizes_are_equal_for_all_values(one, other, values):
    names = {"N": N, "M": M}
    try:
        a, b = one(names), other(names)
        if a == b:
            assert hash(a) == hash(b)
            assert substitute(a, values) == substitute(b, values)
    except ZeroDivisionError:
        return


@given(programs(), VALUES)
def test_names_may_be_replaced_one_after_the_other(formula, values):
    try:
        symbolic = formula({"N": N, "M": M})
        halfway = substitute(symbolic, {"N": values["N"]})
        assert substitute(halfway, {"M": values["M"]}) == substitute(symbolic, values)
    except ZeroDivisionError:
        return


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((N + 1) * (N - 1), N * N - 1),
        ((2 * N) // 2, N),
        ((2 * N + 2) // 2, N + 1),
        ((N - 1) // 2 + 1, (N + 1) // 2),
        ((N + 2 * 1 - 3) // 1 + 1, N),
        ((4 * N + 2 * M) % 2, 0),
        ((N * M) // M, N),
        ((2 * N + M) % 2, M % 2),
        (N - N, 0),
        (0 // N, 0),
    ],
)
def test_one_size_has_one_form(left, right):
    assert left == right


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (N, "N"), (2 * N, "2*N"), (N + 1, "N + 1"), (N - 1, "N - 1"), (N // 2, "N // 2"), (N * M, "M*N"),
        (N * N, "N^2"), ((N + 1) // 2, "(N + 1) // 2"), (2 * (N // 2), "2*(N // 2)"), (-N, "-N"),
    ],
)  # fmt: skip
def test_sizes_read_like_formulas(size, text):
    assert str(size) == text


def test_a_size_cannot_be_divided_by_zero():
    with pytest.raises(ZeroDivisionError):
        N // 0


@given(st.integers(1, 9), st.integers(-9, 9), st.integers(0, 50))
def test_solve_finds_the_size_that_was_put_in(factor, offset, n):
    assert solve(factor * N + offset, factor * n + offset) == ("N", n)


@pytest.mark.parametrize(
    ("size", "value"), [(2 * N, 7), (N + 5, 3), (N * N, 9), (N + M, 3), (N // 2, 3), (4, 4)]
)
def test_solve_gives_up_where_there_is_not_one_answer(size, value):
    assert solve(size, value) is None


SHAPES = st.lists(st.sampled_from([1, 2, 3]), max_size=4).map(tuple)


@given(SHAPES, SHAPES)
def test_broadcasting_is_that_of_numpy(a, b):
    np = pytest.importorskip("numpy")
    try:
        expected = np.broadcast_shapes(a, b)
    except ValueError:
        expected = None
    assert broadcast_shapes(Sizes(), a, b) == expected


def test_free_sizes_broadcast_with_themselves_and_with_one():
    sizes = Sizes()
    assert broadcast_shapes(sizes, (N, 1), (1, M)) == (N, M)
    assert broadcast_shapes(sizes, (N,), (N,)) == (N,)
    assert broadcast_shapes(sizes, (N,), (M,)) is None
    assert broadcast_shapes(sizes, (N,), (3,)) is None
    assert sizes.constraints == []


def test_agreement_that_rests_on_a_default_is_noted():
    sizes = Sizes(defaults={"N": 3})
    assert broadcast_shapes(sizes, (N,), (3,)) == (3,)
    assert [(c.left, c.right) for c in sizes.constraints] == [(N, 3)]
    assert broadcast_shapes(sizes, (N,), (4,)) is None


def test_product_of_no_sizes_is_one():
    assert product([]) == 1
    assert product([N, 2, M]) == 2 * N * M
