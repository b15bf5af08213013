"""Traces to zoom into: true lines, few enough for a page, and the script that shows them, in a browser."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganlab.core.kind import Window
from ganlab.report.samples import compare
from ganlab.report.strips import LARGEST, TALL, strips
from tests.conftest import LIMB
from tests.report.parts import part

KIND = Window(("i", "avr"), 200.0, 400)


def points(line: str) -> np.ndarray:
    """The heights of an unbroken line."""
    start, steps = re.fullmatch(r"M0 (\d+)l(.*)", line).groups()
    numbers = [int(each) for each in re.findall(r"-?\d+", steps)]
    assert set(numbers[::2]) == {1}
    return int(start) + np.cumsum([0, *numbers[1::2]])


def test_only_generated_windows_are_on_the_page() -> None:
    shown = compare(KIND, np.ones((3, 2, 400)), np.zeros((3, 2, 400)))
    assert list(shown.closer.windows) == ["Synthetic 1", "Synthetic 2", "Synthetic 3"]
    assert compare(KIND, np.ones((3, 2, 400)), None).closer is None


def test_a_line_is_the_trace() -> None:
    values = np.sin(np.arange(400) / 20) * np.array([[[1.0], [0.5]]])
    shown = strips(KIND, "Synthetic", values)
    ((title, (lead, other)),) = shown.windows.items()
    assert (title, lead.lead, other.lead) == ("Synthetic 1", "I", "aVR")
    high, low = 1.0, -1.5
    heights = high - points(lead.line) / TALL * (high - low)
    np.testing.assert_allclose(heights, values[0, 0] - np.median(values[0, 0]), atol=0.003)
    assert lead.paper.count("v1000") == 10, "a heavy line each 0.2 s of 2 s"


def test_what_is_no_number_parts_the_line() -> None:
    values = np.zeros((1, 2, 400))
    values[0, 0, 100:200] = np.nan
    assert strips(KIND, "S", values).windows["S 1"][0].line.count("M") == 2


def test_a_page_takes_so_many_values() -> None:
    for samples, count in ((LARGEST // 8, 4), (LARGEST // 2, 2), (LARGEST + 1, None)):
        shown = strips(Window(("i",), 500.0, samples), "S", np.zeros((6, 1, samples)))
        assert (shown and len(shown.windows)) == count
    assert strips(KIND, "S", None) is None
    page = part("strips", "closer", strips(KIND, "<b>", np.zeros((1, 2, 400))))
    assert "&lt;b&gt; 1" in page
    assert "<b> 1" not in page


@pytest.mark.slow
def test_leads_are_chosen_and_enlarged_in_a_browser(made_run: Callable[..., Path], browser: Any) -> None:
    page = made_run(*LIMB) / "report.html"
    browser.get(page.as_uri())
    browser.find_element("xpath", "//summary[contains(., 'Zoom into')]").click()

    def shown() -> list[Any]:
        return [each for each in browser.find_elements("css selector", ".trace svg") if each.is_displayed()]

    def view() -> list[float]:
        return [float(number) for number in shown()[0].get_dom_attribute("viewBox").split()]

    assert len(shown()) == 6
    samples = view()[2]
    browser.find_element("name", "zoom in").click()
    assert view()[::2] == [samples / 4, samples / 2]
    browser.find_element("name", "later").click()
    assert view()[::2] == [samples / 2, samples / 2]
    browser.find_element("css selector", "[name=lead] option:last-child").click()
    browser.find_element("css selector", "[name=window] option:last-child").click()
    (alone,) = shown()
    assert alone.size["height"] > 200
    assert "Synthetic" in alone.get_dom_attribute("aria-label")
    browser.find_element("name", "whole window").click()
    assert view()[::2] == [0, samples]
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    assert all(each.get_attribute("open") for each in browser.find_elements("css selector", "details"))
    assert browser.get_log("browser") == [], "nothing that the page's policy refuses"
    sheet = {"width": 718, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", sheet)
    right = "[...document.querySelectorAll('body *')].filter(each => each.getBoundingClientRect().right > 719"
    wide = browser.execute_script(f"return {right} && !each.closest('.across')).length")
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert wide == 0, "wider than a sheet of A4: printing would cut it off, or shrink the page and its squares"
