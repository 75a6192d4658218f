"""The page of `graphlang play` in a real browser: every button, the keyboard alone, and what can go wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.conftest import serve

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
AXE = ROOT / "editors" / "play" / "node_modules" / "axe-core" / "axe.min.js"
XYZ = "input x = -2\ninput y = 5\ninput z = -4\nq = x + y\nf = q * z\noutput f\n"
MOONS = """const λ = 1e-3
data d = moons(n = 60, noise = 0.1) {
  x = columns("x0".."x1")
  y = column("label")
}
input x: [N, 2]
input y: int[N]
scores = x -> dense(8, tanh) -> dense(2)
loss = cross_entropy(scores, y) + λ * l2(params("*.W"))
output scores
metric accuracy = mean(argmax(scores) == y)
train on d {
  minimize = loss
  optimizer = sgd(lr = 0.5)
  epochs = 400
  batch = 10
  holdout = 0.2
}
"""


class Play:
    """The page, as somebody uses it."""

    def __init__(self, driver: Any, url: str):
        self.driver, self.url = driver, url
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(url)
        self.settle()

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def click(self, id: str) -> None:
        self.find(f"#{id}").click()

    def text(self, id: str) -> str:
        return str(self.js("return document.getElementById(arguments[0]).textContent", id))

    def retype(self, field: Any, text: str) -> None:
        """Write over what a field holds, as a hand does: the driver's `clear` would leave the field first."""
        from selenium.webdriver.common.keys import Keys

        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text)

    def until(self, holds: Callable[[], Any], seconds: float = 20) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = holds()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(
            f"this has not come about: {self.text('train-state')} {self.text('train-error')}"
        )

    def settle(self) -> None:
        """Wait until the first picture, or the first message, is there."""
        self.until(lambda: self.text("verdict") != "", 40)

    def choose(self, id: str, value: str) -> None:
        """Choose from a menu."""
        from selenium.webdriver.support.ui import Select

        Select(self.find(f"#{id}")).select_by_value(value)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(getattr(Keys, key, key))
        chain.perform()

    def type_at_end(self, text: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        self.find(".cm-content").click()
        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys(Keys.END).key_up(Keys.CONTROL).send_keys(
            text
        ).perform()

    def undo(self) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()

    def source(self) -> str:
        """The text in the editor."""
        return str(
            self.js(
                "return document.querySelector('.cm-content').cmTile?.view?.state.doc.toString() ?? [...document.querySelectorAll('.cm-line')].map(l => l.textContent).join('\\n')"
            )
        )

    def wires(self, kind: str = "v") -> dict[str, str]:
        """What stands on the wires and can be seen: values `v`, gradients `d`."""
        script = """const found = {};
        for (const g of document.querySelectorAll('#picture g.wire')) {
          const t = g.querySelector('.' + arguments[0]);
          if (t && getComputedStyle(t).visibility === 'visible') found[g.dataset.id] = t.textContent;
        }
        return found;"""
        return dict(self.js(script, kind))

    def group(self, id: str) -> Any:
        return next(g for g in self.all("#picture g[data-id]") if g.get_attribute("data-id") == id)

    def hover(self, element: Any) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).move_to_element(element).perform()

    def slide(self, name: str, share: float, panel: str = "sliders") -> None:
        """Move the slider of a name to a share of its way."""
        script = """const s = document.querySelector(`#${arguments[0]} input[type=range][data-name="${arguments[1]}"]`);
        s.value = arguments[2] * s.max; s.dispatchEvent(new Event('input', {bubbles: true}));"""
        self.js(script, panel, name, share)

    def problems(self) -> list[str]:
        """What the console complains of."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] in ("SEVERE", "WARNING")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "xyz.graph").write_text(XYZ)
    return tmp_path


@pytest.fixture
def play(driver: Any, folder: Path) -> Iterator[Play]:
    """The page with `xyz.graph`; nothing may have gone wrong in the browser at the end."""
    server = serve(folder, "xyz.graph")
    page = Play(driver, server.url)
    yield page
    problems = page.problems()
    driver.get("about:blank")
    server.shutdown()
    server.server_close()
    assert problems == []


# --- text and picture --------------------------------------------------------------------------------


def test_the_picture_has_the_numbers_of_the_file(play: Play) -> None:
    assert play.wires("v") == {"x>": "−2", "y>": "5", "z>": "−4", "q>": "3", "f>": "−12"}
    assert play.wires("d") == {"x>": "−4", "y>": "−4", "z>": "3", "q>": "−4", "f>": "1"}
    assert play.text("verdict").startswith("No mistakes found.")


def test_the_picture_follows_what_is_typed(play: Play) -> None:
    play.type_at_end("g = f * 2\noutput g\n")
    play.until(lambda: play.wires("v").get("g>") == "−24")


def test_while_the_text_is_wrong_the_last_picture_stays_in_grey(play: Play) -> None:
    play.type_at_end("g = f *")
    play.until(lambda: "stale" in play.find("#picture").get_attribute("class"))
    assert play.wires("v")["f>"] == "−12"
    assert "1 error" in play.text("verdict")
    assert play.all(".cm-lintRange-error")
    assert play.find("#messages .message").text.startswith("error[E0")
    play.find("#messages .message").click()
    play.press("BACKSPACE")
    play.undo()
    play.type_at_end(" 3")
    play.until(lambda: play.wires("v").get("g>") == "−36")
    assert "stale" not in play.find("#picture").get_attribute("class")
    assert not play.all(".cm-lintRange-error")


def test_a_slider_edits_the_text_and_undo_takes_it_back(play: Play) -> None:
    play.slide("x", 1.0)
    play.until(lambda: "input x = 5\n" in play.source() + "\n")
    play.until(lambda: play.wires("v").get("f>") == "−40")
    for share in (0.9, 0.8, 0.75):
        play.slide("x", share)
    play.until(lambda: "input x = 2.5" in play.source())
    play.find(".cm-content").click()
    play.undo()
    play.until(lambda: "input x = -2" in play.source())


def test_a_number_can_be_typed_beside_its_slider(play: Play) -> None:
    field = play.find("#sliders input[type=number]")
    play.retype(field, "7")
    play.until(lambda: "input x = 7" in play.source())
    play.until(lambda: play.wires("v").get("q>") == "12")


def test_pointing_at_a_node_marks_its_line_and_the_cursor_its_node(play: Play) -> None:
    play.hover(play.group("q"))
    play.until(lambda: [m.text for m in play.all(".cm-marked")] == ["q = x + y"])
    play.find(".cm-content").click()
    play.js("document.querySelector('.cm-content').focus()")
    play.type_at_end("")
    play.press("ARROW_UP", "ARROW_UP")
    play.until(lambda: "near" in play.group("f").get_attribute("class"))


def test_pointing_at_a_line_marks_its_node_and_leaving_it_the_one_of_the_cursor(play: Play) -> None:
    play.type_at_end("")
    play.press("ARROW_UP", "ARROW_UP")
    play.until(lambda: "near" in play.group("f").get_attribute("class"))
    play.hover(next(line for line in play.all(".cm-line") if line.text == "q = x + y"))
    play.until(lambda: "near" in play.group("q").get_attribute("class"))
    assert "near" not in play.group("f").get_attribute("class")
    play.hover(play.find("#verdict"))
    play.until(lambda: "near" in play.group("f").get_attribute("class"))


def test_a_click_tells_all_of_a_node(play: Play) -> None:
    play.group("f").click()
    play.until(lambda: play.find("#details").is_displayed())
    told = play.text("details-body")
    for part in ("q * z", "−12", "local derivatives", "∂/∂q−4", "∂/∂z3", "Go to line 5"):
        assert part in told
    play.click("details-close")
    assert not play.find("#details").is_displayed()
    play.choose("node", "q")
    play.until(lambda: "x + y" in play.text("details-body"))


def test_the_gradient_check_says_how_well_they_agree(play: Play) -> None:
    play.click("gradcheck")
    play.until(lambda: play.find("#dialog").is_displayed())
    assert play.text("dialog-title") == "Gradients agree"
    assert "3 of 3" in play.text("dialog-body")
    play.press("ESCAPE")
    play.until(lambda: not play.find("#dialog").is_displayed())


def test_steps_go_forward_and_backward_by_button_and_key(play: Play) -> None:
    play.click("step-next")
    assert set(play.wires("v")) == {"x>", "y>", "z>"}
    assert play.wires("d") == {}
    play.click("step-next")
    assert "q = x + y = −2 + 5 = 3" in play.text("step-text")
    assert [g.get_attribute("data-id") for g in play.all("#picture .now")] == ["q"]
    play.js("document.activeElement.blur()")
    play.press("ARROW_RIGHT", "ARROW_RIGHT")
    assert play.wires("d") == {"f>": "1"}
    play.press("ARROW_LEFT")
    assert play.wires("d") == {}
    play.click("step-back")
    assert set(play.wires("v")) == {"x>", "y>", "z>", "q>"}
    play.press("HOME")
    play.js("document.activeElement.blur()")
    play.press("HOME")
    assert "step 1 of" in play.text("step-text")
    play.press("END")
    assert len(play.wires("d")) == 5
    play.press(" ")
    assert play.find("#step-play").get_attribute("aria-pressed") == "true"
    play.until(lambda: "step 2 of" in play.text("step-text"), 5)
    play.press(" ")
    assert play.find("#step-play").get_attribute("aria-pressed") == "false"
    play.click("step-last")
    play.click("step-first")
    assert "step 1 of" in play.text("step-text")


def test_boxes_open_and_close_and_depth_does_it_at_once(play: Play, folder: Path) -> None:
    play.choose("open", "example:spiral.graph")
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    play.choose("depth", "0")
    play.until(lambda: not play.all("#picture g[data-id='box:scores.dense']"))
    play.choose("node", "scores.dense")
    play.click("toggle-box")
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    assert not play.all("#picture g[data-id='box:scores.dense_2']")
    play.until(lambda: play.text("toggle-box") == "Close this box")
    play.click("toggle-box")
    play.until(lambda: not play.all("#picture g[data-id='box:scores.dense']"))


def test_a_click_on_a_box_opens_it_and_one_on_its_title_closes_it(play: Play) -> None:
    play.choose("open", "example:spiral.graph")
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    play.choose("depth", "0")
    play.until(lambda: not play.all("#picture g[data-id='box:scores.dense']"))
    play.group("scores.dense").click()
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    assert "dense(32, relu)" in play.text("details-body")
    title = lambda: next(t for t in play.all("#picture text") if t.text.startswith("dense(32, relu"))  # noqa: E731
    title().click()
    play.until(lambda: not play.all("#picture g[data-id='box:scores.dense']"))


def test_no_two_elements_of_the_document_have_one_id(play: Play) -> None:
    play.choose("open", "example:spiral.graph")
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    ids = play.js("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert sorted(ids) == sorted(set(ids))
    groups = play.js("return [...document.querySelectorAll('#picture g[data-id]')].map(e => e.dataset.id)")
    assert sorted(groups) == sorted(set(groups))


def test_what_is_found_is_marked_and_gone_through(play: Play) -> None:
    play.choose("open", "example:spiral.graph")
    play.until(lambda: play.all("#picture g[data-id='box:scores.dense']"))
    play.choose("depth", "0")
    play.until(lambda: not play.all("#picture g[data-id='box:scores.dense']"))
    play.js("document.activeElement.blur()")
    play.js("window.dispatchEvent(new KeyboardEvent('keydown', {key: 'f', ctrlKey: true, cancelable: true}))")
    assert play.js("return document.activeElement.id") == "find"
    play.press(*"dense")
    count = len([g for g in play.all("#picture g.found") if not g.get_attribute("data-id").endswith(">")])
    assert count >= 3
    assert play.text("found").startswith(f"{count} found")
    play.press("ENTER")
    assert play.text("found") == f"1 of {count}"
    assert play.find("#details").is_displayed()
    first = play.text("details-body")
    play.press("ENTER")
    assert play.text("details-body") != first
    play.press("ESCAPE")
    assert not play.all("#picture g.found")
    play.press(*"<b>")
    assert play.text("found") == "0 found"


def test_a_number_is_scrubbed_in_the_picture(play: Play) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    chain = ActionChains(play.driver).click_and_hold(play.group("x>"))
    for _ in range(4):
        chain = chain.move_by_offset(20, 0)
    chain.release().perform()
    # 80 of 400 pixels from -2, where the slider goes from -5 to 5.
    play.until(lambda: "input x = 0\n" in play.source())
    play.until(lambda: play.wires("v")["f>"] == "−20")
    assert not play.find("#details").is_displayed()  # it was no click
    play.find(".cm-content").click()
    play.undo()
    play.until(lambda: "input x = -2\n" in play.source())


def test_steps_are_played_over_and_over(play: Play) -> None:
    play.click("step-repeat")
    play.js("document.activeElement.blur()")
    play.press("HOME", *["ARROW_RIGHT"] * 7)
    count = play.text("step-text").rsplit(" of ", 1)[1]
    assert f"step 8 of {count}" in play.text("step-text")
    play.click("step-play")
    play.until(lambda: "step 1 of" in play.text("step-text"), 6)
    assert play.find("#step-play").get_attribute("aria-pressed") == "true"
    play.click("step-play")


def test_zoom_and_colours(play: Play) -> None:
    width = lambda: float(play.find("#picture svg").get_attribute("width"))  # noqa: E731
    fitting = width()
    play.click("zoom-in")
    assert width() > fitting
    play.click("zoom-out")
    play.click("zoom-out")
    assert width() < fitting
    play.click("zoom-fit")
    assert width() == pytest.approx(fitting)
    grounds = set()
    for theme in ("dark", "colorblind", "slide"):
        play.choose("theme", theme)
        fill = play.until(lambda t=theme: _fills(play) if _theme(play) == t else None)
        grounds.add(fill)
    assert len(grounds) == 3


def _fills(play: Play) -> tuple[str, str]:
    time.sleep(0.5)
    return (
        play.find("#picture .bg").get_attribute("fill"),
        play.find("#picture .v").get_attribute("fill"),
    )


def _theme(play: Play) -> str:
    return str(play.js("return document.documentElement.dataset.theme"))


def test_local_derivatives_are_drawn_on_the_wires(play: Play) -> None:
    before = len(play.all("#picture text"))
    play.click("local-on")
    play.until(lambda: len(play.all("#picture text")) > before)


def test_help_tells_the_keys(play: Play) -> None:
    play.click("help-button")
    assert "one step forward" in play.text("dialog-body")
    play.find("#dialog-buttons button").click()
    assert not play.find("#dialog").is_displayed()


def test_the_messages_can_be_given_more_room_by_key(play: Play) -> None:
    before = play.find(".messages").size["height"]
    play.js("document.getElementById('divider').focus()")
    play.press("ARROW_UP", "ARROW_UP")
    assert play.find(".messages").size["height"] > before


# --- files -------------------------------------------------------------------------------------------


def test_what_is_saved_is_on_disk(play: Play, folder: Path) -> None:
    assert not play.find("#unsaved").is_displayed()
    play.type_at_end("g = f + 1\n")
    play.until(lambda: play.find("#unsaved").is_displayed())
    play.click("save")
    play.until(lambda: not play.find("#unsaved").is_displayed())
    assert (folder / "xyz.graph").read_text() == XYZ + "g = f + 1\n"


def test_a_file_that_was_changed_elsewhere_is_only_replaced_if_one_says_so(play: Play, folder: Path) -> None:
    (folder / "xyz.graph").write_text("input x = 1\n")
    play.type_at_end("g = f + 1\n")
    play.click("save")
    play.until(lambda: play.find("#dialog").is_displayed())
    assert (folder / "xyz.graph").read_text() == "input x = 1\n"
    play.find("#dialog-buttons button[value=Replace]").click()
    play.until(lambda: (folder / "xyz.graph").read_text() == XYZ + "g = f + 1\n")
    play.until(lambda: [m for m in play.driver.get_log("browser") if "409" in m["message"]])


def test_pictures_script_and_text_are_given_away(play: Play, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    play.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(out)}
    )
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG"), ("script", b'"""'), ("graph", b"input x")):
        play.find("#export summary").click()
        play.click(f"export-{kind}")
        name = "xyz." + {"script": "py"}.get(kind, kind)
        play.until(lambda n=name: (out / n).exists() and (out / n).stat().st_size)
        assert (out / name).read_bytes().startswith(start)
    found = subprocess.run([sys.executable, str(out / "xyz.py")], capture_output=True, text=True, check=True)
    assert "-12" in found.stdout


