"""`graphlang play`: the command around the server."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graphlang.cli.main import main
from graphlang.server import address


@contextmanager
def played(*arguments: str, cache: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command while it runs, and the address that it prints."""
    command = [sys.executable, "-m", "graphlang", "play", "--no-open", "-q", *arguments]
    env = {**os.environ, "GRAPHLANG_CACHE_DIR": str(cache)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


def test_it_prints_an_address_serves_the_page_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with (
        played(str(tmp_path / "new.graph"), cache=tmp_path) as (process, url),
        urllib.request.urlopen(url) as page,
    ):
        assert b"graphlang play" in page.read()
    assert process.returncode == 0


@pytest.mark.slow
def test_after_a_restart_the_same_file_has_the_same_address(tmp_path: Path) -> None:
    file = str(tmp_path / "new.graph")
    with played(file, cache=tmp_path) as (process, first):
        process.kill()  # not given the time to say goodbye
        process.wait()
    with played(file, cache=tmp_path) as (_, second):
        assert second == first
        with played(file, cache=tmp_path) as (_, third):
            assert third.split("/")[3] != first.split("/")[3]  # one beside it has a token of its own


def test_an_address_is_kept_for_the_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHLANG_CACHE_DIR", str(tmp_path))
    token = address.new_token()
    address.remember("x.graph", 4321, token)
    (place,) = tmp_path.iterdir()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert address.remembered("x.graph") == (4321, token)
    assert address.remembered("y.graph")[1] != token
    place.chmod(0o644)
    assert address.remembered("x.graph")[1] != token  # others may have read it


@pytest.mark.parametrize("text", ["", "[]", '{"port": 80, "token": "x"}', '{"port": "4321"}', "[" * 100_000])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GRAPHLANG_CACHE_DIR", str(tmp_path))
    address.remember("x.graph", 4321, address.new_token())
    (place,) = tmp_path.iterdir()
    place.write_text(text)
    port, token = address.remembered("x.graph")
    assert (port, len(token)) == (0, 43)


def test_tokens_are_long_and_differ() -> None:
    tokens = {address.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(t) == 43 for t in tokens)  # 256 bits


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("net.py", "does not end in .graph"),
        ("nowhere/net.graph", "no such folder"),
        ("folder.graph", "is a folder"),
    ],
)
def test_what_cannot_be_opened_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    (tmp_path / "folder.graph").mkdir()
    assert main(["play", "--no-open", str(tmp_path / name)]) == 1
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["play", "--no-open", "--port", str(port), str(tmp_path / "new.graph")]) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_is_a_port(port: str) -> None:
    with pytest.raises(SystemExit) as error:
        main(["play", "--port", port])
    assert error.value.code == 2
