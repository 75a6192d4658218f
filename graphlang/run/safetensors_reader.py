"""The safetensors format, read strictly and written: named arrays without any code in them.

A file is the length of its header (8 bytes, little endian), the header in JSON (name -> dtype, shape and
the first and last byte of the data), and the bytes of all arrays one after the other. Everything the header
says is checked against the file before memory is asked for: offsets neither overlap nor leave gaps, and each
array has just the bytes that its shape needs.

References
----------
.. [1] Hugging Face, "Safetensors: format", https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import math
import os
from typing import IO, Any

import numpy as np

from graphlang.run.files import MAX_BYTES, Place, is_readable_file, listed, printable, reason

_MAX_HEADER = 100_000_000
_MAX_RANK = 32
_DTYPES = {
    "BOOL": "|b1", "U8": "|u1", "I8": "|i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
# NumPy has no bfloat16: its 16 bits are the upper half of a float32.
_BFLOAT16 = "BF16"
_NAMES = {np.dtype(v): k for k, v in _DTYPES.items()}


class _BadFileError(ValueError):
    """What is wrong with the file; turned into a diagnostic before it leaves this module."""


def read_safetensors(path: str, place: Place) -> dict[str, np.ndarray] | None:
    """The arrays in a `.safetensors` file by name, in the order of their bytes."""
    if not is_readable_file(path, place):
        return None
    try:
        with open(path, "rb") as file:
            return _read(file, os.fstat(file.fileno()).st_size)
    except _BadFileError as error:
        place.error(f'"{path}" is not a proper safetensors file: {error}.')
    except (OSError, MemoryError) as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
    return None


def write_safetensors(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays by name; the same arrays always give the same bytes."""
    # Wide entries first, so that every array begins at a multiple of its entries' size.
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    header: dict[str, Any] = {}
    end = 0
    for name in order:
        array = arrays[name]
        start, end = end, end + array.nbytes
        dtype = _NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for name in order:
        array = arrays[name]
        file.write(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())


def _read(file: IO[bytes], size: int) -> dict[str, np.ndarray]:
    prefix = file.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > min(_MAX_HEADER, size - 8):
        raise _BadFileError("it ends within its header")
    header = _header(file.read(length))
    entries = sorted(
        ((name, *_entry(name, entry)) for name, entry in header.items()), key=lambda e: (e[3], e[4])
    )
    end = 0
    for name, _, _, start, stop in entries:
        if start != end:
            raise _BadFileError(
                f"the bytes of `{printable(name)}` {'overlap others' if start < end else 'leave a gap'}"
            )
        end = stop
    if end != size - 8 - length:
        raise _BadFileError(f"its header declares {end} bytes of data, but it has {size - 8 - length}")
    return {name: _array(file, dtype, shape, stop - start) for name, dtype, shape, start, stop in entries}


def _header(text: bytes) -> dict[str, Any]:
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (UnicodeDecodeError, RecursionError, json.JSONDecodeError):
        raise _BadFileError("its header is not JSON") from None
    except _BadFileError:
        raise
    except ValueError:  # an integer of thousands of digits
        raise _BadFileError("its header is broken") from None
    if not isinstance(header, dict):
        raise _BadFileError("its header is not a JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _BadFileError("its metadata are not texts")
    return header


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [n for n, _ in pairs]
        raise _BadFileError(
            f"its header names {listed(sorted({printable(n) for n in names if names.count(n) > 1}))} twice"
        )
    return found


def _entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    quoted = f"`{printable(name)}`"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _BadFileError(f"the entry of {quoted} is broken")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or (dtype not in _DTYPES and dtype != _BFLOAT16):
        raise _BadFileError(
            f"{quoted} has entries of type `{printable(str(dtype)[:20])}`, which NumPy cannot hold"
        )
    if not _are_counts(shape) or len(shape) > _MAX_RANK or not _are_counts(offsets) or len(offsets) != 2:
        raise _BadFileError(f"the entry of {quoted} is broken")
    itemsize = 2 if dtype == _BFLOAT16 else np.dtype(_DTYPES[dtype]).itemsize
    start, stop = offsets
    if math.prod(s for s in shape if s) > MAX_BYTES:
        raise _BadFileError(f"{quoted} declares the shape `{str(shape)[:60]}`")
    if stop - start != math.prod(shape) * itemsize:
        raise _BadFileError(
            f"{quoted} of shape {shape} needs {math.prod(shape) * itemsize} bytes, not {stop - start}"
        )
    return dtype, tuple(shape), start, stop


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(v) is int and v >= 0 for v in value)


def _array(file: IO[bytes], dtype: str, shape: tuple[int, ...], size: int) -> np.ndarray:
    data = file.read(size)
    if len(data) < size:
        raise _BadFileError("it ends within its data")
    if dtype == _BFLOAT16:
        upper = np.frombuffer(data, dtype="<u2").astype(np.uint32)
        return (upper << 16).view(np.float32).reshape(shape)
    stored = np.dtype(_DTYPES[dtype])
    if dtype == "BOOL" and any(b > 1 for b in set(data)):
        raise _BadFileError("a boolean is neither 0 nor 1")
    return np.frombuffer(data, dtype=stored).astype(stored.newbyteorder("=")).reshape(shape)
