"""Shared by all tests: where real data lie, a tiny cohort, and running the real commands in this process."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from matplotlib.figure import Figure
from PIL import Image

from ganlab.tracking.store import Store

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("GANLAB_TEST_DATA", ROOT.parent / "shared" / "data"))

COMMANDS = ["run", *sorted(path.stem for path in (ROOT / "conf").glob("*.yaml") if path.stem != "config")]
"""Each has its file in conf."""

TINY = (
    "dataset.patients=12",
    "dataset.seconds=9",
    "architecture=cnn_slim",
    "architecture.width=0.0625",
    "batch_size=8",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "metrics=paper",
)
"""Overrides of a run of seconds."""
LIMB = (*TINY, "tracking=none", "arrangement=limb_derived", "trick=ema")
"""Those of a run of six leads, for tests that need any."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Networks as small as these wait for a second thread, and `make test` runs two processes on two cores."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_records() -> Path:
    folder = DATA / "ptbdb"
    if not folder.is_dir():
        pytest.skip(f"no real records in {folder}: set GANLAB_TEST_DATA to the folder that holds ptbdb")
    return folder


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sqlite file with MLflow's tables: making them takes longer than a tiny run."""
    from mlflow import MlflowClient

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{file}").search_experiments()
    return file


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Callable[..., Path]:
    """Runs `python -m ganlab.<name> overrides...` in a temporary folder, and returns that folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    opens = Store.open

    def open_with_tables(store: Store, folder: Path | None = None) -> tuple[Any, str]:
        file = Path(store.uri.removeprefix("sqlite:///"))
        if store.uri.startswith("sqlite:///") and not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(empty_database, file)
        return opens(store, folder)

    monkeypatch.setattr(Store, "open", open_with_tables)

    def call(name: str, *overrides: str) -> Path:
        GlobalHydra.instance().clear()
        monkeypatch.setattr(sys, "argv", [f"ganlab.{name}", *overrides])
        importlib.import_module(f"ganlab.{name}").main()
        return tmp_path

    return call


def save_pixel(figure: Figure, file: IO[bytes], **settings: object) -> None:
    """In the place of Figure.savefig: one white pixel, for runs whose pictures no test looks at.

    Drawing is most of the time of a tiny run.
    """
    Image.new("RGB", (1, 1), "white").save(file, format="png")


def draw_nothing(patch: pytest.MonkeyPatch) -> None:
    """Saves figures as one white pixel."""
    patch.setattr(Figure, "savefig", save_pixel)


@pytest.fixture
def blank_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves figures as one white pixel."""
    draw_nothing(monkeypatch)


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Returns the folder of a run with these overrides, made once for all tests, which only read it."""

    @cache
    def make(*overrides: str) -> Path:
        folder = tmp_path_factory.mktemp("run")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            draw_nothing(patch)
            GlobalHydra.instance().clear()
            patch.setattr(sys, "argv", ["ganlab.run", *overrides])
            importlib.import_module("ganlab.run").main()
        return newest_run(folder)

    return make


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window; its downloads go to the folder `browser.downloads`."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs a browser: pip install selenium")
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("needs a browser: no chromedriver on this machine")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"):
        options.add_argument(flag)
    downloads = tmp_path_factory.mktemp("downloads")
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options=options, service=Service(driver))
    made.downloads = downloads
    yield made
    made.quit()


def newest_run(folder: Path) -> Path:
    """The run folder that was made last."""
    return max((folder / "outputs" / "runs").iterdir(), key=lambda path: path.name)
