"""The address of a file's page, kept from one start to the next, so that an open page finds its server again.

Browsers keep what a page saves by the page's origin, which has the port in it; and an old page knows an old
token. So both are written down for the user alone, beside the grammar's cache. What cannot be read is made
anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from graphlang.syntax.grammar import cache_folder

_TOKEN = re.compile(r"[\w-]{32,128}\Z", re.ASCII)


def new_token() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


def remembered(path: str) -> tuple[int, str]:
    """The port (0: any) and the token of the last server for a file or folder, or new ones."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        place = _place(path)
        if _is_own(place):
            found = json.loads(place.read_text(encoding="utf-8"))
            port, token = found["port"], found["token"]
            if type(port) is int and 1024 <= port < 65536 and _TOKEN.match(token):
                return port, token
    return 0, new_token()


def remember(path: str, port: int, token: str) -> None:
    """Write down where the server of a file or folder is; a cache that cannot be written is no error."""
    with suppress(OSError):
        place = _place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(f".{os.getpid()}.part")
        with suppress(FileNotFoundError):
            beside.unlink()
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"port": port, "token": token}, file)
        beside.replace(place)


def _is_own(place: Path) -> bool:
    """Whether this user has written a file, and nobody else can read it."""
    about = place.stat()
    return not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o077)


def _place(path: str) -> Path:
    key = hashlib.sha256(os.path.realpath(path).encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return Path(cache_folder()) / f"play-{key}.json"
