"""Generators on the same data, for the same processor time, under the same verdict: the tables of docs/leaderboard.md.

    nice -n 15 python scripts/leaderboard.py OUT --root ptbdb              # what is missing in OUT; restart it at will
    nice -n 15 python scripts/leaderboard.py OUT --root ptbxl --twelve     # 12 leads, 10 s, of PTB-XL
    python scripts/leaderboard.py OUT --report docs/pictures/leaderboard.png

All that learn learn from the same windows. 60 % of the patients train, 20 % are the reference; the other 20 %, whom
nothing has seen, are the last row. A row that has its result.json is not made again; all rows of a seed come before the
next seed.
"""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from board_table import report
from others import deepfake, simulated
from rivals import RIVALS, weights
from short_runs import one_thread_and_log, opened, options, train_for
from study import batches
from torch import Tensor

from ganlab.architecture.signal_layers import FOLD, Resampling, folded, unfolded
from ganlab.compose import Experiment
from ganlab.core.files import write_whole
from ganlab.evaluation.controls import make
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.reference import real_sets, without_broken
from ganlab.evaluation.verdict import verdict
from ganlab.metrics.base import Array, Real, SampleSet

log = logging.getLogger("leaderboard")

SECONDS, COUNT, TRAIN, DRAWS, SHOWN, LONG = 30.0, 200, 600, 40, 3, 1_000_000
GANS = {
    "heart": ("experiment=laptop",),
    "signal": ("experiment=laptop", "architecture=signal"),
    "paper": ("architecture=cnn_slim", "trick=[d_threshold,label_smoothing]"),
}
"""Generators of ganlab, with the overrides that are theirs."""
TWELVE = {
    "heart": ("experiment=ptbxl", "gan=gan"),
    "signal": ("experiment=ptbxl", "gan=gan", "architecture=signal", "architecture.decimation=1"),
    "paper": ("architecture=cnn_small", "architecture.width=0.25", "trick=[d_threshold,label_smoothing]"),
}
ONE = ("dataset=ptbdb", "arrangement=z")
MANY = ("dataset=ptbxl", "arrangement=twelve", "window_seconds=10")
SPLIT = ("split=patient", "split.train=0.6", "split.validation=0.2", "split.test=0.2", "split.holdout=0")


@dataclass(frozen=True)
class Board:
    """What all rows of a seed share: the real data, and how much time a training has."""

    twelve: bool
    seed: int
    seconds: float
    fixed: Sequence[str]

    def opened(self, own: Sequence[str]) -> Experiment:
        """Return an experiment on this board's data."""
        data = MANY if self.twelve else ONE
        seeds = (f"seed={self.seed}", f"split.seed={self.seed}")
        return opened([*own, *data, *SPLIT, *seeds, "dataset.on_bad_record=skip", "trainer=cpu", *self.fixed])

    @cached_property
    def experiment(self) -> Experiment:
        """The preset's, for data and metrics."""
        return self.opened(self.gans["heart"])

    @property
    def gans(self) -> Mapping[str, Sequence[str]]:
        """Overrides of ganlab's generators."""
        return TWELVE if self.twelve else GANS

    @cached_property
    def real(self) -> Real:
        """Training windows and the reference."""
        return real_sets(self.experiment.data, "validation", COUNT, TRAIN)

    @cached_property
    def unseen(self) -> SampleSet:
        """Windows of the patients whom nothing has seen, without their ids, as a generator's would be."""
        return SampleSet(real_sets(self.experiment.data, "test", COUNT, 1).reference.values)


def trained(board: Board, name: str) -> tuple[Array, dict[str, float]]:
    """Return windows of a GAN of ganlab, and what it took."""
    experiment = board.opened(board.gans[name])
    facts = train_for(experiment, board.seconds)
    gan = experiment.gan
    facts["weights"] = weights((gan.generator, gan.discriminator))
    return timed(lambda: gan.sample(COUNT, seed=board.seed).numpy(), facts)


class Port:
    """The way from a batch of windows to the signals that the networks of `heart` see, and back."""

    def __init__(self, experiment: Experiment) -> None:
        self.codec = experiment.gan.codec
        self.arrangement = self.codec.arrangement
        self.resampling = Resampling(self.arrangement.samples, experiment.config["architecture"]["decimation"])
        self.leads, self.length = len(self.arrangement.leads), self.resampling.positions * FOLD

    def signals(self, windows: Tensor) -> Tensor:
        """Return `(B, leads, length)` in units of the standardization's reach."""
        return unfolded(self.resampling.down(self.arrangement.decode(self.codec.encode(windows)[0])))

    def windows(self, signals: Tensor) -> Array:
        """Return windows in mV."""
        return self.codec.decode(self.arrangement.encode(self.resampling.up(folded(signals)))).numpy()


