r"""A small classifier of windows by diagnosis, its last layer as an embedding, and the Inception Score with it.

The network is a residual network of 1-D convolutions (He et al., CVPR 2016) on windows at 125 Hz, each lead about its
median and over its standard deviation in training. In training every class is drawn as often as the others, in a class
every person, of a person every window; a person with many windows has no more say than one with few.

The Inception Score (Salimans et al., NeurIPS 2016; section 4.7 of the paper) is
$\exp \mathbb{E}_x \mathrm{KL}(p(y|x) \,\|\, p(y))$ with this classifier in the place of Inception. A classifier is
surer of the persons it has learned from than of others, so the score is the mean of classifiers of which each leaves
out a part of the training persons, and judges no window of a person that it has learned from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.core.resampling import at_rate
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Statistic, TooFew, Weights
from ganlab.metrics.embedding import Embed, Embedding

Probabilities = NDArray[np.float64]

SHARE = (0.0, 1.0)
"""Limits of a share, and of an AUROC."""
RATE = 125.0
"""Samples a second that the network sees, Hz."""
WIDTHS = (16, 32, 64)
"""Channels of the residual blocks; the last is the size of the embedding."""
STEPS, BATCH = 120, 64
"""Steps of training, and windows in each."""
LEARNING_RATE, DECAY = 3e-3, 1e-2
"""Highest rate of a cycle (Smith & Topin, 2019) and weight decay of AdamW."""
SMOOTHING = 0.1
"""Of the labels, which keeps a classifier of few persons from being sure of everything."""
CROP = 0.75
"""Part of a window that a training step sees, at a random place."""
FOLDS = 3
"""Classifiers of which each leaves out one part of the training persons."""
LEAST = 16
"""Windows to train with."""


class ResNet(nn.Module):
    """`(B, leads, samples)` to an embedding `(B, 64)` and logits of the classes `(B, K)`."""

    def __init__(self, leads: int, classes: int) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv1d(leads, WIDTHS[0], 7, 2, 3, bias=False), nn.BatchNorm1d(WIDTHS[0]), nn.ReLU())
        blocks = [Block(WIDTHS[max(k - 1, 0)], width, 1 + (k > 0)) for k, width in enumerate(WIDTHS)]
        self.features = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten())
        self.head = nn.Linear(WIDTHS[-1], classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embed and classify."""
        embedded = self.features(x)
        return embedded, self.head(embedded)


class Block(nn.Module):
    """Two convolutions and what passes them by."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(taken, given, 5, stride, 2, bias=False),
            nn.BatchNorm1d(given),
            nn.ReLU(),
            nn.Conv1d(given, given, 5, 1, 2, bias=False),
            nn.BatchNorm1d(given),
        )
        same = taken == given and stride == 1
        self.past = nn.Identity() if same else nn.Conv1d(taken, given, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`(B, C, L)` to `(B, C', L / stride)`."""
        return F.relu(self.body(x) + self.past(x))


@dataclass(frozen=True)
class Classifier:
    """A trained network with the rate of its windows, Hz, and the scale of each lead, `(leads, 1)` mV."""

    network: ResNet
    rate: float
    scale: NDArray[np.float32]

    def probabilities(self, windows: Array) -> Probabilities:
        """Of each class for windows `(N, leads, samples)` in mV, with shape (N, K)."""
        return self.classify(resampled(windows, self.rate))

    def classify(self, windows: NDArray[np.float32]) -> Probabilities:
        """`probabilities` of windows that are `resampled` already."""
        return self._run(windows, 1, nn.Softmax(dim=1)).astype(np.float64)

    def embed(self, windows: Array) -> NDArray[np.float32]:
        """The last layer before the classes for windows `(N, leads, samples)` in mV, with shape (N, 64)."""
        return self._run(resampled(windows, self.rate), 0, nn.Identity())

    @torch.no_grad()
    def _run(self, windows: NDArray[np.float32], output: int, last: nn.Module, block: int = 256) -> NDArray[np.float32]:
        given = torch.from_numpy(windows / self.scale)
        return torch.cat([last(self.network(part)[output]) for part in given.split(block)]).numpy()


