"""Which products of matrices C computes, where sums may be taken in any order."""

from __future__ import annotations

import numpy as np

from graphlang.plan.c_products import Matrix, Product
from graphlang.run.calls import Call


def is_product(call: Call, *, is_exact: bool) -> bool:
    """Whether a call is a product that C may compute: of floats of one type, into rows or columns."""
    arrays = (*call.operands, call.out)
    if not call.is_product or is_exact or not all(a.dtype.isnative for a in arrays):
        return False
    kinds = {a.dtype.char for a in arrays}
    is_apart = not any(np.may_share_memory(call.out, a) for a in call.operands)
    is_whole = all(s % a.itemsize == 0 for a in arrays for s in a.strides)
    return kinds in ({"f"}, {"d"}) and is_apart and is_whole and bool(_along(call.out))


def _along(out: np.ndarray) -> str:
    """Whether entries next to each other are in one row, in one column, or neither."""
    rows, columns = out.shape[-2:]
    if columns == 1 or out.strides[-1] == out.itemsize:
        return "row"
    return "column" if rows == 1 or out.strides[-2] == out.itemsize else ""


def product(call: Call, *, is_shared: bool = False) -> tuple[Product, tuple[int, ...]]:
    """The product, and where the result and the operands begin.

    One that is written column by column is that of the transposes, the other way round.
    """
    a, b = call.operands
    arrays = (call.out, a, b)
    if _along(call.out) == "column" or (call.out.shape[-2] == 1 and call.out.shape[-1] > 1):
        arrays = (call.out.mT, b.mT, a.mT)
    out, a, b = arrays
    to, left, right = (Matrix(tuple(s // x.itemsize for s in x.strides)) for x in arrays)
    sizes = (*out.shape[-2:], a.shape[-1])
    addresses = tuple(x.__array_interface__["data"][0] for x in arrays)
    return Product(out.dtype.char, out.shape[:-2], sizes, to, left, right, is_shared), addresses
