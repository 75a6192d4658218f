"""Opening what the user names: every way in which a file can fail to be there becomes a diagnostic.

Files are opened only when they are regular files: a folder, a pipe or a device is named as such and never
waited for. Text is UTF-8, with or without a byte-order mark.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable

from graphlang.diagnostics import Label, Problems
from graphlang.diagnostics.suggest import nearest
from graphlang.records import Record
from graphlang.source import SourceFile, Span

# More than this in one array is taken for a mistake, or an attack, rather than read.
MAX_BYTES = 16 << 30


class Place(Record):
    """Where to report what is wrong with a file: a code of the catalogue, and where the file is named."""

    problems: Problems
    code: str
    span: Span | None = None

    def error(self, message: str, *, notes: Iterable[str] = (), suggestion: str | None = None) -> None:
        """Report at the place where the file is named."""
        self.problems.error(self.code, self.span, message, notes=notes, suggestion=suggestion)

    def error_in(self, span: Span, message: str, *, label: str = "", suggestion: str | None = None) -> None:
        """Report at a place in the file itself, with a pointer to where it is named."""
        related = [Label(self.span, "read here")] if self.span else []
        self.problems.error(self.code, span, message, label=label, related=related, suggestion=suggestion)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A suggestion with the closest known name."""
    meant = nearest(name, known)
    return f"Did you mean `{meant}`?" if meant is not None else None


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names for a message: the first ones, and how many more there are."""
    every = [f"`{n}`" for n in names]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def is_readable_file(path: str, place: Place) -> bool:
    """Whether `path` is a regular file; reports why not."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        _report_missing(path, place)
        return False
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        place.error(f'"{printable(path)}" cannot be read: {reason(error)}.')
        return False
    if stat.S_ISDIR(mode):
        place.error(f'"{path}" is a folder, not a file.', suggestion=_files_in(path))
        return False
    if not stat.S_ISREG(mode):
        place.error(f'"{path}" is a device or a pipe, not a file.')
        return False
    return True


def read_bytes(path: str, place: Place) -> bytes | None:
    """A regular file's bytes."""
    if not is_readable_file(path, place):
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, MemoryError) as error:
        place.error(f'"{path}" cannot be read: {reason(error)}.')
        return None


def read_text(path: str, place: Place) -> SourceFile | None:
    """A regular file's text, ready to be pointed into."""
    data = read_bytes(path, place)
    return None if data is None else decode(data, path, place)


def decode(data: bytes, path: str, place: Place) -> SourceFile | None:
    """Bytes as text: UTF-8 without NUL characters; lone carriage returns end lines."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "Save it as UTF-8."
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            hint = "It looks like UTF-16: save it as UTF-8."
        elif data.startswith((b"PK\x03\x04", b"\x93NUMPY", b"PAR1")):
            hint = "It looks like a binary file: is its ending right?"
        place.error(
            f'"{path}" is not UTF-8 text: line {line} has the byte 0x{data[error.start]:02x}.',
            suggestion=hint,
        )
        return None
    except MemoryError:
        place.error(f'"{path}" does not fit into memory.')
        return None
    if "\r" in text and "\n" not in text:
        text = text.replace("\r", "\n")
    source = SourceFile(path, text, path)
    nul = text.find("\0")
    if nul >= 0:
        line, column = source.position(nul)
        place.error(f'"{path}" has a NUL character at line {line}, column {column}: it is not plain text.')
        return None
    return source


def reason(error: BaseException) -> str:
    """Why the operating system or Python refused, in a few words."""
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, MemoryError):
        return "it does not fit into memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    text = str(error).strip().rstrip(".")
    return text.splitlines()[0] if text else type(error).__name__


def printable(text: str) -> str:
    """Text from outside, safe to print: control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def _report_missing(path: str, place: Place) -> None:
    folder = os.path.dirname(path) or "."
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        place.error(
            f'There is no file "{printable(path)}".', notes=[f'There is no folder "{printable(folder)}".']
        )
        return
    meant = nearest(os.path.basename(path), names)
    suggestion = f'Did you mean "{printable(os.path.join(os.path.dirname(path), meant))}"?' if meant else None
    place.error(f'There is no file "{printable(path)}".', suggestion=suggestion)


def _files_in(folder: str) -> str | None:
    try:
        names = sorted(n for n in os.listdir(folder) if n.endswith((".csv", ".npz", ".npy", ".json")))
    except OSError:
        return None
    return f'Name a file in it, such as "{printable(os.path.join(folder, names[0]))}".' if names else None
