"""Rows of the data as inputs of a model, a batch at a time, and which rows are learned from in which order.

The order is a pure function of the seed and the epoch, so that a training run can be taken up in the middle
of an epoch, and an exported script draws the same batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np

from graphlang.diagnostics import GraphlangError, Problems
from graphlang.graph.labels import classes_picked
from graphlang.graph.model import DataSpec, Model
from graphlang.records import Record
from graphlang.run import datasets, feeds
from graphlang.run.rows import Rows
from graphlang.types.tensor import DType

Inputs = dict[str, np.ndarray]
# Rows of an epoch that are put in order all at once take at most so many bytes.
_IN_ORDER_BYTES = 1 << 25
# Of rows that are not in memory so many tell one file from another.
_SAMPLED = 256


class Feed:
    """The inputs of a model for any rows of its data.

    Parameters
    ----------
    model : Model
    rows : Rows or None
        None where the file has no data: then every input has its default or is fed as a whole.
    spec : DataSpec or None
        Where the rows are from.
    fixed : mapping of str to array
        Inputs that are the same for every batch.
    dtype : numpy float type
        Precision of floats.
    problems : Problems
        Gets what `datasets.fit_inputs` reports about the columns.

    Attributes
    ----------
    count : int
        How many rows there are; 0 without data.
    names : tuple of str
        The inputs that the rows feed.
    """

    def __init__(
        self,
        model: Model,
        rows: Rows | None,
        spec: DataSpec | None,
        fixed: Mapping[str, np.ndarray],
        dtype: type[np.floating[Any]],
        problems: Problems,
    ):
        self._model, self._rows, self._spec, self._dtype = model, rows, spec, dtype
        self._fixed = dict(fixed)
        self._constant: Inputs = {}
        self._whole: Inputs | None = None
        self._lines: dict[str, str] = {}
        self._row_bytes: int | None = None
        self._digest: str | None = None
        self.count = 0
        if rows is not None and spec is not None:
            self.count = rows.count
            sample = rows.arrays if rows.arrays is not None else rows.take(np.arange(min(rows.count, 1)))
            self._classes = classes_picked(model)
            fitting = datasets.fit_inputs(model, spec, sample, problems, self._classes)
            self._lines = {
                node.path: name
                for name in rows.names
                if (node := model.find(name)) is not None and node.path in fitting
            }
            self._lines = {path: name for path, name in self._lines.items() if path not in self._fixed}
            if rows.arrays is not None:
                whole = rows.arrays
                self._whole = {p: self._typed(p, whole[name]) for p, name in self._lines.items()}
        self.names = tuple(self._lines)

    def bind(self, count: int, problems: Problems) -> dict[str, int]:
        """The free sizes of a batch of `count` rows; also gives the other inputs their values."""
        fed = {**self._fixed, **self._of_rows(np.arange(count))}
        arrays, sizes = feeds.bind_inputs(self._model, fed, problems, precision=self._dtype)
        self._constant = {
            path: self._typed(path, array) for path, array in arrays.items() if path not in self._lines
        }
        return sizes

    def take(self, indices: np.ndarray | slice) -> Inputs:
        """Every input's value for these rows, in the precision of the run.

        A `slice` may be given where the data are in memory.
        """
        return {**self._constant, **self._of_rows(indices)}

    def several(self, parts: Iterator[np.ndarray | slice]) -> Iterator[Inputs]:
        """Every input's value for one part of the rows after the other.

        Small data in memory are put in order once, so that each part is a view.
        """
        if self._whole is None or self.count * self.row_bytes() > _IN_ORDER_BYTES:
            yield from map(self.take, parts)
            return
        known = list(parts)
        numbers = [part for part in known if isinstance(part, np.ndarray)]
        if len(numbers) < max(2, len(known)):
            yield from map(self.take, known)
            return
        whole, at = self._of_rows(np.concatenate(numbers)), 0
        for part in numbers:
            stop = at + len(part)
            yield {**self._constant, **{path: array[at:stop] for path, array in whole.items()}}
            at = stop

    @property
    def is_in_memory(self) -> bool:
        """Whether all rows are held as arrays."""
        return self._rows is None or self._whole is not None

    def digest(self) -> str:
        """A fingerprint of all rows that are in memory, or of some that are read as they are needed."""
        if self._digest is None:
            arrays = self._whole
            if arrays is None:
                some = np.unique(np.linspace(0, max(0, self.count - 1), _SAMPLED).astype(np.int64))
                arrays = self._of_rows(some[: self.count])
            found = blake2b(digest_size=16)
            for path, array in sorted(arrays.items()):
                found.update(f"{path} {array.dtype} {array.shape}".encode())
                found.update(array.data)
            self._digest = found.hexdigest()
        return self._digest

    def row_bytes(self) -> int:
        """What one row takes in memory."""
        if self._row_bytes is None:
            sample = self._of_rows(np.arange(min(1, self.count)))
            self._row_bytes = sum(a.nbytes for a in sample.values())
        return self._row_bytes

    def _of_rows(self, indices: np.ndarray | slice) -> Inputs:
        if self._whole is not None:
            return {path: array[indices] for path, array in self._whole.items()}
        if self._rows is None:
            return {}
        if isinstance(indices, slice):
            indices = np.arange(self.count)[indices]
        found = self._rows.take(indices)
        self._check_entries(found)
        return {path: self._typed(path, found[name]) for path, name in self._lines.items()}

    def _check_entries(self, arrays: Inputs) -> None:
        """Rows that are read as they are needed may hold what their input does not take."""
        problems = Problems()
        assert self._spec is not None
        datasets.fit_inputs(self._model, self._spec, arrays, problems, self._classes)
        if problems.has_errors:
            raise GraphlangError(problems)

    def _typed(self, path: str, array: np.ndarray) -> np.ndarray:
        dtype = self._model.by_path[path].type.dtype
        kind = {DType.FLOAT: self._dtype, DType.INT: np.int64, DType.BOOL: np.bool_}[dtype]
        with np.errstate(over="ignore"):
            # `ascontiguousarray` would make a vector of a number.
            typed: np.ndarray = np.asarray(array, dtype=kind, order="C")
        if typed.dtype != array.dtype and typed.dtype.kind == "f" and not np.isfinite(typed).all():
            self._check_range(path, array, typed)
        return typed

    def _check_range(self, path: str, array: np.ndarray, typed: np.ndarray) -> None:
        """Refuse numbers that the precision of the run has no place for."""
        large = array[np.isfinite(array) & ~np.isfinite(typed)]
        if large.size:
            problems = Problems()
            problems.error(
                "E0806",
                self._model.by_path[path].span,
                f"`{path}` is fed {large.flat[0]:g}, which is too large for {typed.dtype}.",
                suggestion="Scale it in the data block, or compute with `--dtype float64`.",
            )
            raise GraphlangError(problems)


# --- order ---------------------------------------------------------------------------------------------


class Split(Record):
    """The rows to learn from and the rows held out, each in the order of the data.

    None for `learn` means all rows; `held` is then empty.
    """

    count: int
    learn: np.ndarray | None
    held: np.ndarray

    @property
    def size(self) -> int:
        """How many rows are learned from."""
        return self.count if self.learn is None else len(self.learn)


def split_rows(count: int, holdout: float, seed: int, added: int = 0) -> Split:
    """Hold out a share of the rows, drawn with the seed; at least one row stays to learn from.

    The last `added` rows are all learned from, and which of the others are held out does not depend on them.
    """
    drawn = count - added
    held = min(round(drawn * holdout), drawn - 1)
    if held <= 0:
        return Split(count, None, np.arange(0))
    order = np.random.default_rng([seed, *b"holdout"]).permutation(drawn)
    return Split(count, np.append(np.sort(order[held:]), np.arange(drawn, count)), np.sort(order[:held]))


def batches_of_epoch(
    split: Split, epoch: int, *, batch: int | None, shuffle: bool, seed: int
) -> Iterator[np.ndarray | slice]:
    """The rows of each batch of an epoch (from 0), as indices; the last batch may be smaller.

    Full batches (`batch` None) are taken in the order of the data, since their order does not matter.
    """
    size = split.size
    if batch is None or batch >= size:
        yield slice(None) if split.learn is None else split.learn
        return
    order = np.random.default_rng([seed, *b"epoch", epoch]).permutation(size) if shuffle else None
    for start in range(0, size, batch):
        stop = min(start + batch, size)
        if order is None:
            yield slice(start, stop) if split.learn is None else split.learn[start:stop]
        else:
            part = order[start:stop]
            yield part if split.learn is None else split.learn[part]


def count_batches(size: int, batch: int | None) -> int:
    """Batches in an epoch of `size` rows; one without data."""
    return 1 if batch is None or batch >= size else -(-size // batch)
