"""The page to try a generator: on this machine alone, each sample drawn and downloaded; driven in a browser."""

import http.client
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image as Pictures

from ganlab.command.library import TrainedGenerator, load
from ganlab.command.play import Pages, serve
from ganlab.core.errors import UserError
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
    with pytest.raises(UserError, match=r"port=\d+: Address already in use\. port=0 takes a free one"):
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


@pytest.mark.slow
def test_the_page_in_a_browser(server: ThreadingHTTPServer) -> None:
    webdriver = pytest.importorskip("selenium.webdriver")
    if shutil.which("chromedriver") is None:
        pytest.skip("no chromedriver here")
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        browser.get(f"http://127.0.0.1:{server.server_address[1]}/")
        drawn = "return document.getElementById('sample').naturalWidth"
        WebDriverWait(browser, 60).until(lambda page: page.execute_script(drawn) > 200)
        browser.execute_script(
            "const seed = document.querySelector('[name=seed]'); seed.value = 7;"
            "seed.dispatchEvent(new Event('change', {bubbles: true}))"
        )
        address = "return document.getElementById('sample').src"
        WebDriverWait(browser, 60).until(lambda page: page.execute_script(address).endswith("seed=7"))
        WebDriverWait(browser, 60).until(lambda page: page.execute_script(drawn) > 200)
        assert browser.find_element("id", "records").get_attribute("href").endswith("/sample.zip?seed=7")
        assert browser.find_element("id", "trouble").text == ""
    finally:
        browser.quit()
