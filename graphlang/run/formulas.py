"""Computing the lines of a data block from the columns of its table.

The rows are the first axis of everything here. In a formula a column of numbers and a block of columns
meet row by row: `columns("a".."c") / column("scale")` divides each row by its own scale. Means and other
reductions are those of all rows of the table; `row_wise.py` tells which formulas have none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import Label, Problems
from graphlang.graph.model import Column, DataSpec
from graphlang.graph.op import REQUIRED, Op, RuleError
from graphlang.ops import registry
from graphlang.records import Record, field
from graphlang.run.columns import meant_columns
from graphlang.run.files import Place, listed
from graphlang.run.row_wise import ROW_BY_ROW, ROWS, keeps_rows_apart
from graphlang.run.tables import Table
from graphlang.source import Span
from graphlang.types.dims import Dim, Sizes, names_of, substitute
from graphlang.types.tensor import DType, TensorType, shape_text

_KINDS = {"f": DType.FLOAT, "i": DType.INT, "u": DType.INT, "b": DType.BOOL}
_NUMPY = {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}
_KERNEL_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


class Block(Record, frozen=False):
    """The lines of one data block while they are computed.

    Attributes
    ----------
    spec : DataSpec
    table : Table
    problems : Problems
    numbers : int array, shape (rows,), or None
        Where the table's rows stand in the file, for messages; None if the table is the whole file.
    rows : int or None
        How many there are, once a column was counted, and where it is written.
    mixing : str or None
        The first operation met that computes a row from other rows, such as a mean over them.
    """

    spec: DataSpec
    table: Table
    problems: Problems
    numbers: np.ndarray | None = None
    rows: int | None = None
    rows_from: Span | None = None
    mixing: str | None = None
    span: Span = field(init=False)

    def line(self, line: Column) -> np.ndarray | None:
        """One line's array; None after an error."""
        self.span = line.span
        value = self._value(line.formula)
        if value is None:
            return None
        if not value.is_per_row:
            self._error(
                f"`{line.name}` has shape {shape_text(value.array.shape)}: not one entry for every row.",
                "Compute it from `column(…)` or `columns(…)`.",
            )
            return None
        array = value.array
        if array.dtype.kind == "f" and array.size:
            bad = ~np.isfinite(array) if _is_computed(line.formula) else np.isnan(array)
            if bad.any():
                at = tuple(int(i) for i in np.argwhere(bad)[0])
                row = at[0] if self.numbers is None else int(self.numbers[at[0]])
                self._error(f"`{line.name}` is {array[at]} in row {row} (counted from 0).")
                return None
        return array

    def mixes_rows(self, line: Column) -> str | None:
        """The operation in a line, if any, for which some rows are not enough; see `keeps_rows_apart`."""
        self.span, self.mixing = line.span, None
        self._value(line.formula)
        return self.mixing

    def _value(self, formula: Any) -> _Value | None:
        if not isinstance(formula, tuple):
            return _constant(formula)
        if formula[0] == "op":
            return self._operation(formula[1], formula[2], formula[3])
        return self._columns(formula)

    def _columns(self, reference: tuple[Any, ...]) -> _Value | None:
        span = reference[-1] if isinstance(reference[-1], Span) else self.span
        positions = meant_columns(self.table, reference, self.span, self.problems)
        if positions is None:
            return None
        place = Place(self.problems, "E0808", span)
        if reference[0] == "columns":
            array = self.table.columns(positions, place)
        elif positions:
            array = self.table.column(positions[0], place)
        else:
            array = self.table.extra[reference[1]]
        return None if array is None else self.counted(array, span)

    def counted(self, array: np.ndarray, span: Span) -> _Value | None:
        """A column as a value, after its rows have been compared with those of the others."""
        text = span.text if "column" in span.text else f"column({span.text})"
        if array.dtype.kind not in _KINDS:
            self._error(f"`{text}` holds {array.dtype}, not numbers.")
            return None
        if array.ndim == 0:
            self._error(f"`{text}` is a single number: it has no rows.")
            return None
        if self.rows is None:
            self.rows, self.rows_from = len(array), span
        if len(array) != self.rows:
            related = [Label(self.rows_from, f"{self.rows} rows")] if self.rows_from else []
            self.problems.error(
                "E0807",
                span,
                f"The columns of `{self.spec.name}` have different numbers of rows:"
                f" {len(array)} here, {self.rows} before.",
                label=f"{len(array)} rows",
                related=related,
            )
            return None
        if self.rows == 0:
            self._error(f"{self.table.called} has no rows.")
            return None
        return _Value(array, TensorType(_KINDS[array.dtype.kind], (ROWS, *array.shape[1:])), text)

    def _operation(self, name: str, operands: tuple[Any, ...], attrs: Mapping[str, Any]) -> _Value | None:
        values = [self._value(o) for o in operands]
        found = [v for v in values if v is not None]
        if len(found) < len(values):
            return None
        op = registry.find(name)
        missing = [k for k, v in attrs.items() if v is REQUIRED]
        if missing:
            self._error(f"`{name}` needs {listed(missing)} here.")
            return None
        if name in ROW_BY_ROW:
            found = _aligned(found)
        found = _as_operands(found, op)
        try:
            kind = op.type_of(Sizes(), tuple(v.type for v in found), attrs)
            if not keeps_rows_apart(op, [v.type for v in found], attrs, kind):
                self.mixing = self.mixing or name
            self._refuse_large(kind)
            result = _evaluated(op, [v.array for v in found], attrs)
        except RuleError as error:
            message = error.message
            for i, v in enumerate(found):
                message = message.replace(f"{{{i}}}", v.text)
            self._error(message, error.suggestion)
            return None
        except _KERNEL_ERRORS as error:
            self._error(f"`{name}` cannot be computed here: {str(error) or type(error).__name__}.")
            return None
        return _Value(result, kind, f"{name}(…)")

    def _refuse_large(self, kind: TensorType) -> None:
        count = math.prod(_number(substitute(s, {"N": self.rows or 0})) for s in kind.shape)
        if count > 2**31:
            raise RuleError(f"The result would have shape {kind}, {count} entries.")

    def _error(self, message: str, suggestion: str | None = None) -> None:
        self.problems.error("E0807", self.span, message, suggestion=suggestion)


