"""What the page can ask of the server: each question is a function from a message to a status and an answer.

Nothing here computes; a tab's worker does. Files are read and written by the rules of `folder.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphlang.server.examples import EXAMPLES, example_text
from graphlang.server.folder import Folder, OutsideError
from graphlang.server.points import read_points
from graphlang.server.process import StoppedError, TooSlowError
from graphlang.server.tabs import Tabs
from graphlang.syntax.reading import decode_source

Message = dict[str, Any]
Answer = tuple[int, Message]

# The longest text that is taken, in characters, and how long a worker may think about it, in seconds.
MOST_TEXT = 500_000
SECONDS = {"look": 20.0, "export": 30.0, "data": 30.0, "gradcheck": 60.0}
_TRAINING = ("start", "pause", "step", "epoch", "reset", "text", "points", "speed")
_UNTITLED = "untitled.graph"
_FIRST = "product_of_sum.graph"


@dataclass(frozen=True, slots=True)
class Routes:
    """The questions of one server.

    Attributes
    ----------
    folder : Folder
    tabs : Tabs
    opened : str or None
        The file that was named on the command line, relative to the folder.
    """

    folder: Folder
    tabs: Tabs
    opened: str | None

    def answer(self, question: str, message: Message) -> Answer:
        """The answer to a question; what is wrong with it is an answer, too, as `error`."""
        answers: dict[str, Callable[[Message], Answer]] = {
            "open": self._open,
            "load": self._load,
            "example": self._example,
            "save": self._save,
            "stop": self._stop,
            "train": self._train,
            **dict.fromkeys(SECONDS, lambda m: self._ask(question, m)),
        }
        if question not in answers:
            return 404, {"error": "There is no such question."}
        try:
            _check(message)
            return answers[question](message)
        except OutsideError as error:
            return 403, {"error": f"This cannot be done: {error}."}
        except (ValueError, OSError) as error:
            return 400, {"error": f"This cannot be done: {getattr(error, 'strerror', None) or error}."}
        except TooSlowError:
            text = f"This took longer than {SECONDS[question]:g} seconds and was stopped."
            return 504, {"error": text, "stopped": True}
        except StoppedError:
            return 409, {"error": "This was stopped.", "stopped": True}

    # --- computing ----------------------------------------------------------------------------

    def _ask(self, question: str, message: Message) -> Answer:
        _check_text(message)
        read_points(message)
        return 200, self.tabs.ask(str(message["tab"]), {**message, "op": question}, SECONDS[question])

    def _train(self, message: Message) -> Answer:
        do, tab = message.get("do"), str(message["tab"])
        read_points(message)
        if do == "open":
            _check_text(message)
            self.tabs.train(tab, message)
        elif do in _TRAINING:
            if do == "text" or "text" in message:
                _check_text(message)
            self.tabs.tell(tab, message)
        else:
            return 400, {"error": "A run is started, paused, stepped or reset."}
        return 200, {}

    def _stop(self, message: Message) -> Answer:
        return 200, {"stopped": self.tabs.stop(str(message["tab"]))}

    # --- files --------------------------------------------------------------------------------

    def _open(self, _message: Message) -> Answer:
        """What a new page shows."""
        about = {
            "files": self.folder.names(),
            "examples": [{"name": n, "title": t} for n, t in EXAMPLES.items()],
            "folder": os.path.basename(self.folder.root) or self.folder.root,
        }
        if self.opened is not None:
            return 200, {**about, **self._read(self.opened)}
        text = example_text(_FIRST)
        return 200, {**about, "name": _UNTITLED, "text": text, "version": None, "is_crlf": False}

    def _load(self, message: Message) -> Answer:
        return 200, self._read(str(message.get("name")))

    def _read(self, name: str) -> Message:
        """A file of the folder; what is not there yet is an empty text of that name."""
        path = self.folder.place(name)
        try:
            with open(path, "rb") as file:
                data = file.read(4 * MOST_TEXT + 1)
        except FileNotFoundError:
            return {"name": name, "text": "", "version": None, "is_crlf": False}
        read = decode_source(data, path, path)
        if len(data) > 4 * MOST_TEXT or read.problems.has_errors:
            raise ValueError(f"{name} is too long or no text")
        text = read.value.text
        return {
            "name": name,
            "text": text.replace("\r\n", "\n"),
            "version": _version(data),
            "is_crlf": "\r\n" in text,
        }

    def _example(self, message: Message) -> Answer:
        name = str(message.get("name"))
        text = example_text(name)
        if text is None:
            return 404, {"error": "There is no such example."}
        return 200, {"name": name, "text": text, "version": None, "is_crlf": False}

    def _save(self, message: Message) -> Answer:
        """Write a file, unless it is no longer what the page has read; `force` writes it even then."""
        _check_text(message)
        name, text = str(message["name"]), str(message["text"])
        there = self._version_of(name)
        if there is not None and there != message.get("version") and message.get("force") is not True:
            return 409, {"error": f"{name} was changed, or made, by someone else.", "conflict": True}
        data = text.replace("\n", "\r\n") if message.get("is_crlf") is True else text
        self.folder.save(name, data)
        return 200, {"name": name, "version": _version(data.encode("utf-8"))}

    def _version_of(self, name: str) -> str | None:
        try:
            with open(self.folder.place(name), "rb") as file:
                return _version(file.read())
        except FileNotFoundError:
            return None


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def _check(message: Message) -> None:
    if not isinstance(message.get("tab"), str):
        raise ValueError("a question says which tab it comes from")


def _check_text(message: Message) -> None:
    text, name = message.get("text"), message.get("name")
    if not isinstance(text, str) or not isinstance(name, str):
        raise ValueError("a text and its name are needed")
    if len(text) > MOST_TEXT:
        raise ValueError(f"a text has at most {MOST_TEXT:,} characters")
