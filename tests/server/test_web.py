"""Who may ask the server, and what it lets a browser do."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from graphlang.server.web import MOST_BYTES, PAGE
from tests.server.conftest import Client

QUESTION = json.dumps({"tab": "0123456789abcdef"})


def test_it_listens_on_this_computer_only(client: Client) -> None:
    assert client.server.server_address[0] == "127.0.0.1"


def test_the_address_ends_in_the_token_and_opens_the_page(client: Client) -> None:
    assert client.server.url == f"http://127.0.0.1:{client.server.port}/{client.server.token}/"
    status, headers, body = client.request("GET", "")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<title>graphlang play</title>" in body


@pytest.mark.parametrize("token", ["", "wrong", "x" * 43])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "main.js"), ("GET", "api/events"), ("POST", "api/open")]
)
def test_without_the_token_nothing_is_answered(client: Client, token: str, method: str, path: str) -> None:
    status, _, body = client.request(method, path, QUESTION if method == "POST" else None, token=token)
    assert status == 403
    assert client.server.token.encode() not in body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "[::1]:{port}"]
)
def test_a_name_that_someone_made_to_point_here_is_refused(client: Client, host: str) -> None:
    status, _, _ = client.request("GET", "", headers={"Host": host.format(port=client.server.port)})
    assert status == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:{port}", "http://127.0.0.1:1"]
)
def test_another_page_is_refused(client: Client, origin: str) -> None:
    headers = {"Origin": origin.format(port=client.server.port)}
    assert client.request("POST", "api/open", QUESTION, headers)[0] == 403


def test_a_request_that_the_browser_marks_as_coming_from_elsewhere_is_refused(client: Client) -> None:
    assert client.request("GET", "main.js", headers={"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert client.request("GET", "main.js", headers={"Sec-Fetch-Site": "same-site"})[0] == 403


def test_the_page_itself_is_answered(client: Client) -> None:
    own = f"http://127.0.0.1:{client.server.port}"
    headers = {"Origin": own, "Sec-Fetch-Site": "same-origin"}
    assert client.request("POST", "api/open", QUESTION, headers)[0] == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_no_question(client: Client, kind: str) -> None:
    assert client.request("POST", "api/open", QUESTION, {"Content-Type": kind})[0] == 415


@pytest.mark.parametrize(
    ("body", "status"), [("", 400), ("{", 400), ("[]", 400), ("1", 400), ("[" * 100_000, 400), ("{}", 400)]
)
def test_what_is_no_question_is_refused(client: Client, body: str, status: int) -> None:
    assert client.request("POST", "api/open", body)[0] == status


def test_a_question_that_is_too_long_is_refused_before_it_is_read(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as connection:
        head = (
            f"POST /{client.server.token}/api/open HTTP/1.1\r\nHost: 127.0.0.1:{client.server.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n"
        )
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_text_that_is_too_long_is_refused(client: Client) -> None:
    found = client.look("#" * 600_000)
    assert (found["status"], "500,000" in found["error"]) == (400, True)


def test_there_is_nothing_but_questions_and_files_of_the_page(client: Client) -> None:
    assert client.request("POST", "api/nonsense", QUESTION)[0] == 404
    assert client.request("GET", "api/open")[0] == 405
    assert client.request("POST", "index.html", QUESTION)[0] == 405
    assert client.request("DELETE", "")[0] == 501


@pytest.mark.parametrize(
    "path",
    [
        "../web.py",
        "..%2fweb.py",
        "%2e%2e/web.py",
        "/etc/passwd",
        "./main.js",
        "page/../../web.py",
        "nothing.js",
        "main.js/",
    ],
)
def test_no_path_leads_out_of_the_folder_of_the_page(client: Client, path: str) -> None:
    assert client.request("GET", path)[0] == 404


def test_the_policy_of_the_page_allows_its_own_scripts_and_nothing_else(client: Client) -> None:
    _, headers, body = client.request("GET", "")
    policy = dict(p.strip().split(" ", 1) for p in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == (
        "'none'",
        "'self'",
        "'self'",
    )
    assert (policy["frame-ancestors"], policy["base-uri"], policy["form-action"]) == ("'none'",) * 3
    assert "unsafe" not in headers["content-security-policy"]
    nonce = re.search(r"'nonce-([\w-]+)'", policy["style-src"])
    assert nonce is not None
    assert nonce[1].encode() in body
    assert nonce[1].encode() not in client.request("GET", "")[2]  # a new one each time


def test_nothing_is_kept_guessed_or_told_to_others(client: Client) -> None:
    _, headers, _ = client.request("GET", "main.js")
    assert headers["content-type"].startswith("text/javascript")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


def test_a_tab_has_a_name_that_nobody_else_would_have(client: Client) -> None:
    assert client.request("GET", "api/events?tab=../../x")[0] == 400
    assert client.ask("stop", tab="short")["status"] == 400


# --- the page's files ------------------------------------------------------------------------------

OWN = [
    p for p in sorted(PAGE.iterdir()) if p.suffix in (".js", ".css", ".html") and p.name != "codemirror.js"
]


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.name)
def test_the_page_loads_nothing_from_the_network(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//[\w-]+\.[a-z]{2,}", re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE))


def test_the_page_has_no_script_or_style_in_its_html() -> None:
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text) == ['<script type="module" src="main.js">']
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


@pytest.mark.parametrize("path", OWN, ids=lambda p: p.name)
def test_nothing_is_ever_made_html_of(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
    )


def test_every_module_that_is_imported_is_there(client: Client) -> None:
    for path in OWN:
        for name in re.findall(r'from "\./([\w.]+)"', path.read_text(encoding="utf-8")):
            assert client.request("GET", name)[0] == 200, name


def test_the_licences_of_all_that_is_bundled_are_told() -> None:
    text = (PAGE / "codemirror.LICENSES.txt").read_text(encoding="utf-8")
    named = re.findall(r"^(\S+) [\d.]+ \((\w+)\)$", text, re.MULTILINE)
    assert {"@codemirror/state", "@codemirror/view", "@lezer/common", "style-mod"} <= {
        name for name, _ in named
    }
    assert {licence for _, licence in named} == {"MIT"}
    assert text.count("Permission is hereby granted") == len(named)


def test_the_editor_knows_the_keywords_of_the_grammar() -> None:
    from graphlang.syntax.grammar import load_grammar

    text = (PAGE / "language.js").read_text(encoding="utf-8")
    listed = re.search(r"KEYWORDS = new Set\((.*?)\.split", text, re.DOTALL)
    assert listed is not None
    assert set(re.findall(r"[a-z]+", listed[1])) == {w for w in load_grammar().words if w.isalpha()}
