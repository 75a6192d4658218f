"""Points that are added by hand, and the bars of gradient norms, on the page of `graphlang play`."""

from __future__ import annotations

import csv
import io
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_play import AXE, MOONS, Play
from tests.server.conftest import serve

pytestmark = pytest.mark.browser

SINE = """data d = sine(n = 30) {
  x = columns("x0".."x0")
  y = column("label")
}
input x: [N, 1]
input y: [N]
f = (x -> dense(4, tanh) -> dense(1))[:, 0]
loss = mse(f, y)
output f
train on d {
  minimize = loss
  epochs = 50
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "moons.graph").write_text(MOONS, encoding="utf-8")
    (tmp_path / "sine.graph").write_text(SINE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def play(driver: Any, folder: Path) -> Iterator[Play]:
    """The training view of `moons.graph`; in the end nothing may have gone wrong, nor left this computer."""
    server = serve(folder, "moons.graph")
    page = Play(driver, server.url)
    page.click("tab-train")
    page.until(lambda: page.text("train-state") != "", 40)
    page.until(lambda: page.find("#add-body").is_displayed())
    yield page
    problems = page.problems()
    asked = [json.loads(e["message"])["message"] for e in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in asked if m["method"] == "Network.requestWillBeSent"]
    driver.get("about:blank")
    server.shutdown()
    server.server_close()
    assert problems == []
    assert [u for u in urls if not u.startswith((page.url, "blob:", "data:"))] == []


def click(page: Play, x: float, y: float, *, with_shift: bool = False) -> None:
    """Click into the map, at shares of its width and height from the bottom left."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    chain = ActionChains(page.driver).move_to_element_with_offset(page.find("#map"), *_offset(page, x, y))
    chain = chain.key_down(Keys.SHIFT).click().key_up(Keys.SHIFT) if with_shift else chain.click()
    chain.perform()


