"""Trains arrangements, tricks or GANs with classes over seeds in one process, a folder a run, and measures lead i.

    nice -n 15 python scripts/study.py OUT                     # what is missing of the arrangements
    nice -n 15 python scripts/study.py OUT --tricks            # what is missing of the tricks, each alone
    nice -n 15 python scripts/study.py OUT --classes           # what is missing of the GANs with classes
    python -m ganlab.summary sweep=OUT                         # the page, with groups, intervals and ranks

Configurations, networks, losses, tricks, codecs, data and metrics are those of `python -m ganlab.run` with the
overrides in a run's `run.json`; only Lightning's loop is left out, which takes longer than steps as small as these.
Real samples are described once for each seed. A run that has its `metrics.json` is not done again, so the study goes
on where it was stopped, and it is balanced: every configuration with one seed, then with the next.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig

from ganlab.compose import Experiment, compose
from ganlab.core.files import write_whole
from ganlab.core.kind import Window
from ganlab.core.settings import CONF
from ganlab.evaluation.bootstrap import drawn
from ganlab.evaluation.reference import real_sets
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Metric, Real, SampleSet, Scorer
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.ecg.clinical import ClinicalNumbers
from ganlab.metrics.ecg.embedding import RandomConvolutions
from ganlab.metrics.ecg.signal import SignalShape
from ganlab.metrics.ecg.visual_criteria import VisualCriteria
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.utility.classifier import at_network_rate, train_classifier
from ganlab.metrics.weighted import macro_auroc
from ganlab.tracking.collapse import RATIO
from ganlab.trainer.diversity import NOISE_SEED, pairwise_distance_ratio

log = logging.getLogger("study")

RECIPES = ("paper", "paper_tricks", "modern")
SQUARE = ("z", "transposed", "reversed", "random", "serpentine", "hilbert", "frequency")
CHANNELS = ("rgb", "limb_derived", "six", "six_independent", "hsv", "lab", "cmyk")
SHARED = {
    "stripes": ("arrangement.side=[24,32]",),
    "concat": ("arrangement.side=[24,32]",),
    "squares": ("arrangement.side=[32,24]", "arrangement.order.block=8"),
}
"""Three leads in one channel: three times the pixels, the same windows."""
SHARES = ("arrangement.decimation=1",)
ROUNDS = (SQUARE[:4], SQUARE[4:], CHANNELS, tuple(SHARED))
"""What is trained one after another: the yardstick and the negative control first."""
TRICKS: dict[str, tuple[str, ...]] = {
    "none": (),
    "label_smoothing": ("trick=label_smoothing",),
    "d_threshold": ("trick=d_threshold",),
    "small_batch": ("batch_size=8",),
    "large_batch": ("batch_size=64",),
    "under_sampling": ("trick=under_sampling",),
    "balanced_sampler": ("trick=balanced_sampler",),
    "spread_loss": ("trick=spread_loss",),
    "ema": ("trick=ema", "trick.ema.decay=0.98"),
    "random_crop": ("trick=random_crop",),
    "diffaugment": ("trick=diffaugment",),
    "bce_saturating": ("loss=bce_saturating",),
    "lsgan": ("loss=lsgan",),
    "hinge": ("loss=hinge",),
    "norm_free": ("architecture.norm=none",),
    "spectral_norm": ("architecture.norm=none", "trick=spectral_norm"),
    "r1_r2": ("architecture.norm=none", "trick=r1_r2"),
    "rpgan": ("architecture.norm=none", "loss=rpgan"),
    "wgan_gp": ("architecture.norm=none", "loss=wgan_gp", "trick.gradient_penalty.every=1"),
}
CONDITIONAL = ("acgan", "projection")
"""GANs with classes: what --classes compares, the first with the others."""
KEPT = (
    "signal/psd_db",
    "distribution/frechet",
    "distribution/kid",
    "distribution/coverage",
    "physiology/plausible_rate",
    "clinical/class_distance",
    "utility/tstr_auroc",
)
"""Numbers of which the draws of patients are kept; the first two are the primary ones, with classes the last two."""
WINDOWS, TRAIN, DRAWS, LOOKS = 300, 1000, 40, 12


def plan(
    tricks: bool, rounds: Sequence[Sequence[str]], recipes: Sequence[str] = RECIPES, classes: bool = False
) -> Iterator[tuple[str, ...]]:
    """Yield the overrides of each configuration, without the seed."""
    if classes:
        yield from (("experiment=study/modern", "arrangement=z", f"gan={gan}") for gan in CONDITIONAL)
        return
    if tricks:
        yield from (("experiment=study/paper", "arrangement=z", *own) for own in TRICKS.values())
        return
    for names in rounds:
        for recipe in recipes:
            for name in names:
                shape = (*SHARES, *SHARED[name]) if name in SHARED else ()
                yield (f"experiment=study/{recipe}", f"arrangement={name}", *shape)


def composed(overrides: Sequence[str], seed: int) -> DictConfig:
    """Return the configuration that `ganlab.run` would have."""
    config = composed_once(tuple(overrides)).copy()
    config.seed = seed
    return config


@cache
def composed_once(overrides: tuple[str, ...]) -> DictConfig:
    """Return the configuration without its seed: composing it takes longer than fifty steps."""
    with initialize_config_dir(CONF, version_base="1.3"):
        return hydra_compose("config", overrides=list(overrides))


class TSTR(Metric):
    """Two classifiers learn from generated windows and are tested on real ones: `utility/tstr_auroc`, by window."""

    kinds = (Window,)
    numbers = numbers_of("utility")

    def fit(self, real: Real) -> Scorer:
        """Return the scorer; nothing is fitted."""
        kind, labels = real.kind, real.reference.labels
        assert isinstance(kind, Window)
        assert labels is not None
        tests = at_network_rate(real.reference.values, kind.rate)

        def score(samples: SampleSet) -> dict[str, Any]:
            learned = [train_classifier(samples, kind=kind, classes=len(real.classes), seed=seed) for seed in (0, 1)]
            areas = [macro_auroc(each.classify(tests), labels) for each in learned]
            return {"utility/tstr_auroc": lambda _, weights: float(np.mean([area(weights) for area in areas]))}

        return score


class Judges:
    """Metrics of lead i, fitted to the real windows of one seed's patients, with the draws of these patients.

    With `classes` there are twice as many windows, and metrics that need their classes.
    """

    def __init__(self, experiment: Experiment, classes: bool = False) -> None:
        self.windows = WINDOWS * (1 + classes)
        real = real_sets(experiment.data, experiment.data.judged_part, self.windows, TRAIN)
        assert isinstance(real.kind, Window)
        kind = Window(("i",), real.kind.rate, real.kind.samples)
        self.real = Real(kind, _lead_i(real.train), _lead_i(real.reference), real.classes)
        self.metrics: list[Metric] = [
            Distribution(RandomConvolutions(), classifier=False),
            SignalShape(),
            VisualCriteria(),
            *([ClinicalNumbers(), TSTR()] if classes else []),
        ]
        self.scorers: list[Scorer] = [metric.fit(self.real) for metric in self.metrics]
        rng = np.random.default_rng(0)
        self.draws = [drawn(self.real.reference, rng) for _ in range(DRAWS)]

    def of(self, gan: GAN, seed: int) -> dict[str, Any]:
        """Return numbers of generated windows, by all metrics."""
        labels = gan.labels_of(gan.draw_noise(self.windows, torch.Generator().manual_seed(seed)))
        return self.rows(gan.sample(self.windows, seed=seed).numpy(), labels=None if labels is None else labels.numpy())

    def rows(self, windows: np.ndarray, metrics: int | None = None, labels: np.ndarray | None = None) -> dict[str, Any]:
        """Return numbers of windows `(N, leads, samples)`, the first of which is lead i, by the first `metrics`."""
        finite = np.isfinite(windows).all(axis=(1, 2))
        whole = windows[finite, :1]
        if len(whole) < WINDOWS / 2:
            return {}
        samples = SampleSet(whole, None if labels is None else labels[finite])
        one, all_real = np.ones(len(whole)), np.ones(len(self.real.reference))
        rows: dict[str, Any] = {}
        for metric, scorer in zip(self.metrics[:metrics], self.scorers, strict=False):
            for name, statistic in scorer(samples).items():
                number = metric.numbers[name]
                rows[name] = {"synthetic": statistic(one, all_real), "unit": number.unit, "meaning": number.meaning}
                rows[name] |= {"best": number.best}
                if name in KEPT:
                    rows[name]["draws"] = [statistic(one, weights) for weights in self.draws]
        return rows


def _lead_i(samples: SampleSet) -> SampleSet:
    return SampleSet(samples.values[:, :1], samples.labels, samples.patients)


def train(experiment: Experiment, folder: Path, seed: int) -> None:
    """Train; write the diversity of the images at `LOOKS` looks to the folder, and the numbers at half of the steps."""
    gan, data = experiment.gan, experiment.data
    gan.manual_backward = lambda loss: loss.backward()  # type: ignore[method-assign]
    gan.planned_steps = steps = experiment.stopping.steps  # type: ignore[attr-defined]
    gan.fit(data.train)
    optimizers = gan.configure_optimizers()
    noise = gan.draw_noise(64, torch.Generator().manual_seed(NOISE_SEED))
    shown = gan.codec.picture(data.train.spread(64).sample)
    rows = []
    for batch in batches(experiment, steps):
        update(gan, batch, optimizers, gan.steps, steps)
        if gan.steps == steps // 2:
            half = judges(seed, gan.conditional).rows(gan.sample(WINDOWS, seed=seed).numpy(), metrics=2)
            write_whole(folder / "halfway.json", json.dumps(half))
        if gan.steps % max(1, steps // LOOKS) == 0:
            rows.append({"step": gan.steps - 1, RATIO: pairwise_distance_ratio(gan.generate(noise), shown)})
    write_whole(folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def update(gan: GAN, batch: Any, optimizers: Sequence[Any], done: int, planned: int) -> None:
    """Do one step on a batch, `done` of `planned` parts of the training behind it."""
    optimizer_g, optimizer_d = optimizers
    real = gan.codec.encode(batch.sample)[0]
    gan.draws.begin(gan.steps, sum(gan.tricks.every("seeds"), ()), None, real.device, 0)
    gan.optimization.set_rates(done, planned, optimizer_g, optimizer_d)
    target = gan.targets(batch)
    gan.step_discriminator(real, target, optimizer_d, batch.patient)
    if all(gan.tricks.every("generator_steps", gan.steps)):
        gan.discriminator.requires_grad_(False)
        gan.step_generator(real, target, optimizer_g)
        gan.discriminator.requires_grad_(True)
        gan.tricks.every("after_step", gan.generator, gan.steps)
    gan.steps += 1


def batches(experiment: Experiment, steps: int) -> Iterator[Any]:
    """Yield as many batches of training windows, epoch after epoch."""
    given, epoch, loader = 0, 0, experiment.data.train_dataloader()
    while given < steps:
        loader.batch_sampler.sampler.set_epoch(epoch)
        for batch in loader:
            yield batch
            given += 1
            if given == steps:
                return
        epoch += 1


@cache
def judges(seed: int, classes: bool) -> Judges:
    """Return the metrics of a seed's patients, which all its runs share."""
    experiment = compose(composed([*fixed, "experiment=study/paper", "arrangement=z"], seed))
    experiment.data.prepare_data()
    experiment.data.setup()
    return Judges(experiment, classes)


