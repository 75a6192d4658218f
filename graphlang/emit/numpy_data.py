"""Data blocks as Python: reading the same rows of the same file and computing the same inputs."""

from __future__ import annotations

from typing import Any

from graphlang.emit.kernels import ATOM, Kernels
from graphlang.emit.writer import quoted
from graphlang.graph.model import DataSpec, Model
from graphlang.graph.op import REQUIRED
from graphlang.graph.show import Text
from graphlang.ops import registry

_TABLE_CSV = '''\
def read_table(path, delimiter=None, header=None):
    """Names and columns of a CSV file; texts become class numbers, in the sorted order of the texts."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [line for line in file.read().split("\\n") if line.strip()]
    delimiter = delimiter or max(",;\\t", key=re.sub('"[^"]*"', "", lines[0]).count)
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]

    def numbers(cells):
        try:
            return np.array([float(cell) for cell in cells])
        except ValueError:
            return None

    if header is None:
        header = numbers(rows[0]) is None
    names, rows = (rows[0], rows[1:]) if header else (list(range(len(rows[0]))), rows)
    whole = [numbers(row) for row in rows]
    if all(row is not None for row in whole):
        return names, np.array(whole)
    columns = []
    for cells in zip(*rows):
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
    """One column, by name or number; whole numbers are integers."""
    names, columns = table
    at = names.index(key) if isinstance(key, str) else range(len(names))[key]
    if isinstance(columns, list):
        values = columns[at]
    else:
        values = columns if columns.ndim == 1 else columns[:, at]
    if values.dtype.kind == "U":
        return np.unique(values, return_inverse=True)[1].reshape(values.shape)
    return values.astype(np.int64) if WHOLE and np.all(values == np.floor(values)) else np.array(values)
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


def data_function(model: Model, spec: DataSpec, path: str, kernels: Kernels) -> tuple[list[str], set[str]]:
    """`data()` with what it needs, and further imports; nothing for sources that only the tool can read."""
    reader = {"csv": _TABLE_CSV, "npz": _TABLE_NPZ, "npy": _TABLE_NPY}.get(spec.kind)
    found = [(model.find(c.name), c.formula) for c in spec.columns]
    fed = {node.path: formula for node, formula in found if node is not None and node.op == "input"}
    if reader is None or (spec.columns and not fed):
        return [], set()
    options = "".join(f", {name}={value!r}" for name, value in spec.options.items())
    lines = [
        "def data():",
        f'    """The inputs, as the data block `{spec.name}` computes them."""',
        f"    table = read_table(Path(__file__).parent / {quoted(path)}{options})",
    ]
    if fed:
        lines.append("    return {")
        lines += [f"        {quoted(name)}: {_text(formula, kernels).text}," for name, formula in fed.items()]
        lines.append("    }")
    else:
        names = list(model.inputs)
        lines.append(f"    return {{name: column(table, name) for name in {names!r} if name in table[0]}}")
    whole = f"# Numbers in a CSV file have no kind of their own.\nWHOLE = {spec.kind == 'csv'}"
    imports = {"from pathlib import Path"} | ({"import re"} if spec.kind == "csv" else set())
    parts = [reader.rstrip(), whole, _COLUMN.rstrip()]
    if any(map(_uses_columns, fed.values())):
        parts.append(_COLUMNS.rstrip())
    return [*parts, "\n".join(lines)], imports


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
    return 2 if formula[0] == "columns" else 1


def _text(formula: Any, kernels: Kernels) -> Text:
    if not isinstance(formula, tuple):
        return Text(repr(formula), ATOM if not repr(formula).startswith("-") else 11)
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
    return kernels.call(op, texts, given)
