"""A running server, and a client that asks it questions as the page does."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphlang.server.address import new_token
from graphlang.server.folder import Folder
from graphlang.server.routes import Routes
from graphlang.server.tabs import Tabs
from graphlang.server.web import Server

NEURON = """input w = 2
input x = -1
a = w * x
f = 1 / (1 + exp(-a))
output f
"""


@dataclass(frozen=True, slots=True)
class Client:
    """Asks a server over HTTP."""

    server: Server
    tab: str = "0123456789abcdef"

    def request(
        self,
        method: str,
        path: str,
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """A raw request below the token; headers with an empty value are left out."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        given = {"Content-Type": "application/json"} if method == "POST" else {}
        given |= headers or {}
        prefix = "/" + (self.server.token if token is None else token) + "/"
        connection.request(method, prefix + path, body, {k: v for k, v in given.items() if v})
        response = connection.getresponse()
        data = response.read()
        connection.close()
        return response.status, {k.lower(): v for k, v in response.getheaders()}, data

    def ask(self, question: str, **message: Any) -> dict[str, Any]:
        """A question's answer, with its status."""
        body = json.dumps({"tab": self.tab, **message})
        status, _, data = self.request("POST", f"api/{question}", body)
        return {"status": status, **json.loads(data)}

    def look(self, text: str, name: str = "net.graph", **view: Any) -> dict[str, Any]:
        """What the page shows of a text."""
        return self.ask("look", text=text, name=name, view=view)


def serve(folder: Path, opened: str | None = None) -> Server:
    """A server for a folder, running in a thread."""
    server = Server(Routes(Folder(str(folder)), Tabs(str(folder)), opened), 0, new_token())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model and data, a secret beside it, and links that lead out of it."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.csv").write_text("x,y\n1,2\n3,4\n")
    (outside / "secret.graph").write_text("const SECRET = 7\n")
    folder = outside / "models"
    folder.mkdir()
    (folder / "net.graph").write_text(NEURON)
    (folder / "data.csv").write_text("x,y\n1,2\n3,4\n")
    (folder / "blocks.graph").write_text("network twice(x) -> y { y = 2 * x }\n")
    (folder / "link.csv").symlink_to(outside / "secret.csv")
    (folder / "link.graph").symlink_to(outside / "secret.graph")
    (folder / "up").symlink_to(outside)
    return folder


@pytest.fixture(scope="session")
def client(folder: Path) -> Iterator[Client]:
    """A client of a server for `folder`, with its `net.graph` opened."""
    server = serve(folder, "net.graph")
    yield Client(server)
    server.shutdown()
    server.server_close()
