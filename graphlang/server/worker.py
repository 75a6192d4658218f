"""The process that computes for a page: `python -m graphlang.server.worker FOLDER`.

It reads messages as lines of JSON, one question at a time, and writes answers likewise. It holds no state
that matters, may read only the folder, and ends when the server does. A mistake in a text is an answer like
any other; a mistake of ours is answered as such and ends nothing.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

from graphlang.server.folder import Folder
from graphlang.server.guard import limit_memory, lock_in

Message = dict[str, Any]
Send = Callable[[Message], None]
Handler = Callable[[Message, Folder, queue.Queue[Message], Send], None]
# Looking at it loads whatever a model of any kind needs.
_FIRST = """data d = xor() {
  x = columns("x0".."x1")
  y = column("label")
}
input x: [N, 2]
input y: int[N]
scores = x -> dense(2)
loss = cross_entropy(scores, y)
output loss
train on d {
  minimize = loss
}
"""


def main() -> None:
    """Answer until the server is gone."""
    inbox: queue.Queue[Message] = queue.Queue()
    send = _answers_only()
    limit_memory()
    folder = Folder(sys.argv[1])
    handlers = _handlers(folder)
    lock_in(folder)
    threading.Thread(target=_listen, args=(inbox,), daemon=True).start()
    while True:
        message = inbox.get()
        handler = handlers.get(str(message.get("op")))
        if handler is None:
            send({"error": "There is no such question."})
        else:
            _answer(lambda m=message, h=handler: h(m, folder, inbox, send), send)  # type: ignore[misc]


def _handlers(folder: Folder) -> dict[str, Handler]:
    """What can be asked. All modules are loaded here, before files are out of reach, and BLAS is found."""
    from graphlang.run.blas import OneThread
    from graphlang.server import exporting, gradients, looking, training

    first = {"text": _FIRST, "name": "first.graph"}
    with OneThread():
        looking.look(first, folder)
        exporting.export(first, folder)
    return {
        "look": lambda m, folder, _, send: send(looking.look(m, folder)),
        "gradcheck": lambda m, folder, _, send: send(gradients.compare(m, folder)),
        "export": lambda m, folder, _, send: send(exporting.export(m, folder)),
        "data": lambda m, folder, _, send: send(exporting.data(m, folder)),
        "train": training.serve,
    }


def _answers_only() -> Send:
    """The way to the server. Whatever else is printed goes to standard error, not between the answers."""
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: Message) -> None:
        channel.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")
        channel.flush()

    return send


def _listen(inbox: queue.Queue[Message]) -> None:
    """Take messages as they come, so that a worker that trains hears them, and knows when to end."""
    for line in sys.stdin:
        inbox.put(json.loads(line))
    os._exit(0)


def _answer(handle: Callable[[], None], send: Send) -> None:
    """Let a handler answer; what it did not foresee is reported rather than lost."""
    try:
        handle()
    except MemoryError:
        send({"error": "This needs more memory than a page may take."})
    except RecursionError:
        send({"error": "The text is nested too deeply."})
    except BrokenPipeError:
        os._exit(0)
    except Exception as error:  # the last resort, as in cli/main.py: the page must not wait for ever
        import traceback

        traceback.print_exc()
        send({"error": f"This is a bug in graphlang: {type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
