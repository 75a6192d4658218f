"""Data blocks: reading a source, and what its lines feed to the inputs of a model.

The rows are the first axis of everything here. What a line computes from the columns is in `formulas.py`,
which columns it means in `columns.py`, and how files are read in `tables.py`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphlang.diagnostics import Label, Problems
from graphlang.generators import GENERATORS
from graphlang.graph.labels import classes_picked
from graphlang.graph.model import Column, DataSpec, Model
from graphlang.graph.node import INPUT, Node
from graphlang.records import Record
from graphlang.run.binding import entries_trouble
from graphlang.run.columns import meant_columns, only_column, references
from graphlang.run.files import Place, did_you_mean, listed, printable
from graphlang.run.formulas import Block
from graphlang.run.labels import label_trouble
from graphlang.run.tables import Table, open_table
from graphlang.source import Span
from graphlang.types.tensor import DType, shape_text

_MAX_ROWS = 10_000_000


class Dataset(Record):
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
    lines = None if table is None else lines_of(spec, table, problems)
    if table is None or lines is None:
        return None
    block = Block(spec, table, problems)
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
    return Dataset(arrays, block.rows or 0, dict(table.classes), classes_of(lines, table, table.classes))


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
    table = open_header(spec, problems)
    lines = None if table is None else lines_of(spec, table, problems)
    if table is not None:
        for line in lines or ():
            for formula in references(line.formula):
                meant_columns(table, formula, line.span, problems)
    return len(problems.errors) == before


def fit_inputs(
    model: Model,
    spec: DataSpec,
    arrays: Mapping[str, np.ndarray],
    problems: Problems,
    classes: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:
    """The arrays that feed inputs of the model, by the inputs' own names.

    Parameters
    ----------
    model : Model
    spec : DataSpec
    arrays : mapping of str to array
        From `read_data`.
    classes : mapping of str to int, optional
        `classes_picked(model)`, where it is known.
    problems : Problems
        Gets W0801 for a column that feeds no input, E0806 for one whose entries the input does not take.

    Returns
    -------
    dict of str to array
        Those that fit; shapes are compared by `feeds.bind_inputs`.
    """
    spans = {c.name: c.span for c in spec.columns}
    classes = classes_picked(model) if classes is None else classes
    fitting: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        node = model.find(name)
        if node is None or node.op != INPUT:
            if spec.columns:
                _warn_of_unused(model, spec, name, spans.get(name, spec.span), problems)
            continue
        span, trouble = spans.get(name, spec.span), entries_trouble(array, node.type.dtype)
        picking = label_trouble(array, classes[node.path]) if not trouble and node.path in classes else None
        if trouble is not None:
            _report_entries(node, name, trouble, span, problems)
        elif picking is not None:
            declared = [Label(node.span, "declared here")] if node.span else ()
            problems.error("E0806", span, f"`{name}` {picking[0]}.", related=declared, suggestion=picking[1])
        else:
            fitting[node.path] = array
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


def path_of(spec: DataSpec) -> str:
    """Where a source's file is: its path is relative to the file that it is written in."""
    return os.path.join(os.path.dirname(spec.source.path or ""), spec.path)


def open_header(spec: DataSpec, problems: Problems) -> Table | None:
    """The table of a source without its rows; None after an error."""
    return _open(spec, problems, is_header_only=True)


def _open(spec: DataSpec, problems: Problems, *, is_header_only: bool) -> Table | None:
    if not _are_options_right(spec, problems):
        return None
    place = Place(problems, "E0804", spec.span)
    table = open_table(spec.kind, path_of(spec), spec.options, place, is_header_only=is_header_only)
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


def classes_of(
    lines: Iterable[Column], table: Table, classes: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The classes of those lines that are just a column of texts, by the lines' names."""
    found = ((line.name, only_column(line.formula, table)) for line in lines)
    return {line: classes[column] for line, column in found if column is not None and column in classes}


def lines_of(spec: DataSpec, table: Table, problems: Problems) -> tuple[Column, ...] | None:
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
