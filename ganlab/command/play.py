"""A page on this machine to try a generator: what the sliders say is sampled, drawn on ECG paper, and downloaded."""

import io
import json
import logging
import webbrowser
import zipfile
from collections.abc import Callable, Collection, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from omegaconf import DictConfig
from PIL.Image import Image as Drawn

from ganlab.command.entry import arguments
from ganlab.command.library import TrainedGenerator, load
from ganlab.core.errors import RESULT, UserError
from ganlab.core.kind import Window
from ganlab.core.values import check_whole
from ganlab.generator.samples import SyntheticSamples
from ganlab.plot.figure import png_bytes
from ganlab.report.page import NOTICE, render

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ACCEPTED = (HOST, "localhost")
"""Names by which a browser may ask: a foreign page that leads a name of its own to this machine gets nothing."""
Answer = tuple[int, str, bytes, Mapping[str, str]]
"""Status, media type, content and further headers."""
STRANGER: Answer = (403, "text/plain", b"this page is for this machine alone", {})
SCREEN_DPI = 110.0
SLIDERS = {
    "heart_rate": {"title": "heart rate, beats a minute", "least": 40, "most": 180, "value": 70, "step": 1},
    "seconds": {"title": "seconds", "least": 2, "most": 30, "value": 10, "step": 1},
}
"""What a generator with a rhythm takes besides class and seed."""


def main(cfg: DictConfig) -> None:
    """Serve the page until Ctrl-C."""
    play(**arguments(cfg))


def play(
    run: str | None,
    checkpoint: str | None = None,
    port: int = 8765,
    browser: bool = True,
    trust: str | Collection[str] | None = (),
) -> None:
    """Serve the page of a run's generator until Ctrl-C. Raises UserError for a port that is taken, and for no run."""
    if run is None:
        raise UserError("Which run? run=<folder>, such as run=outputs/runs/NAME.")
    check_whole("port", port, 0, 65535)
    with serve(load(run, checkpoint, trust), port) as server:
        address = f"http://{HOST}:{server.server_address[1]}/"
        log.info("%s  (Ctrl-C ends it)", address, extra=RESULT)
        if browser:
            webbrowser.open(address)
        server.serve_forever()


def serve(generator: TrainedGenerator, port: int) -> ThreadingHTTPServer:
    """Return a server of the page on 127.0.0.1. Raises UserError where the port is taken."""
    pages = Pages(generator)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with a page, a picture or a file."""
            host = self.headers.get("Host", "")
            mine = (host.rpartition(":")[0] or host) in ACCEPTED
            status, kind, content, more = pages.answer(self.path) if mine else STRANGER
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            """Log nothing: the terminal shows the address."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise UserError(f"port={port}: {error.strerror}. port=0 uses a free one.") from error


class Pages:
    """The page, and its samples as pictures and files, by their addresses."""

    def __init__(self, generator: TrainedGenerator) -> None:
        self.generator = generator
        self.rhythmic = hasattr(generator.trained.gan.sampling_generator, "recordings")
        self._lock = Lock()
        self._by_path: dict[str, Callable[[Mapping[str, str]], Answer]] = {
            **{"/": self.page, "/sample.png": self.picture},
            **{"/sample.json": self.values, "/sample.zip": self.records},
            "/favicon.ico": lambda query: (204, "image/png", b"", {}),
        }

    def answer(self, path: str) -> Answer:
        """Return status, media type, content and further headers for an address."""
        address = urlsplit(path)
        respond = self._by_path.get(address.path)
        if respond is None:
            return 404, "text/plain", b"no such page", {}
        try:
            with self._lock:
                return respond(dict(parse_qsl(address.query)))
        except (UserError, ValueError) as error:
            return 400, "text/plain; charset=utf-8", str(error).encode(), {}

    def page(self, query: Mapping[str, str]) -> Answer:
        """Return the page itself."""
        text = render(
            "play.html",
            title=f"Try a generator: {self.generator.trained.run['name']}",
            classes=self.generator.classes,
            sliders=SLIDERS if self.rhythmic else {},
            windows=isinstance(self.generator.kind, Window),
        )
        return 200, "text/html; charset=utf-8", text.encode(), {}

    def sampled(self, query: Mapping[str, str]) -> SyntheticSamples:
        """Return one sample. Raises UserError for a class, and ValueError for a number, that is none."""
        numbers: dict[str, Any] = {name: float(query[name]) for name in SLIDERS if self.rhythmic and name in query}
        for name, value in numbers.items():
            limits = SLIDERS[name]
            if not float(str(limits["least"])) <= value <= float(str(limits["most"])):
                raise UserError(f"{name}={value:g}: accepted is a number from {limits['least']} to {limits['most']}.")
        return self.generator.sample(1, query.get("label") or None, int(query.get("seed", 0)), **numbers)

    def picture(self, query: Mapping[str, str]) -> Answer:
        """Return a sample as a picture, ECGs on ECG paper."""
        drawing = self.sampled(query).plot(1)
        if isinstance(drawing, Drawn):
            buffer = io.BytesIO()
            drawing.save(buffer, format="png")
            return 200, "image/png", buffer.getvalue(), {}
        return 200, "image/png", png_bytes(drawing, SCREEN_DPI), {}

    def values(self, query: Mapping[str, str]) -> Answer:
        """Return a sample's values with its axes, as JSON."""
        samples = self.sampled(query)
        content = {"notice": NOTICE, "axes": samples.kind.axes, "values": samples.values[0].tolist()}
        return 200, "application/json", json.dumps(content).encode(), {}

    def records(self, query: Mapping[str, str]) -> Answer:
        """Return a sample as a WFDB record, its files in one zip."""
        buffer = io.BytesIO()
        with TemporaryDirectory() as place, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            folder = self.sampled(query).to_wfdb(Path(place) / "synthetic")
            for file in sorted(folder.iterdir()):
                archive.write(file, f"synthetic/{file.name}")
        return (
            200,
            "application/zip",
            buffer.getvalue(),
            {"Content-Disposition": 'attachment; filename="synthetic.zip"'},
        )
