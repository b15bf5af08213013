"""The five superclasses of PTB-XL, learned from real records (a learning curve) and from generated ones (TSTR).

    python scripts/superclasses.py dataset.root=data/ptbxl
    python scripts/superclasses.py dataset.root=data/ptbxl +run=outputs/runs/NAME +width=128 +steps=2000

Any override of `experiment=ptbxl` is accepted; folds 1 to 8 train, fold 9 tests, by record. The network is
resnet1d_wang of Strodthoff et al. 2021 (doi 10.1109/JBHI.2020.3022989): three residual blocks at one width, trained on
random 2.5 s crops; the greatest of the overlapping crops counts in a test. Its published macro AUROC is 0.930 (128
channels, 50 epochs, 18,869 patients, fold 10). Where `run` is given, as many generated windows as there are real ones
teach the same network.
"""

import sys
from typing import Any

import numpy as np
import torch
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from ganlab.compose import compose
from ganlab.core.settings import CONF
from ganlab.evaluation.reference import generated
from ganlab.generator.load import load
from ganlab.metrics.base import SampleSet
from ganlab.metrics.utility.classifier import Block
from ganlab.metrics.weighted import auroc

CROP, BATCH, RATE, DECAY = 250, 64, 1e-2, 1e-2
PUBLISHED = 0.930
DRAWS = 500
SIZES = (150, 300, 600, 1200)


class Wang(nn.Module):
    """Maps `(B, leads, samples)` to logits `(B, classes)`; the mean and the maximum over time are its features."""

    def __init__(self, leads: int, classes: int, width: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(leads, width, 7, 1, 3, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.features = nn.Sequential(stem, *(Block(width, width, stride, kernels=(5, 3)) for stride in (1, 2, 2)))
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


def report(name: str, logits: np.ndarray, test: SampleSet, classes: tuple[str, ...]) -> None:
    """Print the macro AUROC with its interval over patients, and the AUROC of each class."""
    assert test.labels is not None
    assert test.persons is not None
    each = [auroc(logits[:, k], test.labels[:, k]) for k in range(len(classes))]
    people, place = np.unique(test.persons, return_inverse=True)
    own = [one(np.ones(len(test))) for one in each]
    drawn = np.random.default_rng(0).multinomial(len(people), np.full(len(people), 1 / len(people)), size=DRAWS)
    means = [np.mean([one(weights[place].astype(float)) for one in each]) for weights in drawn]
    low, high = np.nanquantile(means, [0.025, 0.975])
    by_class = ", ".join(f"{name} {area:.3f}" for name, area in zip(classes, own, strict=True))
    print(f"{name}: macro AUROC {np.mean(own):.3f} [{low:.3f}, {high:.3f}] ({by_class})", flush=True)


def _set(data: Any, *parts: str) -> SampleSet:
    sets = [data.part(part) for part in parts]
    batches = [each.__getitems__(range(len(each))) for each in sets]
    values, labels = (np.concatenate([np.asarray(batch[k]) for batch in batches]) for k in (0, 1))
    persons = np.unique(np.concatenate([each.persons for each in sets]), return_inverse=True)[1]
    return SampleSet(values, labels, persons)


def main() -> None:
    """Print a line for each number of patients, and one for generated windows."""
    with initialize_config_dir(CONF, version_base="1.3"):
        overrides = ["experiment=ptbxl", "split.holdout=0", "tracking=none", *sys.argv[1:]]
        cfg = hydra_compose("config", overrides=overrides)
    OmegaConf.set_struct(cfg, False)
    width, steps, run = cfg.pop("width", 128), cfg.pop("steps", 1000), cfg.pop("run", None)
    data = compose(cfg).data
    data.setup()
    classes = tuple(data.source.classes)
    train, test = _set(data, "train", "validation"), _set(data, "test")
    order = np.random.default_rng(0).permutation(len(train.people))
    print(f"{len(train.people)} patients train, {len(test.people)} test; published: {PUBLISHED} of 18,869 patients")
    for size in (*(size for size in SIZES if size < len(order)), len(order)):
        some = train.take(np.isin(train.persons, order[:size]))
        logits = predicted(*learned(some, width, steps), test.values)
        report(f"{size} patients, {len(some)} records", logits, test, classes)
    if run is not None:
        trained = load(run)
        made = generated(trained.gan, len(train))
        chosen = [trained.kind.leads.index(lead) for lead in data.kind.leads]
        samples = SampleSet(made.samples[:, chosen].astype(np.float32), made.labels)
        logits = predicted(*learned(samples, width, steps), test.values)
        report(f"{len(samples)} generated windows", logits, test, classes)


if __name__ == "__main__":
    main()
