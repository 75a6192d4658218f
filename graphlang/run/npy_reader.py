"""NumPy's array files, read strictly: `.npy`, and `.npz`, which is a zip file of them.

Only plain arrays of numbers, booleans and texts are read, never Python objects. A file has to hold exactly
as many bytes as its header declares, which is checked before any memory is asked for.

References
----------
.. [1] NumPy enhancement proposal 1, "A simple file format for NumPy arrays".
"""

from __future__ import annotations

import ast
import io
import math
import os
import re
import struct
import zipfile
import zlib
from typing import IO, Any

import numpy as np

from graphlang.records import Record
from graphlang.run.files import MAX_BYTES, Place, is_readable_file, printable, reason

_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|U\d{1,6})\Z")
_MAX_HEADER = 1 << 16
# Bytes that are read at once.
_AT_ONCE = 1 << 20
_MAX_RANK = 32
# No file has more entries, and their bytes can be counted in 64 bits.
_MAX_ENTRIES = 1 << 48
_LOCAL_HEADER = 30
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    RuntimeError,  # an encrypted member
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
    struct.error,
    LookupError,
)


class BadArrayError(ValueError):
    """What is wrong with an array's bytes; turned into a diagnostic before it leaves this module."""


class ArrayHeader(Record):
    """What an array's header declares, and where its numbers begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool
    start: int

    @property
    def nbytes(self) -> int:
        """Bytes of all entries."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: str, place: Place) -> np.ndarray | None:
    """The array in a `.npy` file."""
    if not is_readable_file(path, place):
        return None
    try:
        with open(path, "rb") as file:
            return _array(file, os.fstat(file.fileno()).st_size)
    except BadArrayError as error:
        place.error(f'"{path}" cannot be read: {error}.')
    except (OSError, MemoryError) as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
    return None


def read_npy_header(path: str, place: Place) -> ArrayHeader | None:
    """What the header of a `.npy` file declares."""
    if not is_readable_file(path, place):
        return None
    try:
        with open(path, "rb") as file:
            return _checked_header(file, os.fstat(file.fileno()).st_size)
    except BadArrayError as error:
        place.error(f'"{path}" cannot be read: {error}.')
    except (OSError, MemoryError) as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
    return None


class Entry(Record):
    """An array in a `.npz` file: its header, and where its numbers begin in the file (None: compressed)."""

    header: ArrayHeader
    start: int | None


def read_npz(path: str, place: Place, only: str | None = None) -> dict[str, np.ndarray] | None:
    """The arrays in a `.npz` file by name, in its order, or `only` one; what is broken is reported."""
    return _members(path, place, lambda archive, member, file: _array(file, member.file_size), only)


def read_npz_headers(path: str, place: Place) -> dict[str, ArrayHeader] | None:
    """What the headers in a `.npz` file declare, by name."""
    return _members(path, place, lambda archive, member, file: _checked_header(file, member.file_size))


def read_npz_entries(path: str, place: Place) -> dict[str, Entry] | None:
    """What the headers in a `.npz` file declare, and where arrays that are not compressed stand in it."""
    return _members(path, place, _entry)


def _members(path: str, place: Place, read: Any, only: str | None = None) -> dict[str, Any] | None:
    if not is_readable_file(path, place):
        return None
    found: dict[str, Any] = {}
    is_good = True
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                if name in found:
                    place.error(f'"{path}" has two arrays called `{printable(name)}`.')
                    is_good = False
                    continue
                if only not in (None, name):
                    continue
                try:
                    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise BadArrayError("its compression is not one that NumPy uses")
                    with archive.open(member) as file:
                        found[name] = read(archive, member, file)
                except BadArrayError as error:
                    place.error(f'`{printable(name)}` in "{path}" cannot be read: {error}.')
                    is_good = False
    except zipfile.BadZipFile as error:
        place.error(
            f'"{path}" is not a complete .npz file: {reason(error)}.',
            suggestion="Write it with `numpy.savez`.",
        )
        return None
    except ZIP_ERRORS as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
        return None
    return found if is_good else None


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: IO[bytes]) -> Entry:
    header = _checked_header(file, member.file_size)
    if member.compress_type != zipfile.ZIP_STORED:
        return Entry(header, None)
    raw: Any = archive.fp
    raw.seek(member.header_offset)
    local = raw.read(_LOCAL_HEADER)
    if len(local) < _LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise BadArrayError("it does not stand where the list of arrays says")
    # The lengths of the name and of the extra field, which precede the bytes of the member.
    name, extra = struct.unpack("<HH", local[26:30])
    begin = member.header_offset + _LOCAL_HEADER + name + extra
    if member.compress_size != member.file_size or begin + member.file_size > raw.seek(0, os.SEEK_END):
        raise BadArrayError("it is not as long as the list of arrays says")
    return Entry(header, begin + header.start)


