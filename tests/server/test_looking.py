"""What the page shows is what the command line says."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from graphlang.cli.main import main
from tests.server.conftest import NEURON, Client

EXAMPLES = Path(__file__).parents[2] / "examples"
SVG = "{http://www.w3.org/2000/svg}"

BROKEN = """input x: [3]
param W: [4, 2] = 0
h = x @ W
k = y + 1
for i in 1..3 {
"""


def on_the_command_line(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main([*arguments, "--json"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    "text", [NEURON, BROKEN, 'input λ = "𝔘"\nf = λ +\n', "", "# nothing\n", "input x = 1\nx = 2\n"]
)
def test_the_diagnostics_are_those_of_check(
    client: Client, folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / "checked.graph").write_text(text)
    expected = on_the_command_line(capsys, "check", str(folder / "checked.graph"))["diagnostics"]
    found = client.look(text, "checked.graph")["diagnostics"]
    kept = [{k: v for k, v in d.items() if k not in ("place", "rendered")} for d in found]
    assert [d for d in kept if d["code"] != "W0901"] == expected


def test_places_are_counted_as_browsers_count(client: Client) -> None:
    text = "input x = 1  # 𝔘𝔫𝔦\ny = z  # 𝔘\nv = w\n"
    found = client.look(text)["diagnostics"]
    units = text.encode("utf-16-le")
    marked = [units[2 * d["place"][0] : 2 * d["place"][1]].decode("utf-16-le") for d in found]
    assert marked == ["z", "w"]


@pytest.mark.parametrize(
    "name",
    [
        "product_of_sum",
        "sigmoid_neuron_gates",
        "branching",
        "norm_squared",
        "softmax_loss",
        "hinge_loss",
        "second_derivative",
    ],
)
def test_the_numbers_are_those_of_run(client: Client, capsys: pytest.CaptureFixture[str], name: str) -> None:
    path = EXAMPLES / f"{name}.graph"
    expected = on_the_command_line(capsys, "run", str(path))
    found = client.look(path.read_text(encoding="utf-8"), f"{name}.graph")
    assert found["of"] == expected["of"]
    assert {p: n["value"] for p, n in found["numbers"].items()} == expected["values"]
    gradients = {p: n["gradient"] for p, n in found["numbers"].items() if "gradient" in n}
    assert gradients == expected["gradients"]


def test_the_picture_is_that_of_draw(client: Client, folder: Path) -> None:
    out = folder / "drawn.svg"
    main(["draw", str(folder / "net.graph"), "--engine", "builtin", "-o", str(out)])
    assert client.look(NEURON)["svg"] == out.read_text(encoding="utf-8")
    out.unlink()


def test_every_group_of_the_picture_can_be_asked_about(client: Client) -> None:
    found = client.look((EXAMPLES / "spiral.graph").read_text(encoding="utf-8"))
    groups = [g.get("id") for g in ElementTree.fromstring(found["svg"]).iter(f"{SVG}g") if g.get("id")]
    assert groups
    assert [g for g in groups if g not in found["items"]] == []


def test_an_item_knows_its_line(client: Client) -> None:
    items = client.look(NEURON)["items"]
    assert (items["w"]["line"], items["a"]["line"], items["f"]["line"]) == (1, 3, 4)
    begin, end = items["a"]["place"]
    assert NEURON[begin:end] == "a = w * x"


def test_a_text_with_mistakes_has_no_picture_but_keeps_its_sliders(client: Client) -> None:
    found = client.look("input x = 2\nf = x * \n")
    assert (found["ok"], "svg" in found) == (False, False)
    assert [c["name"] for c in found["controls"]] == ["x"]


def test_an_expectation_that_does_not_hold_is_a_warning_at_its_line(client: Client) -> None:
    found = client.look("input x = 2\nf = x * x\nexpect f == 5\n")
    assert [(d["code"], d["severity"], d["line"]) for d in found["diagnostics"]] == [("W0901", "warning", 3)]
    assert found["ok"]


def test_a_value_that_cannot_be_computed_is_told(client: Client) -> None:
    found = client.look("input x: int[2] = [1, 2]\ninput i: int = 5\nf = take(x, i)\n")
    assert (found["ok"], [d["severity"] for d in found["diagnostics"]]) == (False, ["error"])


def test_inputs_without_a_value_give_a_picture_of_shapes(client: Client) -> None:
    found = client.look("input x: [N, 3]\nf = sum(x)\n")
    assert (found["ok"], found["numbers"], found["steps"]) == (True, {}, [])
    assert "no value" in found["remarks"][0]


def test_boxes_open_and_close(client: Client) -> None:
    text = "input x: [1, 2] = [[1, 2]]\ny = x -> dense(3, relu) -> dense(1)\n"
    assert {b["path"]: b["open"] for b in client.look(text, depth=0)["boxes"]} == {
        "y.dense": False,
        "y.dense_2": False,
    }
    found = client.look(text, depth=0, open=["y.dense"])
    assert {b["path"]: b["open"] for b in found["boxes"]}["y.dense"] is True
    assert {b["path"]: b["open"] for b in client.look(text, close=["y.dense"])["boxes"]}["y.dense"] is False


def test_a_box_that_is_gone_is_forgotten(client: Client) -> None:
    found = client.look(NEURON, open=["nothing.dense"], close=["dense"])
    assert found["ok"]
    assert "There is no box `dense` any more." in found["remarks"]


def test_themes_change_the_picture(client: Client) -> None:
    pictures = {t: client.look(NEURON, theme=t)["svg"] for t in ("slide", "dark", "colorblind")}
    assert len(set(pictures.values())) == 3
    assert client.look(NEURON, theme="<script>")["svg"] == pictures["slide"]


def test_a_strange_view_is_taken_for_none(client: Client) -> None:
    assert client.look(NEURON, depth="x", open=[1], close=None)["ok"]
    assert client.look(NEURON, depth=True)["ok"]


# --- names and comments are text -------------------------------------------------------------------

HOSTILE = """# <script>alert(1)</script> & "quotes"
# <img src=x onerror=alert(1)>
input x = 1
f = x * 2
output f
expect f == 3
assert 1 == 1, "<b>bold</b>"
"""


def test_markup_in_a_file_stays_text(client: Client) -> None:
    found = client.look(HOSTILE)
    root = ElementTree.fromstring(found["svg"])
    assert {e.tag.removeprefix(SVG) for e in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "style",
        "rect",
        "g",
        "path",
        "text",
        "tspan",
        "circle",
    }
    assert "<script>alert(1)</script>" in "".join(root.itertext())


def test_markup_in_a_string_that_a_message_quotes_is_text(client: Client) -> None:
    found = client.look('data d = csv("<img src=x onerror=alert(1)>.csv")\n')
    assert "<img src=x onerror=alert(1)>" in found["diagnostics"][0]["message"]


# --- steps ------------------------------------------------------------------------------------------


def test_steps_go_forward_in_the_order_of_the_graph_and_backward_in_reverse(client: Client) -> None:
    steps = client.look(NEURON)["steps"]
    forward = [w for s in steps if s["phase"] == "forward" for w in s["wires"]]
    backward = [w for s in steps if s["phase"] == "backward" for w in s["wires"]]
    assert forward == ["w>", "x>", "a>", "f.neg>", "f.exp>", "f.add>", "f>"]
    assert backward == ["f>", "f.add>", "f.exp>", "f.neg>", "a>", "x>", "w>"]
    assert [s["items"] for s in steps[:3]] == [[], ["a"], ["f.neg"]]


def test_what_a_step_says_is_what_draw_says(client: Client) -> None:
    steps = client.look("input x = -2\ninput y = 5\ninput z = -4\nq = x + y\nf = q * z\noutput f\n")["steps"]
    assert [s["lines"][0] for s in steps] == [
        "x = −2  y = 5  z = −4",
        "q = x + y = −2 + 5 = 3",
        "f = q · z = 3 · (−4) = −12",
        "df/df = 1",
        "df/dz = q = 3",
        "df/dq = z = −4",
        "df/dy = df/dq · dq/dy = −4 · 1 = −4",
        "df/dx = df/dq · dq/dx = −4 · 1 = −4",
    ]


def test_after_the_last_step_every_wire_with_a_number_is_known(client: Client) -> None:
    for name in ("branching", "softmax_loss", "custom_backward", "sigmoid_neuron"):
        found = client.look((EXAMPLES / f"{name}.graph").read_text(encoding="utf-8"))
        groups = {
            g.get("id")
            for g in ElementTree.fromstring(found["svg"]).iter(f"{SVG}g")
            if g.get("class") == "wire"
        }
        forward = [w for s in found["steps"] if s["phase"] == "forward" for w in s["wires"]]
        backward = [w for s in found["steps"] if s["phase"] == "backward" for w in s["wires"]]
        assert sorted(forward) == sorted(groups)  # each exactly once
        assert len(backward) == len(set(backward))
        assert set(backward) <= groups


def test_a_local_derivative_does_not_need_an_upstream(client: Client) -> None:
    # The relu is dead, so nothing arrives at the product, whose local derivatives are 5 and 3 all the same.
    found = client.look("input x = 3\ninput w = 5\na = x * w\nf = relu(-a)\noutput f\n")
    assert found["items"]["a"]["local"] == [["x", "5"], ["w", "3"]]
    assert found["numbers"]["a"]["gradient"] == 0


def test_local_derivatives_are_drawn_if_asked_for(client: Client) -> None:
    text = "input x = 3\ninput w = 5\nf = x * w\noutput f\n"
    assert client.look(text, local=True)["svg"] != client.look(text)["svg"]


def test_a_graph_is_looked_at_with_what_was_learned(client: Client) -> None:
    text = "param w = 2\ninput x = 3\nf = w * x\noutput f\n"
    message = {"text": text, "name": "net.graph"}
    found = client.ask("look", **message, weights={"w": 5.0})
    assert (found["numbers"]["f"]["value"], found["numbers"]["x"]["gradient"]) == (15.0, 5.0)
    for strange in ({"v": 1.0}, {"w": [1.0]}, {"w": "x"}, {"w": [[1], [2, 3]]}, [1], "w", None):
        again = client.ask("look", **message, weights=strange)
        assert (again["numbers"]["f"]["value"], again["is_learned"]) == (6.0, False)


# --- other questions --------------------------------------------------------------------------------


def test_the_gradient_check_agrees_and_finds_a_wrong_gate(client: Client) -> None:
    good = client.ask("gradcheck", text=NEURON, name="net.graph")
    assert (good["wrong"], {c["name"] for c in good["checks"]}) == (0, {"w", "x"})
    assert good["worst"] < 1e-6
    bad = (EXAMPLES / "wrong_backward.graph").read_text(encoding="utf-8")
    assert client.ask("gradcheck", text=bad, name="net.graph")["wrong"] > 0


@pytest.mark.parametrize("name", ["sigmoid_neuron", "spiral"])
def test_the_script_is_that_of_export(client: Client, folder: Path, name: str) -> None:
    text = (EXAMPLES / f"{name}.graph").read_text(encoding="utf-8")
    path, out = folder / f"{name}.graph", folder / f"{name}.py"
    path.write_text(text, encoding="utf-8")
    main(["export", str(path), "--to", "numpy", "-q", "-o", str(out)])
    assert client.ask("export", text=text, name=f"{name}.graph")["content"] == out.read_text(encoding="utf-8")
    path.unlink()
    out.unlink()


def test_three_hundred_nodes_are_looked_at_quickly_enough_to_type(client: Client) -> None:
    lines = ["input x = 0.5", "h0 = x"] + [f"h{i} = tanh(h{i - 1} * 1.1)" for i in range(1, 151)]
    began = time.perf_counter()
    found = client.look("\n".join([*lines, "f = h150", "output f"]))
    assert time.perf_counter() - began < 10
    assert found["ok"]
    assert len(found["steps"]) == 2 * 301
