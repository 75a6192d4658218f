"""Which operations in a data block's formula keep rows apart.

An operation keeps rows apart if row i of its result depends on row i of its operands alone. Then the formula
can be computed on some rows of a file without the others. The types of a formula tell rows from other axes
by the symbolic size `ROWS`, so this is asked of types, before any number is known. An operation that is not
listed here counts as one that needs every row: that costs memory, never a wrong number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphlang.graph.op import Op
from graphlang.ops.rules import elementwise
from graphlang.types.dims import Dim, names_of
from graphlang.types.tensor import TensorType

# The number of rows, kept symbolic in a formula's type, so that a row axis is told from one as long.
ROWS = Dim.of("N")

# Operations whose operands meet row by row, whatever their ranks.
_ARITHMETIC = ("add", "sub", "mul", "div", "floordiv", "mod", "pow", "maximum", "minimum")
_LOGIC = ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or")
ROW_BY_ROW = frozenset((*_ARITHMETIC, *_LOGIC))
# Together with those and all that are elementwise by their rule.
_ENTRY_BY_ENTRY = ROW_BY_ROW | {"where", "to_float", "to_int", "to_bool", "clip"}
# These go along the axes that they name, and keep the others.
_REDUCING = ("sum", "mean", "var", "std", "norm", "prod", "max", "min", "argmax", "argmin", "any", "all")
_ALONG_AXES = frozenset((*_REDUCING, "logsumexp", "softmax", "log_softmax", "cumsum", "prod_others", "flip"))
# These put entries elsewhere, in the order of the rows if the result has the rows first again.
_REARRANGING = frozenset(("one_hot", "reshape", "flatten", "squeeze", "expand", "permute", "transpose"))


def keeps_rows_apart(
    op: Op, operands: Sequence[TensorType], attrs: Mapping[str, Any], result: TensorType
) -> bool:
    """Whether every row of the result comes from the same row of the operands.

    Parameters
    ----------
    op : Op
    operands : sequence of TensorType
        In which the number of rows is `ROWS`.
    attrs : mapping of str to value
    result : TensorType

    Returns
    -------
    bool
        True too if no operand has rows.
    """
    with_rows = [t for t in operands if _row_axes(t)]
    if not with_rows:
        return not _row_axes(result)
    if not all(_row_axes(t) == [0] for t in (*with_rows, result)):
        return False
    if op.name in _ENTRY_BY_ENTRY or op.rule is elementwise:
        # Operands of a lower rank are broadcast along the first axes, so their rows would meet another axis.
        return all(t.rank == result.rank for t in with_rows)
    if op.name in _ALONG_AXES:
        return _spares_first_axis(attrs.get("axis"), operands[0].rank)
    return op.name in _REARRANGING


def _row_axes(kind: TensorType) -> list[int]:
    """The axes whose sizes depend on the number of rows."""
    return [i for i, s in enumerate(kind.shape) if not isinstance(s, int) and "N" in names_of(s)]


def _spares_first_axis(axis: int | tuple[int, ...] | None, rank: int) -> bool:
    if axis is None:
        return False
    axes = axis if isinstance(axis, tuple) else (axis,)
    return all(a % rank != 0 for a in axes)