def test_a_shared_link_brings_the_text_and_not_the_token(play: Play) -> None:
    play.type_at_end("g = f + λ\n")
    play.click("share")
    play.until(lambda: play.find("#dialog").is_displayed())
    link = play.find("#dialog input").get_attribute("value")
    assert play.url.split("/")[3] not in link
    play.find("#dialog-buttons button").click()
    play.choose("open", "example:branching.graph")
    play.until(lambda: "Gradients add" in play.source())
    play.choose("open", "link")
    play.find("#dialog input").send_keys(link)
    play.find("#dialog-buttons button[value=Open]").click()
    play.until(lambda: play.source() == XYZ + "g = f + λ\n")
    play.js("location.hash = arguments[0]", link[link.index("#") :])
    play.until(lambda: play.find("#name").get_attribute("value") == "shared.graph")


@pytest.mark.parametrize(
    "name", ["sigmoid_neuron_gates.graph", "softmax_loss.graph", "custom_backward.graph"]
)
def test_examples_open(play: Play, name: str) -> None:
    play.choose("open", f"example:{name}")
    play.until(lambda: play.find("#name").get_attribute("value") == name)
    play.until(lambda: play.text("verdict").startswith("No mistakes found."))
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert play.source().rstrip() == text.rstrip()


def test_a_file_with_mistakes_does_not_get_the_picture_of_another(play: Play, folder: Path) -> None:
    (folder / "broken.graph").write_text("f = nothing\n")
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:broken.graph")
    play.until(lambda: "1 error" in play.text("verdict"))
    assert not play.all("#picture svg")
    assert not play.all("#sliders input")


