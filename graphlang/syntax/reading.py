"""From a file's bytes to text: UTF-8 with or without byte-order mark; every failure is a diagnostic."""

from __future__ import annotations

import os
import sys

from graphlang.diagnostics.diagnostic import Outcome, Problems
from graphlang.source import SourceFile, Span

# A device such as /dev/zero never ends; a million statements are some 30 MiB.
MAX_BYTES = 256 << 20
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def read_source(path: str, name: str | None = None) -> Outcome[SourceFile]:
    """The text of a file, or of standard input for `-`.

    Parameters
    ----------
    path : str
        The file, or `-`.
    name : str, optional
        What messages call it; the path as given, or `<stdin>`.

    Returns
    -------
    Outcome of SourceFile
        With an empty or partly decoded text if there are problems.
    """
    shown = name or ("<stdin>" if path == "-" else path)
    problems = Problems()
    where = None if path == "-" else path
    try:
        data = _read(path)
    except (OSError, ValueError) as error:
        problems.error("E0110", None, f"Cannot read `{shown}`: {_reason(error)}.", suggestion=_advice(error))
        return Outcome(SourceFile(shown, "", where), problems)
    return decode_source(data, shown, where)


def _read(path: str) -> bytes:
    """A file's bytes; one byte more than is allowed is enough to know that it is too long."""
    if path == "-":
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"it is longer than {MAX_BYTES >> 20} MiB, which no model is")
    return data


def decode_source(data: bytes, name: str, path: str | None = None) -> Outcome[SourceFile]:
    """The text that bytes stand for; bytes that are no text are reported where they are."""
    problems = Problems()
    if data.startswith(_UTF16_MARKS):
        problems.error(
            "E0111",
            None,
            f"`{name}` is encoded as UTF-16.",
            suggestion="Save it as UTF-8.",
        )
        return Outcome(SourceFile(name, "", path), problems)
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        source = SourceFile(name, data.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        source = SourceFile(name, data.decode("utf-8", "replace"), path)
        at = len(data[: error.start].decode("utf-8"))
        message = f"The byte 0x{data[error.start]:02X} is not UTF-8."
        hint = "Save the file as UTF-8."
        problems.error("E0111", Span(source, at, at + 1), message, suggestion=hint)
    at = source.text.find("\0")
    if at >= 0:
        message = "There is a NUL byte in the text."
        hint = "This looks like a binary file." if source.text.count("\0") > 4 else "Remove it."
        problems.error("E0112", Span(source, at, at + 1), message, suggestion=hint)
    return Outcome(source, problems)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, IsADirectoryError):
        return "it is a directory"
    if isinstance(error, PermissionError):
        return "permission denied"
    reason = getattr(error, "strerror", None) or str(error)
    return reason[:1].lower() + reason[1:]


def _advice(error: OSError | ValueError) -> str | None:
    if not isinstance(error, FileNotFoundError) or not error.filename:
        return None
    with_suffix = f"{str(error.filename).rstrip(os.sep)}.graph"
    return f"Did you mean `{with_suffix}`?" if os.path.exists(with_suffix) else None
