"""Where a program's arrays lie: nothing is overwritten that is needed, and nothing stays that is not."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlang.differentiate.differentiate import differentiate
from graphlang.graph.node import Node
from graphlang.pipeline import compile_source
from graphlang.plan.schedule import Step
from graphlang.run.memory import OtherPlacesError, Pool, SamePlaces
from graphlang.run.operand import Operand
from graphlang.run.program import Program
from graphlang.run.statements import Statements
from graphlang.source import SourceFile

LARGE = 1 << 18


@given(
    st.lists(st.tuples(st.integers(0, 3 * LARGE), st.integers(0, 20)), max_size=60),
    st.sampled_from([0, LARGE, 1 << 24]),
)
def test_arrays_that_are_in_use_never_share_a_byte(asked: list[tuple[int, int]], likely: int) -> None:
    pool = Pool(likely)
    held: list[tuple[np.ndarray, object, int]] = []
    for k, (size, which) in enumerate(asked):
        if which < len(held):
            array, piece, mark = held.pop(which)
            assert (array == mark % 256).all()
            pool.give_back(piece)
        array, piece = pool.take((size,), np.uint8)
        assert not size or array.ctypes.data % 64 == 0, "it begins where a line of the cache does"
        array[...] = k % 256
        held.append((array, piece, k))
    assert all((array == mark % 256).all() for array, _, mark in held)


def test_a_large_array_leaves_room_for_several_smaller_ones_and_they_for_a_large_one() -> None:
    pool = Pool(16 * LARGE)
    _, piece = pool.take((4 * LARGE,), np.uint8)
    before = sum(pool.used)
    for _ in range(3):
        pool.give_back(piece)
        pieces = [pool.take((LARGE,), np.uint8)[1] for _ in range(3)]
        for part in pieces:
            pool.give_back(part)
        _, piece = pool.take((4 * LARGE,), np.uint8)
    assert sum(pool.used) == before


@given(st.lists(st.integers(0, 3 * LARGE), max_size=20), st.lists(st.integers(0, 3 * LARGE), max_size=20))
def test_two_programs_of_which_one_runs_at_a_time_share_memory(first: list[int], second: list[int]) -> None:
    pool = Pool()
    for size in first:
        pool.take((size,), np.uint8)
    other = Pool(beside=pool)
    held = []
    for k, size in enumerate(second):
        array, _ = other.take((size,), np.uint8)
        array[...] = k
        held.append(array)
    assert all((array == k).all() for k, array in enumerate(held))
    assert all(a is b for a, b in zip(other.blocks, pool.blocks, strict=False))
    if sorted(second) == sorted(first):
        assert len(other.blocks) == len(pool.blocks)


@pytest.mark.parametrize("sizes", [[4 * LARGE, LARGE], [3 * LARGE, 100, 2 * LARGE, 5]])
def test_for_smaller_arrays_nothing_is_added(sizes: list[int]) -> None:
    pool = Pool()
    for size in sizes:
        pool.take((size,), np.uint8)
    beside = Pool(beside=pool)
    for size in sizes:
        beside.take((size if size < 1000 else size // 2,), np.uint8)
    assert len(beside.blocks) == len(pool.blocks)
    same = SamePlaces(pool)
    for size, piece in zip(sizes, pool.taken, strict=True):
        assert same.take((size - 1,), np.uint8)[1] == piece
    with pytest.raises(OtherPlacesError):
        same.take((1,), np.uint8)
    with pytest.raises(OtherPlacesError):
        SamePlaces(pool).take((sizes[0] + 100,), np.uint8)


def test_the_memory_of_a_program_is_free_as_soon_as_nobody_holds_it() -> None:
    model = compile_source(SourceFile("t", "input x: [64, 64]\ny = exp(x) @ x")).value
    program = Program(model.nodes, [model.by_path["y"]], {}, np.float32, {})
    program.run({"x": np.ones((64, 64), np.float32)})
    blocks = [weakref.ref(block) for block in program.pool.blocks]
    gc.disable()
    try:
        del program
        assert blocks and not any(block() is not None for block in blocks)
    finally:
        gc.enable()


def test_of_what_a_program_was_written_from_nothing_stays() -> None:
    lines = "\n".join(f"h{k + 1} = tanh(h{k}) * 2" for k in range(50))
    model = compile_source(SourceFile("t", f"input h0: [4]\n{lines}\nf = sum(h50)")).value
    model = differentiate(model, model.by_path["f"])

    def kept() -> int:
        gc.collect()
        return sum(isinstance(found, (Node, Step, Operand, Statements)) for found in gc.get_objects())

    before = kept()
    program = Program(model.nodes, [model.by_path["f"], model.gradients["h0"]], {}, np.float64, {})
    # The values that were asked for.
    assert kept() <= before + 2
    assert len(program.code.lines) > 100


def test_of_a_rectified_layer_one_array_is_kept_for_the_gradient() -> None:
    layers = "\n".join(f"h{k + 1} = relu(h{k} @ w)" for k in range(6))
    model = compile_source(
        SourceFile("t", f"input h0: [256, 256]\nparam w: [256, 256] = 1\n{layers}\nf = sum(h6)")
    ).value
    model = differentiate(model, model.by_path["f"])
    held = {"w": np.ones((256, 256), np.float32)}
    program = Program(model.nodes, [model.gradients["w"]], {}, np.float32, held)
    one = 256 * 256 * 4
    # Besides the layers: the gradient that flows back, its sum by w so far and the next part, and a mask.
    assert sum(program.pool.used) < (6 + 4.5) * one
