"""The page in a real browser: every button and key, what pointing tells, and that nothing is asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphlang.cli.main import main
from tests.browser.conftest import Opened

pytestmark = [pytest.mark.browser]
EXAMPLES = Path(__file__).parents[2] / "examples"
Open = Callable[..., Opened]
TWO_LAYERS = "input x = [[1.0, -2.0]]\nh = dense(x, 3, tanh)\ny = dense(h, 2)\nf = sum(y ^ 2)\noutput f\n"


@pytest.fixture
def opened(driver: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a file; in the end no console may complain and nothing may have been asked for."""
    pages: list[Opened] = []

    def open_page(source: Path | str, *options: str) -> Opened:
        if isinstance(source, str):
            (tmp_path / "m.graph").write_text(source, encoding="utf-8")
            source = tmp_path / "m.graph"
        target = tmp_path / "page.html"
        assert main(["draw", str(source), "-o", str(target), *options]) == 0
        pages.append(Opened(driver, target))
        return pages[-1]

    yield open_page
    for page in pages:
        assert page.problems() == []
        assert {url for url in page.requests() if not url.startswith("data:")} <= {page.path.as_uri()}


def xyz(opened: Open) -> Opened:
    return opened(EXAMPLES / "product_of_sum.graph")


def test_it_opens_with_all_numbers(opened: Open):
    page = xyz(opened)
    assert page.text("name") == "product_of_sum"
    assert page.text("formula") == "All values and gradients"
    assert page.seen("value") == page.seen("gradient") == {f"{n}>" for n in "xyzqf"}


def test_it_opens_at_the_step_that_is_asked_for(opened: Open):
    page = opened(EXAMPLES / "product_of_sum.graph", "--step", "3")
    assert page.text("formula") == "df/dq = z = −4"
    assert page.seen("gradient") == {"f>", "z>", "q>"}


def test_the_buttons_step_through_the_ten_frames(opened: Open):
    page = xyz(opened)
    page.click("first")
    assert page.seen("value") == page.seen("gradient") == set()
    said = []
    for _ in range(10):
        page.click("next")
        said.append((page.text("count"), page.text("formula")))
    assert said[3] == ("forward 4 of 5", "q = x + y = −2 + 5 = 3")
    assert said[7] == ("backward 3 of 5", "df/dq = z = −4")
    assert said[9] == ("backward 5 of 5", "df/dx = df/dq · dq/dx = −4 · 1 = −4")
    assert page.text("more") == "local gradient  dq/dx = 1"
    page.click("back")
    assert page.text("count") == "backward 4 of 5"
    assert page.seen("gradient") == {"f>", "z>", "q>", "y>"}
    page.click("last")
    assert page.text("count") == "The whole picture"
    page.click("next")
    assert page.text("count") == "Before the first step"


def test_arrow_keys_step_and_home_and_end_jump(opened: Open):
    page = xyz(opened)
    page.press("HOME", *["ARROW_RIGHT"] * 8)
    assert page.text("formula") == "df/dq = z = −4"
    page.press("ARROW_LEFT")
    assert page.text("formula") == "df/dz = q = 3"
    page.press("END")
    assert page.text("count") == "The whole picture"


def test_the_step_is_announced_and_marked_not_by_colour_alone(opened: Open):
    page = xyz(opened)
    assert page.find("#said").get_attribute("aria-live") == "polite"
    page.press("HOME", *["ARROW_RIGHT"] * 8)
    marks = page.all("#picture .mark.current")
    assert len(marks) == 2  # the gate and the wire
    assert all(m.value_of_css_property("stroke-dasharray") != "none" for m in marks)
    page.press("END")
    assert page.all("#picture .mark.current") == []


def test_the_slider_and_play_step_too(opened: Open):
    page = xyz(opened)
    page.click("play")
    assert page.text("play") == "Pause"
    deadline = time.monotonic() + 5
    while page.text("count") != "forward 1 of 5" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert page.text("count") == "forward 1 of 5"
    page.click("play")
    assert page.text("play") == "Play"
    page.find("#place").click()  # its middle
    assert page.text("count") in ("forward 5 of 5", "backward 1 of 5")
    assert page.find("#place").get_attribute("aria-valuetext").startswith(page.text("count"))