def train_classifier(*parts: SampleSet, kind: Window, classes: int, seed: int = 0, steps: int = STEPS) -> Classifier:
    """Learn the labels of windows; always the same for the same windows, seed and number of threads.

    Nothing outside is touched: the seed is of generators of its own. Classes without a window are never predicted.

    Arguments:
        parts: Windows `(N, leads, samples)` in mV with their labels, and persons where they are known; of several sets
            each is drawn as often as the others.
        kind: What the windows are.
        classes: How many classes there are, K.
        seed: Of the first weights and of the order of the windows.
        steps: Steps of training.
    """
    known = [part.labels for part in parts if part.labels is not None]
    if len(known) < len(parts):
        raise UserError("a classifier is to learn from windows without labels: give a data set with classes.")
    labels = np.concatenate(known)
    if len(labels) < LEAST:
        raise TooFew(f"{len(labels)} windows, and a classifier needs {LEAST}. More samples: metrics.samples=.")
    values = np.concatenate([resampled(part.values, kind.rate) for part in parts])
    scale = _scale(values)
    windows, target = torch.from_numpy(values / scale), torch.as_tensor(labels)
    draws = torch.Generator().manual_seed(seed)
    weights = np.concatenate([draw_weights(each, part.persons) for each, part in zip(known, parts, strict=True)])
    order = torch.multinomial(torch.as_tensor(weights), steps * BATCH, replacement=True, generator=draws)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(seed)
        network = ResNet(windows.shape[1], classes)
        _learn(network, windows, target, order.split(BATCH), draws)
    return Classifier(network.eval(), kind.rate, scale)


