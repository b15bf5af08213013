"""The five superclasses of PTB-XL, learned from real records (a learning curve) and from generated ones (TSTR).

    python scripts/superclasses.py dataset.root=data/ptbxl
    python scripts/superclasses.py dataset.root=data/ptbxl +run=outputs/runs/NAME +width=128 +steps=2000 '+sizes=[600]'
    python scripts/superclasses.py dataset.root=data/ptbxl +run=outputs/runs/NAME +ptbdb=data/ptbdb

Any override of `experiment=ptbxl` is accepted; folds 1 to 8 train, fold 9 tests, by record. The network is
resnet1d_wang of Strodthoff et al. 2021 (doi 10.1109/JBHI.2020.3022989): three residual blocks at one width, trained on
random 2.5 s crops; the greatest of the overlapping crops counts in a test. Its published macro AUROC is 0.930 (128
channels, 50 epochs, 18,869 patients, fold 10). Where `run` is given, the real records that its generator learned from
teach the same network, and then as many generated windows. Each line is the mean of `seeds` classifiers, 3 by default.
With `ptbdb` every classifier is tested on that database too: its healthy patients and those with an infarction.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf
from short_runs import opened
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from ganlab.compose import compose
from ganlab.core.settings import CONF
from ganlab.evaluation.reference import generated
from ganlab.generator.load import load
from ganlab.metrics.base import SampleSet
from ganlab.metrics.utility.classifier import Residual
from ganlab.metrics.weighted import auroc
from ganlab.tracking.record import read_split

CROP, BATCH, RATE, DECAY = 250, 64, 1e-2, 1e-2
PUBLISHED = 0.930
DRAWS = 500
ELSEWHERE = {"NORM": "healthy_control", "MI": "myocardial_infarction"}
"""Superclasses that the PTB database has, and their names in it."""
SIZES = (150, 300, 600, 1200, 20_000)
"""Training patients of each line; all where there are fewer."""


class Budget(NamedTuple):
    """Channels and steps of a classifier, and how many there are, each from a seed of its own."""

    width: int
    steps: int
    seeds: int


class Wang(nn.Module):
    """Maps `(B, leads, samples)` to logits `(B, classes)`; the mean and the maximum over time are its features."""

    def __init__(self, leads: int, classes: int, width: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(leads, width, 7, 1, 3, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.features = nn.Sequential(stem, *(Residual(width, width, stride, kernels=(5, 3)) for stride in (1, 2, 2)))
        hidden = nn.Sequential(nn.BatchNorm1d(2 * width), nn.Dropout(0.25), nn.Linear(2 * width, 128), nn.ReLU())
        self.head = nn.Sequential(hidden, nn.BatchNorm1d(128), nn.Dropout(0.5), nn.Linear(128, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        features = self.features(x)
        return self.head(torch.cat([features.amax(2), features.mean(2)], dim=1))


def learned(samples: SampleSet, width: int, steps: int, seed: int = 0) -> tuple[Wang, float]:
    """Return the trained network, and the standard deviation of all values by which its windows are divided."""
    assert samples.labels is not None
    torch.manual_seed(seed)
    values, labels = torch.from_numpy(samples.values), torch.from_numpy(samples.labels).float()
    scale = float(values.std())
    network = Wang(values.shape[1], labels.shape[1], width)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in trange(steps, leave=False, disable=None):
        rows = torch.randint(len(values), (BATCH,))
        starts = torch.randint(values.shape[2] - CROP + 1, (BATCH, 1, 1))
        crops = values[rows].gather(2, (starts + torch.arange(CROP)).expand(-1, values.shape[1], -1)) / scale
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(network(crops), labels[rows]).backward()
        optimizer.step()
        rates.step()
    return network.eval(), scale


@torch.no_grad()
def predicted(network: Wang, scale: float, windows: np.ndarray) -> np.ndarray:
    """Return logits `(N, classes)`: of each class the greatest of the crops, which overlap by half."""
    crops = torch.from_numpy(windows).unfold(2, CROP, CROP // 2).transpose(1, 2) / scale
    return torch.stack([network(each).amax(0) for each in crops]).numpy()


class Test(NamedTuple):
    """Windows of real patients, the classes of their labels' columns, and which outputs of a classifier these are."""

    name: str
    samples: SampleSet
    classes: tuple[str, ...]
    columns: tuple[int, ...]


def report(name: str, samples: SampleSet, tests: Sequence[Test], budget: Budget) -> None:
    """Print the macro AUROC of classifiers that learned from samples: their mean, and each one's, by test set.

    Beside it stand the interval of the mean over test patients, and its AUROC of each class.
    """
    taught = [learned(samples, budget.width, budget.steps, seed) for seed in range(budget.seeds)]
    for test in tests:
        _report(f"{name}{test.name}", [predicted(*one, test.samples.values)[:, test.columns] for one in taught], test)


