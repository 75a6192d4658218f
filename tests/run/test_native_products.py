"""Matrix products in C are right for every size and layout, and so is what several threads compute together."""

from __future__ import annotations

import platform
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.plan import c_products
from graphlang.run import native_step
from graphlang.run.code import Code
from graphlang.run.native_step import natively
from graphlang.run.step_program import StepProgram
from tests.run.training import losses, training, values

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler"
)
EXAMPLES = Path(__file__).parents[2] / "examples"
# Less than a tile, whole tiles, and a little more, along each axis; one tile with a long sum; many blocks, the
# last of which has a few rows.
SIZES = [
    (1, 1, 1),
    (5, 7, 3),
    (12, 32, 384),
    (13, 33, 385),
    (1, 70, 40),
    (70, 1, 40),
    (257, 16, 9),
    (9, 16, 9000),
    (100, 10, 200),
    (250, 1030, 40),
    (283, 70, 620),
    (61, 64, 301),
    (64, 256, 784),
]
ROWS, COLUMNS, APART = "rows", "columns", "apart"


def laid(array: np.ndarray, how: str) -> np.ndarray:
    """The same entries with rows, columns, or nothing contiguous."""
    if how == ROWS:
        return np.ascontiguousarray(array)
    if how == COLUMNS:
        return np.ascontiguousarray(array.mT).mT
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return wide[..., ::2]


class Products:
    """Products done in C, all in one call."""

    def __init__(self, dtype: Any):
        self.code, self.dtype = Code(), dtype
        self._rng = np.random.default_rng(0)
        self._done: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(
        self, a: tuple[int, ...], b: tuple[int, ...], how: tuple[str, str, str], name: Any = None
    ) -> None:
        """A product of matrices of these shapes, each laid out in its way, as the result is."""
        x, y = (self._rng.normal(size=shape).astype(self.dtype) for shape in (a, b))
        x, y = (laid(z, h) if z.ndim > 1 else z for z, h in zip((x, y), how, strict=False))
        function = name or np.matmul
        right = function(x.astype(np.float64), y.astype(np.float64))
        out = np.full(right.shape, np.nan, self.dtype)
        out = laid(out, how[2]) if out.ndim > 1 else out
        self._done.append((right, out, x))
        constant = self.code.constant
        self.code.lines.append(f"{constant(function)}({constant(x)}, {constant(y)}, {constant(out)})")

    def check(self, *, is_shared: bool) -> None:
        """All became one call, and are as close to the products as their number type allows."""
        native = natively(self.code, {}, is_exact=False, is_shared=is_shared)
        assert len(native.lines) == 1
        function = native.function(())
        tolerance = 2e-6 if self.dtype is np.float32 else 1e-14
        for _ in range(3):
            for _, out, _ in self._done:
                out[...] = np.nan
            function()
            for right, out, x in self._done:
                scale = np.abs(right).max()
                assert np.abs(out - right).max() <= tolerance * scale, (x.shape, x.strides, out.shape)


LAYOUTS = list(product((ROWS, COLUMNS, APART), (ROWS, COLUMNS, APART), (ROWS, COLUMNS)))
FEW = [(ROWS, ROWS, ROWS), (COLUMNS, ROWS, ROWS), (ROWS, COLUMNS, COLUMNS), (APART, APART, ROWS)]


def many(dtype: Any, layouts: list[tuple[str, str, str]]) -> Products:
    products = Products(dtype)
    for m, n, k in SIZES:
        for how in layouts:
            products.add((m, k), (k, n), how)
    for stack in ((3,), (2, 4)):
        for how in layouts:
            products.add((*stack, 20, 33), (*stack, 33, 40), how)
            products.add((*stack, 20, 33), (33, 40), how)
    products.add((300,), (300, 40), (ROWS, ROWS, ROWS), np.dot)
    products.add((40, 300), (300,), (COLUMNS, ROWS, ROWS), np.dot)
    products.add((6, 5, 300), (6, 5, 300), (ROWS, ROWS, ROWS), np.vecdot)
    return products


def test_products_of_all_sizes() -> None:
    many(np.float32, FEW).check(is_shared=True)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("is_shared", [False, True])
def test_products_of_all_sizes_in_all_layouts(dtype: Any, is_shared: bool) -> None:
    many(dtype, LAYOUTS).check(is_shared=is_shared)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="flags of one kind of processor")
