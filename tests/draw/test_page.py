"""The page as a file: what it holds, what it may never hold, and which pictures are painted for it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from graphlang import pipeline
from graphlang.cli.main import main
from graphlang.draw.html import html_text, json_in_html
from graphlang.draw.states import MOST_STATES, boxes_of, chosen_states
from graphlang.draw.view import View
from graphlang.source import SourceFile

EXAMPLES = Path(__file__).parents[2] / "examples"
Captured = pytest.CaptureFixture[str]


class Page(HTMLParser):
    """Reads a page as a browser does: elements with their attributes and the text in them."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.elements.append((f"/{tag}", {}))
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data

    def content(self, tag: str, **wanted: str) -> str:
        (found,) = [
            text
            for (name, attrs), text in zip(self.elements, self.texts, strict=True)
            if name == tag and all(attrs.get(k) == v for k, v in wanted.items())
        ]
        return found

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.content("script", id="data"))


def page(folder: Path, path: Path | str, *options: str) -> Page:
    target = folder / "page.html"
    assert main(["draw", str(path), "-o", str(target), *options]) == 0
    return Page(target.read_text(encoding="utf-8"))


def written(folder: Path, text: str) -> Path:
    (folder / "m.graph").write_text(text, encoding="utf-8")
    return folder / "m.graph"


