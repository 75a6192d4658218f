"""Feeding inputs: values from `.npz`, `.json` and `.csv` files, and fitting them to what the model declares.

JSON is an object from input names to numbers, booleans or nested lists of them, with "nan", "inf" and "-inf"
as strings, as `run --json` prints them. In a CSV file the first line names inputs: a column `x` is an array
of shape [rows], columns `x[0]`, `x[1]`, … are one input of shape [rows, columns]. A CSV file with one row may
also feed scalars. NumPy files hold arrays by name.

What is fed gives values to free sizes: `x: [N, 3]` fed with shape [5, 3] means N = 5, everywhere.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphlang.diagnostics import Label, Problems
from graphlang.graph.model import Model
from graphlang.graph.node import INPUT, Node
from graphlang.run.csv_reader import read_csv
from graphlang.run.files import Place, did_you_mean, listed, nearest, printable, read_text
from graphlang.run.npy_reader import read_npz
from graphlang.types.dims import Dim, names_of, solve, substitute
from graphlang.types.tensor import DType, shape_text

_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
_INDEXED = re.compile(r"(.+)\[(\d{1,9})\]\Z")


# --- reading -----------------------------------------------------------------------------------------


def read_feed(path: str, problems: Problems) -> dict[str, np.ndarray]:
    """Read values of inputs by name.

    Parameters
    ----------
    path : str
        Ends in `.npz`, `.json` or `.csv`.
    problems : Problems
        Gets E0905 if the file cannot be read or understood.

    Returns
    -------
    dict of str to array of floats, integers or booleans; empty after an error
    """
    place = Place(problems, "E0905")
    ending = os.path.splitext(path)[1].lower()
    reader = {".npz": _read_npz, ".json": _read_json, ".csv": _read_csv}.get(ending)
    if reader is None:
        place.error(f'"{printable(path)}" does not end in .npz, .json or .csv.')
        return {}
    return reader(path, place) or {}


def _read_npz(path: str, place: Place) -> dict[str, np.ndarray] | None:
    arrays = read_npz(path, place)
    if arrays is None:
        return None
    texts = [name for name, array in arrays.items() if array.dtype.kind == "U"]
    if texts:
        place.error(f'"{path}" holds texts in {listed(map(printable, texts))}; inputs are numbers.')
        return None
    return arrays


class _BadJsonError(ValueError):
    """A part of the JSON text that cannot be fed."""


def _read_json(path: str, place: Place) -> dict[str, np.ndarray] | None:
    source = read_text(path, place)
    if source is None:
        return None
    try:
        found = json.loads(source.text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place.error(f'"{path}" is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.')
        return None
    except _BadJsonError as error:
        place.error(f'"{path}" cannot be fed: {error}.')
        return None
    except (ValueError, RecursionError, MemoryError):
        place.error(f'"{path}" cannot be fed: its numbers are too long or its lists too deep.')
        return None
    if not isinstance(found, dict):
        place.error(
            f'"{path}" does not hold a JSON object.', suggestion='Name the inputs: {"x": [1, 2], "y": 3}.'
        )
        return None
    arrays: dict[str, np.ndarray] = {}
    is_good = True
    for name, value in found.items():
        try:
            arrays[name] = _json_array(value)
        except _BadJsonError as error:
            place.error(f'`{printable(name)}` in "{path}" cannot be fed: {error}.')
            is_good = False
    return arrays if is_good else None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [n for n, _ in pairs]
        raise _BadJsonError(
            f"it names {listed(sorted({printable(n) for n in names if names.count(n) > 1}))} twice"
        )
    return found


def _no_constant(text: str) -> float:
    raise _BadJsonError(f"`{text}` is not JSON; write {json.dumps(text.lower().replace('infinity', 'inf'))}")


def _json_array(value: Any) -> np.ndarray:
    shape: list[int] = []
    level: list[Any] = [value]
    # Level by level, so that neither depth nor size can exhaust the stack.
    while level and isinstance(level[0], list):
        if len(shape) == 32:
            raise _BadJsonError("its lists are nested more than 32 deep")
        lengths = {len(v) if isinstance(v, list) else None for v in level}
        if len(lengths) > 1:
            raise _BadJsonError(_ragged(level, len(shape)))
        shape.append(len(level[0]))
        level = [entry for v in level for entry in v]
    return _entries(level).reshape(shape)


def _ragged(level: Sequence[Any], depth: int) -> str:
    if any(not isinstance(v, list) for v in level):
        return "it mixes numbers and lists"
    other = next(v for v in level if len(v) != len(level[0]))
    return (
        f"its lists have different lengths, {len(level[0])} and {len(other)}, at depth {depth + 1};"
        " a tensor's rows are equally long"
    )


def _entries(entries: list[Any]) -> np.ndarray:
    kinds = {type(e) for e in entries}
    if kinds == {bool}:
        return np.array(entries, dtype=np.bool_)
    try:
        if kinds <= {int, bool} and entries:
            return np.array(entries, dtype=np.int64)
        return np.array([_number(e) for e in entries], dtype=np.float64)
    except OverflowError:
        raise _BadJsonError("it has an integer that does not fit into 64 bits") from None


def _number(entry: Any) -> float:
    if isinstance(entry, (int, float)):
        return float(entry)
    if isinstance(entry, str) and entry in _SPECIAL:
        return _SPECIAL[entry]
    if isinstance(entry, list):
        raise _BadJsonError("it mixes numbers and lists")
    text = json.dumps(entry) if not isinstance(entry, dict) else "an object"
    raise _BadJsonError(
        f'it has {text[:40]} where a number is expected ("nan", "inf" and "-inf" are numbers)'
    )


def _read_csv(path: str, place: Place) -> dict[str, np.ndarray] | None:
    table = read_csv(path, place)
    if table is None:
        return None
    if table.header.names is None or "" in table.header.names:
        place.error(
            f'"{path}" does not name its columns in the first line.',
            suggestion="Write the names of inputs there: `x,y`, or `x[0],x[1],y` if `x` has two columns.",
        )
        return None
    arrays: dict[str, np.ndarray] = {}
    parts: dict[str, dict[int, np.ndarray]] = {}
    is_good = True
    for position, name in enumerate(table.header.names):
        column = table.column(position, place)
        if column is None:
            is_good = False
        elif position in table.classes:
            place.error(
                f'`{printable(name)}` in "{path}" is a column of texts; inputs are numbers.',
                suggestion="Read it with a data block, which numbers the classes.",
            )
            is_good = False
        elif indexed := _INDEXED.match(name):
            parts.setdefault(indexed[1], {})[int(indexed[2])] = column
        else:
            arrays[name] = column
    for name, columns in parts.items():
        if name in arrays or sorted(columns) != list(range(len(columns))):
            place.error(
                f'The columns `{printable(name)}[…]` in "{path}" are not numbered 0 to {len(columns) - 1}'
                " without gaps, or there is a plain column of that name too."
            )
            is_good = False
        else:
            arrays[name] = np.stack([columns[i] for i in range(len(columns))], axis=1)
    return arrays if is_good else None


# --- binding -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Given:
    """One input with the array it is to have."""

    node: Node
    array: np.ndarray
    is_default: bool

    @property
    def called(self) -> str:
        """How messages call it."""
        return f"the default of `{self.node.path}`" if self.is_default else f"`{self.node.path}`"


@dataclass(frozen=True, slots=True)
class _Bound:
    """A free size's value and the input that gave it."""

    value: int
    by: _Given


