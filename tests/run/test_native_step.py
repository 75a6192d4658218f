"""The step of a training run in C has NumPy's bits: line by line, for whole graphs, and for every example."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlang.diagnostics import GraphlangError
from graphlang.differentiate.differentiate import differentiate
from graphlang.ops.build import Builder
from graphlang.pipeline import compile_source
from graphlang.plan import c_loops
from graphlang.run.code import Code
from graphlang.run.native import like_numpy
from graphlang.run.native_step import natively
from graphlang.run.step_program import StepProgram
from graphlang.source import SourceFile
from tests.ops.tiny_autodiff import apply, draw, leaves, sample_types
from tests.run.test_program import (
    CASES,
    DTYPES,
    HEAD,
    IMAGES,
    OWN,
    RANDOM_STEPS,
    SETTINGS,
    SPECIAL,
    bits,
    check_random_graph,
    same,
)
from tests.run.training import training, values

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="needs a C compiler"
)
EXAMPLES = Path(__file__).parents[2] / "examples"


class Lines:
    """Calls of NumPy, done by NumPy and in C from the same start."""

    def __init__(self) -> None:
        self.code = Code()
        self.memory: list[np.ndarray] = []

    def array(self, values: Any, dtype: Any = np.float32) -> np.ndarray:
        """An array that the calls read and write."""
        self.memory.append(np.array(values, dtype))
        return self.memory[-1]

    def call(self, function: Any, *args: Any) -> None:
        """A line that calls a function; arrays are named, all else is written out."""
        name = self.code.constant
        texts = [name(a) if isinstance(a, (np.ndarray, np.generic)) else repr(a) for a in args]
        texts[-1] = f"out={texts[-1]}" if function in (np.maximum, np.minimum) else texts[-1]
        self.code.lines.append(f"{name(function)}({', '.join(texts)})")

    def check(self, left: int = 0) -> None:
        """The same bits everywhere; all lines but so many became C, which is one call for those in a row."""
        start = [a.copy() for a in self.memory]
        code = natively(self.code, {})
        with np.errstate(all="ignore"):
            self.code.function(())()
            expected = [a.copy() for a in self.memory]
            for array, first in zip(self.memory, start, strict=True):
                array[...] = first
            code.function(())()
        kept = [line for line in code.lines if line in self.code.lines]
        assert len(kept) == left
        assert left or len(code.lines) == 1
        for k, (found, right) in enumerate(zip(self.memory, expected, strict=True)):
            assert bits(found) == bits(right), k


BINARY = [np.add, np.subtract, np.multiply, np.true_divide, np.maximum, np.minimum]
COMPARING = [np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal]
UNARY = [np.negative, np.absolute, np.square, np.sqrt, np.reciprocal, np.sign]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_function_has_the_bits_for_special_numbers_and_in_every_layout(dtype: Any) -> None:
    numbers = [*SPECIAL, 3.0, 1e-42, 0.1]
    lines = Lines()
    x = lines.array([np.roll(numbers, k) for k in range(len(numbers))], dtype)
    y = lines.array(np.full(x.shape, numbers), dtype)
    row, column, one = lines.array(numbers, dtype), y[:, 2:3], lines.array(1.5, dtype)
    wide = lines.array(np.tile(y, 2), dtype)[:, ::2]
    for function in BINARY:
        for a, b in ((x, y), (x, row), (column, x), (x.T, y), (one, x), (wide, x[::-1])):
            lines.call(function, a, b, lines.array(np.zeros(x.shape), dtype))
        lines.call(function, x, y.T, lines.array(np.zeros(x.shape), dtype).T)
    for function in COMPARING:
        lines.call(function, x, y, lines.array(np.zeros(x.shape), np.bool_))
    for function in UNARY:
        lines.call(function, x, lines.array(np.zeros(x.shape), dtype))
        lines.call(function, wide, lines.array(np.zeros(x.shape), dtype).T)
    lines.check()


def test_whole_numbers_and_truth_values_enter_as_numpy_takes_them() -> None:
    lines = Lines()
    rng = np.random.default_rng(0)
    mask = lines.array(rng.integers(0, 2, (5, 9)), np.bool_)
    number = lines.array(rng.normal(size=(5, 9)))
    count = lines.array(rng.integers(0, 9, (5, 9)), np.int64)
    for function in (np.add, np.subtract, np.multiply):
        lines.call(function, number, mask, lines.array(np.zeros((5, 9))))
    lines.call(np.multiply, number.view(np.int32), mask, lines.array(np.zeros((5, 9))).view(np.int32))
    lines.call(np.add, mask.view(np.uint8), mask.view(np.uint8), lines.array(np.zeros((5, 9)), np.uint8))
    lines.call(np.equal, count[..., :1], count, lines.array(np.zeros((5, 9)), np.bool_))
    for source in (mask, count, number, number.T.copy().T):
        lines.call(np.copyto, lines.array(np.zeros((5, 9))), source)
    lines.call(np.copyto, lines.array(np.ones((5, 9))), 0)
    lines.call(np.copyto, lines.array(0.0), lines.array(7, np.int64))
    lines.check()


def test_what_c_would_compute_in_another_type_is_left_to_numpy() -> None:
    lines = Lines()
    whole, single = lines.array([1, 2**40 + 1], np.int64), lines.array([0.1, 3.0])
    lines.call(np.add, single, whole, lines.array([0.0, 0.0], np.float64))
    lines.call(np.multiply, single, lines.array([0.1, 0.2], np.float64), lines.array([0.0, 0.0], np.float64))
    lines.call(np.tanh, single, lines.array([0.0, 0.0]))
    lines.call(np.add, single, single, lines.array([0.0, 0.0], np.float16).astype(np.float64))
    lines.check(left=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_are_taken_in_numpys_order(dtype: Any) -> None:
    rng = np.random.default_rng(1)
    lines = Lines()
    for n in (1, 7, 8, 128, 129, 301, 4099):
        x = lines.array(rng.normal(size=(3, n)), dtype)
        for function in (np.add.reduce, np.maximum.reduce):
            lines.call(function, x, 1, None, lines.array(np.zeros(3), dtype), False)
            lines.call(function, x, 0, None, lines.array(np.zeros((1, n)), dtype), True)
            lines.call(function, x.T, 0, None, lines.array(np.zeros(3), dtype), False)
            lines.call(function, x, None, None, lines.array(0.0, dtype), False)
            lines.call(function, x[:, ::2], 1, None, lines.array(np.zeros(3), dtype), False)
    lines.check()


@pytest.mark.parametrize("axis", [0, 1, 2, 3, (0, 1), (2, 3), (0, 2, 3), (0, 3), (1, 3), None])
def test_sums_over_several_axes_are_taken_in_numpys_order(axis: Any) -> None:
    rng = np.random.default_rng(2)
    lines = Lines()
    shape = (3, 17, 5, 6)
    for order in ((0, 1, 2, 3), (0, 2, 3, 1), (3, 0, 1, 2)):
        inverse = np.argsort(order)
        x = lines.array(rng.normal(size=[shape[k] for k in order])).transpose(inverse)
        out = np.add.reduce(x, axis, keepdims=True)
        lines.call(np.add.reduce, x, axis, None, lines.array(np.zeros(out.shape)), True)
        lines.call(
            np.add.reduce,
            x,
            axis,
            None,
            lines.array(np.zeros(out.squeeze().shape)).reshape(np.add.reduce(x, axis).shape),
            False,
        )
    lines.check()


def test_memory_that_is_read_elsewhere_in_the_same_loop_is_not_written_too_early() -> None:
    lines = Lines()
    memory = lines.array(np.arange(40.0))
    a, b, later = memory[:20], memory[20:], memory[1:21]
    square = memory[:36].reshape(6, 6)
    lines.call(np.add, a, b, a)
    lines.call(np.multiply, later, b, b)
    lines.call(np.negative, a, b)
    lines.call(np.add, b, b, a)
    lines.call(np.square, square[:, :3], square[:, 3:])
    lines.call(np.add, square[:3].T, square[:, 3:], lines.array(np.zeros((6, 3))))
    lines.call(np.copyto, a, b[:1])
    lines.check(left=2)  # two read what they write in another place


def test_an_operand_in_the_memory_of_the_result_is_left_to_numpy_where_they_differ() -> None:
    lines = Lines()
    memory = lines.array(np.arange(25.0).reshape(5, 5))
    lines.call(np.add, memory, memory.T, memory)
    lines.call(np.add, memory[:-1], memory[1:], memory[:-1])
    lines.check(left=2)


@pytest.mark.parametrize("name", ["exp", "log"])
def test_functions_in_c_are_numpys_where_they_are_used(name: str) -> None:
    if name not in like_numpy():
        pytest.skip("NumPy computes it otherwise on this processor")
    rng = np.random.default_rng(3)
    lines = Lines()
    anything = rng.integers(0, 1 << 32, 400_000, np.uint32).view(np.float32)
    for x in (anything, rng.normal(size=999) * 30, np.linspace(-104, 89, 5001), SPECIAL):
        start = lines.array(x)
        lines.call(getattr(np, name), start, lines.array(np.zeros(start.shape)))
    lines.check()


# Pieces of one block of memory, each with what has the same shape.
_SHAPED: dict[tuple[int, ...], list[Any]] = {
    (6, 6): [lambda m: m[:36].reshape(6, 6), lambda m: m[:36].reshape(6, 6).T, lambda m: m[20:56].reshape(6, 6),
             lambda m: m[36:72].reshape(6, 6), lambda m: m[:72].reshape(6, 12)[:, ::2], lambda m: m[72:73],
             lambda m: m[60:66], lambda m: m[66:72].reshape(6, 1)],
    (6,): [lambda m: m[:6], lambda m: m[3:9], lambda m: m[:36:6], lambda m: m[70:76], lambda m: m[40:41]],
}  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(data=st.data(), seed=st.integers(0, 99))
def test_any_calls_over_one_block_of_memory_come_out_as_in_numpy(data: Any, seed: int) -> None:
    lines = Lines()
    memory = lines.array(np.random.default_rng(seed).normal(size=80))
    for _ in range(data.draw(st.integers(1, 12))):
        shape = data.draw(st.sampled_from(list(_SHAPED)))
        function = data.draw(st.sampled_from([*BINARY, np.negative, np.square, np.copyto, np.add.reduce]))
        pieces = [data.draw(st.sampled_from(_SHAPED[shape]))(memory) for _ in range(3)]
        out = next((p for p in pieces[::-1] if p.shape == shape), memory[: np.prod(shape)].reshape(shape))
        if function is np.copyto:
            lines.call(function, out, pieces[0])
        elif function == np.add.reduce:
            whole = next((p for p in pieces if p.shape == (6, 6)), memory[:36].reshape(6, 6))
            row = data.draw(st.sampled_from([lines.array(np.zeros(6)), memory[74:], memory[30:36]]))
            lines.call(function, whole, data.draw(st.sampled_from([0, 1])), None, row, False)
        else:
            lines.call(function, *pieces[: function.nin], out)
    start = memory.copy()
    code = natively(lines.code, {})
    with np.errstate(all="ignore"):
        lines.code.function(())()
        expected = [a.copy() for a in lines.memory]
        for array in lines.memory:
            array[...] = 0
        memory[...] = start
        code.function(())()
    assert [bits(a) for a in lines.memory] == [bits(a) for a in expected]


# --- graphs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_operations_at_once_have_the_bits_of_their_kernels(dtype: Any) -> None:
    builder = Builder()
    held: dict[str, Any] = {}
    results = []
    for case in CASES:
        op, sample = case.values
        operands = leaves(builder, sample_types(sample))
        results.append(apply(builder, op, operands, sample.attrs))
        held |= {n.path: np.asarray(a) for n, a in zip(operands, draw(sample, dtype=dtype), strict=True)}
    same(builder.nodes, results, {}, dtype, held, jit=True)


@settings(deadline=None, max_examples=6)
@given(steps=RANDOM_STEPS, seed=st.integers(0, 99), dtype=DTYPES)
def test_random_graphs_and_their_gradients_have_the_interpreters_bits(
    steps: Any, seed: int, dtype: Any
) -> None:
    check_random_graph(steps, seed, dtype, jit=True)


@pytest.mark.slow
@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(steps=RANDOM_STEPS, seed=st.integers(0, 99), dtype=DTYPES)
def test_two_hundred_random_graphs_have_the_interpreters_bits(steps: Any, seed: int, dtype: Any) -> None:
    check_random_graph(steps, seed, dtype, jit=True)


@pytest.mark.parametrize("size", [4, 300], ids=["small", "large"])
def test_an_input_is_read_wherever_it_lies(size: int) -> None:
    code, shape, out = Code(), (size, size), np.zeros((size, size), np.float32)
    code.lines += ["v1 = x0.T", f"{code.constant(np.subtract)}(x0, v1, {code.constant(out)})"]
    native = natively(code, {"x0": (shape, np.float32)})
    run, rng = native.function(("x0",)), np.random.default_rng(size)
    assert code.lines[1] not in native.lines, "it is C"
    for wide in (rng.normal(size=(2 * size, size)), rng.normal(size=(size, 2 * size))):
        wide = wide.astype(np.float32)
        for x in (wide[:size, :size], wide[-size:, -size:], wide[:size, :size].T, wide[:size, :size].copy()):
            before = x.copy()
            run(x)
            assert np.array_equal(out, x - x.T) and np.array_equal(x, before)
    run(np.ones(shape, np.int64))
    assert not out.any()


@pytest.mark.parametrize("pool", ["2", "3, stride = 2, padding = 1"])
def test_a_convolutional_net_has_the_interpreters_bits(pool: str) -> None:
    model = compile_source(SourceFile("t", IMAGES.format(pool=pool, stride=1))).value
    model = differentiate(model, model.by_path["f"])
    rng = np.random.default_rng(0)
    # Halves, so that entries of a window are often equal.
    inputs = {"x": (rng.integers(-4, 4, (6, 2, 9, 8)) / 2).astype(np.float32)}
    held = {p: rng.integers(-2, 3, n.shape).astype(np.float32) for p, n in model.params.items()}
    wanted = [model.by_path["f"], *(model.gradients[p] for p in ("x", *model.params))]
    same(model.nodes, wanted, inputs, np.float32, held, jit=True)


# --- training ------------------------------------------------------------------------------------------


def trained(text: str, folder: Path | None = None, **how: Any) -> tuple[list[Any], dict[str, np.ndarray]]:
    """What training says and where it ends."""
    run = training(text, folder, "float32", **how)
    said = [
        r if isinstance(r, float) else (r.loss, r.metrics, r.holdout) for r in run.trainer.steps(run.progress)
    ]
    return said, values(run)


def check_training(text: str, folder: Path | None = None, **how: Any) -> None:
    """Compare training with and without a C compiler."""
    said, expected = trained(text, folder, **how)
    also_said, found = trained(text, folder, jit=True, **how)
    assert also_said == said
    assert {p: bits(a) for p, a in found.items()} == {p: bits(a) for p, a in expected.items()}


@pytest.mark.parametrize("chosen", SETTINGS)
def test_every_optimizer_comes_to_the_same_bits(chosen: str) -> None:
    train = f"train on d {{ minimize = loss\n epochs = 2\n batch = 16\n {chosen} }}"
    if "batch = " in chosen:
        train = train.replace("batch = 16\n", "")
    check_training(HEAD + OWN + train)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, id=p.stem)
        for p in sorted(EXAMPLES.glob("*.graph"))
        if any(line.startswith("train ") for line in p.read_text().splitlines())
    ],
)
def test_every_example_trains_to_the_same_bits(path: Path) -> None:
    check_training(path.read_text(), EXAMPLES, settings={"epochs": 2})


def test_threads_may_compute_their_parts_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("threadpoolctl")
    monkeypatch.setattr("graphlang.run.step_program.LEAST_WORK", 0)
    head = HEAD.replace("batch_norm -> ", "").replace("dropout(0.2) -> ", "")
    train = "train on d { minimize = loss\n epochs = 2\n batch = 16\n optimizer = adam() }"
    check_training(head + train, threads=2)


class AtOnce:
    """A thread that does its work when it is started."""

    def __init__(self, target: Any, args: Any, **how: Any):
        self.start = lambda: target(*args)


LONG = "train on d { minimize = loss\n epochs = 3\n batch = 16\n optimizer = adam() }"


@pytest.mark.parametrize("is_fast", [False, True])
def test_a_long_run_goes_on_in_c_with_the_same_bits(is_fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    adopted = []
    adopt = StepProgram.adopt
    monkeypatch.setattr(StepProgram, "adopt", lambda *args: adopted.append(adopt(*args)))
    monkeypatch.setattr("graphlang.run.train._SHORT", 0.0)
    monkeypatch.setattr("graphlang.run.train._LONG", 0.0)
    monkeypatch.setattr("graphlang.run.train.Thread", AtOnce)
    found = trained(HEAD + LONG, jit=None, is_fast=is_fast)
    assert adopted == [True]  # the program of the last batch, which is smaller, was not there yet
    expected = trained(HEAD + LONG, is_fast=is_fast)
    assert found[0] == expected[0]
    assert {p: bits(a) for p, a in found[1].items()} == {p: bits(a) for p, a in expected[1].items()}


def test_a_short_run_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StepProgram, "compile", lambda self: pytest.fail("it was compiled"))
    trained(HEAD + LONG, jit=None)


def test_a_long_run_stays_as_it_is_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphlang.run.train._SHORT", 0.0)
    monkeypatch.setattr("graphlang.run.train._LONG", 0.0)
    monkeypatch.setattr("graphlang.run.train.Thread", AtOnce)
    monkeypatch.setenv("CC", "no-such-compiler")
    assert trained(HEAD + LONG, jit=None)[0] == trained(HEAD + LONG)[0]


def test_c_that_comes_to_other_bits_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = trained(HEAD + LONG)[0]
    formula = c_loops._FORMULAS["subtract"]
    monkeypatch.setitem(c_loops._FORMULAS, "subtract", formula.replace("-", "+"))
    adopted = []
    adopt = StepProgram.adopt
    monkeypatch.setattr(StepProgram, "adopt", lambda *args: adopted.append(adopt(*args)))
    assert trained(HEAD + LONG, jit=True)[0] == expected
    assert adopted == [False, False]


def test_that_there_is_no_compiler_is_told_before_anything_is_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    train = "train on d { minimize = loss\n optimizer = adam() }"
    with pytest.raises(GraphlangError, match="no-such-compiler"):
        training(HEAD + train, jit=True)
