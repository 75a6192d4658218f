"""Data blocks as Python: reading the same rows of the same file and computing the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphlang.csv_digits import read_digits
from graphlang.emit.kernels import ATOM, Kernels
from graphlang.emit.writer import quoted
from graphlang.generators import GENERATORS
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.op import REQUIRED
from graphlang.graph.show import Text
from graphlang.ops import registry
from graphlang.types.tensor import DType

_TABLE_CSV = '''\
def read_table(path, delimiter=None, header=None):
    """Names and columns of a CSV file; texts become class numbers, in the sorted order of the texts."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [line for line in file.read().split("\\n") if line.strip()]
    outside = "".join(lines[0].split('"')[::2])  # of quotation marks
    delimiter = delimiter or max(",;\\t", key=outside.count)

    def numbers(cells):
        try:
            return np.array([float(cell) for cell in cells])
        except ValueError:
            return None

    first = [cell.strip() for cell in next(csv.reader(lines, delimiter=delimiter))]
    if header is None:
        header = numbers(first) is None
    names = first if header else list(range(len(first)))
    digits = read_digits(lines[int(header) :], len(first), delimiter)
    if digits is not None:
        return names, digits
    try:
        return names, np.loadtxt(lines[int(header) :], delimiter=delimiter, comments=None, ndmin=2)
    except ValueError:
        pass  # Not all cells are plain numbers.
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    columns = []
    for cells in zip(*rows[int(header) :]):
        column = numbers(cells)
        if column is None:
            column = np.array(np.unique(cells, return_inverse=True)[1], dtype=float)
        columns.append(column)
    return names, columns
'''

_TABLE_NPZ = '''\
def read_table(path):
    """Names and columns of an .npz file."""
    with np.load(path) as arrays:
        return list(arrays), [arrays[name] for name in arrays]
'''

_TABLE_NPY = '''\
def read_table(path):
    """Numbers and columns of an .npy file."""
    array = np.load(path)
    return list(range(1 if array.ndim == 1 else array.shape[1])), array
'''

_COLUMN = '''\
def column(table, key):
    """One column, by name or number, in 64 bits; whole numbers are integers."""
    names, columns = table
    at = names.index(key) if isinstance(key, str) else range(len(names))[key]
    if isinstance(columns, list):
        values = columns[at]
    else:
        values = columns if columns.ndim == 1 else columns[:, at]
    if values.dtype.kind == "U":
        return np.unique(values, return_inverse=True)[1].reshape(values.shape)
    if WHOLE and np.all((values == np.floor(values)) & (np.abs(values) <= 2**53)):
        return values.astype(np.int64)
    return values.astype({"f": np.float64, "i": np.int64, "u": np.int64}.get(values.dtype.kind, np.bool_))
'''

_COLUMNS = '''\
def columns(table, first=None, last=None):
    """Several columns side by side, as floats: all, those from the first to the last, or a list of them."""
    names, found = table
    every = range(len(names))
    keys = (first if last is None else (first, last)) or ()
    places = [names.index(key) if isinstance(key, str) else every[key] for key in keys]
    if first is None:
        places = list(every)
    elif last is not None:
        places = list(range(places[0], places[1] + 1))
    if not isinstance(found, list) and found.ndim > 1:
        return np.asarray(found if len(places) == len(every) else found[:, places], dtype=float)
    parts = [np.asarray(column(table, at), dtype=float) for at in places]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