def rival(board: Board, name: str) -> tuple[Array, dict[str, float]]:
    """Return windows of a generator of `rivals.py`, trained on the signals that `heart` sees, and what it took."""
    began, port = time.process_time(), Port(board.experiment)
    torch.manual_seed(board.seed)
    network = RIVALS[name](port.leads, port.length)
    for batch in batches(board.experiment, LONG):
        share = (time.process_time() - began) / board.seconds
        if share >= 1:
            break
        network.step(port.signals(batch.sample), share)
    spent = round(time.process_time() - began, 2)
    facts = {"steps": network.steps, "training_processor_seconds": spent, "weights": weights([network])}

    def sampled() -> Array:
        return port.windows(torch.cat([network.sample(50) for _ in range(COUNT // 50)]))

    return timed(sampled, facts)


def timed(sample: Callable[[], Array], facts: Mapping[str, float]) -> tuple[Array, dict[str, float]]:
    """Return the windows, and the facts with how many a second of processor time were made."""
    began = time.process_time()
    windows = sample()
    return windows, dict(facts) | {"per_second": round(len(windows) / (time.process_time() - began), 1)}


def rows(board: Board) -> dict[str, Callable[[], tuple[Array, dict[str, float]]]]:
    """Return what makes the windows of each row, in the order of the table."""
    made: dict[str, Callable[[], tuple[Array, dict[str, float]]]] = {}
    for name in board.gans:
        made[name] = lambda name=name: trained(board, name)
    for name in RIVALS:
        made[name] = lambda name=name: rival(board, name)
    for name in ("pca_gaussian", "bootstrap"):
        made[name] = lambda name=name: timed(lambda: make(name, board.real, COUNT, board.seed).values, {})
    kind, arrangement = board.real.kind, board.experiment.gan.codec.arrangement
    for name, other in (("simulator", simulated), ("deepfake-ecg", deepfake)):
        made[name] = lambda other=other: timed(lambda: other(arrangement, kind.rate, COUNT, board.seed), {})  # type: ignore
    made["unseen patients"] = lambda: (board.unseen.values, {})
    return made


def measure(board: Board, windows: Array, store: Path) -> dict[str, Any]:
    """Return the lights and the numbers of a set of windows."""
    samples, left_out = without_broken(SampleSet(np.ascontiguousarray(windows, np.float32)))
    metrics = board.experiment.metrics
    if len(samples) < COUNT / 2:
        return {
            "lights": {"looks_like": "red", "varied": "red", "private": "grey"},
            "numbers": {},
            "left_out": left_out,
        }
    scores = evidence(board.real, samples, metrics.by_name, store, metrics.settings["measures"], DRAWS)
    assert scores.sizes is not None
    lights = verdict(scores.rows, board.real.kind, scores.null, scores.sizes, scores.details).lights
    kept = ("synthetic", "interval", "floor", "floor_interval", "unit")
    return {
        "lights": {light.name: light.colour for light in lights},
        "reasons": {light.name: light.reason for light in lights},
        "numbers": {name: {key: row[key] for key in kept} for name, row in scores.rows.items()},
        "patients": [len(board.real.train.unique_patients), len(board.real.reference.unique_patients)],
    }


def add(board: Board, name: str, make_windows: Callable[[], tuple[Array, dict[str, float]]], out: Path) -> None:
    """Make the windows of a row, measure them, and write `result.json`, last."""
    folder = out / f"{name.replace(' ', '_')}_seed{board.seed}"
    if (folder / "result.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    windows, facts = make_windows()
    np.save(folder / "shown.npy", windows[:SHOWN].astype(np.float32))
    result = measure(board, windows, out / "cache") | {"row": name, "seed": board.seed, "facts": facts}
    kind = board.real.kind
    result |= {"leads": list(kind.leads), "rate": kind.rate}  # type: ignore[union-attr]
    write_whole(folder / "result.json", json.dumps(result, indent=1))
    log.info("%s: %s %s", folder.name, result["lights"], facts)


def main() -> None:
    """Make what is missing, or print and draw what is there."""
    parser = options(__doc__, seeds=3, seconds=SECONDS)
    parser.add_argument("--root", help="folder of the PTB database, or with --twelve of PTB-XL")
    parser.add_argument("--twelve", action="store_true", help="12 leads, 10 s, of PTB-XL")
    parser.add_argument("--minutes", type=float, default=1e9, help="no further row starts after so many")
    given = parser.parse_args()
    if given.report:
        return report(given.out, given.report)
    one_thread_and_log(log)
    began, fixed = time.monotonic(), (f"dataset.root={given.root}", f"cache={given.out / 'cache'}", *given.set)
    for seed in range(given.seeds):
        board = Board(given.twelve, seed, given.seconds, fixed)
        for name, make_windows in rows(board).items():
            if time.monotonic() - began > 60 * given.minutes:
                return None
            if not given.only or name in given.only:
                add(board, name, make_windows, given.out)
    return None


if __name__ == "__main__":
    main()
