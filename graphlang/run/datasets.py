"""Data blocks: reading a source and computing from its columns what the inputs are fed.

The rows are the first axis of everything here. In a formula a column of numbers and a block of columns
meet row by row: `columns("a".."c") / column("scale")` divides each row by its own scale. Means and other
reductions are those of the whole file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphlang.diagnostics import Label, Problems
from graphlang.graph.model import Column, DataSpec, Model
from graphlang.graph.node import INPUT, Node
from graphlang.graph.op import REQUIRED, Op, RuleError
from graphlang.ops import registry
from graphlang.run.feeds import entries_trouble
from graphlang.run.files import Place, did_you_mean, listed, nearest, printable
from graphlang.run.generators import GENERATORS
from graphlang.run.tables import Table, open_table
from graphlang.source import Span
from graphlang.types.dims import Dim, Sizes, names_of, substitute
from graphlang.types.tensor import DType, TensorType, shape_text

# The number of rows, kept symbolic in a formula's type, so that a row axis is told from one as long.
_ROWS = Dim.of("N")
_MAX_ROWS = 10_000_000
_KINDS = {"f": DType.FLOAT, "i": DType.INT, "u": DType.INT, "b": DType.BOOL}
_NUMPY = {DType.FLOAT: np.float64, DType.INT: np.int64, DType.BOOL: np.bool_}
# Operations whose operands meet row by row, whatever their ranks.
_ARITHMETIC = ("add", "sub", "mul", "div", "floordiv", "mod", "pow", "maximum", "minimum")
_LOGIC = ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or")
_ROW_BY_ROW = frozenset((*_ARITHMETIC, *_LOGIC))
_KERNEL_ERRORS = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data source as arrays.

    Attributes
    ----------
    arrays : dict of str to array, shape (rows, …)
        By the names of the block's lines, which are the inputs that they feed.
    rows : int
    classes : dict of str to tuple of str
        Of each text column of the file that was used, the classes in order: class number i is entry i.
    classes_of : dict of str to tuple of str
        The same by the names in `arrays`, for those that are just a column.
    """

    arrays: dict[str, np.ndarray]
    rows: int
    classes: dict[str, tuple[str, ...]]
    classes_of: dict[str, tuple[str, ...]]


def read_data(spec: DataSpec, problems: Problems) -> dict[str, np.ndarray] | None:
    """The arrays of `load_data`, or None after an error."""
    dataset = load_data(spec, problems)
    return None if dataset is None else dataset.arrays


def load_data(spec: DataSpec, problems: Problems) -> Dataset | None:
    """Read a data source and compute the columns of its block.

    Parameters
    ----------
    spec : DataSpec
        Paths are relative to the file that it is written in. Without a block, a generator gives `x` and
        `y`, any other source with named columns every column by its name.
    problems : Problems
        Gets E0803 for options that do not exist, E0804 for a file that cannot be read, E0805 for an
        unknown column, E0807 for a formula that cannot be computed and for differing numbers of rows,
        E0808 for a gap or a text among numbers.

    Returns
    -------
    Dataset, or None after an error
        A line that is a column alone keeps the file's precision; what is computed is float64 or int64.
    """
    table = _open(spec, problems, is_header_only=False)
    lines = None if table is None else _lines(spec, table, problems)
    if table is None or lines is None:
        return None
    block = _Block(spec, table, problems)
    arrays: dict[str, np.ndarray] = {}
    is_good = True
    for line in lines:
        array = block.line(line)
        if array is None:
            is_good = False
        else:
            arrays[line.name] = array
    if not is_good:
        return None
    classes_of = {
        line.name: table.classes[name]
        for line in lines
        if (name := _only_column(line.formula, table)) is not None and name in table.classes
    }
    return Dataset(arrays, block.rows or 0, dict(table.classes), classes_of)


def check_data(spec: DataSpec, problems: Problems) -> bool:
    """Check what can be checked without reading the rows: the file, its header, the names of columns.

    Parameters
    ----------
    spec : DataSpec
    problems : Problems
        Gets the same errors as from `load_data`.

    Returns
    -------
    bool
        Whether nothing was found.
    """
    before = len(problems.errors)
    table = _open(spec, problems, is_header_only=True)
    lines = None if table is None else _lines(spec, table, problems)
    if table is not None:
        for line in lines or ():
            for formula in _references(line.formula):
                _positions(table, formula, line.span, problems)
    return len(problems.errors) == before


