"""Parameters and states kept in files, by path: `.npz` and `.safetensors`.

A file is written beside its place and then renamed, so that there is either the old one or the whole new
one; the same arrays always give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from graphlang.diagnostics import Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.files import replace_file
from graphlang.graph.model import Model
from graphlang.graph.node import Node
from graphlang.run.files import Place, listed, printable, reason
from graphlang.run.npy_reader import read_npz, write_npz
from graphlang.run.safetensors_reader import read_safetensors, write_safetensors
from graphlang.types.tensor import DType, shape_text

_READERS = {".npz": read_npz, ".safetensors": read_safetensors}
_WRITERS = {".npz": write_npz, ".safetensors": write_safetensors}
_KINDS = {DType.FLOAT: "f", DType.INT: "iu", DType.BOOL: "b"}
_NUMPY = {DType.INT: np.int64, DType.BOOL: np.bool_}
# More mistakes than this of one sort are summed up: the file belongs to another model.
_SHOWN = 8


def read_weights(path: str, problems: Problems) -> dict[str, np.ndarray]:
    """Read arrays by name.

    Parameters
    ----------
    path : str
        Ends in `.npz` or `.safetensors`.
    problems : Problems
        Gets E0906 if the file cannot be read.

    Returns
    -------
    dict of str to array, in the order of the file; empty after an error
    """
    place = Place(problems, "E0906")
    reader = _READERS.get(os.path.splitext(path)[1].lower())
    if reader is None:
        _report_ending(path, place)
        return {}
    arrays = reader(path, place)
    if arrays == {}:
        place.error(f'"{path}" holds no arrays.')
    return arrays or {}


def fit_weights(
    model: Model, weights: Mapping[str, np.ndarray], problems: Problems, *, is_partial: bool = False
) -> dict[str, np.ndarray]:
    """Give every parameter and state of a model its array, or some of them if `is_partial`.

    Parameters
    ----------
    model : Model
    weights : mapping of str to array
        By path of a parameter or state.
    problems : Problems
        Gets E0907 for each that is missing, unknown, or of another shape or type.

    Returns
    -------
    dict of str to array, in the model's order
        Those that fit. Floats keep their precision; integers are int64.
    """
    kept = {**model.params, **model.states}
    unknown = [name for name in weights if name not in kept]
    missing = {path: node for path, node in kept.items() if path not in weights}
    _report_unknown(unknown, kept, missing, problems)
    if not is_partial:
        _report_missing(missing, problems)
    fitting: dict[str, np.ndarray] = {}
    for path, node in kept.items():
        if path in weights:
            array = _fitted(node, np.asarray(weights[path]), problems)
            if array is not None:
                fitting[path] = array
    return fitting


def write_weights(path: str, arrays: Mapping[str, np.ndarray], problems: Problems) -> bool:
    """Write arrays by name, completely or not at all.

    Parameters
    ----------
    path : str
        Ends in `.npz` or `.safetensors`.
    arrays : mapping of str to array of floats, integers or booleans
    problems : Problems
        Gets E0906 if the file cannot be written.

    Returns
    -------
    bool
        Whether it was written.
    """
    place = Place(problems, "E0906")
    writer = _WRITERS.get(os.path.splitext(path)[1].lower())
    if writer is None:
        _report_ending(path, place)
        return False
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    for name, array in whole.items():
        if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
            place.error(f"`{printable(name)}` holds {array.dtype}, which is not written to files.")
            return False
    try:
        replace_file(path, lambda file: writer(file, whole))
    except (OSError, ValueError, MemoryError) as error:  # ValueError: a NUL in the name
        place.error(f'"{printable(path)}" cannot be written: {reason(error)}.')
        return False
    return True


def _fitted(node: Node, array: np.ndarray, problems: Problems) -> np.ndarray | None:
    if array.shape != node.shape:
        declared, found = shape_text(node.shape), shape_text(array.shape)
        problems.error(
            "E0907",
            node.span,
            f"`{node.path}` has shape {declared}, but the weights have {found} for it.",
            label="declared here",
            suggestion="The weights were saved by a model of other sizes: use its constants.",
        )
        return None
    if array.dtype.kind not in _KINDS[node.type.dtype]:
        problems.error(
            "E0907",
            node.span,
            f"`{node.path}` holds {_called(node.type.dtype)}, but the weights have {array.dtype} for it.",
            label="declared here",
        )
        return None
    return array if node.type.is_float else array.astype(_NUMPY[node.type.dtype], copy=False)


def _called(dtype: DType) -> str:
    return {DType.FLOAT: "floats", DType.INT: "integers", DType.BOOL: "booleans"}[dtype]


def _report_unknown(
    unknown: list[str], kept: Mapping[str, Node], missing: Mapping[str, Node], problems: Problems
) -> None:
    for name in unknown[:_SHOWN]:
        meant = nearest(name, missing) or nearest(name, kept)
        problems.error(
            "E0907",
            None,
            f"The weights have `{printable(name)}`, but the model has no such parameter or state.",
            notes=[] if meant else [f"It has {listed(kept)}."] if kept else ["It has none at all."],
            suggestion=f"Did you mean `{meant}`?" if meant else None,
        )
    if len(unknown) > _SHOWN:
        problems.error(
            "E0907",
            None,
            f"The weights have {len(unknown) - _SHOWN} more names that the model does not know.",
        )


def _report_missing(missing: Mapping[str, Node], problems: Problems) -> None:
    if len(missing) > _SHOWN:
        problems.error(
            "E0907", None, f"The weights lack {len(missing)} of the model's paths: {listed(missing)}."
        )
        return
    for path, node in missing.items():
        problems.error(
            "E0907", node.span, f"The weights have nothing for `{path}`.", label=f"declared here, {node.type}"
        )


def _report_ending(path: str, place: Place) -> None:
    place.error(
        f'"{printable(path)}" does not end in .npz or .safetensors.',
        suggestion="Weights are kept in one of the two.",
    )
