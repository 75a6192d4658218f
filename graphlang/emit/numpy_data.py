"""Data blocks as Python: reading the same rows of the same file and computing the same inputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from graphlang.csv_digits import read_digits
from graphlang.emit.kernels import ATOM, Kernels
from graphlang.emit.writer import quoted
from graphlang.generators import GENERATORS
from graphlang.graph.labels import classes_picked
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.op import REQUIRED
from graphlang.graph.show import Text
from graphlang.ops import registry
from graphlang.types.tensor import DType

_TABLE_CSV = '''\
def numbers(cells):
    """The cells as finite numbers; None if one is something else."""
    try:
        values = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    return values if np.isfinite(values).all() and "_" not in "".join(cells) else None


def read_table(path, delimiter=None, header=None):
    """Names and columns of a CSV file; the columns are texts unless all cells are numbers."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        text = file.read()
    lines = [line for line in text.split("\\n" if "\\n" in text else "\\r") if line.strip(" \\r")]
    if not lines or "\\0" in text:
        raise ValueError("this is no text" if lines else "the file is empty")
    outside = "".join(lines[0].split('"')[::2])  # of quotation marks
    delimiter = delimiter or max(",;\\t", key=outside.count)
    first = [cell.strip() for cell in next(csv.reader(lines, delimiter=delimiter))]
    if header is None:
        header = numbers(first) is None
    names = first if header else list(range(len(first)))
    if len(lines) == int(header):
        raise ValueError("the file has no rows")
    if len({*filter(None, names)}) < len([*filter(None, names)]):
        raise ValueError("several columns have the same name")
    digits = read_digits(lines[int(header) :], len(first), delimiter)
    if digits is not None:
        return names, digits
    try:
        table = np.loadtxt(lines[int(header) :], delimiter=delimiter, comments=None, ndmin=2)
        if table.shape[1] == len(first) and np.isfinite(table).all():
            return names, table
    except ValueError:
        pass  # Not all cells are plain numbers.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows = [[cell.strip() for cell in row] for row in reader if len(row) > 1 or row[0].strip()]
    for number, row in enumerate(rows, 1 - int(header)):
        if len(row) != len(first):
            raise ValueError(f"row {number} has {len(row)} cells, but the first line has {len(first)}")
    return names, list(zip(*rows[int(header) :]))
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

_PLACE = '''\
def place(names, key):
    """Where a column stands, by name or number."""
    if key not in (names if isinstance(key, str) else range(-len(names), len(names))):
        raise ValueError(f"there is no column {key}")
    return names.index(key) if isinstance(key, str) else range(len(names))[key]
'''

_COLUMN = '''\
def column(table, key):
    """One column, by name or number, in 64 bits."""
    names, columns = table
    at = place(names, key)
    if isinstance(columns, list):
        values = columns[at]
    else:
        values = columns if columns.ndim == 1 else columns[:, at]
    if values.dtype.kind == "U":
        return np.unique(values, return_inverse=True)[1].reshape(values.shape)
    return values.astype({"f": np.float64, "i": np.int64, "u": np.int64}.get(values.dtype.kind, np.bool_))
'''

# What a CSV file says is converted when it is asked for: a gap in a column that nobody uses is no mistake.
_COLUMN_CSV = '''\
def parsed(name, cells):
    """A column: its numbers, or class numbers in the sorted order of its texts; never both, and no gaps."""
    values = numbers(cells)
    if values is not None:
        return values
    good = {cell: numbers([cell]) is not None for cell in set(cells)}
    kind = "number" if any(good.values()) else "class"
    if kind == "class":
        gap = re.compile(r"|na|n/a|[?]|[+-]?(nan|inf|infinity)", re.IGNORECASE)
        has_commas = all(re.fullmatch(r"[+-]?\\d+,\\d+", cell) for cell in good)
        good = {cell: not (has_commas or gap.fullmatch(cell)) for cell in good}
    for row, cell in enumerate(cells, 1):
        if not good[cell]:
            raise ValueError(f"row {row}, column {name}: {cell[:40]!r} is no {kind}")
    return np.unique(cells, return_inverse=True)[1]


def column(table, key):
    """One column, by name or number, in 64 bits; whole numbers are integers."""
    names, columns = table
    at = place(names, key)
    values = parsed(names[at], columns[at]) if isinstance(columns, list) else columns[:, at]
    is_whole = np.all((values == np.floor(values)) & (np.abs(values) <= 2**53))
    return values.astype(np.int64 if is_whole else np.float64)
'''

_WHOLE = '''\
def whole(name, array, classes=None):
    """An array for an input of integers, which may be labels of so many classes."""
    array = np.asarray(array)
    if not np.all((array == np.floor(array)) & (np.abs(array) < 2.0**63)):
        sys.exit(f"{name} takes whole numbers, but the data have others for it")
    if classes and array.size and not 0 <= array.min() <= array.max() < classes:
        sys.exit(f"{name} picks one of {classes} classes, 0 to {classes - 1}, and the data have others")
    return array
'''

