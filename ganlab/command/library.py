"""ganlab from Python: train or load a generator and sample from it, without Hydra.

`import ganlab` gives these names; nothing of this file is imported before one of them is used.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from ganlab.command.sample import origin_lines
from ganlab.core.errors import UserError, file_errors
from ganlab.core.kind import Kind
from ganlab.core.values import check_whole
from ganlab.generator.load import load as load_trained
from ganlab.generator.recordings import RecordingRequest
from ganlab.generator.samples import SyntheticSamples, shape_of
from ganlab.generator.trained import Trained
from ganlab.tracking.record import read_scores
from ganlab.tracking.search import run_or_best

__all__ = ["SyntheticSamples", "TrainedGenerator", "load", "train"]

BATCH = 256
"""Samples that are generated together."""
BARE = re.compile(r"[\w./:@%+-]+")
"""Texts that an override holds without quotes."""


@dataclass(frozen=True, repr=False)
class TrainedGenerator:
    """A generator of a run's folder or of an exported one; `scores` are the numbers of the run's `metrics.json`."""

    trained: Trained
    folder: Path

    def __repr__(self) -> str:
        run = self.trained.run
        return f"<generator of {shape_of(self.trained.kind)}, from {run['name']}, checkpoint {self.trained.checkpoint}>"

    @property
    def kind(self) -> Kind:
        """Leads, rate and unit of its windows, or the columns of its rows, or the shape of its images."""
        return self.trained.kind

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes that it knows; none where it was trained without."""
        return self.trained.gan.classes

    @property
    def report(self) -> Path | None:
        """The run's page, where there is one."""
        page = self.folder / "report.html"
        return page if page.is_file() else None

    @property
    def scores(self) -> Mapping[str, Any]:
        """What the run measured, by the names of `metrics.json`; empty for an exported generator."""
        return read_scores(self.folder)

    def sample(
        self,
        n: int = 100,
        label: str | None = None,
        seed: int = 0,
        heart_rate: float | None = None,
        seconds: float | None = None,
        **attributes: float,
    ) -> SyntheticSamples:
        """Return `n` samples, the same ones for the same seed; of one class, and of the `attributes`, if given.

        A generator with a rhythm takes a `heart_rate` in 1/min and a length in `seconds`; UserError for another.
        """
        check_whole("n", n)
        check_whole("seed", seed, -(2**63), 2**63 - 1)
        trained, gan = self.trained, self.trained.gan
        requested = RecordingRequest(heart_rate, seconds)
        requested.check(trained)
        noise = gan.draw_noise(n, torch.Generator().manual_seed(seed), trained.label_of(label), **attributes)
        parts = noise.split(requested.at_once(trained, BATCH))
        values = torch.cat([requested.generate(trained, part).cpu() for part in parts]).numpy()
        beside = requested.beside(trained, noise)
        kind, about = requested.kind(trained), origin_lines(trained, seed)
        return SyntheticSamples(values, kind, beside["labels"], about, beside["attributes"])


def load(run: str | Path, checkpoint: str | None = None, trust: str | Collection[str] | None = ()) -> TrainedGenerator:
    """Return the generator of a run's folder or of an exported one, whoever made it: nothing in it is executed.

    `checkpoint` is a name in the run's `checkpoints` or `generators`; `trust` lists packages of your own whose classes
    the folder may name. Raises UserError where the folder is none, or names other classes.
    """
    with file_errors("run", run):
        return TrainedGenerator(load_trained(run, checkpoint, trust), Path(str(run_or_best(run))))


def train(
    steps: int | None = None, epochs: int | None = None, outputs: str | Path = "outputs", **settings: Any
) -> TrainedGenerator:
    """Train and measure as `ganlab run` does, write the report, and return the generator.

    `settings` are those of the command line, `__` in place of the dot: `train(dataset="ptbdb", dataset__root="DIR",
    arrangement="rgb", trick=["label_smoothing", "ema"], steps=1000)`. `steps` or `epochs` say when training ends.
    Raises UserError for what cannot work, before data are read where possible.
    """
    if steps is not None:
        settings |= {"stopping": "steps", "stopping__steps": steps}
    if epochs is not None:
        settings |= {"trainer__max_epochs": epochs}
    overrides = [f"{name.replace('__', '.')}={_text(value)}" for name, value in settings.items()]
    return load(_run([*overrides, f"outputs={_text(str(outputs))}"]))


def _run(overrides: list[str]) -> Path:
    """Carry out a run with these overrides and return its folder."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException

    import ganlab.core.hydra_records
    import ganlab.core.hydra_words  # noqa: F401  (what Hydra refuses, in words of the setting)
    from ganlab.command.run import main
    from ganlab.core.settings import CONF, own_launchers

    folders: list[Path] = []
    refusals: list[UserError] = []

    def task(cfg: DictConfig) -> None:
        folders.append(Path(HydraConfig.get().runtime.output_dir))
        try:
            main(cfg)
        except UserError as refusal:  # Hydra would take it for a job of a sweep that failed
            refusals.append(refusal)

    own_launchers()
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(CONF, job_name="ganlab.run", version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            hydra.run("config", task, overrides, with_log_configuration=False)
    except HydraException as error:
        raise UserError(str(error)) from None
    if refusals:
        raise refusals[0]
    return folders[0]


def _text(value: Any) -> str:
    """Return a value as the command line writes it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}: {_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    text = str(value)
    if not isinstance(value, str | Path) or BARE.fullmatch(text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
