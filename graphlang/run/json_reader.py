"""Values of inputs in JSON: an object from names to numbers, booleans or nested lists of them.

"nan", "inf" and "-inf" are strings, as `run --json` prints them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphlang.run.files import Place, listed, printable, read_text

_SPECIAL = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}


def read_json(path: str, place: Place) -> dict[str, np.ndarray] | None:
    """The arrays of a JSON file by name; None after an error."""
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


class _BadJsonError(ValueError):
    """A part of the JSON text that cannot be fed."""


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