# --- one array -------------------------------------------------------------------------------------


def _checked_header(file: IO[bytes], size: int) -> ArrayHeader:
    header = _header(file)
    if size - header.start != header.nbytes:
        raise BadArrayError(
            f"its header declares {header.nbytes} bytes for the shape {list(header.shape)},"
            f" but it has {size - header.start}"
        )
    return header


def _array(file: IO[bytes], size: int) -> np.ndarray:
    header = _checked_header(file, size)
    if header.nbytes > MAX_BYTES:
        raise BadArrayError(f"it declares the shape {list(header.shape)}, more than {MAX_BYTES >> 30} GiB")
    buffer = np.empty(header.nbytes, dtype=np.uint8)
    fill(file, buffer)
    if header.nbytes and header.dtype.kind == "U" and _has_impossible_characters(buffer, header.dtype):
        raise BadArrayError("it holds characters that do not exist")
    array = buffer.view(header.dtype) if header.nbytes else np.empty(0, dtype=header.dtype)
    order: Any = "F" if header.is_fortran else "C"
    return array.reshape(header.shape, order=order).astype(header.dtype.newbyteorder("="), copy=False)


def _has_impossible_characters(buffer: np.ndarray, dtype: np.dtype[Any]) -> bool:
    # Beyond Unicode, or half of a surrogate pair: neither can be printed.
    points = buffer.view(np.dtype("u4").newbyteorder(dtype.byteorder))
    return bool(((points > 0x10FFFF) | ((points >= 0xD800) & (points <= 0xDFFF))).any())


def fill(file: IO[bytes], buffer: np.ndarray) -> None:
    """Read as many bytes as a uint8 array holds into it; raises `BadArrayError` if the file ends before."""
    view = buffer.data
    done = 0
    while done < len(view):
        # Some at a time, since a member of an archive makes as many bytes anew before it copies them.
        count = file.readinto(view[done : done + _AT_ONCE])  # type: ignore[attr-defined]
        if not count:
            raise BadArrayError(f"it ends after {done} of {len(view)} bytes")
        done += count


def _header(file: IO[bytes]) -> ArrayHeader:
    magic = file.read(8)
    if magic[:6] != b"\x93NUMPY" or len(magic) < 8:
        raise BadArrayError("it is not a NumPy array")
    if magic[6] not in (1, 2, 3):
        raise BadArrayError(f"its format version {magic[6]} is not known")
    width = 2 if magic[6] == 1 else 4
    length_bytes = file.read(width)
    length = int.from_bytes(length_bytes, "little")
    if len(length_bytes) < width or length > _MAX_HEADER:
        raise BadArrayError("its header is broken")
    text = file.read(length)
    if len(text) < length:
        raise BadArrayError("it ends within its header")
    return _parsed(text, 8 + width + length)


def _parsed(text: bytes, start: int) -> ArrayHeader:
    try:
        header = ast.literal_eval(text.decode("utf-8").strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise BadArrayError("its header is broken") from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise BadArrayError("its header is broken")
    descr, shape, is_fortran = header["descr"], header["shape"], header["fortran_order"]
    if isinstance(descr, str) and descr.lstrip("<>|=").startswith("O"):
        raise BadArrayError("it holds Python objects, which are never read")
    if not isinstance(descr, str) or not _DTYPE.match(descr):
        raise BadArrayError(f"it holds `{str(descr)[:40]}`, not numbers")
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MAX_RANK
        or not all(type(s) is int and s >= 0 for s in shape)
        or not isinstance(is_fortran, bool)
        or math.prod(s for s in shape if s) > _MAX_ENTRIES
    ):
        raise BadArrayError(f"its header declares the shape `{str(shape)[:60]}`")
    dtype = np.dtype(descr)
    if dtype.itemsize == 0:
        raise BadArrayError("it holds empty texts")
    return ArrayHeader(dtype, shape, is_fortran, start)


# --- writing ---------------------------------------------------------------------------------------


def npy_bytes(array: np.ndarray) -> bytes:
    """An array as the bytes of a `.npy` file."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
    return buffer.getvalue()


def write_npz(file: IO[bytes], arrays: dict[str, np.ndarray]) -> None:
    """Write arrays by name; the same arrays always give the same bytes (np.savez writes the time)."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.external_attr = 0o644 << 16
            member.create_system = 3
            archive.writestr(member, npy_bytes(array))
