"""Products of matrices: `@`, and `einsum` for products of any tensors.

Both are linear in each operand, so their gradients are products of the same kind. `@` follows NumPy: the last
two axes are the matrix, axes before them broadcast, and a vector on the left is a row, on the right a column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphlang.graph.op import Number, RuleError, Sample
from graphlang.ops import registry
from graphlang.ops.registry import op
from graphlang.ops.rules import sum_to
from graphlang.ops.shaping import expand, reshape, transpose
from graphlang.ops.wire import Wire
from graphlang.types.dims import Sizes, product
from graphlang.types.tensor import Shape, TensorType, broadcast_shapes, shape_text

# What may stand in an equation. (Python's `string` compiles a template's pattern as it is imported.)
_SMALL, _CAPITALS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# --- matrices --------------------------------------------------------------------------------------


def _matmul_type(sizes: Sizes, x: TensorType, y: TensorType) -> TensorType:
    for position, t in enumerate((x, y)):
        if not t.rank:
            raise RuleError(
                f"`@` multiplies matrices and vectors, but `{{{position}}}` is a scalar.",
                operand=position,
                suggestion="Multiply by a scalar with `*`.",
            )
    inner = y.shape[0] if y.rank == 1 else y.shape[-2]
    if not sizes.equal(x.shape[-1], inner):
        raise _inner_mismatch(x, y, inner)
    lead = broadcast_shapes(sizes, x.shape[:-2], y.shape[:-2])
    if lead is None:
        raise RuleError(
            f"Shapes {shape_text(x.shape)} and {shape_text(y.shape)} do not multiply: the axes before the"
            f" last two, {shape_text(x.shape[:-2])} of `{{0}}` and {shape_text(y.shape[:-2])} of `{{1}}`,"
            " do not broadcast.",
            operand=1,
        )
    rows = x.shape[-2:-1]
    columns = y.shape[-1:] if y.rank > 1 else ()
    return x.with_shape((*lead, *rows, *columns))


def _inner_mismatch(x: TensorType, y: TensorType, inner: Any) -> RuleError:
    left = f"{x.shape[-1]} columns" if x.rank > 1 else f"{x.shape[-1]} entries"
    right = f"{inner} rows" if y.rank > 1 else f"{inner} entries"
    suggestion = None
    if y.rank > 1 and x.shape[-1] == y.shape[-1]:
        suggestion = "`{0} @ {1}.T` would fit."
    elif x.rank > 1 and x.shape[-2] == inner:
        suggestion = "`{0}.T @ {1}` would fit."
    return RuleError(
        f"Shapes {shape_text(x.shape)} and {shape_text(y.shape)} do not multiply:"
        f" `{{0}}` has {left} but `{{1}}` has {right}.",
        operand=1,
        suggestion=suggestion,
    )


def _matmul_flops(x: TensorType, y: TensorType, *, out: TensorType) -> Any:
    return 2 * out.size * x.shape[-1]


@op(rule=_matmul_type, infix="@", label="@", flops=_matmul_flops, samples=(
    Sample(((3, 4), (4, 2))),
    Sample(((4,), (4,))),
    Sample(((3, 4), (4,))),
    Sample(((3,), (3, 4))),
    Sample(((2, 3, 4), (4, 2))),
    Sample(((2, 3, 4), (2, 4, 2))),
    Sample(((3, 2), (2, 2, 2))),
    Sample(((2, 3, 4), (4,))),
    Sample(((2,), (3, 2, 2))),
    Sample(((2, 1, 2, 3), (2, 3, 1))),
    Sample(((2, 3), (3, 2)), dtypes="ii"),
))  # fmt: skip
def matmul(x: Number, y: Number) -> Number:
    """Matrix product: entry [i, j] is the sum over k of x[i, k] y[k, j]."""
    return x @ y


@matmul.gradient
def _(g: Wire, z: Wire, x: Wire, y: Wire) -> Any:
    ranks = (len(x.shape), len(y.shape))
    if ranks == (1, 1):
        return lambda: g * y, lambda: g * x
    if ranks[1] == 1:
        return _gradients_by_vector(g, x, y)
    if ranks[0] == 1:
        return _gradients_of_vector(g, x, y)

    def right() -> Wire:
        if ranks[0] > 2 and ranks[1] == 2:  # one product over all rows, instead of one for each matrix
            result: Wire = transpose(_as_rows(x)) @ _as_rows(g)
            return result
        return sum_to(transpose(x) @ g, y)

    return lambda: sum_to(g @ transpose(y), x), right


def _gradients_by_vector(g: Wire, x: Wire, y: Wire) -> Any:
    """For z[…, i] = Σ_k x[…, i, k] y[k]."""
    return lambda: expand(g, axis=-1) * y, lambda: reshape(g, shape=(product(g.shape),)) @ _as_rows(x)


def _gradients_of_vector(g: Wire, x: Wire, y: Wire) -> Any:
    """For z[…, j] = Σ_k x[k] y[…, k, j]."""

    def left() -> Wire:
        if len(y.shape) == 2:
            return y @ g
        column = y @ expand(g, axis=-1)
        return sum_to(reshape(column, shape=column.shape[:-1]), x)

    return left, lambda: expand(x, axis=1) * expand(g, axis=-2)


def _as_rows(x: Wire) -> Wire:
    """`x` as one matrix with the same columns."""
    if len(x.shape) == 2:
        return x
    rows: Wire = reshape(x, shape=(product(x.shape[:-1]), x.shape[-1]))
    return rows


# --- einsum ----------------------------------------------------------------------------------------


def _parsed(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """The letters of each operand and of the result, `...` spelled out with unused letters."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise RuleError(
            f'"{equation}" describes {len(terms)} operand{"s" * (len(terms) != 1)},'
            f" but the number given is {len(ranks)}."
        )
    bare = text.replace("...", "").replace("->", "").replace(",", "")
    for letter in bare:
        if letter not in _SMALL + _CAPITALS:
            raise RuleError(f'"{equation}" is no einsum equation: `{letter}` is not a letter.')
    unused = [c for c in _CAPITALS + _SMALL if c not in bare]
    widths = [rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True)]
    widest = max((w for w, t in zip(widths, terms, strict=True) if "..." in t), default=0)
    for position, (t, width) in enumerate(zip(terms, widths, strict=True)):
        if width < 0 or (width > 0 and "..." not in t):
            raise RuleError(
                f'In "{equation}", `{t}` names {len(t.replace("...", ""))} axes, but `{{{position}}}` has'
                f" {ranks[position]}.",
                operand=position,
            )
    dots = "".join(unused[: max(widest, 0)])
    letters = [
        t.replace("...", dots[len(dots) - w :] if w else "") for t, w in zip(terms, widths, strict=True)
    ]
    if arrow:
        result = right.replace("...", dots)
    else:
        once = [c for c in bare if bare.count(c) == 1]
        result = dots + "".join(sorted(once))
    for c in result:
        if result.count(c) > 1 or not any(c in t for t in letters):
            raise RuleError(f'In "{equation}", `{c}` must stand once in the result and in some operand.')
    return letters, result