def fit_inputs(
    model: Model, spec: DataSpec, arrays: Mapping[str, np.ndarray], problems: Problems
) -> dict[str, np.ndarray]:
    """The arrays that feed inputs of the model, by the inputs' own names.

    Parameters
    ----------
    model : Model
    spec : DataSpec
    arrays : mapping of str to array
        From `read_data`.
    problems : Problems
        Gets W0801 for a column that feeds no input, E0806 for one whose entries the input does not take.

    Returns
    -------
    dict of str to array
        Those that fit; shapes are compared by `feeds.bind_inputs`.
    """
    spans = {c.name: c.span for c in spec.columns}
    fitting: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        node = model.find(name)
        if node is None or node.op != INPUT:
            if spec.columns:
                _warn_of_unused(model, spec, name, spans.get(name, spec.span), problems)
            continue
        trouble = entries_trouble(array, node.type.dtype)
        if trouble is None:
            fitting[node.path] = array
        else:
            _report_entries(node, name, trouble, spans.get(name, spec.span), problems)
    if arrays and not spec.columns and not any(model.find(n) for n in arrays):
        problems.warning(
            "W0801",
            spec.span,
            f"None of the columns of `{spec.name}` has the name of an input.",
            notes=[f"The columns are {listed(map(printable, arrays))}.", _inputs_of(model)],
            suggestion="Say what feeds each input: `x = columns(…)`.",
        )
    return fitting


def _warn_of_unused(model: Model, spec: DataSpec, name: str, span: Span, problems: Problems) -> None:
    meant = did_you_mean(name, model.inputs)
    problems.warning(
        "W0801",
        span,
        f"The model has no input called `{name}`, so this line of `{spec.name}` is not used.",
        notes=[_inputs_of(model)],
        suggestion=meant,
    )


def _inputs_of(model: Model) -> str:
    return f"The inputs are {listed(model.inputs)}." if model.inputs else "The model has no inputs."


def _report_entries(node: Node, name: str, trouble: str, span: Span, problems: Problems) -> None:
    advice = {
        DType.INT: f"Declare it without `int`: `input {node.path}: {shape_text(node.shape)}`.",
        DType.BOOL: f"Compare: `{name} = column(…) == 1`.",
    }
    problems.error(
        "E0806",
        span,
        f"`{name}` feeds an input of type {node.type}, but it {trouble}.",
        related=[Label(node.span, "declared here")] if node.span else (),
        suggestion=advice.get(node.type.dtype),
    )


# --- opening -----------------------------------------------------------------------------------------


def _open(spec: DataSpec, problems: Problems, *, is_header_only: bool) -> Table | None:
    if not _are_options_right(spec, problems):
        return None
    folder = os.path.dirname(spec.source.path or "")
    place = Place(problems, "E0804", spec.span)
    table = open_table(
        spec.kind, os.path.join(folder, spec.path), spec.options, place, is_header_only=is_header_only
    )
    if table is not None and table.width == 0:
        place.error(f"{table.called} holds no columns.")
        return None
    return table


def _are_options_right(spec: DataSpec, problems: Problems) -> bool:
    known: tuple[str, ...] = ("delimiter", "header") if spec.kind == "csv" else ()
    if spec.kind in GENERATORS:
        known = tuple(GENERATORS[spec.kind].options())
    is_right = True
    for name, value in spec.options.items():
        if name not in known:
            has = f"It has {listed(known)}." if known else f"`{spec.kind}` has no options."
            message, advice = f"`{spec.kind}` has no option `{name}`.", did_you_mean(name, known)
            problems.error("E0803", spec.span, message, notes=[has], suggestion=advice)
            is_right = False
        elif wanted := _wanted(name, value):
            problems.error("E0803", spec.span, f"`{name}` of `{spec.kind}` is {wanted}.")
            is_right = False
    return is_right


def _wanted(name: str, value: Any) -> str | None:
    """What an option should be, if its value is not that."""
    is_int = isinstance(value, int) and not isinstance(value, bool)
    is_number = is_int or isinstance(value, float)
    if name == "n":
        return None if is_int and 1 <= value <= _MAX_ROWS else f"a number of rows, from 1 to {_MAX_ROWS}"
    if name == "classes":
        return None if is_int and 2 <= value <= 1000 else "a number of classes, from 2 to 1000"
    if name == "seed":
        return None if is_int and 0 <= value < 2**63 else "an integer that is not negative"
    if name == "noise":
        is_fine = is_number and 0 <= value <= 1e9 and math.isfinite(value)
        return None if is_fine else "a standard deviation: 0, or a positive number"
    if name == "header":
        return None if isinstance(value, bool) else "true or false"
    is_character = isinstance(value, str) and len(value) == 1 and value not in '"\r\n\0 '
    return None if is_character else 'one character, such as ";" or "\\t"'