def test_an_unsaved_text_can_be_had_back_after_opening_another(play: Play) -> None:
    play.type_at_end("g = 1 + f\n")
    play.choose("open", "example:branching.graph")
    play.until(lambda: play.find("#notice-action").is_displayed())
    play.click("notice-action")
    play.until(lambda: play.source().endswith("g = 1 + f\n"))
    play.click("notice-close") if play.find("#notice").is_displayed() else None


# --- training ----------------------------------------------------------------------------------------


def canvas(play: Play, id: str) -> str:
    return str(play.js("return document.getElementById(arguments[0]).toDataURL()", id))


@pytest.fixture
def training(play: Play, folder: Path) -> Play:
    (folder / "moons.graph").write_text(MOONS, encoding="utf-8")
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:moons.graph")
    play.click("tab-train")
    play.until(lambda: play.text("train-state") != "", 40)
    return play


def test_training_is_watched_paused_stepped_and_begun_anew(training: Play) -> None:
    before = canvas(training, "map")
    training.click("train-step")
    training.until(lambda: "step 1" in training.text("train-state"))
    training.click("train-epoch")
    training.until(lambda: "epoch 1 of 400" in training.text("train-state"))
    assert "accuracy" in training.text("train-numbers")
    assert "held out" in training.text("train-numbers")
    training.click("train-start")
    training.until(lambda: "Pause" in training.text("train-start"))
    training.until(lambda: canvas(training, "map") != before)
    curve = canvas(training, "curve")
    training.until(lambda: canvas(training, "curve") != curve)
    training.click("train-start")
    training.until(lambda: "Start" in training.text("train-start"))
    stood = training.text("train-state")
    time.sleep(0.5)
    assert training.text("train-state") == stood
    training.click("train-reset")
    training.until(lambda: "epoch 0" in training.text("train-state"))


