r"""A small classifier of windows by diagnosis, and its last layer as an embedding.

The network is a residual network of 1-D convolutions (He et al., CVPR 2016) on windows at 125 Hz, each lead about its
median and over its standard deviation in training. In training every class is drawn as often as the others, in a class
every patient, of a patient every window; a patient with many windows has no more say than one with few.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganlab.core.errors import UserError
from ganlab.core.kind import Array, Window, of_kind
from ganlab.core.labels import present, strata
from ganlab.core.resampling import at_rate
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.embedding import Embed, Embedding
from ganlab.metrics.needs import TooFew, check_finite

Probabilities = NDArray[np.float64]
RATE = 125.0
"""Sampling rate of the network's windows, Hz."""
WIDTHS = (16, 32, 64)
"""Channels of the residual blocks; the last is the size of the embedding."""
STEPS, BATCH = 120, 64
"""Steps of training, and windows in each."""
LEARNING_RATE, DECAY = 3e-3, 1e-2
"""Highest rate of a cycle (Smith & Topin, 2019) and weight decay of AdamW."""
SMOOTHING = 0.1
"""Smoothing of the labels, which keeps a classifier of few patients from being sure of everything."""
CROP = 0.75
"""Part of a window that a training step sees, at a random place."""
FOLDS = 3
"""Classifiers that each leave out one part of the training patients."""
LEAST = 16
"""Windows to train with."""


class ResNet(nn.Module):
    """Maps `(B, leads, samples)` to an embedding `(B, 64)` and logits of the classes `(B, K)`."""

    def __init__(self, leads: int, classes: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(leads, WIDTHS[0], 7, 2, 3, bias=False), nn.BatchNorm1d(WIDTHS[0]), nn.ReLU())
        blocks = [Residual(WIDTHS[max(k - 1, 0)], width, 1 + (k > 0)) for k, width in enumerate(WIDTHS)]
        self.features = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return embedding and logits."""
        embedded = self.features(x)
        return embedded, self.head(embedded)


class Residual(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, taken: int, given: int, stride: int, kernels: tuple[int, int] = (5, 5)) -> None:
        super().__init__()
        first, second = kernels
        self.body = nn.Sequential(
            nn.Conv1d(taken, given, first, stride, first // 2, bias=False),
            nn.BatchNorm1d(given),
            nn.ReLU(),
            nn.Conv1d(given, given, second, 1, second // 2, bias=False),
            nn.BatchNorm1d(given),
        )
        same = taken == given and stride == 1
        self.past = nn.Identity() if same else nn.Conv1d(taken, given, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, C', L / stride)` of `(B, C, L)`."""
        return F.relu(self.body(x) + self.past(x))


@dataclass(frozen=True)
class Classifier:
    """A trained network with the rate of its windows, Hz, and the scale of each lead, `(leads, 1)` mV.

    With `many_labels` a window may be of several classes, so that their probabilities do not sum to 1.
    """

    network: ResNet
    rate: float
    scale: NDArray[np.float32]
    many_labels: bool = False

    def probabilities(self, windows: Array) -> Probabilities:
        """Return the probability of each class, `(N, K)`, for windows `(N, leads, samples)` in mV."""
        return self.classify(at_network_rate(windows, self.rate))

    def classify(self, windows: NDArray[np.float32]) -> Probabilities:
        """Return `probabilities` of windows that are `at_network_rate` already."""
        return self._run(windows, 1, nn.Sigmoid() if self.many_labels else nn.Softmax(dim=1)).astype(np.float64)

    def embed(self, windows: Array) -> NDArray[np.float32]:
        """Return the last layer before the classes, `(N, 64)`, for windows `(N, leads, samples)` in mV."""
        return self._run(at_network_rate(windows, self.rate), 0, nn.Identity())

    @torch.no_grad()
    def _run(self, windows: NDArray[np.float32], output: int, last: nn.Module, block: int = 256) -> NDArray[np.float32]:
        scaled = torch.from_numpy(windows / self.scale)
        return torch.cat([last(self.network(part)[output]) for part in scaled.split(block)]).numpy()


def train_classifier(*parts: SampleSet, kind: Window, classes: int, seed: int = 0, steps: int = STEPS) -> Classifier:
    """Return a classifier of windows; always the same for the same windows, seed and number of threads.

    Global random state stays as it was: the seed, of the first weights and the order of the windows, is that of
    generators of its own. Classes without a window are never predicted. Each of the `parts`, windows `(N, leads,
    samples)` in mV with their labels and patient ids if any, is drawn as often as the others; `kind` is what the
    windows are, `classes` the number of classes.
    """
    given = [part.labels for part in parts if part.labels is not None]
    if len(given) < len(parts):
        raise UserError("a classifier cannot learn from windows without labels: give a data set with classes.")
    labels = np.concatenate(given)
    if len(labels) < LEAST:
        raise TooFew(f"{len(labels)} windows, and a classifier needs {LEAST}.")
    values = np.concatenate([at_network_rate(part.values, kind.rate) for part in parts])
    deviation = np.sqrt(np.mean(np.square(values), axis=(0, 2)))
    scale = np.where(deviation > 1e-6, deviation, 1)[:, None].astype(np.float32)
    windows, target = torch.from_numpy(values / scale), torch.as_tensor(labels)
    draws = torch.Generator().manual_seed(seed)
    weights = np.concatenate([draw_weights(strata(each), p.patients) for each, p in zip(given, parts, strict=True)])
    order = torch.multinomial(torch.as_tensor(weights), steps * BATCH, replacement=True, generator=draws)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(seed)
        network = ResNet(windows.shape[1], classes)
        _learn(network, windows, target, order.split(BATCH), draws)
    return Classifier(network.eval(), kind.rate, scale, labels.ndim == 2)


