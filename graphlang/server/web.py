"""The web server: it listens on this computer only, and hears only the page that it has served itself.

Every address begins with a random token, which only the user's browser is told. The token alone would do; the
rest holds if it should become known. `Host` must be this server's own address, or a name that someone has
made to point here could read answers (DNS rebinding); `Origin` and `Sec-Fetch-Site` must not tell of another
page; questions are JSON, which no form can send. The page may run no script but its own files, load nothing
from elsewhere, and be framed by nobody.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from graphlang.server.process import StoppedError
from graphlang.server.routes import Routes

PAGE = Path(__file__).parent / "page"
ADDRESS = "127.0.0.1"
# Bytes of a question, connections at the same time, seconds of silence after which one is closed.
MOST_BYTES = 2_500_000
MOST_CONNECTIONS = 64
_SILENCE = 60.0
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FILE = re.compile(r"[a-z][\w.-]*\Z", re.ASCII)
# Scripts are files of the page. Styles are too, but for those that CodeMirror writes, which carry a nonce.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Server(ThreadingHTTPServer):
    """A server for one folder.

    Parameters
    ----------
    routes : Routes
    port : int
        0 for any that is free.
    token : str

    Raises
    ------
    OSError
        If the port is taken.
    """

    daemon_threads = True
    # Two servers on one port would share its visitors on some systems.
    allow_reuse_port = False

    def __init__(self, routes: Routes, port: int, token: str):
        self.routes, self.token = routes, token
        self._room = threading.BoundedSemaphore(MOST_CONNECTIONS)
        super().__init__((ADDRESS, port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network what this computer is called, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.port

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.port}/{self.token}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Refuse connections beyond the limit at once."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A visitor that has gone is no error."""

    def server_close(self) -> None:
        """Stop listening, and end all workers."""
        super().server_close()
        self.routes.tabs.close()


class _RefusedError(Exception):
    """A request that is not answered."""

    def __init__(self, status: int, why: str):
        super().__init__(why)
        self.status, self.why = status, why


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "graphlang", ""
    timeout = _SILENCE

    def do_GET(self) -> None:
        """The page's files, and the news of a training run."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """A question."""
        self._answered(self._post)

    def _answered(self, answer: Callable[[], None]) -> None:
        try:
            answer()
        except _RefusedError as error:
            # What was sent is not read, so the connection cannot be used again.
            self.close_connection = True
            self._json(error.status, {"error": error.why})

    def _get(self) -> None:
        path = self._admitted()
        if path == "api/events":
            self._events()
        elif path.startswith("api/"):
            raise _RefusedError(405, "Questions are posted.")
        else:
            self._file(path or "index.html")

    def _post(self) -> None:
        path = self._admitted()
        if not path.startswith("api/"):
            raise _RefusedError(405, "Nothing can be posted here.")
        status, answer = self.server.routes.answer(path.removeprefix("api/"), self._message())
        self._json(status, answer)

    # --- who may ask --------------------------------------------------------------------------

    def _admitted(self) -> str:
        """What is asked for, below the token."""
        own = {f"{ADDRESS}:{self.server.port}", f"localhost:{self.server.port}"}
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        _, token, *rest = [*urlsplit(self.path).path.split("/", 2), ""]
        if host not in own:
            raise _RefusedError(403, "This server answers to its own address only.")
        if origin is not None and origin != f"http://{host}":
            raise _RefusedError(403, "Another page asks.")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise _RefusedError(403, "Another page asks.")
        if not hmac.compare_digest(token.encode(), self.server.token.encode()):
            raise _RefusedError(
                403, "The address is not complete. Use the one that `graphlang play` has printed."
            )
        if self.command == "POST" and self.headers.get_content_type() != "application/json":
            raise _RefusedError(415, "Questions are JSON.")
        return rest[0]

    def _message(self) -> dict[str, Any]:
        """The question's object."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            raise _RefusedError(411, "The length of a question has to be told.")
        if len(length) > 9 or int(length) > MOST_BYTES:
            raise _RefusedError(413, f"A question has at most {MOST_BYTES:,} bytes.")
        try:
            message = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise _RefusedError(400, "This is not JSON.") from None
        if not isinstance(message, dict):
            raise _RefusedError(400, "A question is an object.")
        return message

    # --- answers ------------------------------------------------------------------------------

    def _file(self, name: str) -> None:
        place = PAGE / name
        kind = _TYPES.get(place.suffix)
        if not _FILE.match(name) or kind is None or not place.is_file():
            self._json(404, {"error": "There is no such file."})
            return
        nonce = secrets.token_urlsafe(16)
        data = place.read_bytes()
        if name == "index.html":
            data = data.replace(b"{{nonce}}", nonce.encode())
        self._send(200, kind, data, {"Content-Security-Policy": _POLICY.format(nonce=nonce)})

    def _json(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        self._send(status, "application/json", data, {"Content-Security-Policy": "default-src 'none'"})

    def _send(self, status: int, kind: str, data: bytes, more: dict[str, str]) -> None:
        self.send_response(status)
        headers = {**_HEADERS, **more, "Content-Type": kind, "Content-Length": str(len(data))}
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(data)

    def _events(self) -> None:
        """Server-sent events, until the run ends or the page is gone; a run that nobody watches pauses."""
        tabs = self.server.routes.tabs
        tab = (parse_qs(urlsplit(self.path).query).get("tab") or [""])[0]
        try:
            has_run = tabs.has_run(tab)
        except ValueError:
            raise _RefusedError(400, "This is no tab's name.") from None
        if not has_run:
            self.send_response(204)  # which tells a browser not to ask again
            self.end_headers()
            return
        self.close_connection = True
        self.send_response(200)
        for name, value in {**_HEADERS, "Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for message in tabs.events(tab):
                text = "" if message is None else f"data: {json.dumps(message, ensure_ascii=False)}"
                self.wfile.write((text or ":").encode("utf-8") + b"\n\n")
                self.wfile.flush()
        except OSError:
            with suppress(StoppedError):
                tabs.tell(tab, {"do": "pause"})

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: addresses hold the token."""