def test_the_map_has_the_points_of_every_class_and_the_loss_falls(training: Play) -> None:
    training.js(
        "const s = document.getElementById('train-speed'); s.value = 4; s.dispatchEvent(new Event('input'))"
    )
    training.click("train-start")
    training.until(lambda: "Again" in training.text("train-start"), 60)
    assert (
        float(training.js("return document.querySelector('#train-numbers tr:nth-child(2) td').textContent"))
        < 0.4
    )
    script = """const c = document.getElementById('map').getContext('2d').getImageData(0, 0, 720, 720).data, found = {};
    for (let i = 0; i < c.length; i += 4) { const k = c[i] + ',' + c[i+1] + ',' + c[i+2]; found[k] = (found[k] ?? 0) + 1; }
    return found;"""
    colours = training.js(script)
    assert colours.get("0,114,178", 0) > 200  # Okabe and Ito's blue, and the orange
    assert colours.get("230,120,0", 0) > 200


def test_knobs_are_turned_during_a_run(training: Play) -> None:
    training.click("train-epoch")
    training.until(lambda: "epoch 1 " in training.text("train-state"))
    training.slide("lr", 0.9, "train-sliders")
    training.until(lambda: "lr = 0.5)" not in training.source())
    training.click("train-epoch")
    training.until(lambda: "epoch 2 " in training.text("train-state"))  # it went on
    training.slide("λ", 0.9, "train-sliders")
    training.until(lambda: "const λ = 1e-3" not in training.source())
    data = training.find("#train-sliders select[data-name=data]")
    data.send_keys("circles")
    training.until(lambda: "data d = circles(n = 60, noise = 0.1)" in training.source())
    assert training.text("train-error") == "" or not training.find("#train-error").is_displayed()


