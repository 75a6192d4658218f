"""Points that are added on the page are learned from like rows of the data, and only there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.learning import Training, prepare_training
from graphlang.server.added import Added, add
from graphlang.server.map import map_of
from graphlang.server.points import MOST_POINTS, read_points
from graphlang.source import SourceFile
from tests.server.conftest import Client
from tests.server.test_training import MOONS, Run

FULL = MOONS.replace("batch = 10", "batch = all")
SINE = """data d = sine(n = 20) {
  x = columns("x0".."x0")
  y = column("label")
}
input x: [N, 1]
input y: [N]
h = x -> dense(4, tanh) -> dense(1)
loss = mse(h[:, 0], y)
train on d {
  minimize = loss
}
"""


def prepared(text: str, *points: list[float]) -> Added:
    source = SourceFile("net.graph", text, "net.graph")
    training = prepare_training(source)
    return add(training, map_of(training, source), read_points({"points": list(points)}))


def trained(training: Training, steps: int) -> dict[str, np.ndarray]:
    found = training.trainer.steps(training.progress)
    for _ in range(steps):
        next(found)
    return training.trainer.kept(training.progress.values)


@pytest.fixture
def run(client: Client) -> Iterator[Run]:
    made = Run(client)
    yield made
    made.client.ask("stop")


# --- what a point is --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "point",
    ['["0", 1, 0]', "[NaN, 0, 0]", "[Infinity, 0, 0]", "[0, -Infinity, 0]", "[1e999, 0, 0]", "[true, 0, 0]",
     "[null, 0, 0]", f"[1{'0' * 400}, 0, 0]", "[0]", "[0, 0, 0, 0]", "{}", '"x"', '["<img src=x>", 0, 0]'],
)  # fmt: skip
def test_a_point_is_made_of_finite_numbers(client: Client, point: str) -> None:
    body = f'{{"tab": "{client.tab}", "do": "points", "points": [{point}]}}'
    status, _, data = client.request("POST", "api/train", body)
    assert status == 400
    assert "a point is" in json.loads(data)["error"]


def test_there_are_only_so_many(client: Client) -> None:
    found = client.ask("train", do="points", points=[[0, 0, 0]] * (MOST_POINTS + 1))
    assert (found["status"], "at most 500" in found["error"]) == (400, True)


@pytest.mark.parametrize(
    ("point", "why"),
    [([0, 0, 2], "no class 2"), ([0, 0, -1], "no class -1"), ([0, 0, 0.5], "no class 0.5"),
     ([1e30, 0, 0], "x[0] = 1e+30 is too far away"), ([0, -1e6, 1], "x[1] = -1e+06 is too far away"),
     ([0, 1], "2 features")],
)  # fmt: skip
def test_a_point_that_does_not_fit_is_left_out_and_the_others_are_not(point: list[float], why: str) -> None:
    found = prepared(MOONS, [0, 0, 1], point, [1, 1, 0])
    assert found.told["used"] == [0, 2]
    assert why in found.told["why"]
    assert found.training.trainer.feed.count == 42


def test_the_page_is_told_what_a_point_consists_of() -> None:
    told = prepared(MOONS).told
    assert (told["names"], told["classes"]) == (["x[0]", "x[1]", "y"], ["class 0", "class 1"])
    assert len(told["limits"]) == 2
    told = prepared(SINE).told
    assert (told["names"], told["classes"], len(told["limits"])) == (["x", "y"], [], 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (MOONS.replace('"x1")', '"label")').replace("[N, 2]", "[N, 3]"), "no map"),
        ('input x: [N, 2] = [[0, 1], [1, 0]]\ninput y: int[N] = [0, 1]\nscores = dense(x, 2)\nloss = cross_entropy(scores, y)\n'
         "output scores\ntrain {\n  minimize = loss\n}\n", "default values"),
        (MOONS.replace('  y = column', '  w = column("x0")\n  y = column').replace("loss = ", "input w: [N]\nloss = mean(w) * 0 + "),
         "besides the features the data feed `w`, `y`"),
    ],
)  # fmt: skip
def test_where_no_point_can_be_added_it_is_said_why(text: str, why: str) -> None:
    found = prepared(text, [0, 0, 1])
    assert why in found.told["none"]
    assert found.told["used"] == []


# --- what becomes of it -----------------------------------------------------------------------------


def test_a_point_is_learned_from_exactly_like_a_row_of_the_data(tmp_path: Path) -> None:
    points = [[0.25, -1.5, 1], [2.0, 0.5, 0]]
    text = FULL.replace("  holdout = 0.2\n", "")
    rows = prepared(text).training.rows
    assert rows is not None and rows.arrays is not None
    with open(tmp_path / "d.csv", "w") as file:
        writer = csv.writer(file)
        writer.writerow(["x0", "x1", "label"])
        writer.writerows([*x, y] for x, y in zip(rows.arrays["x"].tolist(), rows.arrays["y"], strict=True))
        writer.writerows([*p[:2], int(p[2])] for p in points)
    path = str(tmp_path / "net.graph")
    same = prepare_training(
        SourceFile("net.graph", text.replace("moons(n = 40, noise = 0.1)", 'csv("d.csv")'), path)
    )
    expected = trained(same, 3)
    found = trained(prepared(text, *points).training, 3)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_points_change_what_is_learned() -> None:
    assert not np.array_equal(
        trained(prepared(FULL).training, 1)["scores.dense.W"],
        trained(prepared(FULL, [0.0, 0.0, 1]).training, 1)["scores.dense.W"],
    )


def test_points_are_not_held_out_and_change_nothing_of_what_is() -> None:
    before, after = (
        prepared(MOONS).training.trainer.split,
        prepared(MOONS, *[[0, 0, 1]] * 9).training.trainer.split,
    )
    np.testing.assert_array_equal(after.held, before.held)
    assert after.learn is not None
    assert set(range(40, 49)) <= set(after.learn.tolist())
    assert (before.size, after.size) == (32, 41)


def test_a_point_beyond_the_map_makes_it_larger_and_one_on_it_does_not() -> None:
    extent = prepared(MOONS).map.grid.extent  # type: ignore[union-attr]
    inside = prepared(MOONS, [extent[0], extent[3], 0]).map
    outside = prepared(MOONS, [extent[1] + 1, 0, 0]).map
    assert inside is not None and outside is not None
    assert inside.grid.extent == extent
    assert outside.grid.extent[1] > extent[1] + 1


def test_a_regression_takes_any_value_near_its_own() -> None:
    found = prepared(SINE, [0.5, 1.1], [0.5, 3.0], [0.5, 1e9])
    assert found.told["used"] == [0, 1]
    assert "y = 1e+09 is too far away" in found.told["why"]
    assert found.map is not None
    assert found.map.scale[1] == 3.0
    assert np.isfinite(trained(found.training, 1)["h.dense.W"]).all()


def test_points_come_into_a_run_that_goes_on(run: Run) -> None:
    run.open(MOONS)
    run.do("epoch")
    run.until(lambda m: m["event"] == "frame" and m["epoch"] == 1)
    run.do("points", points=[[0.5, 0.25, 1]])
    ready = run.until(lambda m: m["event"] == "ready")
    assert (ready["kept"], ready["examples"], ready["held"], ready["adding"]["used"]) == (True, 41, 8, [0])
    assert len(ready["map"]["points"]) == 40
    assert run.until(lambda m: m["event"] == "frame")["step"] == 4
    run.do("step", points=[])
    assert run.until(lambda m: m["event"] == "ready")["examples"] == 40


def test_a_run_that_has_ended_keeps_what_it_has_learned_when_a_point_comes(run: Run) -> None:
    run.open(MOONS)
    run.do("start", speed=4)
    run.until(lambda m: m.get("done") is True)
    run.do("points", points=[[0.5, 0.25, 1]])
    assert run.until(lambda m: m["event"] == "ready")["kept"] is True
    assert run.until(lambda m: m["event"] == "frame")["epoch"] == 5
    assert run.state()["done"] is True
    run.do("start", speed=4)
    assert run.until(lambda m: m["event"] == "ready")["kept"] is False


def test_patience_begins_anew_with_what_is_changed(run: Run) -> None:
    text = MOONS.replace("epochs = 5", "epochs = 50\n  patience = 2")
    run.open(text)
    for epoch in (1, 2, 3):
        run.do("epoch")
        run.until(lambda m, e=epoch: m["event"] == "frame" and m["epoch"] == e)  # type: ignore[misc]
    run.do("text", text=text.replace("lr = 0.1", "lr = 0.2"), name="net.graph")
    run.until(lambda m: m["event"] == "ready")
    run.do("epoch")
    assert run.until(lambda m: m["event"] == "frame" and m["records"])["epoch"] == 4


# --- what is taken away -----------------------------------------------------------------------------


def test_the_file_of_data_and_its_block_train_on_the_same_rows(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = client.ask("data", text=MOONS, name="net.graph", points=[[0.125, -0.5, 1]])
    assert (found["name"], found["rows"], found["added"]) == ("net-data.csv", 41, 1)
    assert list(csv.reader(io.StringIO(found["content"])))[-1] == ["0.125", "-0.5", "1"]
    (tmp_path / found["name"]).write_text(found["content"])
    text = found["block"] + MOONS[MOONS.index("}\n") + 1 :]
    path = tmp_path / "net.graph"
    path.write_text(text)
    again = prepare_training(SourceFile("net.graph", text, str(path))).rows
    here = prepared(MOONS, [0.125, -0.5, 1]).training.rows
    assert again is not None and again.arrays is not None and here is not None and here.arrays is not None
    for name, array in here.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], array)
    assert main(["train", str(path), "--json", "-q"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_classes_that_have_names_keep_them(client: Client, folder: Path) -> None:
    hostile = '"<b>", =1'
    with open(folder / "named.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["a", "b", "kind"], [0, 1, "zebra"], [1, 0, hostile], [1, 1, "zebra"]])
    text = MOONS.replace("moons(n = 40, noise = 0.1)", 'csv("named.csv")')
    text = text.replace('"x0".."x1"', '"a".."b"').replace('"label"', '"kind"')
    found = client.ask("data", text=text, name='a".graph', points=[[0.5, 0.5, 0]])
    assert list(csv.reader(io.StringIO(found["content"])))[1:] == [
        ["0.0", "1.0", "zebra"], ["1.0", "0.0", hostile], ["1.0", "1.0", "zebra"], ["0.5", "0.5", hostile],
    ]  # fmt: skip
    assert found["name"] == "a--data.csv"


def test_the_exported_script_knows_the_data_of_the_text_only(client: Client) -> None:
    without = client.ask("export", text=MOONS, name="net.graph")
    assert client.ask("export", text=MOONS, name="net.graph", points=[[0, 0, 1]]) == without


def test_data_that_would_be_no_message_any_more_are_not_given_away(client: Client) -> None:
    found = client.ask("data", text=MOONS.replace("n = 40", "n = 600_000"), name="net.graph")
    assert "600,000 rows are too many" in found["why"][0]


def test_what_has_no_map_has_no_data_to_take_away(client: Client) -> None:
    wide = MOONS.replace('"x1")', '"label")').replace("[N, 2]", "[N, 3]")
    assert "no map" in client.ask("data", text=wide, name="net.graph")["why"][0]
