"""Workers: they can be stopped, they end with the server, and one tab's do not concern another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphlang.server import routes
from graphlang.server.process import Process, StoppedError, TooSlowError
from graphlang.server.tabs import MOST_TABS, Tabs
from tests.server.conftest import NEURON, Client

# Takes a while: a loop that is written out into hundreds of thousands of nodes.
SLOW = "input x = 1\nfor i in 1..90000 { x = tanh(x * 1.1 + 0.3) }\noutput x\n"
QUICK = {"op": "look", "text": NEURON, "name": "net.graph"}


@pytest.fixture
def process(folder: Path) -> Iterator[Process]:
    made = Process(str(folder))
    yield made
    made.kill()


@pytest.mark.slow
def test_a_worker_answers_one_question_after_the_other(process: Process) -> None:
    assert [process.ask(QUICK, 60)["ok"] for _ in range(3)] == [True] * 3


@pytest.mark.slow
def test_a_question_that_nobody_knows_ends_nothing(process: Process) -> None:
    assert "error" in process.ask({"op": "nonsense"}, 60)
    assert (
        "bug" in process.ask({"op": "look"}, 60)["error"]
    )  # without a text, which the server does not let through
    assert process.ask(QUICK, 60)["ok"]


@pytest.mark.slow
def test_a_worker_that_takes_too_long_is_killed(process: Process) -> None:
    process.ask(QUICK, 60)
    began = time.monotonic()
    with pytest.raises(TooSlowError):
        process.ask({**QUICK, "text": SLOW}, 0.5)
    assert time.monotonic() - began < 10
    assert not process.is_alive


@pytest.mark.slow
def test_a_killed_worker_lets_go_of_whoever_waits(process: Process) -> None:
    process.ask(QUICK, 60)
    found: list[BaseException] = []

    def wait() -> None:
        try:
            process.ask({**QUICK, "text": SLOW}, 60)
        except StoppedError as error:
            found.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    process.kill()
    thread.join(10)
    assert len(found) == 1
    with pytest.raises(StoppedError):
        process.ask(QUICK, 60)


def test_the_stop_button_ends_a_run_and_the_next_look_works(client: Client) -> None:
    mine = Client(client.server, "aaaaaaaa00000000")
    assert mine.look(NEURON)["ok"]
    answers = []
    thread = threading.Thread(target=lambda: answers.append(mine.look(SLOW)))
    thread.start()
    time.sleep(0.5)
    assert mine.ask("stop")["stopped"] is True
    thread.join(20)
    assert (answers[0]["status"], answers[0]["stopped"]) == (409, True)
    assert mine.look(NEURON)["ok"]


def test_a_look_that_takes_too_long_says_so(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(routes.SECONDS, "look", 0.4)
    mine = Client(client.server, "aaaaaaaa00000001")
    found = mine.look(SLOW)
    assert (found["status"], found["error"]) == (504, "This took longer than 0.4 seconds and was stopped.")


@pytest.mark.slow
def test_tabs_do_not_wait_for_one_another(client: Client) -> None:
    slow, quick = Client(client.server, "bbbbbbbb00000000"), Client(client.server, "bbbbbbbb00000001")
    assert quick.look(NEURON)["ok"]
    thread = threading.Thread(target=lambda: slow.look(SLOW))
    thread.start()
    time.sleep(0.3)
    assert quick.look(NEURON)["ok"]
    assert thread.is_alive()
    slow.ask("stop")
    thread.join(20)


def test_the_workers_of_the_tab_used_least_recently_end_when_there_are_too_many(folder: Path) -> None:
    tabs = Tabs(str(folder))
    try:
        names = [f"{i:08x}" for i in range(MOST_TABS + 2)]
        for name in names:
            tabs.has_run(name)
        assert sorted(tabs._tabs) == sorted(names[2:])
    finally:
        tabs.close()


@pytest.mark.slow
def test_a_worker_ends_when_its_server_is_killed(folder: Path) -> None:
    """Even while it computes."""
    code = (
        "import sys, time; from graphlang.server.process import Process\n"
        f"p = Process({str(folder)!r}); p.ask({QUICK!r}, 60); p.tell({ ({**QUICK, 'text': SLOW})!r})\n"
        "print(p._popen.pid, flush=True); time.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    worker = int(server.stdout.readline())
    server.send_signal(signal.SIGKILL)
    server.wait()
    server.stdout.close()
    for _ in range(100):
        if not _is_running(worker):
            return
        time.sleep(0.1)
    raise AssertionError("the worker is still there")


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        # A process that has ended but that nobody has asked about is a zombie.
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1][:3]
    except (ProcessLookupError, FileNotFoundError):
        return False