class _Value(Record):
    """A formula's value with its type, in which the row axis is symbolic, and its text for messages."""

    array: np.ndarray
    type: TensorType
    text: str

    @property
    def is_per_row(self) -> bool:
        """Whether its first axis is the rows."""
        return bool(self.type.shape) and self.type.shape[0] == ROWS


def _constant(value: bool | int | float) -> _Value:
    kind = DType.BOOL if isinstance(value, bool) else DType.INT if isinstance(value, int) else DType.FLOAT
    if kind is DType.INT and not -(2**63) <= value < 2**63:
        kind = DType.FLOAT
    return _Value(np.array(value, dtype=_NUMPY[kind]), TensorType(kind, ()), str(value))


def _is_computed(formula: Any) -> bool:
    return isinstance(formula, tuple) and formula[0] == "op"


def _number(size: int | Dim) -> int:
    return size if isinstance(size, int) and not names_of(size) else 0


def _aligned(values: list[_Value]) -> list[_Value]:
    """Give every operand with rows the same rank, by axes of length 1 at its end."""
    rank = max((v.array.ndim for v in values if v.is_per_row), default=0)
    return [_raised(v, rank) if v.is_per_row else v for v in values]


def _raised(value: _Value, rank: int) -> _Value:
    ones = (1,) * (rank - value.array.ndim)
    shape = value.type.shape + ones
    return _Value(value.array.reshape(value.array.shape + ones), value.type.with_shape(shape), value.text)


def _as_operands(values: list[_Value], op: Op) -> list[_Value]:
    """The operands as the operation takes them, in 64 bits; see `graph/op.py` for what it may accept."""
    order = [DType.BOOL, DType.INT, DType.FLOAT]
    accepts = [op.wire_kind(i) for i in range(len(values))]
    joint = [v.type.dtype for v, a in zip(values, accepts, strict=True) if a in ("Number", "Same")]
    common = max(joint, key=order.index, default=DType.FLOAT)
    if common is DType.BOOL and "Number" in accepts:
        common = DType.INT
    if op.name == "pow":
        # Powers of columns are floats, so that negative ones need no special care.
        common = DType.FLOAT
    wanted = {"Float": DType.FLOAT, "Number": common, "Same": common}
    return [_as(v, wanted.get(a, v.type.dtype)) for v, a in zip(values, accepts, strict=True)]


def _as(value: _Value, kind: DType) -> _Value:
    array: np.ndarray = value.array.astype(_NUMPY[kind], copy=False)
    return _Value(array, value.type.with_dtype(kind), value.text)


def _evaluated(op: Op, arrays: list[np.ndarray], attrs: Mapping[str, Any]) -> np.ndarray:
    given: dict[str, Any] = dict(attrs)
    if op.is_random:
        given["seed"] = 0
    if op.needs_dtype:
        given["dtype"] = np.float64
    with np.errstate(all="ignore"):
        return np.asarray(op.kernel(*arrays, **given))