def test_numbers_are_those_of_run_json(tmp_path: Path, capsys: Captured):
    path = EXAMPLES / "sigmoid_neuron_gates.graph"
    assert main(["run", str(path), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    nodes = page(tmp_path, path).data["nodes"]
    assert set(run["values"]) <= set(nodes)
    for name, value in run["values"].items():
        assert nodes[name]["value"] == json.dumps(value)
        assert nodes[name]["gradient"] == json.dumps(run["gradients"][name])


def test_a_node_tells_its_formula_its_shape_and_its_line(tmp_path: Path):
    text = "input x = [1.0, 2.0]\n# twice\nh = 2 * x\nf = sum(h)\noutput f"
    told = page(tmp_path, written(tmp_path, text)).data["nodes"]["h"]
    assert (told["formula"], told["shape"], told["line"], told["source"], told["doc"]) == (
        "2 * x",
        "[2]",
        3,
        "h = 2 * x",
        "twice",
    )


def test_the_steps_are_the_ten_frames(tmp_path: Path):
    data = page(tmp_path, EXAMPLES / "product_of_sum.graph").data
    steps = data["pictures"][0]["steps"]
    assert [step["wires"] for step in steps] == [[f"{n}>"] for n in "xyzqffzqyx"]
    assert [bool(step.get("back")) for step in steps] == [False] * 5 + [True] * 5
    assert data["texts"][steps[7]["lines"][0]] == "df/dq = z = −4"


def test_ids_of_the_picture_are_those_that_steps_and_details_name(tmp_path: Path):
    for name in ("product_of_sum", "branching", "residual", "custom_backward"):
        for picture in page(tmp_path, EXAMPLES / f"{name}.graph").data["pictures"]:
            root = ElementTree.fromstring(picture["svg"])
            ids = {g.get("id") for g in root.iter("{http://www.w3.org/2000/svg}g")}
            shown = set(picture["tells"]) if picture["numbers"] else set()
            assert shown <= ids
            assert {*picture["closed"], *(f"box:{path}" for path in picture["open"])} <= ids
            assert {item for step in picture["steps"] for item in step["items"]} <= ids


def test_nothing_is_fetched_and_only_the_pages_own_script_runs(tmp_path: Path):
    found = page(tmp_path, EXAMPLES / "residual.graph")
    for tag, attrs in found.elements:
        assert tag not in {"iframe", "object", "embed", "img", "base", "form"}
        for name in ("src", "href", "action", "srcset"):
            assert (attrs.get(name) or "data:").startswith("data:")
        assert not any(name.startswith("on") or name == "style" for name in attrs)
    (policy,) = [a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"]
    digests = [
        "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for (tag, attrs), text in zip(found.elements, found.texts, strict=True)
        if tag in ("style", "script") and attrs.get("type") != "application/json"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert sorted(re.findall(r"sha256-[^']+", policy)) == sorted(digests)
    urls = {
        u
        for _, t in zip(found.elements, found.texts, strict=True)
        for u in re.findall(r"https?://[^\s\"'\\]+", t)
    }
    assert urls <= {"http://www.w3.org/2000/svg"}


HOSTILE = """# </script><script>alert(1)</script><!-- ]]> \u2028 &lt;b&gt;
input x = 1.5
# </script><img src=x onerror=alert(2)>
h = tanh(x)  # "</style>' </script>
f = h * h
output f
"""


def test_no_text_of_a_model_leaves_its_place(tmp_path: Path):
    found = page(tmp_path, written(tmp_path, HOSTILE))
    scripts = [attrs for tag, attrs in found.elements if tag == "script"]
    assert len(scripts) == 2
    assert not any(tag == "img" for tag, _ in found.elements)
    data = found.data
    assert data["description"].startswith("</script><script>alert(1)</script>")
    assert data["nodes"]["h"]["doc"] == "</script><img src=x onerror=alert(2)>"


@pytest.mark.parametrize(
    "text", ["</script>", "<!--", "]]>", "\u2028\u2029", '"\\', "\x00\x07", "\ud800", "@@DATA@@"]
)
def test_json_in_html_has_no_sign_that_html_reads(text: str):
    found = json_in_html({text: text})
    assert not set("<>&\u2028\u2029") & set(found)
    safe = text.encode("utf-8", "replace").decode()
    assert json.loads(found) in ({text: text}, {safe: safe})


def test_placeholders_in_a_models_texts_stay_texts():
    data = {"name": "@@SCRIPT@@", "theme": "slide", "x": "@@STYLE@@"}
    found = Page(html_text(data))
    assert found.content("title") == "@@SCRIPT@@"
    assert found.data == data


def test_the_same_file_gives_the_same_page(tmp_path: Path):
    path = EXAMPLES / "shared_weights.graph"
    target = tmp_path / "page.html"
    pages = []
    for _ in range(2):
        assert main(["draw", str(path), "-o", str(target)]) == 0
        pages.append(target.read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize("options", [("--format", "html", "-o"), ("--steps",), ("-o",)])
def test_three_ways_to_ask_for_a_page(options: tuple[str, ...], tmp_path: Path):
    target = tmp_path / "page.html"
    assert main(["draw", str(EXAMPLES / "product_of_sum.graph"), *options, str(target)]) == 0
    assert Page(target.read_text(encoding="utf-8")).data["name"] == "product_of_sum"


def test_inputs_without_values_give_a_page_without_steps(tmp_path: Path):
    data = page(tmp_path, written(tmp_path, "input x: [N, 3]\nf = sum(x)\noutput f")).data
    assert data["pictures"][0]["steps"] == []
    assert "value" not in data["nodes"]["x"]


_QUICK = {"custom_backward", "residual", "lstm", "softmax_loss", "learn_sine"}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, id=p.stem, marks=[] if p.stem in _QUICK else [pytest.mark.slow])
        for p in sorted(EXAMPLES.glob("*.graph"))
    ],
)
def test_every_example_has_a_page(path: Path, tmp_path: Path):
    data = page(tmp_path, path, "--rows", "3").data
    for picture in data["pictures"][:3]:
        ElementTree.fromstring(picture["svg"])
        assert set(picture["tells"].values()) <= set(data["nodes"])


# --- which pictures -------------------------------------------------------------------------------


def model(text: str) -> Any:
    outcome = pipeline.compile_source(SourceFile("m.graph", text))
    assert outcome.ok
    return outcome.value


def test_few_boxes_have_a_picture_for_every_choice():
    states = chosen_states(
        model("input x = [[1.0]]\na = dense(x, 2) -> dense(2)\nf = sum(a)\noutput f"), View()
    )
    assert sorted(map(len, states)) == [0, 1, 1, 2]


def test_many_boxes_have_a_bounded_number_and_each_can_be_opened_and_closed():
    layers = "\n".join(f"h{k + 1} = dense(h{k}, 3)" for k in range(20))
    found = model(f"input h0 = [[1.0, 2.0, 3.0]]\n{layers}\nf = sum(h20)\noutput f")
    states = chosen_states(found, View())
    assert len(states) <= MOST_STATES
    every = {box for boxes in states.values() for box in (*boxes.opened, *boxes.closed)}
    assert len(every) == 20
    for box in every:
        assert any(box in boxes.opened for boxes in states.values())
        assert any(box not in boxes.opened for boxes in states.values())


def test_a_state_shows_just_its_open_boxes():
    found = model("input x = [[1.0]]\na = dense(x, 2) -> dense(2)\nf = sum(a)\noutput f")
    for state, boxes in chosen_states(found, View()).items():
        assert state == frozenset(boxes.opened)
        assert boxes == boxes_of(found, state, View())