@pytest.mark.parametrize("name", ["product_of_sum", "sigmoid_neuron_gates", "norm_squared", "branching"])
def test_pointing_tells_what_run_json_says(name: str, opened: Open, capsys: pytest.CaptureFixture[str]):
    path = EXAMPLES / f"{name}.graph"
    assert main(["run", str(path), "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    page = opened(path)
    for node, value in run["values"].items():
        page.hover(f"{node}>")
        assert page.text("part-title") == node
        told = page.told()
        assert told["value"] == json.dumps(value)
        assert told[f"d{run['of']}/d…"] == json.dumps(run["gradients"][node])


def test_pointing_at_a_gate_tells_formula_shape_and_line(opened: Open):
    page = xyz(opened)
    page.hover("q")
    told = page.told()
    assert (told["formula"], told["shape"]) == ("x + y", "[ ]")
    assert told["line 10"].startswith("q = x + y")


def test_boxes_open_and_close_by_click_and_list(opened: Open):
    page = opened(TWO_LAYERS, "--depth", "0")
    assert page.boxes() == {"h.dense": False, "y.dense": False}
    page.press_box("h.dense")
    assert page.boxes() == {"h.dense": True, "y.dense": False}
    assert "h.dense.W" in page.ids()
    page.group("y.dense").click()
    assert page.boxes() == {"h.dense": True, "y.dense": True}
    page.click("close-all")
    assert set(page.boxes().values()) == {False}
    page.click("open-all")
    assert set(page.boxes().values()) == {True}
    page.press_box("h.dense")
    assert page.boxes() == {"h.dense": False, "y.dense": True}


@pytest.mark.parametrize("direction", ["lr", "tb"])
def test_a_click_on_the_title_of_an_open_box_closes_it(opened: Open, direction: str):
    page = opened(TWO_LAYERS, "--depth", "1", *(["--tb"] if direction == "tb" else []))
    assert page.boxes() == {"h.dense": True, "y.dense": True}
    title = next(t for t in page.all("#picture text") if t.text.startswith("dense(3"))
    title.click()
    assert page.boxes() == {"h.dense": False, "y.dense": True}
    page.group("h.dense").click()
    assert page.boxes() == {"h.dense": True, "y.dense": True}


def test_no_two_elements_of_the_document_have_one_id(opened: Open):
    """Neither a box and the node that gives its result, nor a node and a part of the page."""
    page = opened(
        "input picture = [[1.0, -2.0]]\nplace = dense(picture, 2) * 2\noutput place\n", "--depth", "2"
    )
    assert {"picture", "place", "place.dense", "box:place.dense"} <= page.ids()
    script = "return [...document.querySelectorAll('[id]')].map(e => e.id)"
    ids = page.driver.execute_script(script)
    assert sorted(ids) == sorted(set(ids))
    page.hover("place>")
    assert page.text("part-title") == "place"


def test_a_step_stays_where_it_is_when_a_box_opens(opened: Open):
    page = opened(TWO_LAYERS, "--depth", "0")
    page.press("HOME", "ARROW_RIGHT", "ARROW_RIGHT")
    before = page.text("formula")
    page.press_box("y.dense")
    assert page.text("formula") == before


def test_the_keyboard_alone_reaches_every_part_and_opens_boxes(opened: Open):
    page = opened(TWO_LAYERS, "--depth", "0")
    active = "return document.activeElement.closest('#picture') && document.activeElement.dataset.id"
    for _ in range(20):
        page.press("TAB")
        if page.driver.execute_script(active):
            break
    reached = []
    for _ in range(len(page.all("#picture g[role]"))):
        reached.append(page.driver.execute_script(active))
        assert len(page.all("#picture .mark.focus")) == 1
        if reached[-1] == "h.dense":
            break
        page.press("ARROW_DOWN")
    assert reached[-1] == "h.dense"
    assert page.text("part-title") == "dense(3, tanh)"
    page.press("ENTER")
    assert page.boxes() == {"h.dense": True, "y.dense": False}
    assert page.driver.execute_script(active) == "box:h.dense"
    page.press("SPACE")
    assert page.boxes() == {"h.dense": False, "y.dense": False}


def test_every_button_has_a_name_and_can_be_focused(opened: Open):
    page = opened(TWO_LAYERS)
    script = """return [...document.querySelectorAll('button,input')].filter(b => !b.disabled && !b.hidden)
      .filter(b => !(b.getAttribute('aria-label') || b.textContent.trim()) || b.tabIndex < 0).length"""
    assert page.driver.execute_script(script) == 0


def test_light_dark_size_and_panel(opened: Open):
    page = xyz(opened)
    ground = "return getComputedStyle(document.body).backgroundColor"
    light = page.driver.execute_script(ground)
    page.click("side")
    assert page.driver.execute_script(ground) != light
    assert page.text("side") == "Light"
    page.press("d")
    assert page.driver.execute_script(ground) == light
    width = page.find("#picture svg").size["width"]
    page.click("larger")
    assert page.find("#picture svg").size["width"] > width
    page.click("smaller")
    page.click("smaller")
    assert page.find("#picture svg").size["width"] < width
    page.click("fit")
    assert page.find("#picture svg").size["width"] == width
    page.press("i")
    assert not page.find("#aside").is_displayed()
    page.click("panel")
    assert page.find("#aside").is_displayed()


def test_texts_of_a_model_stay_texts(opened: Open):
    page = opened(
        "# <img src=x onerror=\"document.title='bad'\"> </script><script>document.title='bad'</script>\n"
        'input x = 1.5\n# <b>bold</b> & "quoted"\nh = tanh(x)  # </style><svg onload=alert(1)>\n'
        "f = h * h\noutput f\n"
    )
    assert page.driver.title == "m"
    assert page.text("description").startswith("<img src=x")
    page.hover("h")
    told = page.told()
    assert told["about"] == '<b>bold</b> & "quoted"'
    assert told["line 4"].endswith("</style><svg onload=alert(1)>")
    assert page.all("img, aside b, aside svg") == []


def test_hundreds_of_nodes_are_stepped_through_at_once(opened: Open):
    lines = ["input x = 0.5", *(f"h{k} = {'sin' if k % 2 else 'tanh'}({f'h{k - 1}' if k else 'x'}) * 0.9 + x"
             for k in range(100)), "output h99"]  # fmt: skip
    page = opened("\n".join(lines), "--show", "values,grads")
    assert len(page.all("#picture g[data-id]")) > 600
    page.press("HOME")
    start = time.monotonic()
    page.press(*["ARROW_RIGHT"] * 50)
    assert time.monotonic() - start < 10
    assert page.text("count").startswith("forward 50 of")
    page.press("END")
    page.hover("h99>")
    assert page.told()["value"]


def test_a_folded_loop_opens_and_closes(opened: Open):
    page = opened(
        "input x = [[1.0, 2.0, 3.0]]\nh = x\nfor k in 1..12 { h = h -> dense(3) -> tanh }\nf = sum(h)\noutput f\n"
    )
    assert any("×12" in t.text for t in page.all("#picture text"))
    page.press_box("for")
    assert page.boxes()["for"] is False
    assert "for" in page.ids()
    page.group("for").click()
    assert page.boxes()["for"] is True


def test_without_numbers_there_is_nothing_to_step_through(opened: Open):
    page = opened("input x: [N, 3]\nf = sum(dense(x, 2))\noutput f\n")
    assert not page.find("#controls").is_displayed()
    page.press("ARROW_RIGHT")
    assert "no numbers" in page.text("more")
    page.hover("x")
    assert page.told()["shape"] == "[N, 3]"
