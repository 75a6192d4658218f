"""A run on the page is `graphlang train`, watched and steered."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.learning import prepare_inference
from graphlang.source import SourceFile
from tests.server.conftest import Client

MOONS = """data d = moons(n = 40, noise = 0.1) {
  x = columns("x0".."x1")
  y = column("label")
}
input x: [N, 2]
input y: int[N]
scores = x -> dense(4, tanh) -> dense(2)
loss = cross_entropy(scores, y)
output scores
metric accuracy = mean(argmax(scores) == y)
train on d {
  minimize = loss
  optimizer = sgd(lr = 0.1)
  epochs = 5
  batch = 10
  holdout = 0.2
}
"""
_COUNT = iter(range(1000))
# The server gives one every five seconds.
MOST_SIGNS = 10


class Run:
    """A training run with its news."""

    def __init__(self, client: Client):
        self.client = Client(client.server, f"{next(_COUNT):016x}")
        self.events: list[dict[str, Any]] = []
        self._stream: Iterator[dict[str, Any]] = iter(())

    def open(self, text: str, name: str = "net.graph") -> None:
        assert self.client.ask("train", do="open", text=text, name=name)["status"] == 200
        self._stream = self._listen()

    def do(self, what: str, **more: Any) -> None:
        assert self.client.ask("train", do=what, **more)["status"] == 200

    def until(self, is_there: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message of some kind; all on the way are kept in `events`."""
        signs = 0
        for message in self._stream:
            if not message:
                # Counted by the server's signs of life, not by the clock: all of it may have been kept waiting.
                signs += 1
                assert signs < MOST_SIGNS, "nothing of the kind is told"
                continue
            self.events.append(message)
            if is_there(message):
                return message
        raise AssertionError("the run has ended")

    def state(self) -> dict[str, Any]:
        return self.until(lambda m: m["event"] == "state")

    def records(self) -> list[dict[str, Any]]:
        return [r for m in self.events if m["event"] == "frame" for r in m["records"]]

    def _listen(self) -> Iterator[dict[str, Any]]:
        server = self.client.server
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("GET", f"/{server.token}/api/events?tab={self.client.tab}")
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "text/event-stream"
        for line in response:
            if line.startswith(b":"):
                yield {}  # a sign of life
            elif line.startswith(b"data: "):
                yield json.loads(line[6:])
        connection.close()


@pytest.fixture
def run(client: Client) -> Iterator[Run]:
    made = Run(client)
    yield made
    made.client.ask("stop")


def test_the_epochs_are_those_of_train(run: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "moons.graph").write_text(MOONS)
    main(["train", str(folder / "moons.graph"), "--json", "-q"])
    expected = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run.open(MOONS, "moons.graph")
    run.do("start", speed=4)
    run.until(lambda m: m.get("done") is True)
    found = run.records()
    assert len(found) == 5
    for record in (*found, *expected):
        record.pop("seconds")
    assert found == expected


@pytest.mark.slow
def test_it_tells_what_it_trains_before_it_begins(run: Run) -> None:
    run.open(MOONS)
    ready = run.until(lambda m: m["event"] == "ready")
    assert (ready["epochs"], ready["batches"], ready["examples"], ready["held"]) == (5, 4, 40, 8)
    assert (ready["optimizer"], ready["parameters"], ready["metrics"]) == ("sgd", 22, ["accuracy"])
    assert (len(ready["map"]["points"]), len(ready["map"]["held"]), set(ready["map"]["labels"])) == (
        40,
        8,
        {0, 1},
    )


@pytest.mark.slow
def test_the_map_is_what_the_model_answers(run: Run) -> None:
    run.open(MOONS)
    about = run.until(lambda m: m["event"] == "ready")["map"]
    frame = run.until(lambda m: m["event"] == "frame")["map"]
    n, (left, right, bottom, top) = about["resolution"], about["extent"]
    found = np.frombuffer(base64.b64decode(frame["class"]), np.uint8).reshape(n, n)
    inference = prepare_inference(
        SourceFile("net.graph", MOONS, "net.graph"), lambda m: {"scores": m.find("scores")}
    )
    from graphlang import parse

    corners = {
        (0, 0): (left, bottom),
        (0, n - 1): (right, bottom),
        (n - 1, 0): (left, top),
        (n - 1, n - 1): (right, top),
    }
    model = parse(MOONS)
    for (row, column), place in corners.items():
        scores = model.run({"x": [place], "y": [0]}, weights=inference.values).values["scores"]
        assert found[row, column] == np.argmax(scores)


@pytest.mark.slow
def test_a_step_is_one_update_and_an_epoch_goes_to_its_end(run: Run) -> None:
    run.open(MOONS)
    run.do("step")
    frame = run.until(lambda m: m["event"] == "frame" and m["step"] == 1)
    assert (len(frame["losses"]), frame["records"]) == (1, [])
    run.do("epoch")
    frame = run.until(lambda m: m["event"] == "frame" and m["step"] == 4)
    assert (frame["epoch"], len(frame["records"])) == (1, 1)
    assert run.state()["running"] is False


@pytest.mark.slow
def test_the_last_step_of_an_epoch_ends_it(run: Run) -> None:
    run.open(MOONS)
    for _ in range(4):
        run.do("step")
    frame = run.until(lambda m: m["event"] == "frame" and m["step"] == 4)
    assert (frame["epoch"], len(frame["records"])) == (1, 1)


