"""Shape rules: what they infer with free sizes, and what they say when operands do not fit."""

from __future__ import annotations

import pytest

from graphlang.graph.op import RuleError
from graphlang.ops import registry
from graphlang.types.dims import Dim, Sizes
from graphlang.types.tensor import DType, TensorType

N, M = Dim.of("N"), Dim.of("M")
ALL = ("slice", None, None, None)


def cut(start=None, stop=None, step=None):
    return ("slice", start, stop, step)


def infer(name, *shapes, sizes=None, dtype=DType.FLOAT, **attrs):
    op = registry.find(name)
    full = {a.name: a.default for a in op.attrs} | attrs
    kinds = [DType.INT if op.wire_kind(i) == "Int" else dtype for i in range(len(shapes))]
    types = tuple(TensorType(k, s) for k, s in zip(kinds, shapes, strict=True))
    return op.type_of(sizes or Sizes(), types, full).shape


@pytest.mark.parametrize(
    ("name", "shapes", "attrs", "expected"),
    [
        ("matmul", [(N, 64), (64, 10)], {}, (N, 10)),
        ("matmul", [(N, M), (M,)], {}, (N,)),
        ("matmul", [(N, 8, 2 * M, 16), (N, 8, 16, 2 * M)], {}, (N, 8, 2 * M, 2 * M)),
        ("reshape", [(N, 8, 8)], {"shape": (N, -1)}, (N, 64)),
        ("reshape", [(N, 8, 8)], {"shape": (-1, 64)}, (N,  64)),
        ("reshape", [(N, M, 12)], {"shape": (N, M, 3, 4)}, (N, M, 3, 4)),
        ("flatten", [(N, 3, 4)], {}, (N, 12)),
        ("concat", [(N, 2), (N, 3)], {"axis": 1}, (N, 5)),
        ("concat", [(N, 2), (M, 2), (1, 2)], {}, (N + M + 1, 2)),
        ("stack", [(N,), (N,)], {"axis": -1}, (N, 2)),
        ("split", [(N, 6)], {"parts": 3, "axis": -1}, (N, 2)),
        ("split", [(2 * N, 6)], {"parts": 2}, (N, 6)),
        ("pad", [(N, 4)], {"widths": ((0, 0), (1, 2))}, (N, 7)),
        ("pad", [(N, 4)], {"widths": 1}, (N + 2, 6)),
        ("tile", [(N, 4)], {"reps": (2, 3)}, (2 * N, 12)),
        ("broadcast", [(1, 4)], {"shape": (N, 4)}, (N, 4)),
        ("sum", [(N, 4)], {"axis": 0}, (4,)),
        ("mean", [(N, 4)], {"axis": -1, "keepdims": True}, (N, 1)),
        ("argmax", [(N, 4)], {}, (N,)),
        ("gather", [(N, 4), (N,)], {}, (N,)),
        ("take", [(100, 8), (N, M)], {}, (N, M, 8)),
        ("one_hot", [(N,)], {"classes": 10}, (N, 10)),
        ("einsum", [(N, M, 4), (N, 7, 4)], {"equation": "bqd,bkd->bqk"}, (N, M, 7)),
        ("index", [(N, 4)], {"items": (0,)}, (4,)),
        ("index", [(N, 4)], {"items": (cut(1), -1)}, (N - 1,)),
        ("index", [(N, 4)], {"items": (cut(None, -1), cut(1, 3))}, (N - 1, 2)),
        ("index", [(N,)], {"items": (cut(None, None, 2),)}, ((N + 1) // 2,)),
        ("index", [(2 * N,)], {"items": (cut(None, None, -2),)}, (N,)),
        ("index", [(N,)], {"items": (cut(-3),)}, (3,)),
        ("index", [(2 * N, 5)], {"items": ("...", cut(9))}, (2 * N, 0)),
        ("index", [(2 * N,)], {"items": (cut(None, N),)}, (N,)),
        ("index", [(2, N, 5)], {"items": (1, "...", 0)}, (N,)),
    ],
)  # fmt: skip
def test_shapes_with_free_sizes(name, shapes, attrs, expected):
    assert infer(name, *shapes, **attrs) == expected


@pytest.mark.parametrize(
    ("name", "shapes", "attrs", "message"),
    [
        ("matmul", [(3, 4), (5, 2)], {},
         "Shapes [3, 4] and [5, 2] do not multiply: `{0}` has 4 columns but `{1}` has 5 rows."),
        ("matmul", [(N, 4), (N, 4)], {},
         "Shapes [N, 4] and [N, 4] do not multiply: `{0}` has 4 columns but `{1}` has N rows."),
        ("matmul", [(4,), (5,)], {},
         "Shapes [4] and [5] do not multiply: `{0}` has 4 entries but `{1}` has 5 entries."),
        ("matmul", [(), (5,)], {}, "`@` multiplies matrices and vectors, but `{0}` is a scalar."),
        ("add", [(N, 3), (4,)], {},
         "Shapes [N, 3] and [4] do not broadcast: in axis -1, `{0}` has size 3 and `{1}` has size 4."),
        ("where", [(), (3,), (4,)], {},
         "Shapes [3] and [4] do not broadcast: in axis -1, `{1}` has size 3 and `{2}` has size 4."),
        ("sum", [(2, 3)], {"axis": 2}, "There is no axis 2: `{0}` has 2 axes."),
        ("argmax", [()], {}, "There is no axis -1: `{0}` has 0 axes."),
        ("max", [(0, 3)], {}, "`{0}` has no entries: its shape is [0, 3]."),
        ("reshape", [(2, 5)], {"shape": (3, 4)},
         "`{0}` cannot be reshaped from [2, 5] to [3, 4]: it has 10 entries, but that shape holds 12."),
        ("reshape", [(2, 5)], {"shape": (-1, 4)},
         "`{0}` cannot be reshaped from [2, 5] to [-1, 4]: it has 10 entries, which is no multiple of 4."),
        ("transpose", [(N,)], {}, "Only a matrix can be transposed, but `{0}` has shape [N]."),
        ("squeeze", [(N, 2)], {"axis": 1},
         "Only an axis of size 1 can be taken away, but axis 1 of `{0}` has size 2 (its shape is [N, 2])."),
        ("permute", [(2, 3)], {"axes": (0, 0)},
         "[0, 0] does not name each axis of `{0}` once (its shape is [2, 3])."),
        ("concat", [(2, 3), (2, 4)], {},
         "`{0}` has shape [2, 3] and `{1}` has shape [2, 4], but they must agree in axis 1."),
        ("stack", [(2,), (3,)], {},
         "`{0}` has shape [2] and `{1}` has shape [3], but they must have the same shape."),
        ("split", [(7,)], {"parts": 2},
         "`{0}` cannot be split into 2 equal parts: its axis 0 has size 7 (its shape is [7])."),
        ("broadcast", [(3,)], {"shape": (4,)}, "`{0}` has shape [3], which does not broadcast to [4]."),
        ("index", [(3, 4)], {"items": (3,)},
         "There is no entry 3 along axis 0 of `{0}`, which has size 3 (its shape is [3, 4])."),
        ("index", [(3,)], {"items": (0, 0)},
         "Too many indices: `{0}` has 1 axis (its shape is [3]), but 2 are indexed."),
        ("gather", [(N, 4), (3, 3)], {},
         "`{0}` has shape [N, 4], so to pick along axis 1 the indices must have shape [N],"
         " but `{1}` has shape [3, 3]."),
        ("einsum", [(3, 4), (5, 2)], {"equation": "ij,jk->ik"},
         'In "ij,jk->ik", `j` has size 4, but axis 0 of `{1}` has size 5 (its shape is [5, 2]).'),
        ("einsum", [(3, 4)], {"equation": "ijk->i"}, 'In "ijk->i", `ijk` names 3 axes, but `{0}` has 2.'),
        ("einsum", [(3, 4)], {"equation": "ij,jk"},
         '"ij,jk" describes 2 operands, but the number given is 1.'),
        ("einsum", [(3, 4)], {"equation": "ij->k"},
         'In "ij->k", `k` must stand once in the result and in some operand.'),
        ("clip", [(3,)], {"low": 2.0, "high": 1.0}, "The lower bound 2 is above the upper bound 1."),
        ("clip", [(3,)], {}, "`clip` needs a lower or an upper bound."),
        ("bernoulli", [], {"p": 1.5, "shape": ()}, "A probability lies between 0 and 1, but `p` is 1.5."),
    ],
)  # fmt: skip
def test_refusals_name_the_operands_and_both_shapes(name, shapes, attrs, message):
    with pytest.raises(RuleError) as caught:
        infer(name, *shapes, **attrs)
    assert caught.value.message == message


def test_a_product_that_would_fit_transposed_is_suggested():
    with pytest.raises(RuleError) as caught:
        infer("matmul", (3, 4), (2, 4))
    assert caught.value.suggestion == "`{0} @ {1}.T` would fit."


def test_a_division_that_depends_on_a_free_size_is_noted():
    sizes = Sizes()
    assert infer("split", (N,), sizes=sizes, parts=4) == (N // 4,)
    assert [(c.left, c.right) for c in sizes.constraints] == [(N % 4, 0)]


def test_a_default_size_that_does_not_divide_is_refused():
    with pytest.raises(RuleError):
        infer("split", (N,), sizes=Sizes(defaults={"N": 6}), parts=4)


def test_a_default_size_decides_whether_an_index_is_in_range():
    with pytest.raises(RuleError):
        infer("index", (N,), sizes=Sizes(defaults={"N": 3}), items=(3,))
    assert infer("index", (N,), sizes=Sizes(defaults={"N": 3}), items=(cut(None, 5),)) == (N,)
