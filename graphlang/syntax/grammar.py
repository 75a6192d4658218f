"""The grammar made ready: finds `graphlang.lark`, has Lark build its LALR(1) tables once, and keeps them.

Building the tables takes Lark about a quarter of a second, which is too much for a command that answers in
a tenth. So what Lark computed (`tables.py`) is written to the user's cache folder as plain JSON, under a name
that changes with the grammar and Python; where it is found there, Lark is not even imported. The cache is
never trusted: whatever cannot be read, or does not carry the checksum that it should, is ignored and made
again; a folder that cannot be written is no error.

Invariant: a grammar from the cache and one built afresh parse every text alike.
"""

from __future__ import annotations

import json
import os
import re
import sys
import zlib
from contextlib import suppress
from functools import lru_cache
from typing import Any

from graphlang.records import Record

# Counts changes of the cache's own layout; the grammar's text is part of the key anyway.
_FORMAT = "5"


class Bundle:
    """What an anonymous repetition (`x*`) has gathered, until the rule around it takes the parts over."""

    __slots__ = ("children",)

    def __init__(self, children: list[Any]) -> None:
        self.children = children


class Production(Record):
    """One alternative of a rule, and how Lark shapes its parts.

    Attributes
    ----------
    origin : str
        The rule.
    size : int
        How many symbols it has.
    makes : str
        The rule or alternative that names what makes its value.
    is_single : bool
        Whether one part alone is its own value (`?rule`).
    picked : tuple of (int, bool, int), or None
        The parts that are taken: which, whether it is a `Bundle` whose children are taken in its place, and
        how many Nones come before, for what is optional and absent. None if all are, as they are.
    gaps : int
        How many Nones come at the end.
    """

    origin: str
    size: int
    makes: str
    is_single: bool
    picked: tuple[tuple[int, bool, int], ...] | None
    gaps: int


class Grammar(Record):
    """Everything that reading a file needs.

    Attributes
    ----------
    scanner : compiled pattern
        Skips spaces and matches one token; the group that matched is the token's type, or `LITERAL` for
        operators and punctuation, whose types are in `literals`.
    words, literals : dict of str to str
        Token types of the keywords, and of operators and punctuation.
    rules : list of Production
    actions : list of dict
        Lark's LALR(1) table: for each state and symbol the state to shift to, or `~r` to reduce by
        `rules[r]`.
    start : int
        The state to begin with.
    """

    scanner: re.Pattern[str]
    words: dict[str, str]
    literals: dict[str, str]
    rules: list[Production]
    actions: list[dict[str, int]]
    start: int


@lru_cache(maxsize=1)
def load_grammar() -> Grammar:
    """The grammar of the language, from the cache if it is there."""
    text = grammar_text()
    place = os.path.join(cache_folder(), f"grammar-{_key(text)}.json")
    data = _read(place)
    if data is not None:
        try:
            return _revive(data)
        except Exception:  # A file with the right checksum that cannot be used all the same: make it again.
            pass
    from graphlang.syntax.tables import make_tables

    data = make_tables(text)
    _write(place, data)
    # The data goes through JSON here as well, so that both ways give the same grammar.
    return _revive(json.loads(json.dumps(data)))


def grammar_text() -> str:
    """Text of `graphlang.lark`: inside the package in a wheel, beside it in a checkout."""
    package = os.path.dirname(os.path.dirname(__file__))
    # Unlike `open` it reads from a zip file too, and unlike `importlib.resources` it is there already.
    loader: Any = __spec__.loader
    for folder in (package, os.path.dirname(package)):
        with suppress(OSError):
            return str(loader.get_data(os.path.join(folder, "grammar", "graphlang.lark")), "utf-8")
    raise FileNotFoundError("graphlang.lark is missing from this installation")


def cache_folder() -> str:
    """Where this user's caches belong: `$GRAPHLANG_CACHE_DIR`, or the platform's usual place."""
    chosen = os.environ.get("GRAPHLANG_CACHE_DIR")
    if chosen:
        return chosen
    if base := os.environ.get("XDG_CACHE_HOME"):
        return os.path.join(base, "graphlang")
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(local, "graphlang", "Cache")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "graphlang")
    return os.path.join(home, ".cache", "graphlang")


def _revive(data: dict[str, Any]) -> Grammar:
    """A grammar from JSON values."""
    name = data["symbols"].__getitem__
    return Grammar(
        re.compile(data["scanner"]),
        data["words"],
        data["literals"],
        [_production(*shape) for shape in data["rules"]],
        [dict(zip(map(name, symbols), does, strict=True)) for symbols, does in data["states"]],
        data["start"],
    )


def _production(
    origin: str, size: int, makes: str, is_single: bool, picked: list[list[Any]] | None, gaps: int
) -> Production:
    taken = None if picked is None else tuple([(at, expands, before) for at, expands, before in picked])
    return Production(origin, size, makes, is_single, taken, gaps)


# --- the cache -----------------------------------------------------------------------------------


def _key(text: str) -> str:
    """Names the cache file: everything that the tables depend on."""
    return _checksum("\0".join((_FORMAT, sys.version, text)).encode())


def _checksum(data: bytes) -> str:
    """Tells files that were damaged, or that are of another version; not a defence against anybody."""
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}{len(data):08x}"


def _read(place: str) -> dict[str, Any] | None:
    """The cached data, or None if there is none that can be relied on."""
    try:
        with open(place, "rb") as file:
            checksum, _, payload = file.read().partition(b"\n")
        if _checksum(payload).encode() != checksum:
            return None
        data = json.loads(payload)
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _write(place: str, data: dict[str, Any]) -> None:
    """Store the data, written beside and renamed, so that nobody ever reads half a file."""
    from tempfile import mkstemp

    payload = json.dumps(data, separators=(",", ":"), sort_keys=True).encode()
    folder = os.path.dirname(place)
    try:
        os.makedirs(folder, exist_ok=True)
        handle, name = mkstemp(dir=folder, prefix=".grammar-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(payload).encode() + b"\n" + payload)
            os.replace(name, place)
        except OSError:
            os.unlink(name)
    except OSError:
        pass  # A read-only home: the next start builds the tables again.