def draw_weights(labels: NDArray[np.int64], patients: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """Return weights of the draw of windows, `(N,)`: 1 in each class, shared equally by its patients, then windows."""
    if patients is None:
        _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
        return 1 / count[place]
    pairs, place, count = np.unique(np.stack([labels, patients]), axis=1, return_inverse=True, return_counts=True)
    _, group, unique_patients = np.unique(pairs[0], return_inverse=True, return_counts=True)
    return 1 / (count * unique_patients[group])[place]


def at_network_rate(windows: Array, rate: float) -> NDArray[np.float32]:
    """Return windows `(N, leads, samples)` in mV of `rate` Hz at 125 Hz. Raises UserError for NaN and infinity."""
    return at_rate(check_finite(windows, "windows"), rate, RATE)


def labelled(real: Real) -> Window:
    """Return the kind of the windows. Raises TooFew, with the reason, where there are not two classes to learn."""
    if real.train.labels is None or len(real.classes) < 2:
        raise TooFew(f"the data set has {len(real.classes)} classes with labels, and a classifier needs two.")
    several = present(real.train.labels)
    if len(several) < 2:
        of = " and ".join(real.classes[k] for k in several) or "of no class"
        raise TooFew(
            f"all training samples are {of}, and a classifier needs two classes. More classes: dataset.classes or "
            "dataset.diagnoses, or metrics.train=null for all training samples."
        )
    return of_kind(real.kind, Window)


def classify_unseen(
    real: Real, seed: int = 0, steps: int = STEPS
) -> Callable[[SampleSet], list[tuple[Probabilities, NDArray[np.bool_]]]]:
    """Train classifiers that each leave out a part of the training patients; return the function that applies them.

    It returns, for each classifier, the probabilities of a set's windows, `(N, K)`, and which of these windows are of
    no patient it has learned from, `(N,)`.
    """
    kind = labelled(real)
    kept = _folds(real.train)
    classifiers = [
        train_classifier(real.train.take(each), kind=kind, classes=len(real.classes), seed=seed + k, steps=steps)
        for k, each in enumerate(kept)
    ]
    patients = real.train.patients
    learned = [None if patients is None else np.unique(patients[each]) for each in kept]

    def classify(samples: SampleSet) -> list[tuple[Probabilities, NDArray[np.bool_]]]:
        windows, own = at_network_rate(samples.values, kind.rate), samples.patients
        every = np.ones(len(samples), bool)
        new = [
            every if own is None or unique_patients is None else ~np.isin(own, unique_patients)
            for unique_patients in learned
        ]
        return [(each.classify(windows), unseen) for each, unseen in zip(classifiers, new, strict=True)]

    return classify


class TrainedClassifier(Embedding):
    """Embeds windows by the last layer of a classifier of the training samples by diagnosis.

    It distinguishes training patients better than others, so real samples of both are apart as well: read its numbers
    with the real-versus-real reference range, and take none of them for privacy.
    """

    blind = ("noisy_copy",)
    kinds = (Window,)

    def __init__(self, steps: int = STEPS, seed: int = 0) -> None:
        self.steps, self.seed = steps, seed

    def fit(self, real: Real) -> Embed:
        """Train. Raises TooFew where the training samples have no labels or only one."""
        kind, classes = labelled(real), len(real.classes)
        return train_classifier(real.train, kind=kind, classes=classes, seed=self.seed, steps=self.steps).embed


def _learn(
    network: ResNet, windows: Tensor, labels: Tensor, batches: tuple[Tensor, ...], draws: torch.Generator
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=len(batches))
    length = max(1, round(CROP * windows.shape[-1]))
    starts = torch.randint(windows.shape[-1] - length + 1, (len(batches),), generator=draws).tolist()
    for batch, start in zip(batches, starts, strict=True):
        logits = network(windows[batch][..., start : start + length])[1]
        if labels.ndim == 2:
            smooth = labels[batch].float() * (1 - SMOOTHING) + SMOOTHING / 2
            loss = F.binary_cross_entropy_with_logits(logits, smooth)
        else:
            loss = F.cross_entropy(logits, labels[batch], label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()


def _folds(train: SampleSet) -> list[NDArray[np.bool_]]:
    """Return which training samples each classifier learns from: all but a part of the patients of every class."""
    assert train.labels is not None
    who = train.owners
    label = dict(zip(who.tolist(), strata(train.labels).tolist(), strict=True))
    by_class = sorted(label, key=lambda patient: (label[patient], patient))
    part = {patient: k % FOLDS for k, patient in enumerate(by_class)}
    parts = np.array([part[patient] for patient in who.tolist()])
    return [parts != k for k in range(FOLDS)]
