"""The page to try a generator: on this machine alone, each sample drawn and downloaded; driven in a browser."""

import http.client
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pictures
from scipy.signal import find_peaks

from ganlab.command.library import TrainedGenerator, load
from ganlab.command.play import SCREEN_DPI, Pages, serve
from ganlab.core.errors import UserError
from tests.command.test_sample import HEART
from tests.conftest import LIMB


@pytest.fixture
def generator(made_run: Callable[..., Path]) -> TrainedGenerator:
    return load(made_run(*LIMB))


@pytest.fixture
def server(generator: TrainedGenerator) -> Iterator[ThreadingHTTPServer]:
    with serve(generator, 0) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def got(server: ThreadingHTTPServer, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=60)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_sample_is_drawn_and_downloaded(server: ThreadingHTTPServer, generator: TrainedGenerator) -> None:
    assert b"<form" in got(server, "/")[1]
    assert Pictures.open(io.BytesIO(got(server, "/sample.png?seed=3")[1])).width > 200
    values = json.loads(got(server, "/sample.json?seed=3")[1])["values"]
    np.testing.assert_allclose(values, generator.sample(1, seed=3).values[0], rtol=1e-6)
    names = zipfile.ZipFile(io.BytesIO(got(server, "/sample.zip?seed=3")[1])).namelist()
    assert {"synthetic/synthetic00001.hea", "synthetic/synthetic00001.dat"} <= set(names)


def test_what_is_wrong_is_said_and_strangers_get_nothing(server: ThreadingHTTPServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert got(server, "/", host="evil.example:80")[0] == 403
    assert got(server, "/etc/passwd")[0] == 404
    assert got(server, "/sample.png?seed=x")[0] == 400
    status, text = got(server, "/sample.png?label=ill")
    assert (status, b"label=ill" in text) == (400, True)


def test_a_port_that_is_taken_is_named(server: ThreadingHTTPServer, generator: TrainedGenerator) -> None:
    with pytest.raises(UserError, match=r"port=\d+: Address already in use\. port=0 uses a free one"):
        serve(generator, server.server_address[1])


def test_a_generator_with_a_rhythm_gets_the_sliders(generator: TrainedGenerator) -> None:
    requests: list[dict[str, object]] = []
    pages = Pages(generator)
    assert b"heart_rate" not in pages.answer("/")[2]
    pages.rhythmic = True
    pages.generator = SimpleNamespace(  # type: ignore[assignment]
        sample=lambda n, label, seed, **more: requests.append(more) or generator.sample(n, label, seed),
        **{"classes": (), "kind": generator.kind, "trained": generator.trained},
    )
    assert b'name="heart_rate"' in pages.answer("/")[2]
    assert pages.answer("/sample.png?heart_rate=100&seconds=10")[0] == 200
    assert requests == [{"heart_rate": 100.0, "seconds": 10.0}]
    assert pages.answer("/sample.png?heart_rate=900")[0] == 400


def beats_a_minute(picture: bytes, seconds: float) -> float:
    """The heart rate of an ECG as it is drawn: from the distances of its peaks on the paper, at 25 mm/s."""
    grey = np.asarray(Pictures.open(io.BytesIO(picture)).convert("L")).astype(int)
    second = 25 / 25.4 * SCREEN_DPI
    begin = round((3 + 25 * 0.4) / 25.4 * SCREEN_DPI)
    ink = grey[:, begin : begin + round(seconds * second)] < 90
    band = slice(round(0.15 * len(ink)), round(0.85 * len(ink)))
    height = len(ink) - np.where(ink[band].any(axis=0), ink[band].argmax(axis=0), len(ink))
    top = np.where(ink[band].any(axis=0), height, np.median(height)).astype(float)
    peaks, _ = find_peaks(top, prominence=0.5 * np.ptp(top), distance=0.3 * second)
    return float(60 * second / np.median(np.diff(peaks)))


@pytest.mark.slow
def test_the_slider_of_the_heart_rate_changes_the_drawn_ecg(made_run: Callable[..., Path], browser: Any) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    with serve(load(made_run(*HEART)), 0) as made:
        Thread(target=made.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{made.server_address[1]}"
        browser.get(f"{address}/")
        drawn = "const e = document.getElementById('sample'); return e.complete && e.naturalWidth > 200 ? e.src : ''"
        wait = WebDriverWait(browser, 120)
        wait.until(lambda page: page.execute_script(drawn))
        slider = browser.find_element("name", "heart_rate")
        slider.send_keys(Keys.ARROW_RIGHT * 30)
        assert browser.find_element("css selector", "label:has([name=heart_rate]) output").text == "100"
        wait.until(lambda page: "heart_rate=100" in page.execute_script(drawn))
        shown = browser.execute_script(drawn).removeprefix(address)
        assert beats_a_minute(got(made, shown)[1], seconds=10) == pytest.approx(100, abs=3)
        seed = browser.find_element("name", "seed")
        seed.send_keys(Keys.ARROW_RIGHT)
        wait.until(lambda page: page.execute_script(drawn).endswith("seed=1"))
        assert browser.find_element("id", "records").get_attribute("href").endswith("seed=1")
        assert browser.find_element("id", "trouble").text == ""
        assert browser.get_log("browser") == [], "nothing that the page's policy refuses"
        made.shutdown()