@pytest.mark.slow
def test_the_loss_falls(run: Run) -> None:
    run.open(MOONS.replace("epochs = 5", "epochs = 60"))
    run.do("start", speed=4)
    run.until(lambda m: m.get("done") is True)
    losses = [r["loss"] for r in run.records()]
    assert losses[-1] < 0.6 * losses[0]


def test_it_pauses_goes_on_and_begins_anew(run: Run) -> None:
    run.open(MOONS.replace("epochs = 5", "epochs = 1000"))
    run.do("start", speed=1)
    run.until(lambda m: m["event"] == "frame" and m["step"] > 3)
    run.do("pause")
    assert run.until(lambda m: m.get("running") is False)["done"] is False
    stood = next(m["step"] for m in reversed(run.events) if m["event"] == "frame")
    run.do("step")
    # A frame of where the run stands may still be on its way.
    assert run.until(lambda m: m["event"] == "frame" and m["step"] != stood)["step"] == stood + 1
    run.do("reset")
    assert run.until(lambda m: m["event"] == "ready")["kept"] is False
    assert run.until(lambda m: m["event"] == "frame")["step"] == 0


def test_a_turned_knob_goes_on_with_what_was_learned(run: Run) -> None:
    run.open(MOONS)
    run.do("epoch")
    run.until(lambda m: m["event"] == "frame" and m["epoch"] == 1)
    run.do("text", text=MOONS.replace("lr = 0.1", "lr = 0.5"), name="net.graph")
    assert run.until(lambda m: m["event"] == "ready")["kept"] is True
    assert run.until(lambda m: m["event"] == "frame")["step"] == 4


@pytest.mark.slow
def test_another_learning_rate_makes_another_step(run: Run) -> None:
    losses = {}
    for rate in ("0.1", "0.5"):
        run.open(MOONS)
        run.do("text", text=MOONS.replace("lr = 0.1", f"lr = {rate}"), name="net.graph")
        run.do("step")
        run.do("step")
        losses[rate] = run.until(lambda m: m["event"] == "frame" and m["step"] == 2)["losses"][-1][1]
    assert losses["0.1"] != losses["0.5"]


@pytest.mark.slow
def test_other_parameters_begin_anew(run: Run) -> None:
    run.open(MOONS)
    run.do("epoch")
    run.until(lambda m: m["event"] == "frame" and m["epoch"] == 1)
    run.do("text", text=MOONS.replace("dense(4", "dense(5"), name="net.graph")
    assert run.until(lambda m: m["event"] == "ready" and m["parameters"] == 27)["kept"] is False


def test_another_optimizer_goes_on_with_the_parameters_and_states_of_its_own(run: Run) -> None:
    run.open(MOONS.replace("sgd(lr = 0.1)", "adam(lr = 0.1)"))
    run.do("epoch")
    before = run.until(lambda m: m["event"] == "weights")["values"]
    run.do("text", text=MOONS.replace("sgd(lr = 0.1)", "momentum(lr = 0.5)"), name="net.graph")
    assert run.until(lambda m: m["event"] == "ready")["kept"] is True
    run.do("pause")
    assert run.until(lambda m: m["event"] == "weights")["values"] == before
    run.do("step")
    frame = run.until(lambda m: m["event"] == "frame" and m["step"] == 5)
    after = run.until(lambda m: m["event"] == "weights")["values"]
    # From rest, momentum's first update is the gradient times the rate.
    for path, norm in frame["gradients"].items():
        moved = np.linalg.norm(np.subtract(after[path], before[path]))
        assert moved == pytest.approx(0.5 * norm, rel=1e-3)


def test_a_run_that_diverges_says_where(run: Run) -> None:
    text = "param w = 1\nloss = w ^ 2\noutput loss\ntrain {\n  minimize = loss\n  optimizer = sgd(lr = 1e30)\n  epochs = 50\n}\n"
    run.open(text)
    run.do("start", speed=4)
    found = run.until(lambda m: m["event"] == "failed")["diagnostics"]
    assert [d["code"] for d in found] == ["E0915"]
    run.do("step")
    assert run.until(lambda m: m["event"] in ("frame", "failed", "state"))


@pytest.mark.slow
def test_what_cannot_be_trained_says_why_and_is_mended(run: Run) -> None:
    run.open("input x = 1\nf = x\n")
    assert run.until(lambda m: m["event"] == "failed")["diagnostics"][0]["code"] == "E0917"
    run.do("text", text=MOONS, name="net.graph")
    assert run.until(lambda m: m["event"] == "ready")["parameters"] == 22


@pytest.mark.slow
def test_a_regression_of_one_input_is_a_curve_and_a_model_of_many_has_no_map(run: Run) -> None:
    examples = Path(__file__).parents[2] / "examples"
    run.open((examples / "learn_sine.graph").read_text(encoding="utf-8"))
    assert run.until(lambda m: m["event"] == "ready")["map"]["inputs"] == 1
    assert len(run.until(lambda m: m["event"] == "frame")["map"]["curve"]) == 200
    wide = MOONS.replace('columns("x0".."x1")', 'columns("x0".."label")')
    run.open(wide.replace("input x: [N, 2]", "input x: [N, 3]"))
    assert run.until(lambda m: m["event"] == "ready")["map"] is None


def test_a_command_without_a_run_is_told_so(client: Client) -> None:
    assert Client(client.server, "ffffffff00000000").ask("train", do="step")["stopped"] is True
    assert client.ask("train", do="explode")["status"] == 400


def test_the_news_of_no_run_are_no_content(client: Client) -> None:
    assert client.request("GET", "api/events?tab=ffffffff00000001")[0] == 204
