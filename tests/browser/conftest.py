"""A real headless Chromium, driven through its own driver; without one the tests say so and are skipped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """One browser for all tests; it starts in a second."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="needs selenium: pip install -e '.[browser]'"
    )
    chromium = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    chromedriver = shutil.which("chromedriver")
    if chromium is None or chromedriver is None:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(chromedriver)
    browser = webdriver.Chrome(options=options, service=service)
    yield browser
    browser.quit()


class Opened:
    """A page in the browser."""

    def __init__(self, driver: Any, path: Path):
        from selenium.webdriver.common.by import By

        self.driver, self.path, self._css = driver, path, By.CSS_SELECTOR
        driver.get_log("browser")
        driver.get_log("performance")
        driver.get(path.as_uri())

    def find(self, selector: str) -> Any:
        return self.driver.find_element(self._css, selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements(self._css, selector))

    def text(self, id: str) -> str:
        return str(self.driver.execute_script("return document.getElementById(arguments[0]).textContent", id))

    def click(self, id: str) -> None:
        self.find(f"#{id}").click()

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        chain = ActionChains(self.driver)
        for key in keys:
            chain.send_keys(getattr(Keys, key, key))
        chain.perform()

    def hover(self, id: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).move_to_element(self.group(id)).perform()

    def group(self, id: str) -> Any:
        return next(g for g in self.all("#picture g[data-id]") if g.get_attribute("data-id") == id)

    def ids(self) -> set[str]:
        return set(
            self.driver.execute_script(
                "return [...document.querySelectorAll('#picture g[data-id]')].map(g => g.dataset.id)"
            )
        )

    def told(self) -> dict[str, str]:
        """What the panel says of a part."""
        script = """const said = {};
        for (const dt of document.querySelectorAll('#part dt')) said[dt.textContent] ??= dt.nextSibling.textContent;
        return said;"""
        return dict(self.driver.execute_script(script))

    def seen(self, kind: str) -> set[str]:
        """The wires whose value or gradient can be seen."""
        script = """return [...document.querySelectorAll('#picture g.wire')].filter(w => {
          const g = w.querySelector(':scope > .' + arguments[0]);
          return g && g.textContent.trim() && getComputedStyle(g).visibility === 'visible';
        }).map(w => w.dataset.id);"""
        return set(self.driver.execute_script(script, kind))

    def boxes(self) -> dict[str, bool]:
        """The boxes of the list, and which are open."""
        return {
            b.get_attribute("data-box"): b.get_attribute("aria-expanded") == "true"
            for b in self.all("#boxes button")
        }

    def press_box(self, path: str) -> None:
        next(b for b in self.all("#boxes button") if b.get_attribute("data-box") == path).click()

    def problems(self) -> list[str]:
        """What the console complains of."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
        ]

    def requests(self) -> list[str]:
        """All addresses that were asked for."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found