def drag(page: Play, start: tuple[float, float], end: tuple[float, float]) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    (x0, y0), (x1, y1) = _offset(page, *start), _offset(page, *end)
    chain = ActionChains(page.driver).move_to_element_with_offset(page.find("#map"), x0, y0).click_and_hold()
    for _ in range(4):
        chain = chain.move_by_offset((x1 - x0) // 4, (y1 - y0) // 4)
    chain.release().perform()


def _offset(page: Play, x: float, y: float) -> tuple[int, int]:
    size = page.find("#map").size
    return round((x - 0.5) * size["width"]), round((0.5 - y) * size["height"])


def listed(page: Play) -> list[str]:
    return list(
        page.js(
            "return [...document.querySelectorAll('#add-list li')].map(e => e.firstChild.textContent.trim())"
        )
    )


def examples(page: Play) -> int:
    """How many rows the run learns from or holds out, as it says itself before its first step."""
    page.click("train-reset")
    page.until(lambda: "examples" in page.text("train-numbers"))
    cells = page.js("return document.querySelector('#train-numbers tr:last-child td').textContent")
    return sum(int(word) for word in str(cells).split() if word.isdigit())


def norms(page: Play) -> dict[str, str]:
    script = """const rows = [...document.querySelectorAll('#train-gradients tbody tr')];
    return Object.fromEntries(rows.map(r => [r.querySelector('th').textContent, r.querySelector('.norm').textContent]));"""
    return dict(page.js(script))


def widths(page: Play) -> dict[str, float]:
    script = """const rows = [...document.querySelectorAll('#train-gradients tbody tr')];
    return Object.fromEntries(rows.map(r => [r.querySelector('th').textContent,
      r.querySelector('.track div').getBoundingClientRect().width / r.querySelector('.track').clientWidth]));"""
    return dict(page.js(script))


def answers(page: Play) -> str:
    return str(page.js("return document.getElementById('map').toDataURL()"))


# --- points by click ---------------------------------------------------------------------------------


def test_a_click_adds_a_point_of_the_chosen_class_where_it_was_clicked(play: Play) -> None:
    before = answers(play)
    click(play, 0.25, 0.75)
    play.until(lambda: len(listed(play)) == 1)
    assert play.text("add-said").startswith("Added x[0] = ")
    assert listed(play)[0].endswith("class 0")
    play.until(lambda: answers(play) != before)
    play.find("#add-classes input[value='1']").click()
    click(play, 0.75, 0.25)
    play.until(lambda: len(listed(play)) == 2)
    assert listed(play)[1].endswith("class 1")
    numbers = [float(p.split(",")[0].split("=")[1].replace("−", "-")) for p in listed(play)]
    ready = play.js("return document.getElementById('add-count').textContent")
    assert ready == "2 points added"
    assert numbers[0] < 0.5 < numbers[1]  # the moons' middle
    assert examples(play) == 62


def test_points_come_into_a_run_that_goes_on(play: Play) -> None:
    epoch = lambda: int(play.text("train-state").split()[1])  # noqa: E731
    play.click("train-start")
    play.until(lambda: epoch() >= 2)
    click(play, 0.5, 0.9)
    play.until(lambda: len(listed(play)) == 1)
    stood = epoch()
    play.until(lambda: epoch() > stood)
    assert stood >= 2
    assert "Pause" in play.text("train-start")
    play.click("train-start")


def test_a_cluster_of_points_turns_the_answer_around(play: Play) -> None:
    """Twelve points of class 1 in the middle of class 0: the answer there becomes class 1."""
    place = (0.25, 0.8)
    play.find("#add-classes input[value='1']").click()
    for i in range(12):
        click(play, place[0] + 0.045 * (i % 4 - 1.5), place[1] + 0.045 * (i // 4 - 1))
    play.until(lambda: len(listed(play)) == 12)
    play.js(
        "const s = document.getElementById('train-speed'); s.value = 4; s.dispatchEvent(new Event('input'))"
    )
    play.click("train-start")
    play.until(lambda: "Again" in play.text("train-start"), 60)
    script = """const c = document.getElementById('map');
    return [...c.getContext('2d').getImageData((arguments[0]) * 720, (1 - arguments[1]) * 720, 1, 1).data].slice(0, 3)"""
    red, _, blue = play.js(script, place[0] + 0.0225 * 0, place[1] + 0.0225)
    assert red > blue, "orange stands for class 1"


def test_points_are_undone_removed_one_by_one_and_cleared(play: Play) -> None:
    for x in (0.2, 0.5, 0.8):
        click(play, x, 0.5)
    play.until(lambda: len(listed(play)) == 3)
    first, second, _ = listed(play)
    play.click("add-undo")
    assert listed(play) == [first, second]
    click(play, 0.5, 0.5, with_shift=True)
    play.until(lambda: listed(play) == [first])
    play.click("add-undo")
    assert listed(play) == [first, second]
    play.click("add-count")
    play.find("#add-list button").click()
    assert listed(play) == [second]
    play.click("add-clear")
    assert listed(play) == []
    play.click("add-undo")
    assert listed(play) == [second]
    assert examples(play) == 61


def test_a_point_that_is_dragged_moves(play: Play) -> None:
    click(play, 0.3, 0.3)
    play.until(lambda: len(listed(play)) == 1)
    before = listed(play)
    drag(play, (0.3, 0.3), (0.7, 0.3))
    play.until(lambda: play.text("add-said").startswith("Moved"))
    x = lambda texts: float(texts[0].split(",")[0].split("=")[1].replace("−", "-"))  # noqa: E731
    assert x(listed(play)) > x(before)
    assert len(listed(play)) == 1
    play.click("add-undo")
    assert listed(play) == before


def test_of_a_regression_a_click_is_a_place_and_its_value(play: Play) -> None:
    play.choose("open", "load:sine.graph")
    play.until(
        lambda: play.text("name") is not None and play.find("#name").get_attribute("value") == "sine.graph"
    )
    play.until(lambda: play.find("#add-body").is_displayed() and not play.find("#add-classes").is_displayed())
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    x, y = (float(p.split("=")[1].replace("−", "-")) for p in listed(play)[0].split(", "))
    assert (x, y) == (pytest.approx(0, abs=0.05), pytest.approx(0, abs=0.05))


def test_another_file_begins_without_points(play: Play) -> None:
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    play.choose("open", "load:sine.graph")
    play.until(lambda: play.find("#name").get_attribute("value") == "sine.graph")
    assert not play.find("#add-box").is_displayed()


# --- without a pointer -------------------------------------------------------------------------------


def test_the_keyboard_alone_adds_moves_and_removes(play: Play) -> None:
    play.find("#train-speed").send_keys("")
    for _ in range(8):
        play.press("TAB")
        if play.js("return document.activeElement.id") == "map":
            break
    assert play.js("return document.activeElement.id") == "map"
    play.press("ARROW_RIGHT", "ARROW_RIGHT", "ARROW_UP")
    assert play.text("add-said").startswith("x[0] = ")
    play.press("ENTER")
    play.until(lambda: len(listed(play)) == 1)
    play.press("1", "ARROW_LEFT", "ARROW_LEFT", "ARROW_LEFT", "ENTER")
    play.until(lambda: len(listed(play)) == 2)
    assert [p.split(", ")[-1] for p in listed(play)] == ["class 0", "class 1"]
    play.press("DELETE")
    play.until(lambda: len(listed(play)) == 1)
    assert listed(play)[0].endswith("class 0")
    play.press("TAB")
    assert play.js("return document.activeElement.id") != "map"


def test_the_form_adds_what_its_fields_say(play: Play) -> None:
    x, y = play.all("#add-fields input")
    play.retype(x, "0.25")
    play.retype(y, "−1.5e-1")
    play.press("ENTER")
    play.until(lambda: listed(play) == ["x[0] = 0.25, x[1] = −0.15, class 0"])


@pytest.mark.parametrize(
    "text",
    ["", "NaN", "inf", "-Infinity", "0x10", "1e999", "1,5", "<img src=x onerror=window.hacked=1>", "x' OR 1"],
)
def test_what_is_no_number_is_refused_with_a_message(play: Play, text: str) -> None:
    x, y = play.all("#add-fields input")
    play.retype(y, "0")
    play.retype(x, text)
    play.click("add")
    said = play.text("add-said")
    assert said.startswith("Not added: x[0] has to be a number")
    assert text[:40] in said
    assert x.get_attribute("aria-invalid") == "true"
    assert listed(play) == []
    assert play.js("return window.hacked ?? null") is None


def test_what_is_far_away_is_refused_by_the_server_with_a_message(play: Play) -> None:
    x, y = play.all("#add-fields input")
    play.retype(x, "1e30")
    play.retype(y, "0")
    play.click("add")
    play.until(lambda: "too far away" in play.text("add-said"))
    assert listed(play) == []
    assert examples(play) == 60


def test_a_class_that_the_text_has_no_more_is_left_out_and_said_so(play: Play) -> None:
    play.choose("open", "example:spiral.graph")
    play.until(lambda: len(play.all("#add-classes input")) == 3)
    play.find("#add-classes input[value='2']").click()
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    play.find(".cm-content").click()
    play.js("""const v = document.querySelector('.cm-content').cmTile.view, t = v.state.doc.toString();
      const change = (a, b) => ({from: t.indexOf(a), to: t.indexOf(a) + a.length, insert: b});
      v.dispatch({changes: [change('classes = 3', 'classes = 2'), change('dense(3)', 'dense(2)')]})""")
    play.until(lambda: "no class 2" in play.text("add-said"))
    assert listed(play)[0].endswith("(left out)")


def test_the_names_of_classes_are_text_whatever_they_are(play: Play, folder: Path) -> None:
    evil = "<img src=x onerror='window.hacked=1'>"
    with open(folder / "evil.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x0", "x1", "label"])
        writer.writerows([i % 7, i % 5, [evil, "</script>"][i % 2]] for i in range(20))
    text = MOONS.replace("moons(n = 60, noise = 0.1)", 'csv("evil.csv")')
    (folder / "evil.graph").write_text(text, encoding="utf-8")
    play.driver.refresh()
    play.settle()
    play.choose("open", "load:evil.graph")
    play.click("tab-train")
    play.until(lambda: len(play.all("#add-classes label")) == 2 and evil in play.text("add-classes"))
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    assert listed(play)[0].endswith("</script>")  # the first in sorted order
    assert evil in play.text("map-legend")
    assert not play.all("#panel-train img, #panel-train script")
    assert play.js("return window.hacked ?? null") is None


# --- what they are not in ------------------------------------------------------------------------------


def test_data_are_saved_with_the_points_and_whatever_else_is_given_away_says_it_lacks_them(
    play: Play, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    play.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(out)}
    )
    x, y = play.all("#add-fields input")
    play.retype(x, "0.25")
    play.retype(y, "0.5")
    play.click("add")
    play.until(lambda: len(listed(play)) == 1)
    for kind, file in (("script", "moons.py"), ("graph", "moons.graph")):
        play.find("#export summary").click()
        play.click(f"export-{kind}")
        play.until(lambda f=file: (out / f).exists())
        play.until(lambda: "The point added to the data here is not in it." in play.text("notice-text"))
    play.click("notice-action")
    play.until(lambda: play.find("#dialog").is_displayed())
    play.until(lambda: (out / "moons-data.csv").exists())
    rows = list(csv.reader(io.StringIO((out / "moons-data.csv").read_text())))
    assert (len(rows), rows[-1]) == (62, ["0.25", "0.5", "0"])
    block = play.find("#dialog textarea").get_attribute("value")
    assert block.startswith('data d = csv("moons-data.csv") {')
    play.press("ESCAPE")


def test_without_points_nothing_is_said_of_them(play: Play) -> None:
    play.click("save")
    play.until(lambda: play.text("notice-text") == "Saved moons.graph.")


def test_two_tabs_have_points_of_their_own(play: Play) -> None:
    first = play.driver.current_window_handle
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    play.driver.switch_to.new_window("tab")
    play.driver.get(play.url)
    play.settle()
    play.click("tab-train")
    play.until(lambda: play.find("#add-body").is_displayed())
    assert listed(play) == []
    assert examples(play) == 60
    play.driver.close()
    play.driver.switch_to.window(first)
    assert len(listed(play)) == 1
    assert examples(play) == 61


# --- bars ----------------------------------------------------------------------------------------------


def test_every_parameter_has_a_bar_with_the_norm_of_its_gradient_as_text(play: Play) -> None:
    paths = ["scores.dense.W", "scores.dense.b", "scores.dense_2.W", "scores.dense_2.b"]
    assert norms(play) == dict.fromkeys(paths, "–")
    play.click("train-step")
    play.until(lambda: "–" not in norms(play).values())
    for path, width in widths(play).items():
        expected = (math.log10(float(norms(play)[path])) + 6) / 7  # from 1e-6 to 1e1
        assert width == pytest.approx(expected, abs=0.02)
    before = norms(play)
    play.click("train-step")
    play.until(lambda: norms(play) != before)
    play.click("train-reset")
    play.until(lambda: set(norms(play).values()) == {"–"})


def test_the_numbers_are_those_of_the_last_step_computed_apart(play: Play) -> None:
    import numpy as np

    from graphlang import parse
    from graphlang.learning import prepare_training
    from graphlang.source import SourceFile

    play.click("train-step")
    play.until(lambda: "step 1" in play.text("train-state") and "–" not in norms(play).values())
    training = prepare_training(SourceFile("moons.graph", MOONS, "moons.graph"))
    trainer = training.trainer
    batch = trainer.feed.take(next(trainer._batches(0)))
    found = parse(MOONS).run(batch, weights=trainer.kept(training.progress.values), of="loss")
    for path, text in norms(play).items():
        assert float(text.replace("−", "-")) == pytest.approx(np.linalg.norm(found.gradients[path]), rel=6e-3)


def test_bars_move_while_it_runs_and_are_larger_where_a_gradient_is(play: Play) -> None:
    play.click("train-start")
    seen = set()
    end = time.monotonic() + 10
    while len(seen) < 5 and time.monotonic() < end:
        seen.add(tuple(norms(play).values()))
    play.click("train-start")
    assert len(seen) >= 5
    play.until(lambda: "Start" in play.text("train-start"))
    told, drawn = norms(play), widths(play)
    assert sorted(told, key=lambda p: float(told[p])) == sorted(drawn, key=lambda p: drawn[p])


# --- for everyone --------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["slide", "dark", "colorblind"])
def test_axe_finds_nothing_in_the_new_parts(play: Play, theme: str) -> None:
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci in editors/play")
    play.choose("theme", theme)
    click(play, 0.5, 0.5)
    play.until(lambda: len(listed(play)) == 1)
    play.find("#add-count").click()
    play.click("train-step")
    play.until(lambda: "–" not in norms(play).values())
    play.js(AXE.read_text(encoding="utf-8"))
    script = """const done = arguments[arguments.length - 1];
    axe.run(document.getElementById('panel-train')).then(r => done(r.violations))"""
    play.driver.set_script_timeout(60)
    found = play.driver.execute_async_script(script)
    assert [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found] == []


def test_a_point_is_drawn_unlike_the_data_in_light_and_dark(play: Play) -> None:
    """A ring around it: in the text's colour, which is far from the ground's in every theme."""
    for theme in ("slide", "dark"):
        play.choose("theme", theme)
        play.click("add-clear") if listed(play) else None
        click(play, 0.5, 0.95)
        play.until(lambda: len(listed(play)) == 1)
        time.sleep(0.5)
        script = """const copy = new OffscreenCanvas(720, 720), c = copy.getContext('2d', {willReadFrequently: true}), [cx, cy] = [360, 36];
        c.drawImage(document.getElementById('map'), 0, 0);
        const ring = [0, 1, 2, 3].map(k => c.getImageData(cx + Math.round(15 * Math.cos(k * 1.57)), cy + Math.round(15 * Math.sin(k * 1.57)), 1, 1).data);
        return ring.map(p => (p[0] + p[1] + p[2]) / 3)"""
        ring = play.js(script)
        assert all(level < 100 for level in ring) if theme == "slide" else all(level > 150 for level in ring)