@pytest.mark.parametrize("flags", [(), ("-mavx2", "-mfma")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_on_processors_with_shorter_vectors(
    dtype: Any, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native_step, "FAST", ("-O3", *flags))
    many(dtype, LAYOUTS).check(is_shared=True)


KINDS = st.sampled_from([ROWS, COLUMNS, APART])


@pytest.mark.slow
@given(
    shapes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300), st.integers(1, 900)), min_size=9),
    how=st.tuples(KINDS, KINDS, st.sampled_from([ROWS, COLUMNS])),
    dtype=st.sampled_from([np.float32, np.float64]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_products(shapes: list[tuple[int, int, int]], how: tuple[str, str, str], dtype: Any) -> None:
    products = Products(dtype)
    for m, n, k in shapes:
        products.add((m, k), (k, n), how)
    products.check(is_shared=True)


def test_products_stay_with_numpy_where_bits_matter() -> None:
    products = Products(np.float32)
    products.add((4, 5), (5, 6), (ROWS, ROWS, ROWS))
    assert natively(products.code, {}).lines == products.code.lines


def test_what_is_not_finite_goes_through_a_product() -> None:
    code, x = Code(), np.ones((20, 20), np.float32)
    x[3, 5], x[7, 7] = np.inf, np.nan
    out = np.zeros((20, 20), np.float32)
    code.lines.append(
        f"{code.constant(np.dot)}({code.constant(x)}, {code.constant(x)}, {code.constant(out)})"
    )
    natively(code, {}, is_exact=False).function(())()
    with np.errstate(invalid="ignore"):
        right = x @ x
    assert np.array_equal(np.isnan(out), np.isnan(right))
    assert np.array_equal(np.isinf(out), np.isinf(right))


def loops(rng: np.random.Generator) -> tuple[Code, list[np.ndarray]]:
    """Long loops and folds over one, two and four axes."""
    code, outs = Code(), []
    for shape in ((200_001,), (300, 501), (8, 4, 90, 70)):
        x, y = (rng.normal(size=shape).astype(np.float32) for _ in range(2))
        outs += [
            np.zeros(shape, np.float32),
            np.zeros(shape[:-1], np.float32),
            np.zeros(shape[1:], np.float32),
        ]
        c, (whole, rows, columns) = code.constant, outs[-3:]
        code.lines += [
            f"{c(np.add)}({c(x)}, {c(y)}, {c(whole)})",
            f"{c(np.multiply)}({c(whole)}, {c(whole)}, {c(whole)})",
            f"{c(np.add.reduce)}({c(whole)}, -1, None, {c(rows)}, False)",
            f"{c(np.maximum.reduce)}({c(whole)}, 0, None, {c(columns)}, False)",
        ]
    return code, outs


def test_sharing_a_loop_changes_no_bit_of_it() -> None:
    code, outs = loops(np.random.default_rng(3))
    code.function(())()
    expected = [a.tobytes() for a in outs]
    shared = natively(code, {}, is_shared=True).function(())
    for _ in range(20):
        for array in outs:
            array[...] = 0
        shared()
        assert [a.tobytes() for a in outs] == expected


def test_several_threads_may_ask_at_the_same_time() -> None:
    tasks = []
    for seed in range(4):
        code, outs = loops(np.random.default_rng(seed))
        code.function(())()
        tasks.append((natively(code, {}, is_shared=True).function(()), outs, [a.tobytes() for a in outs]))
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            list(pool.map(lambda task: task[0](), tasks))
            assert all([a.tobytes() for a in outs] == expected for _, outs, expected in tasks)


def test_tanh_is_right_to_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-12, 12, 100_001), [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, 0.625]])
    x = x.astype(np.float32)
    code, out = Code(), np.zeros_like(x)
    code.lines.append(f"{code.constant(np.tanh)}({code.constant(x)}, {code.constant(out)})")
    native = natively(code, {}, is_exact=False)
    assert native.lines != code.lines
    native.function(())()
    right = np.tanh(x.astype(np.float64))
    assert np.array_equal(np.isnan(out), np.isnan(x))
    there = ~np.isnan(x)
    assert np.all(np.abs(out - right)[there] <= 4 * np.spacing(np.abs(right[there]).astype(np.float32)))
    assert np.array_equal(np.signbit(out[there]), np.signbit(x[there]))


# --- training ------------------------------------------------------------------------------------------

CHOSEN = [
    "digits_mlp",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("digits_conv", "spiral", "learn_sine", "parity")
    ),
]


def first_steps(path: Path, **how: Any) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses of the first steps in double precision, and the parameters then."""
    run = training(path.read_text(), EXAMPLES, **how)
    return losses(run, 12), values(run)


@pytest.mark.parametrize("name", CHOSEN)
@pytest.mark.parametrize("how", [{}, pytest.param({"threads": 2}, marks=pytest.mark.slow)])
def test_training_comes_to_the_same_numbers(
    name: str, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if how:
        pytest.importorskip("threadpoolctl")
        monkeypatch.setattr("graphlang.run.step_program.LEAST_WORK", 0)
    adopted = watched(monkeypatch)
    expected, right = first_steps(EXAMPLES / f"{name}.graph")
    found, parameters = first_steps(EXAMPLES / f"{name}.graph", jit=True, is_fast=True, **how)
    assert adopted and all(adopted)
    assert found == pytest.approx(expected, rel=1e-9)
    assert parameters.keys() == right.keys()
    for path, array in right.items():
        assert np.allclose(parameters[path], array, rtol=1e-7, atol=1e-9 * np.abs(array).max()), path


def test_the_same_run_twice_gives_the_same_bits() -> None:
    first, second = (first_steps(EXAMPLES / "digits_mlp.graph", jit=True, is_fast=True) for _ in range(2))
    assert first[0] == second[0]
    assert all(np.array_equal(a, second[1][path]) for path, a in first[1].items())


def test_products_that_come_out_wrong_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, _ = first_steps(EXAMPLES / "digits_mlp.graph", is_fast=True)
    wrong = c_products._TILES.replace("t[i][j] += a[", "t[i][j] -= a[")
    assert wrong != c_products._TILES
    monkeypatch.setattr(c_products, "_TILES", wrong)
    adopted = watched(monkeypatch)
    assert first_steps(EXAMPLES / "digits_mlp.graph", jit=True, is_fast=True)[0] == expected
    assert adopted == [False]


def watched(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What every trial of a step in C comes to."""
    adopted: list[bool] = []
    adopt = StepProgram.adopt

    def noted(*args: Any) -> bool:
        adopted.append(adopt(*args))
        return adopted[-1]

    monkeypatch.setattr(StepProgram, "adopt", noted)
    return adopted