def _lines(spec: DataSpec, table: Table, problems: Problems) -> tuple[Column, ...] | None:
    """The block's lines, or what stands for them where there is no block; None after an error."""
    if spec.columns:
        first: dict[str, Column] = {}
        for line in spec.columns:
            if line.name in first:
                problems.error(
                    "E0304",
                    line.span,
                    f"`{line.name}` is bound twice in `{spec.name}`.",
                    related=[Label(first[line.name].span, "the first time")],
                )
                return None
            first[line.name] = line
        return spec.columns
    names = tuple(table.extra) or table.names
    if names is None:
        problems.error(
            "E0804",
            spec.span,
            f"The columns of {table.called} have no names, so a block has to say what they feed.",
            suggestion=f"Write `data {spec.name} = {spec.kind}(…) {{ x = columns(0..{table.width - 1}) }}`.",
        )
        return None
    return tuple(Column(name, ("column", name, spec.span), spec.span) for name in names if name)


# --- names -------------------------------------------------------------------------------------------


def _references(formula: Any) -> Iterator[tuple[Any, ...]]:
    """The `column` and `columns` in a formula, from left to right."""
    if not isinstance(formula, tuple):
        return
    if formula[0] == "op":
        for operand in formula[2]:
            yield from _references(operand)
    else:
        yield formula


def _only_column(formula: Any, table: Table) -> str | None:
    if not isinstance(formula, tuple) or formula[0] != "column":
        return None
    found = table.find(formula[1])
    return None if found is None else table.name(found)


def _positions(table: Table, reference: tuple[Any, ...], line: Span, problems: Problems) -> list[int] | None:
    """The positions of the columns that are meant; None after E0805."""
    span = reference[-1] if isinstance(reference[-1], Span) else line
    if reference[0] == "column":
        if reference[1] in table.extra:
            return []
        keys: tuple[str | int, ...] = (reference[1],)
    else:
        first, last = reference[1], reference[2]
        if first is None:
            return list(range(table.width))
        keys = first if isinstance(first, tuple) else (first, last)
    found = [table.find(key) for key in keys]
    for key, position in zip(keys, found, strict=True):
        if position is None:
            _report_unknown(table, key, span, problems)
    positions = [p for p in found if p is not None]
    if len(positions) < len(keys):
        return None
    if reference[0] == "column" or isinstance(reference[1], tuple):
        return positions
    start, stop = positions
    if start > stop:
        problems.error(
            "E0805",
            span,
            f"In {table.called} the column `{printable(table.name(start))}` comes after"
            f" `{printable(table.name(stop))}`.",
            suggestion="Write the range in the order of the file.",
        )
        return None
    return list(range(start, stop + 1))


def _report_unknown(table: Table, key: str | int, span: Span, problems: Problems) -> None:
    suggestion = None
    if table.names is None:
        have = f"Its columns are numbered 0 to {table.width - 1}, without names."
        if isinstance(key, str) and table.width:
            suggestion = "Use a number, such as `column(0)`."
    else:
        names = [n for n in (*table.names, *table.extra) if n]
        have = f"It has {listed(map(printable, names))}."
        meant = nearest(key, names) if isinstance(key, str) else None
        suggestion = f'Did you mean "{printable(meant)}"?' if meant is not None else None
    shown = f'called "{printable(key)}"' if isinstance(key, str) else f"number {key}"
    problems.error(
        "E0805",
        span,
        f"{table.called} has no column {shown}.",
        notes=[have],
        suggestion=suggestion,
    )


# --- formulas ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Value:
    """A formula's value with its type, in which the row axis is symbolic, and its text for messages."""

    array: np.ndarray
    type: TensorType
    text: str

    @property
    def is_per_row(self) -> bool:
        """Whether its first axis is the rows."""
        return bool(self.type.shape) and self.type.shape[0] == _ROWS


@dataclass(slots=True)
class _Block:
    """The lines of one data block while they are computed."""

    spec: DataSpec
    table: Table
    problems: Problems
    rows: int | None = None
    rows_from: Span | None = None
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
                self._error(f"`{line.name}` is {array[at]} in row {at[0]} (counted from 0).")
                return None
        return array

    def _value(self, formula: Any) -> _Value | None:
        if not isinstance(formula, tuple):
            return _constant(formula)
        if formula[0] == "op":
            return self._operation(formula[1], formula[2], formula[3])
        return self._columns(formula)

    def _columns(self, reference: tuple[Any, ...]) -> _Value | None:
        span = reference[-1] if isinstance(reference[-1], Span) else self.span
        positions = _positions(self.table, reference, self.span, self.problems)
        if positions is None:
            return None
        place = Place(self.problems, "E0808", span)
        if reference[0] == "columns":
            array = self.table.columns(positions, place)
        elif positions:
            array = self.table.column(positions[0], place)
        else:
            array = self.table.extra[reference[1]]
        return None if array is None else self._counted(array, span)

    def _counted(self, array: np.ndarray, span: Span) -> _Value | None:
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
        return _Value(array, TensorType(_KINDS[array.dtype.kind], (_ROWS, *array.shape[1:])), text)

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
        if name in _ROW_BY_ROW:
            found = _aligned(found)
        found = _as_operands(found, op)
        try:
            kind = op.type_of(Sizes(), tuple(v.type for v in found), attrs)
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