def test_a_file_without_a_train_block_says_what_it_lacks(play: Play) -> None:
    play.click("tab-train")
    assert play.find("#train-none").is_displayed()
    play.find("#tab-train").send_keys("")
    play.press("ARROW_LEFT")
    assert play.find("#panel-graph").is_displayed()


# --- what can go wrong -------------------------------------------------------------------------------

HOSTILE = """# <script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">
# </title></svg><script>window.hacked = 1</script>
input editor = 2
# <b onmouseover="window.hacked = 1">a comment</b>
messages = editor * 3
picture = messages + 1
output picture
expect picture == 8
data d = csv("<img src=x onerror=window.hacked=1>.csv")
"""


def test_markup_in_a_file_stays_text(play: Play, folder: Path) -> None:
    (folder / "hostile.graph").write_text(HOSTILE)
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:hostile.graph")
    play.until(lambda: "<img src=x" in play.text("messages"))
    play.type_at_end("")
    play.js("const s = getSelection()")
    (folder / "hostile2.graph").write_text(HOSTILE.rsplit("data", 1)[0])
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:hostile2.graph")
    play.until(lambda: play.all("#picture g[data-id=messages]"))
    play.group("messages").click()
    play.until(lambda: "<b onmouseover" in play.text("details-body"))
    assert play.js("return window.hacked ?? null") is None
    assert not play.all("#picture script, #picture img, #details img, #messages img, #details b[onmouseover]")
    assert play.js("return document.querySelectorAll('#editor, #messages, #picture').length") == 3


