"""Files that feed inputs: values by name from `.npz`, `.json` and `.csv`.

In a CSV file the first line names inputs: a column `x` is an array of shape [rows], columns `x[0]`, `x[1]`, …
are one input of shape [rows, columns]. A CSV file with one row may also feed scalars. NumPy files hold arrays
by name, JSON is an object from names to numbers and lists.
"""

from __future__ import annotations

import os
import re

import numpy as np

from graphlang.diagnostics import Problems
from graphlang.run.binding import bind_inputs
from graphlang.run.csv_reader import read_csv
from graphlang.run.files import Place, listed, printable
from graphlang.run.json_reader import read_json
from graphlang.run.npy_reader import read_npz

__all__ = ["bind_inputs", "read_feed"]

_INDEXED = re.compile(r"(.+)\[(\d{1,9})\]\Z")


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
    reader = {".npz": _read_npz, ".json": read_json, ".csv": _read_csv}.get(ending)
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