_COLUMNS = '''\
def columns(table, first=None, last=None):
    """Several columns side by side, as floats: all, those from the first to the last, or a list of them."""
    names, found = table
    keys = (first if last is None else (first, last)) or ()
    places = [place(names, key) for key in keys]
    if first is None:
        places = list(range(len(names)))
    elif last is not None:
        places = list(range(places[0], places[1] + 1))
    if not isinstance(found, list) and found.ndim > 1:
        return np.asarray(found if len(places) == len(names) else found[:, places], dtype=float)
    parts = [np.asarray(column(table, at), dtype=float) for at in places]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
'''

# What a file that cannot be read raises.
_TROUBLES = {
    "csv": "OSError, ValueError, csv.Error",
    "npz": "EOFError, OSError, ValueError, zipfile.BadZipFile",
    "npy": "EOFError, OSError, ValueError",
}
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
    body = [f"table = read_table(path{options})"]
    if fed:
        texts = {name: _text(formula, kernels).text for name, formula in fed.items()}
        body += _rows(model, texts, types, checked=texts)
    else:
        body += _by_name(model, types)
    lines = [
        "def data():" if types is None else "def data(path=None):",
        f'    """The inputs, as the data block `{spec.name}` computes them."""',
        f"    path = {place if types is None else f'path or {place}'}",
        "    try:",
        *(f"        {line}" for line in body),
        f"    except ({_TROUBLES[spec.kind]}) as error:",
        "        sys.exit(f\"{path}: {getattr(error, 'strerror', None) or error}\")",
    ]
    imports = {"import os", "import sys"}
    imports |= {"import zipfile"} if spec.kind == "npz" else set()
    column = _COLUMN
    if spec.kind == "csv":
        imports |= {"import csv", "import re"}
        kernels.copy(read_digits)
        column = _COLUMN_CSV
    return [reader.rstrip(), *_helpers(column, fed, body), "\n".join(lines)], imports


def _helpers(column: str, fed: Mapping[str, Any], body: Collection[str]) -> list[str]:
    """What a table's columns are asked for with."""
    parts = [_PLACE, column] if any("(table" in line for line in body) else []
    if any(map(_uses_columns, fed.values())):
        parts.append(_COLUMNS)
    if any("whole(" in line for line in body):
        parts.append(_WHOLE)
    return [part.rstrip() for part in parts]


def fed_by(model: Model, spec: DataSpec) -> dict[str, Any]:
    """The formulas of the inputs that the lines of a data block feed."""
    found = [(model.find(c.name), c.formula) for c in spec.columns]
    return {node.path: formula for node, formula in found if node is not None and node.op == "input"}


def generated_function(
    model: Model, spec: DataSpec, kernels: Kernels, types: Mapping[DType, str] | None = None
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
    if any("(table" in text for text in texts.values()):
        lines.append(f"    table = [{', '.join(map(quoted, names))}], [{', '.join(table)}]")
    integers = () if spec.kind == "sine" else ("y", "label")
    checked = [name for name, formula in fed.items() if not _is_one_of(formula, integers)]
    body = _rows(model, texts, types, checked)
    return [*_helpers(_COLUMN, fed, body), "\n".join([*lines, *(f"    {line}" for line in body)])]


def _is_one_of(formula: Any, columns: Collection[str]) -> bool:
    return isinstance(formula, tuple) and formula[0] == "column" and formula[1] in columns


def _with_arrays(formula: Any) -> Any:
    """A formula in which a generator's `x` and `y`, which are no columns of its table, are variables."""
    if not isinstance(formula, tuple):
        return formula
    if formula[0] == "op":
        return (*formula[:2], tuple(map(_with_arrays, formula[2])), *formula[3:])
    ranks = {"x": 2, "y": 1} if formula[0] == "column" else {}
    return ("array", formula[1], ranks[formula[1]]) if formula[1] in ranks else formula


def _rows(
    model: Model, texts: Mapping[str, str], types: Mapping[DType, str] | None, checked: Collection[str]
) -> list[str]:
    """The `return` of a dictionary of inputs; those `checked` may hold what is no integer."""
    rows, classes = [], classes_picked(model)
    for name, text in texts.items():
        dtype = model.by_path[name].type.dtype
        if dtype is DType.INT and name in checked:
            count = f", {classes[name]}" if name in classes else ""
            text = f"whole({quoted(name)}, {text}{count})"
        if types is not None:
            text = f"np.ascontiguousarray({text}, dtype={types[dtype]})"
        rows.append(f"    {quoted(name)}: {text},")
    return ["return {", *rows, "}"]


def _by_name(model: Model, types: Mapping[DType, str] | None) -> list[str]:
    """The same for a block without lines: the columns that have the names of inputs."""
    lines = [f"found = {{name: column(table, name) for name in {list(model.inputs)!r} if name in table[0]}}"]
    integers = [name for name, node in model.inputs.items() if node.type.dtype is DType.INT]
    if integers:
        classes = {name: count for name, count in classes_picked(model).items() if name in integers}
        count = f", {classes!r}.get(name)" if classes else ""
        lines.append(f"integers = [name for name in {integers!r} if name in found]")
        lines.append(f"found |= {{name: whole(name, found[name]{count}) for name in integers}}")
    if types is None:
        return [*lines, "return found"]
    table = ", ".join(f"{quoted(name)}: {types[node.type.dtype]}" for name, node in model.inputs.items())
    return [
        *lines,
        f"types = {{{table}}}",
        "return {name: np.ascontiguousarray(array, dtype=types[name]) for name, array in found.items()}",
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