def _report(name: str, logits: Sequence[np.ndarray], test: Test) -> None:
    labels, patients = test.samples.labels, test.samples.patients
    assert labels is not None
    assert patients is not None
    each = [[auroc(one[:, k], labels[:, k]) for k in range(len(test.classes))] for one in logits]
    people, place = np.unique(patients, return_inverse=True)
    own = np.array([[area(np.ones(len(labels))) for area in areas] for areas in each])
    drawn = np.random.default_rng(0).multinomial(len(people), np.full(len(people), 1 / len(people)), size=DRAWS)
    means = [np.mean([area(weights[place].astype(float)) for areas in each for area in areas]) for weights in drawn]
    low, high = np.nanquantile(means, [0.025, 0.975])
    by_class = ", ".join(f"{name} {area:.3f}" for name, area in zip(test.classes, own.mean(axis=0), strict=True))
    by_seed = ", ".join(f"{area:.3f}" for area in own.mean(axis=1))
    print(f"{name}: macro AUROC {own.mean():.3f} [{low:.3f}, {high:.3f}], by seed {by_seed} ({by_class})", flush=True)


def elsewhere(root: str, cache: str, classes: Sequence[str]) -> Test:
    """Return all windows of the PTB database's patients, 10 s at 100 Hz, with the superclasses that it has."""
    changes = ["gan=gan", "dataset=ptbdb", f"dataset.root={root}", "dataset.rate=100", "split=paper"]
    data = opened(["experiment=ptbxl", *changes, "dataset.on_bad_record=skip", "tracking=none", f"cache={cache}"]).data
    (samples, _), names = _set(data, "train"), tuple(data.source.classes)
    labels = np.stack([samples.labels == names.index(own) for own in ELSEWHERE.values()], axis=1)
    known = SampleSet(samples.values, labels, samples.patients)
    return Test(", on the PTB database", known, tuple(ELSEWHERE), tuple(classes.index(name) for name in ELSEWHERE))


def _set(data: Any, *parts: str) -> tuple[SampleSet, np.ndarray]:
    """Return the samples of these parts, whose `patients` are numbers, and the names of the patients."""
    sets = [data.part(part) for part in parts]
    batches = [each.__getitems__(range(len(each))) for each in sets]
    values, labels = (np.concatenate([np.asarray(batch[k]) for batch in batches]) for k in (0, 1))
    people, patients = np.unique(np.concatenate([each.patients for each in sets]), return_inverse=True)
    return SampleSet(values, labels, patients), people


def main() -> None:
    """Print a line for each number of patients, for those of a generator, and for its windows."""
    with initialize_config_dir(CONF, version_base="1.3"):
        overrides = ["experiment=ptbxl", "split.holdout=0", "tracking=none", *sys.argv[1:]]
        cfg = hydra_compose("config", overrides=overrides)
    OmegaConf.set_struct(cfg, False)
    budget, run = Budget(cfg.pop("width", 128), cfg.pop("steps", 1000), cfg.pop("seeds", 3)), cfg.pop("run", None)
    sizes, ptbdb = cfg.pop("sizes", SIZES), cfg.pop("ptbdb", None)
    data = compose(cfg).data
    data.setup()
    classes = tuple(data.source.classes)
    (train, people), (test, _) = _set(data, "train", "validation"), _set(data, "test")
    order = np.random.default_rng(0).permutation(len(people))
    tests = [Test("", test, classes, tuple(range(len(classes))))]
    tests += [] if ptbdb is None else [elsewhere(ptbdb, cfg["cache"], classes)]
    tested = len(np.unique(test.patients))
    print(f"{len(people)} patients train, {tested} test; {budget}; published: {PUBLISHED} of 18,869 patients")
    for size in dict.fromkeys(min(size, len(order)) for size in sizes):
        some = train.take(np.isin(train.patients, order[:size]))
        report(f"{size} patients, {len(some)} records", some, tests, budget)
    if run is not None:
        _report_generated(Path(run), train, people, tests, data, budget)


def _report_generated(
    run: Path, train: SampleSet, people: np.ndarray, tests: Sequence[Test], data: Any, budget: Budget
) -> None:
    """Print a line for the real patients that a generator learned from, and one for as many of its windows.

    Raises SystemExit where it learned from patients that test.
    """
    own = read_split(run).of("train")
    if both := set(own) & set(data.part("test").unique_patients.tolist()):
        raise SystemExit(f"{run} learned from {len(both)} of the patients that test: give the same dataset.folds.")
    real = train.take(np.isin(train.patients, np.flatnonzero(np.isin(people, own))))
    trained = load(run)
    made = generated(trained.gan, len(real))
    chosen = [trained.kind.leads.index(lead) for lead in data.kind.leads]
    samples = SampleSet(made.samples[:, chosen].astype(np.float32), made.labels)
    report(f"the generator's {len(own)} patients, {len(real)} records", real, tests, budget)
    report(f"{len(samples)} generated windows", samples, tests, budget)


if __name__ == "__main__":
    main()