def run(overrides: Sequence[str], seed: int, folder: Path) -> None:
    """Train and measure one run, and write its folder; `metrics.json`, written last, says that it is whole."""
    began, processor = time.monotonic(), time.process_time()
    experiment = compose(composed([*fixed, *overrides], seed))
    experiment.data.prepare_data()
    experiment.data.setup()
    folder.mkdir(parents=True, exist_ok=True)
    judges(seed, experiment.gan.conditional)
    trained = time.process_time()
    train(experiment, folder, seed)
    trained = time.process_time() - trained
    rows = judges(seed, experiment.gan.conditional).of(experiment.gan, seed)
    facts = {
        "overrides": [*overrides, f"seed={seed}"],
        "choices": choices(experiment.config),
        "epochs": round(experiment.gan.steps * experiment.data.batch_size / len(experiment.data.train), 1),
        "seed": seed,
        "steps": experiment.gan.steps,
        "training_processor_seconds": round(trained, 2),
        "processor_seconds": round(time.process_time() - processor, 2),
        "seconds": round(time.monotonic() - began, 1),
    }
    write_whole(folder / "config.yaml", experiment.config_yaml)
    write_whole(folder / "run.json", json.dumps(facts, indent=1))
    write_whole(folder / "metrics.json", json.dumps(rows))
    kid = rows.get("distribution/kid", {}).get("synthetic")
    log.info("%s: KID %s, %.1f s of training", folder.name, kid and f"{kid:.3g}", trained)