def _letter_sizes(
    sizes: Sizes, equation: str, types: tuple[TensorType, ...], letters: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for position, (t, term) in enumerate(zip(types, letters, strict=True)):
        for axis, (c, size) in enumerate(zip(term, t.shape, strict=True)):
            joint = sizes.broadcast(found.get(c, size), size)
            if joint is None:
                raise RuleError(
                    f'In "{equation}", `{c}` has size {found[c]}, but axis {axis} of `{{{position}}}`'
                    f" has size {size} (its shape is {shape_text(t.shape)}).",
                    operand=position,
                    notes=(f"The shapes are {', '.join(shape_text(t.shape) for t in types)}.",),
                )
            found[c] = joint
    return found


def _einsum_type(sizes: Sizes, *types: TensorType, equation: str) -> TensorType:
    letters, result = _parsed(equation, [t.rank for t in types])
    found = _letter_sizes(sizes, equation, types, letters)
    return types[0].with_shape(found[c] for c in result)


def _einsum_flops(*types: TensorType, out: TensorType, equation: str) -> Any:
    letters, _ = _parsed(equation, [t.rank for t in types])
    found: dict[str, Any] = {}
    for t, term in zip(types, letters, strict=True):
        for c, size in zip(term, t.shape, strict=True):
            found[c] = size if found.get(c, 1) == 1 else found[c]
    return len(types) * product(found.values())


@op(is_view=True, rule=_einsum_type, label=lambda equation: equation, flops=_einsum_flops, samples=(
    Sample(((3, 4), (4, 2)), {"equation": "ij,jk->ik"}),
    Sample(((3, 4), (4, 2)), {"equation": "ij, jk"}),
    Sample(((2, 3, 4), (2, 5, 4)), {"equation": "bqd,bkd->bqk"}),
    Sample(((3, 3),), {"equation": "ii->"}),
    Sample(((3, 3),), {"equation": "ii->i"}),
    Sample(((3, 4),), {"equation": "ij->j"}),
    Sample(((3,), (4,)), {"equation": "i,j->ij"}),
    Sample(((2, 3, 4), (4, 2)), {"equation": "...d,de->...e"}),
    Sample(((2, 1, 3), (3, 2)), {"equation": "...i,...j->...ij"}),
    Sample(((2, 3), (1, 3)), {"equation": "ij,ij->j"}),
    Sample(((2, 3), (3, 2), (2,)), {"equation": "ij,jk,k->i"}),
    Sample(((3, 4), (5,)), {"equation": "ij,k->j"}),
    Sample(((2, 2, 3), (2,)), {"equation": "aab,a->b"}),
))  # fmt: skip
def einsum(*xs: Number, equation: str) -> Number:
    """Sum of products by Einstein's rule: letters name axes; those missing after `->` are summed over."""
    return np.einsum(equation, *xs, optimize=True)


@einsum.gradient
def _(g: Wire, y: Wire, *xs: Wire, equation: str) -> Any:
    letters, result = _parsed(equation, [len(x.shape) for x in xs])

    def maker(i: int) -> Callable[[], Wire]:
        return lambda: _einsum_gradient(g, xs, letters, result, i)

    return tuple(maker(i) for i in range(len(xs)))


def _einsum_gradient(g: Wire, xs: tuple[Wire, ...], letters: list[str], result: str, i: int) -> Wire:
    """Multiply `g` by the other operands and sum over all letters that operand i does not have."""
    terms = [result, *(t for k, t in enumerate(letters) if k != i)]
    factors = [g, *(x for k, x in enumerate(xs) if k != i)]
    wanted, shape = letters[i], xs[i].shape
    wanted, terms, factors = _without_repeats(wanted, shape, letters, terms, factors)
    # A letter of operand i that stands nowhere else was summed over: every entry gets the same gradient.
    known = "".join(c for c in wanted if any(c in t for t in terms))
    total: Wire = registry.find("einsum")(*factors, equation=f"{','.join(terms)}->{known}")
    if known and known != wanted:
        sizes: Shape = tuple(total.shape[known.index(c)] if c in known else 1 for c in wanted)
        total = reshape(total, shape=sizes)
    total = sum_to(total, xs[i]) if known else total
    if total.shape != shape:
        total = registry.find("broadcast")(total, shape=shape)
    return total


def _without_repeats(
    wanted: str, shape: Shape, letters: list[str], terms: list[str], factors: list[Wire]
) -> tuple[str, list[str], list[Wire]]:
    """Rename a letter's second place in `wanted`, tying the two by a factor that is 1 on the diagonal."""
    if len(set(wanted)) == len(wanted):
        return wanted, terms, factors
    taken = set("".join([*letters, *terms]))
    spare = iter(c for c in _SMALL + _CAPITALS if c not in taken)
    fresh, terms, factors = "", list(terms), list(factors)
    for c, size in zip(wanted, shape, strict=True):
        if c in fresh:
            new = next(spare)
            terms.append(c + new)
            factors.append(_identity_matrix(factors[0], size))
            c = new
        fresh += c
    return fresh, terms, factors


def _identity_matrix(like: Wire, size: Any) -> Wire:
    find = registry.find
    places = like.builder.wire(find("arange"), (), {"size": size})
    ones: Wire = find("to_float")(expand(places, axis=1) == expand(places, axis=0))
    return ones