def bind_inputs(
    model: Model,
    fed: Mapping[str, np.ndarray],
    problems: Problems,
    *,
    precision: Any = np.float64,
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Give every input its value and every free size its number.

    Parameters
    ----------
    model : Model
    fed : mapping of str to array
        By name of an input (an alias will do); beats the input's default. Integers and booleans may feed
        floats, whole floats may feed integers; only booleans feed booleans. One number may feed an input
        whose sizes are all known, and an array of shape [1] a scalar.
    problems : Problems
        Gets, all at once: E0901 for an input without value; E0902 for a name that is no input; E0903 for a
        shape or type that does not fit; E0904 where free sizes contradict one another.
    precision : dtype
        Of the floats returned.

    Returns
    -------
    arrays : dict of str to array
        Those that fit, by input, in the model's order; they may share memory with what was fed.
    sizes : dict of str to int
        Values of the free sizes.
    """
    given = _given(model, fed, problems)
    # What is fed binds sizes before defaults do, so that a contradiction is told as the default's.
    in_order = sorted(given.values(), key=lambda g: g.is_default)
    bound = _solve_sizes(in_order)
    fitting = {g.node.path for g in in_order if _fits(model, g, bound, problems)}
    sizes = {name: b.value for name, b in sorted(bound.items())}
    _check_constraints(model, bound, sizes, problems)
    arrays: dict[str, np.ndarray] = {}
    for path, g in given.items():
        array = _converted(g, precision, problems)
        if array is not None and path in fitting:
            shape: Any = tuple(substitute(s, sizes) for s in g.node.shape)
            arrays[path] = array if array.shape == shape else np.broadcast_to(array, shape).copy()
    return arrays, sizes


def _given(model: Model, fed: Mapping[str, np.ndarray], problems: Problems) -> dict[str, _Given]:
    values: dict[str, np.ndarray] = {}
    for name, value in fed.items():
        node = model.find(name)
        if node is None or node.op != INPUT:
            _report_unknown(model, name, node, problems)
        elif node.path in values:
            problems.error("E0902", node.span, f"The input `{node.path}` is fed twice, once as `{name}`.")
        else:
            values[node.path] = _as_array(value)
    given: dict[str, _Given] = {}
    for path, node in model.inputs.items():
        default = node.attrs.get("default")
        if path in values:
            array = values[path]
            if array.shape == (1,) and node.shape == ():
                array = array.reshape(())
            given[path] = _Given(node, array, False)
        elif default is not None:
            given[path] = _Given(node, np.asarray(default), True)
        else:
            _report_missing(node, fed, problems)
    return given


def _as_array(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):  # nested lists of different lengths
        return np.array(None, dtype=object)


def _solve_sizes(given: Sequence[_Given]) -> dict[str, _Bound]:
    bound: dict[str, _Bound] = {}
    # A size such as N*M can be solved for M once N is known: repeat while something is learned.
    while True:
        known = {name: b.value for name, b in bound.items()}
        found = dict(bound)
        for g in given:
            if g.array.ndim != len(g.node.shape):
                continue
            for declared, size in zip(g.node.shape, g.array.shape, strict=True):
                solution = solve(_substituted(declared, known), size)
                if solution is not None:
                    found.setdefault(solution[0], _Bound(solution[1], g))
        if len(found) == len(bound):
            return bound
        bound = found


def _substituted(size: int | Dim, known: Mapping[str, int]) -> int | Dim:
    try:
        return substitute(size, known)
    except ZeroDivisionError:
        return size


def _fits(model: Model, g: _Given, bound: Mapping[str, _Bound], problems: Problems) -> bool:
    declared = g.node.shape
    if g.array.shape == () and declared != () and not g.node.type.names:
        return True
    if g.array.ndim != len(declared):
        problems.error(
            "E0903",
            g.node.span,
            f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
            f" {shape_text(g.array.shape)}.",
            label="declared here",
            suggestion=_axis_advice(g),
        )
        return False
    known = {name: b.value for name, b in bound.items()}
    for axis, (size, found) in enumerate(zip(declared, g.array.shape, strict=True)):
        wanted = _substituted(size, known)
        if wanted == found:
            continue
        if isinstance(size, int):
            problems.error(
                "E0903",
                g.node.span,
                f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
                f" {shape_text(g.array.shape)}: {found} where {size} is needed.",
                label="declared here",
                suggestion=_axis_advice(g),
            )
        else:
            _report_contradiction(model, g, axis, size, found, bound, problems)
        return False
    return True


def _report_contradiction(
    model: Model,
    g: _Given,
    axis: int,
    size: Dim,
    found: int,
    bound: Mapping[str, _Bound],
    problems: Problems,
) -> None:
    others = [(n, bound[n]) for n in sorted(size.names) if n in bound and bound[n].by is not g]
    solution = solve(size, found)
    if not others:
        problems.error(
            "E0903",
            g.node.span,
            f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} has shape"
            f" {shape_text(g.array.shape)}: no sizes make {size} equal to {found}"
            + (f" with {_values(size, bound)}." if any(n in bound for n in size.names) else "."),
            label="declared here",
        )
        return
    wanted = _values(size, bound)
    by = " and ".join(dict.fromkeys(b.by.called for _, b in others))
    here = f"{solution[0]} = {solution[1]}" if solution else f"{size} = {found}"
    related = [Label(b.by.node.span, f"gives {n} = {b.value}") for n, b in others if b.by.node.span]
    problems.error(
        "E0904",
        g.node.span,
        f"The sizes contradict one another: {wanted} from {by}, but {here} from {g.called}.",
        label=f"axis {axis} is {found} here",
        related=related,
        suggestion=_feed_defaults([g, *(b.by for _, b in others)]),
    )


def _feed_defaults(givens: Sequence[_Given]) -> str | None:
    defaults = list(dict.fromkeys(g.node.path for g in givens if g.is_default))
    if not defaults or len(defaults) == len({g.node.path for g in givens}):
        return None
    return f"Feed {listed(defaults)} too: only its default is at odds with what is fed."


def _values(size: int | Dim, bound: Mapping[str, _Bound]) -> str:
    return ", ".join(f"{n} = {bound[n].value}" for n in sorted(names_of(size)) if n in bound)


def _source(g: _Given) -> str:
    return "its default" if g.is_default else "what is fed"


def _axis_advice(g: _Given) -> str | None:
    shape, declared = g.array.shape, g.node.shape
    if g.array.ndim == len(declared) == 2 and shape[::-1] == declared:
        return "It fits transposed."
    if g.array.ndim + 1 == len(declared) and shape == declared[1:]:
        return f"Feed one row as shape {shape_text((1, *shape))}."
    return None


def _check_constraints(
    model: Model, bound: Mapping[str, _Bound], sizes: Mapping[str, int], problems: Problems
) -> None:
    for c in model.sizes.constraints:
        left, right = _substituted(c.left, sizes), _substituted(c.right, sizes)
        names = sorted(names_of(c.left) | names_of(c.right))
        if left == right or not all(n in sizes for n in names):
            continue
        givens = list({id(bound[n].by): bound[n].by for n in names}.values())
        values = ", ".join(f"{n} = {sizes[n]} from {bound[n].by.called}" for n in names)
        problems.error(
            "E0904",
            c.span,
            f"This needs {c.left} to equal {c.right}, but they are {left} and {right}: {values}.",
            notes=["They are equal for the inputs' defaults."],
            suggestion=_feed_defaults(givens),
        )


# --- entries -----------------------------------------------------------------------------------------


def _converted(g: _Given, precision: Any, problems: Problems) -> np.ndarray | None:
    """The array with entries of its input's type; None after an error."""
    array, wanted = g.array, g.node.type.dtype
    trouble = entries_trouble(array, wanted)
    if trouble is not None:
        problems.error(
            "E0903",
            g.node.span,
            f"`{g.node.path}` is declared {g.node.type}, but {_source(g)} {trouble}.",
            label="declared here",
        )
        return None
    target = {DType.FLOAT: precision, DType.INT: np.int64, DType.BOOL: np.bool_}[wanted]
    return array.astype(target, copy=False)


def entries_trouble(array: np.ndarray, wanted: DType) -> str | None:
    """Why an array cannot feed a wire of this type, as the end of a sentence; None if it can."""
    kind = array.dtype.kind
    if kind not in "fiub":
        return f"holds {'texts' if kind in 'US' else 'no numbers' if kind == 'O' else array.dtype}"
    if wanted is DType.BOOL:
        return None if kind == "b" else f"holds {array.dtype}, not booleans"
    if wanted is DType.FLOAT or kind in "ib" or array.size == 0:
        return None
    if kind == "u":
        return None if int(array.max()) < 2**63 else "has an integer that does not fit into 64 bits"
    with np.errstate(invalid="ignore"):
        bad = array[~((array == np.floor(array)) & (np.abs(array) < 2.0**63))]
    return None if bad.size == 0 else f"has {bad[0]:g}, which is no integer"


def _report_unknown(model: Model, name: str, node: Node | None, problems: Problems) -> None:
    inputs = f"The inputs are {listed(model.inputs)}." if model.inputs else "The model has no inputs."
    if node is not None:
        what = f"a {node.op}" if node.is_leaf else "computed"
        problems.error(
            "E0902",
            node.span,
            f"`{name}` cannot be fed: it is {what}, not an input.",
            notes=[inputs],
        )
        return
    meant = nearest(name, model.inputs)
    problems.error(
        "E0902",
        None,
        f"The model has no input called `{printable(name)}`.",
        notes=[] if meant else [inputs],
        suggestion=did_you_mean(name, model.inputs),
    )


def _report_missing(node: Node, fed: Mapping[str, Any], problems: Problems) -> None:
    example = "0.5" if node.shape == () else "[" * len(node.shape) + "…" + "]" * len(node.shape)
    problems.error(
        "E0901",
        node.span,
        f"The input `{node.path}` has no value.",
        label=f"declared {node.type}, without a default",
        suggestion=f"Set it with `--set {node.path}={example}`, feed it with `--feed file.npz`,"
        f" or give it a default: `{node.span.text if node.span else f'input {node.path}'} = {example}`.",
    )