def test_three_hundred_nodes_are_drawn_while_one_types(play: Play, folder: Path) -> None:
    lines = ["input x = 0.5", "h0 = x"] + [f"h{i} = tanh(h{i - 1} * 1.1)" for i in range(1, 151)]
    (folder / "long.graph").write_text("\n".join([*lines, "f = h150", "output f\n"]))
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:long.graph")
    play.until(lambda: len(play.all("#picture g[data-id]")) > 300)
    play.type_at_end("g = f * 2\noutput g\n")
    play.until(lambda: play.all("#picture g[data-id='>g']"))
    play.click("step-next")
    play.click("step-next")
    assert "x · 1.1 = 0.50 · 1.1 = 0.55" in play.text("step-text")


def test_a_text_that_takes_long_can_be_stopped(play: Play) -> None:
    play.type_at_end("u = f\nfor i in 1..90000 { u = tanh(u * 1.1 + 0.3) }\n")
    play.until(lambda: play.find("#stop").is_displayed())
    play.click("stop")
    play.until(lambda: "stopped" in play.text("verdict"))
    assert play.wires("v")["f>"] == "−12"
    play.find(".cm-content").click()
    play.until(lambda: play.undo() or play.source() == XYZ)
    play.until(lambda: play.text("verdict").startswith("No mistakes"), 40)
    assert any("409" in p for p in play.problems())