def draw_weights(labels: NDArray[np.int64], persons: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """How likely each window is drawn, `(N,)`, 1 in a class: its persons alike, and all windows of a person."""
    if persons is None:
        _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
        return 1 / count[place]
    pairs, place, count = np.unique(np.stack([labels, persons]), axis=1, return_inverse=True, return_counts=True)
    _, group, people = np.unique(pairs[0], return_inverse=True, return_counts=True)
    return 1 / (count * people[group])[place]


def resampled(windows: Array, rate: float) -> NDArray[np.float32]:
    """Windows `(N, leads, samples)` in mV of `rate` Hz at 125 Hz; raises UserError for NaN and infinity."""
    broken = int((~np.isfinite(windows).all(axis=(1, 2))).sum())
    if broken:
        raise UserError(f"{broken} of {len(windows)} windows hold NaN or infinity: leave them out first.")
    return at_rate(windows, rate, RATE)


def labelled(real: Real) -> Window:
    """What the windows are; raises TooFew, with the reason, where there is nothing to learn a class from."""
    assert isinstance(real.kind, Window)
    if real.train.labels is None or len(real.classes) < 2:
        raise TooFew(f"the data set has {len(real.classes)} classes with labels, and a classifier needs two.")
    present = np.unique(real.train.labels)
    if len(present) < 2:
        raise TooFew(
            f"all training samples are {real.classes[int(present[0])]}, and a classifier needs two classes. "
            "More classes: dataset.classes or dataset.diagnoses, or metrics.train=null for all training samples."
        )
    return real.kind


def classify_unseen(
    real: Real, seed: int = 0, steps: int = STEPS
) -> Callable[[SampleSet], list[tuple[Probabilities, NDArray[np.bool_]]]]:
    """Classifiers that each leave out a part of the training persons, for `real.classes`.

    What is returned gives, for each of them, the probabilities of a set's windows, `(N, K)`, and which of these
    windows are of no person it has learned from, `(N,)`.
    """
    kind = labelled(real)
    kept = _folds(real.train)
    judges = [
        train_classifier(real.train.take(each), kind=kind, classes=len(real.classes), seed=seed + k, steps=steps)
        for k, each in enumerate(kept)
    ]
    persons = real.train.persons
    known = [None if persons is None else np.unique(persons[each]) for each in kept]

    def classify(samples: SampleSet) -> list[tuple[Probabilities, NDArray[np.bool_]]]:
        windows = resampled(samples.values, kind.rate)
        return [(each.classify(windows), _unseen(samples, seen)) for each, seen in zip(judges, known, strict=True)]

    return classify


class TrainedClassifier(Embedding):
    """The last layer of a classifier of the training samples by diagnosis: what differs between classes is far apart.

    It tells the training persons from each other better than others, so real samples of both are apart as well:
    read its numbers beside the floor, and take none of them for privacy.
    """

    blind = ("noisy_copy",)

    def __init__(self, steps: int = STEPS, seed: int = 0) -> None:
        self.steps = steps
        self.seed = seed

    def fit(self, real: Real) -> Embed:
        """Train; raises TooFew where the training samples have no labels or only one."""
        kind, classes = labelled(real), len(real.classes)
        return train_classifier(real.train, kind=kind, classes=classes, seed=self.seed, steps=self.steps).embed


class InceptionScore(Metric):
    """The Inception Score with an ECG classifier, how sure that one is, and the shares of the classes it sees."""

    kinds = (Window,)
    numbers: Mapping[str, Number] = {
        "inception/score": Number(
            "",
            "exp of the mean KL(p(class | window) || p(class)): sure of each window, and all classes there; blind to "
            "collapse, which it may reward, and to labels; higher for copies, which the classifiers have learned",
            limits=(1.0, np.inf),
        ),
        "inception/confidence": Number(
            "share",
            "mean probability of the likeliest class; noise and copies of training samples are classified more surely "
            "than real samples of other persons are",
            sees=("noise",),
            limits=SHARE,
        ),
        "inception/class_distance": Number(
            "share",
            "total variation between the shares of the classes and those of the reference, as the classifier sees "
            "them; few persons make it large",
            best=0.0,
            limits=SHARE,
        ),
    }

    def __init__(self, steps: int = STEPS, seed: int = 0) -> None:
        self.steps = steps
        self.seed = seed

    def fit(self, real: Real) -> Scorer:
        """Train the classifiers; raises TooFew where the training samples have no labels or only one."""
        classify = classify_unseen(real, self.seed, self.steps)
        reference = classify(real.reference)

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            judged = classify(samples)
            return {
                "inception/score": lambda of, _: _mean([inception_score(p, of * new) for p, new in judged]),
                "inception/confidence": lambda of, _: _mean(
                    [float(_average(p.max(axis=1), of * new)) for p, new in judged]
                ),
                "inception/class_distance": lambda of, beside: _mean(
                    [
                        0.5 * float(np.abs(_average(a, of * new_a) - _average(b, beside * new_b)).sum())
                        for (a, new_a), (b, new_b) in zip(judged, reference, strict=True)
                    ]
                ),
            }

        return judge


def inception_score(probabilities: Probabilities, weights: Weights) -> float:
    """Exponential of the weighted mean divergence of `(N, K)` probabilities from their mean; NaN without weight."""
    if not weights.sum():
        return float("nan")
    mean = weights @ probabilities / weights.sum()
    divergence = np.sum(probabilities * (_log(probabilities) - _log(mean)), axis=1)
    return float(np.exp(weights @ divergence / weights.sum()))


def _log(probabilities: Probabilities) -> Probabilities:
    return np.log(np.maximum(probabilities, 1e-12))


def _average(values: NDArray[np.float64], weights: Weights) -> NDArray[np.float64]:
    """Weighted mean over the first axis; NaN without weight."""
    return weights @ values / (weights.sum() or np.nan)


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _learn(
    network: ResNet, windows: Tensor, labels: Tensor, batches: tuple[Tensor, ...], draws: torch.Generator
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=len(batches))
    length = max(1, round(CROP * windows.shape[-1]))
    starts = torch.randint(windows.shape[-1] - length + 1, (len(batches),), generator=draws).tolist()
    for batch, start in zip(batches, starts, strict=True):
        logits = network(windows[batch][..., start : start + length])[1]
        loss = F.cross_entropy(logits, labels[batch], label_smoothing=SMOOTHING)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()


def _scale(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation of each lead about the windows' medians, `(leads, 1)`; 1 for a lead that is flat."""
    deviation = np.sqrt(np.mean(np.square(windows), axis=(0, 2)))
    return np.where(deviation > 1e-6, deviation, 1)[:, None].astype(np.float32)


def _folds(train: SampleSet) -> list[NDArray[np.bool_]]:
    """Which training samples each of the classifiers keeps: all but a part of the persons of every class."""
    assert train.labels is not None
    who = np.arange(len(train)) if train.persons is None else train.persons
    label = dict(zip(who.tolist(), train.labels.tolist(), strict=True))
    by_class = sorted(label, key=lambda person: (label[person], person))
    part = {person: k % FOLDS for k, person in enumerate(by_class)}
    parts = np.array([part[person] for person in who.tolist()])
    return [parts != k for k in range(FOLDS)]


def _unseen(samples: SampleSet, known: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    if samples.persons is None or known is None:
        return np.ones(len(samples), bool)
    return ~np.isin(samples.persons, known)