'''

_ROW_BY_ROW = frozenset((
    "add", "sub", "mul", "div", "floordiv", "mod", "pow", "maximum", "minimum",
    "eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or",
))  # fmt: skip


def data_function(
    model: Model, spec: DataSpec, path: str, kernels: Kernels, types: Mapping[DType, str] | None = None
) -> tuple[list[str], set[str]]:
    """`data()` with what it needs, and further imports; nothing for sources that only the tool can read.

    With `types` the arrays are given the inputs' types once and for all, and `data(path)` reads another file.
    """
    reader = {"csv": _TABLE_CSV, "npz": _TABLE_NPZ, "npy": _TABLE_NPY}.get(spec.kind)
    fed = fed_by(model, spec)
    if reader is None or (spec.columns and not fed):
        return [], set()
    place = f"os.path.join(os.path.dirname(__file__), {quoted(path)})"
    options = "".join(f", {name}={value!r}" for name, value in spec.options.items())
    lines = [
        "def data():" if types is None else "def data(path=None):",
        f'    """The inputs, as the data block `{spec.name}` computes them."""',
        f"    table = read_table({place if types is None else f'path or {place}'}{options})",
    ]
    if fed:
        texts = {name: _text(formula, kernels).text for name, formula in fed.items()}
        lines += _rows(model, texts, types)
    else:
        names = list(model.inputs)
        given = f"{{name: column(table, name) for name in {names!r} if name in table[0]}}"
        lines += [f"    return {given}"] if types is None else _typed(model, given, types)
    whole = f"# Numbers in a CSV file have no kind of their own.\nWHOLE = {spec.kind == 'csv'}"
    imports = {"import os"}
    if types is not None and spec.kind == "csv":
        imports.add("import csv")
    if spec.kind == "csv":
        kernels.copy(read_digits)
    parts = [reader.rstrip(), whole, _COLUMN.rstrip()]
    if any(map(_uses_columns, fed.values())):
        parts.append(_COLUMNS.rstrip())
    return [*parts, "\n".join(lines)], imports


def fed_by(model: Model, spec: DataSpec) -> dict[str, Any]:
    """The formulas of the inputs that the lines of a data block feed."""
    found = [(model.find(c.name), c.formula) for c in spec.columns]
    return {node.path: formula for node, formula in found if node is not None and node.op == "input"}


def generated_function(
    model: Model, spec: DataSpec, kernels: Kernels, types: Mapping[DType, str]
) -> list[str]:
    """`data()` for a source that is made rather than read, with what it needs."""
    generator = GENERATORS[spec.kind]
    kernels.copy(generator.make)
    settings = generator.options() | spec.options
    n, noise, seed = int(settings["n"]), float(settings["noise"]), int(settings["seed"])
    classes = int(settings.get("classes", 2))
    fed = fed_by(model, spec)
    if not spec.columns:
        fed = {name: ("column", name) for name in ("x", "y") if name in model.inputs}
    if not fed:
        return []
    names = [*(f"x{k}" for k in range(generator.features)), "label"]
    table = [*(f"x[:, {k}]" for k in range(generator.features)), "y"]
    lines = [
        "def data():",
        f'    """The inputs, as the data block `{spec.name}` computes them."""',
        f"    x, y = {spec.kind}(np.random.default_rng({seed}), {n}, {noise!r}, {classes})",
    ]
    texts = {name: _text(_with_arrays(formula), kernels).text for name, formula in fed.items()}
    needs_table = any("(table" in text for text in texts.values())
    if needs_table:
        lines.append(f"    table = [{', '.join(map(quoted, names))}], [{', '.join(table)}]")
    parts = ["# Columns have their own kinds.\nWHOLE = False", _COLUMN.rstrip()] if needs_table else []
    if any(map(_uses_columns, fed.values())):
        parts.append(_COLUMNS.rstrip())
    return [*parts, "\n".join([*lines, *_rows(model, texts, types)])]


def _with_arrays(formula: Any) -> Any:
    """A formula in which a generator's `x` and `y`, which are no columns of its table, are variables."""
    if not isinstance(formula, tuple):
        return formula
    if formula[0] == "op":
        return (*formula[:2], tuple(map(_with_arrays, formula[2])), *formula[3:])
    ranks = {"x": 2, "y": 1} if formula[0] == "column" else {}
    return ("array", formula[1], ranks[formula[1]]) if formula[1] in ranks else formula


def _rows(model: Model, texts: Mapping[str, str], types: Mapping[DType, str] | None) -> list[str]:
    """The `return` of a dictionary of inputs."""
    rows = []
    for name, text in texts.items():
        if types is not None:
            text = f"np.ascontiguousarray({text}, dtype={types[model.by_path[name].type.dtype]})"
        rows.append(f"        {quoted(name)}: {text},")
    return ["    return {", *rows, "    }"]


def _typed(model: Model, given: str, types: Mapping[DType, str]) -> list[str]:
    table = ", ".join(f"{quoted(name)}: {types[node.type.dtype]}" for name, node in model.inputs.items())
    return [
        f"    types = {{{table}}}",
        f"    found = {given}",
        "    return {name: np.ascontiguousarray(array, dtype=types[name]) for name, array in found.items()}",
    ]


def _key(key: Any) -> str:
    return quoted(key) if isinstance(key, str) else repr(key)


def _uses_columns(formula: Any) -> bool:
    if not isinstance(formula, tuple):
        return False
    return formula[0] == "columns" or (formula[0] == "op" and any(map(_uses_columns, formula[2])))


def _rank(formula: Any) -> int:
    if not isinstance(formula, tuple):
        return 0
    if formula[0] == "op":
        return max((_rank(o) for o in formula[2]), default=0)
    if formula[0] == "array":
        return int(formula[2])
    return 2 if formula[0] == "columns" else 1


def _text(formula: Any, kernels: Kernels) -> Text:
    if not isinstance(formula, tuple):
        return Text(repr(formula), ATOM if not repr(formula).startswith("-") else 11)
    if formula[0] == "array":
        return Text(formula[1], ATOM)
    if formula[0] == "column":
        return Text(f"column(table, {_key(formula[1])})", ATOM)
    if formula[0] == "columns":
        first, last = formula[1], formula[2]
        keys = [k for k in (first, last) if k is not None]
        arguments = "".join(f", {_key(k)}" for k in keys)
        return Text(f"columns(table{arguments})", ATOM)
    _, name, operands, attrs = formula
    op = registry.find(name)
    texts = [_text(o, kernels) for o in operands]
    if name in _ROW_BY_ROW:
        rank = max(map(_rank, operands))
        texts = [
            Text(f"{t.within(ATOM)}[:, None]", ATOM) if 0 < _rank(o) < rank else t
            for t, o in zip(texts, operands, strict=True)
        ]
    if name == "pow":
        texts[0] = Text(f"np.asarray({texts[0].text}, dtype=float)", ATOM)
    given = {k: v for k, v in attrs.items() if v is not REQUIRED}
    return kernels.call(op, texts, given, seed="0")