def test_two_tabs_do_not_disturb_one_another(play: Play) -> None:
    first = play.driver.current_window_handle
    play.type_at_end("g = f + 1\n")
    play.driver.switch_to.new_window("tab")
    play.driver.get(play.url)
    play.settle()
    play.until(lambda: play.source().startswith("input x"))
    play.choose("open", "example:branching.graph")
    play.until(lambda: "Gradients add" in play.source())
    play.driver.switch_to.window(first)
    assert play.source() == XYZ + "g = f + 1\n"
    play.type_at_end("k = g + 1\n")
    play.until(lambda: play.wires("v").get("k>") == "−10")
    other = next(h for h in play.driver.window_handles if h != first)
    play.driver.switch_to.window(other)
    assert "Gradients add" in play.source()
    play.driver.close()
    play.driver.switch_to.window(first)


def test_a_reload_does_not_lose_the_text(play: Play) -> None:
    play.type_at_end("g = f + 1\n")
    time.sleep(0.2)
    play.driver.refresh()
    play.settle()
    play.until(lambda: play.source() == XYZ + "g = f + 1\n")
    assert play.find("#unsaved").is_displayed()
    play.click("notice-action")
    play.until(lambda: play.source() == XYZ)


def _start(folder: Path) -> tuple[subprocess.Popen[str], str]:
    env = {**os.environ, "GRAPHLANG_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "graphlang", "play", "--no-open", "-q", str(folder / "xyz.graph")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def test_a_server_that_is_killed_and_started_again_loses_nothing(driver: Any, folder: Path) -> None:
    process, url = _start(folder)
    page = Play(driver, url)
    page.type_at_end("g = f + 1\n")
    page.until(lambda: page.wires("v").get("g>") == "−11")
    process.send_signal(signal.SIGKILL)
    process.wait()
    page.type_at_end("h = g + 1\n")
    page.until(lambda: "does not answer" in page.text("notice-text"))
    page.type_at_end("k = h + 1\n")
    process, again = _start(folder)
    try:
        assert again == url
        page.until(lambda: page.wires("v").get("k>") == "−9", 30)
        assert page.source() == XYZ + "g = f + 1\nh = g + 1\nk = h + 1\n"
        driver.get("about:blank")
        fresh = Play(driver, url)
        fresh.until(lambda: fresh.source() == XYZ + "g = f + 1\nh = g + 1\nk = h + 1\n")
    finally:
        driver.get("about:blank")
        process.send_signal(signal.SIGTERM)
        process.wait(20)


# --- for everyone ------------------------------------------------------------------------------------


def test_nothing_is_asked_for_but_the_server_itself(play: Play) -> None:
    import json

    play.choose("open", "example:spiral.graph")
    play.click("tab-train")
    play.until(lambda: play.text("train-state") != "", 40)
    asked = []
    for entry in play.driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    assert asked
    assert [u for u in asked if not u.startswith((play.url, "blob:", "data:"))] == []


@pytest.mark.parametrize("theme", ["slide", "dark", "colorblind"])
def test_axe_finds_nothing_serious(play: Play, theme: str) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci in editors/play")
    play.choose("theme", theme)
    play.choose("open", "example:spiral.graph")
    play.until(lambda: play.all("#picture g[data-id=loss]") or play.all("#picture g"))
    time.sleep(0.5)
    for tab in ("tab-graph", "tab-train"):
        play.click(tab)
        time.sleep(0.7)
        play.js(AXE.read_text(encoding="utf-8"))
        script = (
            "const done = arguments[arguments.length - 1]; axe.run(document).then(r => done(r.violations))"
        )
        play.driver.set_script_timeout(60)
        found = play.driver.execute_async_script(script)
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in serious] == []


