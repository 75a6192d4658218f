"""A profile: every step belongs to a node and a phase, sums agree, and FLOPs are those of the formulas."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphlang.cli.main import main
from graphlang.diagnostics import GraphlangError
from graphlang.pipeline import compile_source
from graphlang.profiling import Profile, profile
from graphlang.run import profiler
from graphlang.source import SourceFile

EXAMPLES = Path(__file__).parent.parent / "examples"

NET = """\
input x: [N, 8]
input y: int[N]
scores = x -> dense(16, relu) -> dense(3)
loss = cross_entropy(scores, y)
output loss
"""
LEARNING = """\
data points = blobs(n = 24, classes = 3)
input x: [N, 2]
input y: int[N]
scores = x -> dense(16, relu) -> dense(3)
loss = cross_entropy(scores, y)
train on points { minimize = loss
  optimizer = momentum(lr = 0.1)
  batch = 8
}
"""


@pytest.fixture(autouse=True)
def _small_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiler, "PRODUCT", 16)


def profiled(text: str, **options: Any) -> Profile:
    outcome = compile_source(SourceFile("net.graph", text), training=True)
    assert outcome.ok, list(outcome.problems)
    return profile(outcome.value, seconds=0.0, **options)


def row(found: Profile, path: str) -> Any:
    return next(r for r in found.rows if r.path == path)


def test_flops_of_a_dense_layer_are_those_of_its_formulas() -> None:
    layer = row(profiled(NET, sizes={"N": 5}, depth=0), "scores.dense")
    # x @ W, + b, relu; backward without dx: the mask and its choice, the sum for b, x.T @ g.
    assert layer.phases["forward"].flops == 2 * 5 * 8 * 16 + 5 * 16 + 5 * 16
    assert layer.phases["backward"].flops >= 2 * 5 * 8 * 16
    assert layer.phases["update"].flops == 0


def test_bytes_are_those_of_operands_and_result() -> None:
    found = profiled("input a: [4, 8]\ninput b: [8, 2]\nc = a @ b\n", depth=0)
    assert row(found, "c").phases["forward"].nbytes == 8 * (4 * 8 + 8 * 2 + 4 * 2)
    assert row(found, "c").phases["forward"].flops == 2 * 4 * 8 * 2


def test_rows_of_closed_boxes_and_nodes_add_up_to_the_total() -> None:
    found = profiled(LEARNING, depth=0)
    for phase in ("forward", "backward", "update"):
        costs = [r.phases[phase] for r in found.rows]
        assert sum(c.flops for c in costs) == found.total[phase].flops
        assert sum(c.nbytes for c in costs) == found.total[phase].nbytes > 0
        assert sum(c.seconds for c in costs) == pytest.approx(found.total[phase].seconds)


def test_an_open_box_is_the_sum_of_what_it_contains() -> None:
    found = profiled(LEARNING, depth=1)
    layer = row(found, "scores.dense")
    inside = [r for r in found.rows if r.path.startswith("scores.dense.")]
    relu = [r for r in found.rows if r.path == "scores.dense" and r is not layer]
    assert len(inside) == 4
    assert sum(r.total.flops for r in (*inside, *relu)) == layer.total.flops


def test_an_update_belongs_to_its_parameter() -> None:
    found = profiled(LEARNING, depth=1)
    for name, entries in (("scores.dense.W", 32), ("scores.dense.b", 16)):
        parameter = row(found, name)
        assert parameter.phases["update"].flops >= 4 * entries
        assert parameter.phases["forward"].flops == parameter.phases["backward"].flops == 0


def test_a_train_block_is_measured_on_one_batch_in_float32() -> None:
    found = profiled(LEARNING)
    assert (found.dtype, found.sizes) == ("float32", {"N": 8})
    assert profiled(LEARNING, rows=24).sizes == {"N": 24}


def test_without_data_inputs_are_invented_and_the_user_is_told() -> None:
    found = profiled(NET)
    assert found.invented == found.sizes == {"N": 1}
    assert profiled(NET, sizes={"N": 3}).invented == {}


def test_every_moment_measured_is_kept_once() -> None:
    found = profiled(LEARNING, depth=None)
    nodes = sum(cost.flops for cost in found.of_node.values())
    assert nodes == sum(cost.flops for cost in found.total.values())


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.graph")), ids=lambda p: p.stem)
def test_every_example_can_be_profiled(path: Path) -> None:
    if path.stem == "vgg16":
        pytest.skip("it takes too long")
    outcome = compile_source(
        SourceFile(path.name, path.read_text(encoding="utf-8"), str(path)), training=True
    )
    try:
        found = profile(outcome.value, seconds=0.0)
    except GraphlangError as error:
        assert [d.code for d in error.diagnostics] == ["E0901"]
        return
    assert found.rows or not any(not n.is_leaf for n in outcome.value.nodes)
    assert all(np.isfinite(c.seconds) for c in found.total.values())


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_prints_what_it_measured_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(EXAMPLES / "digits_mlp.graph")
    assert main(["profile", file, "--json", "--seconds", "0", "--depth", "0", "--sort", "flops"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sizes"] == {"N": 32}
    flops = [sum(r[p]["flops"] for p in ("forward", "backward", "update")) for r in told["rows"]]
    assert flops == sorted(flops, reverse=True)
    assert told["reference"]["flops_per_second"] > 0


def test_the_picture_is_hottest_where_it_takes_longest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)  # paint it ourselves
    file, picture = tmp_path / "net.graph", tmp_path / "net.svg"
    file.write_text(
        "input x: [300, 300]\nslow = x @ x @ x @ x\nfast = sum(slow)\noutput fast\n", encoding="utf-8"
    )
    assert main(["profile", str(file), "--seconds", "0.1", "-o", str(picture)]) == 0
    shades = {}
    for group in ET.fromstring(picture.read_text(encoding="utf-8")).iter("{http://www.w3.org/2000/svg}g"):
        for shape in group:
            if shape.get("fill", "").startswith("#") and group.get("id") in ("slow", "fast"):
                shades.setdefault(group.get("id"), shape.get("fill"))
    greens = {name: int(colour[3:5], 16) for name, colour in shades.items()}
    assert greens["slow"] < greens["fast"]
    assert "GFLOP/s" in capsys.readouterr().out


def test_a_size_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", str(EXAMPLES / "digits_mlp.graph"), "--size", "M=3"]) == 1
    assert "does not name a free size" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["-2", "1.5", "", "many"])
def test_a_size_that_is_no_number_is_told_what_a_size_is(
    size: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sizes.graph"
    path.write_text("input x: [N]\nf = sum(x)\n")
    assert main(["profile", str(path), "--size", f"N={size}"]) == 1
    assert "a size is a whole number from 0" in (told := capsys.readouterr().err)
    assert "--size N=32" in told