def choices(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names of what a run is made of, for the page of the study."""
    rooms = {"dataset": config["dataset"], "split": config["split"], "standardization": config["standardization"]}
    rooms |= {"gan": config["gan"], "loss": config["loss"], "architecture": config["architecture"]["generator"]}
    names = {room: str(node["_target_"]).rsplit(".", 2)[-2] for room, node in rooms.items()}
    return names | {"trick": list(config["trick"]) or ["none"]}


def folder_name(overrides: Sequence[str], seed: int, number: int) -> str:
    """Return the name of a run's folder: the number of its configuration, its choices without the image's shape."""
    words = [word.partition("=")[2] for word in overrides if not word.startswith("arrangement.")]
    return f"{number:03d}_{'_'.join(words).replace('study/', '').replace('.', '_')}_seed{seed}"


def main() -> None:
    """Do what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--tricks", action="store_true")
    parser.add_argument("--classes", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="arrangements; all where none is named")
    parser.add_argument("--recipes", nargs="+", default=RECIPES, choices=RECIPES)
    parser.add_argument("--set", nargs="*", default=[], help="more overrides, such as stopping.steps=800")
    parser.add_argument("--until", help="hour and minute at which no further run starts, such as 18:00")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR, format="%(asctime)s %(message)s")
    log.setLevel(logging.INFO)
    torch.set_num_threads(1)
    fixed.extend(given.set)
    numbers = {own: number for number, own in enumerate(plan(given.tricks, ROUNDS, classes=given.classes))}
    rounds = [given.only] if given.only else ROUNDS
    planned = list(plan(given.tricks, rounds, given.recipes, given.classes))
    for overrides, seed in dict.fromkeys((own, seed) for seed in range(given.seeds) for own in planned):
        folder = given.out / folder_name(overrides, seed, numbers[overrides])
        if given.until and time.strftime("%H:%M") >= given.until:
            break
        if not (folder / "metrics.json").is_file():
            run(overrides, seed, folder)


fixed: list[str] = []
"""Overrides of all runs."""

if __name__ == "__main__":
    main()