def test_the_keyboard_alone_gets_everywhere(play: Play) -> None:
    script = """return [...document.querySelectorAll('button, select, input, summary, .cm-content, #picture, #divider')]
      .filter(e => e.checkVisibility({visibilityProperty: true}) && !e.disabled && e.tabIndex >= 0 && !e.closest('dialog')).map(e => e.id || e.className || e.dataset.name || e.type)"""
    wanted = set(play.js(script))
    reached = set()
    play.js("document.body.focus()")
    for _ in range(len(wanted) + 25):
        play.press("TAB")
        reached.add(
            play.js(
                "const e = document.activeElement; return e.id || e.className || e.dataset.name || e.type"
            )
        )
    assert wanted - reached == set()


# --- a run that has to be noticed when it changes ------------------------------------------------------


def test_another_theme_does_not_disturb_a_run_and_another_text_reaches_it(training: Play) -> None:
    training.click("train-epoch")
    training.until(lambda: "epoch 1 " in training.text("train-state"))
    training.choose("theme", "dark")
    time.sleep(1)
    assert "epoch 1 " in training.text("train-state")
    training.click("tab-graph")
    training.slide("λ", 0.5)
    training.until(lambda: "const λ = 1e-3" not in training.source())
    training.click("tab-train")
    training.click("train-epoch")
    training.until(lambda: "epoch 2 " in training.text("train-state"))
    training.find(".cm-content").click()
    for _ in range(3):
        training.undo()
    training.until(lambda: "const λ = 1e-3" in training.source())


def test_a_run_that_diverges_says_so_and_can_begin_anew(training: Play) -> None:
    training.js(
        "const s = document.getElementById('train-speed'); s.value = 4; s.dispatchEvent(new Event('input'))"
    )
    rate = training.find("#train-sliders input[data-name=lr] + input")
    training.retype(rate, "1e30")
    training.until(lambda: "lr = 1e30" in training.source() or "lr = 1e+30" in training.source())
    training.click("train-start")
    training.until(lambda: training.find("#train-error").is_displayed(), 40)
    assert "E0915" in training.text("train-error")
    training.retype(rate, "0.1")
    training.until(lambda: "lr = 0.1)" in training.source())
    training.click("train-reset")
    training.until(lambda: "epoch 0" in training.text("train-state"))
    training.click("train-epoch")
    training.until(lambda: "epoch 1 " in training.text("train-state"))


def test_the_graph_is_seen_with_what_was_learned(training: Play) -> None:
    training.click("train-epoch")
    training.until(lambda: "epoch 1 " in training.text("train-state"))
    training.click("tab-graph")
    training.choose("depth", "0")
    training.until(lambda: training.wires("v").get("loss>"))
    before = training.wires("v")["loss>"]
    training.click("learned")
    training.until(lambda: training.wires("v").get("loss>") not in (None, before))
    training.click("learned")
    training.until(lambda: training.wires("v").get("loss>") == before)
