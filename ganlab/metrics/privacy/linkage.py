r"""Identity linkage: does a network that recognizes patients by their ECG find the members among released windows?

The heart's electrical shape differs from patient to patient and stays over years, so that an ECG is a biometric (Biel
et al., IEEE TIM 2001). A network learns to map windows of one patient to the same direction on a sphere, with the
margin softmax of Wang et al. (CosFace, CVPR 2018): $-\log \frac{e^{s(\cos\theta_y - m)}}{e^{s(\cos\theta_y - m)} +
\sum_{j \ne y} e^{s \cos\theta_j}}$ over the patients it learns from. These are simulated, of a cohort that no data set
has; it sees neither members nor non-members, so a difference between the two is no habit of the network's.

The attacker has another recording of each patient where there is one (`Attacked.gallery`), and looks for the released
windows that are most like it: their mean likeness is the patient's score. Calibrating it, by other patients' windows or
by the likeness to other patients, found fewer copies. Taking for each released window the patient whose direction is
nearest, members are hit as often as non-members where the generator leaks nothing.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganlab.core.binomial import proportion_interval
from ganlab.core.kind import Window, of_kind
from ganlab.core.record import LEADS, millivolts
from ganlab.core.resampling import at_rate, centred
from ganlab.metrics.base import Array, Floats, Real, SampleSet, Weights
from ganlab.metrics.privacy.membership import Attack, Attempt, NotHere, Outcome, Released
from ganlab.metrics.privacy.roc import PERMUTATIONS, permuted
from ganlab.metrics.privacy.targets import Targets, balanced
from ganlab.metrics.utility.classifier import RATE, WIDTHS, ResNet
from ganlab.simulator.ecg import RATE as SIMULATED
from ganlab.simulator.ecg import simulate_record

COHORT = 7_700_077
"""Seed of the simulated patients that the network learns from."""
RECORDINGS, SECONDS = 2, 8.0
"""Recordings of each of them, and the least length of one, s."""
BATCH, LEARNING_RATE, DECAY = 64, 3e-3, 1e-3
SCALE, MARGIN = 16.0, 0.2
"""Scale and margin of the softmax."""
CROP, GAIN, NOISE = 0.75, 0.15, 0.05
"""Part of a window that a step sees; deviation of a gain about 1; greatest deviation of noise, over the signal's."""
NEAREST = 3
"""Released windows whose likeness to a patient is their score."""


class Identification:
    """A trained network that maps windows of its leads to unit vectors; the same for the same arguments and threads."""

    def __init__(self, network: ResNet, scale: NDArray[np.float32]) -> None:
        self.network = network.eval()
        self.scale = scale

    @torch.no_grad()
    def __call__(self, windows: Array, rate: float, block: int = 512) -> NDArray[np.float32]:
        """Return unit vectors `(N, 64)` of windows `(N, leads, samples)` in mV of `rate` Hz."""
        given = torch.from_numpy(centred(at_rate(windows, rate, RATE)) / self.scale)
        return torch.cat([F.normalize(self.network(part)[0], dim=1) for part in given.split(block)]).numpy()


@functools.lru_cache(maxsize=4)
def identification(leads: tuple[str, ...], seconds: float, persons: int, steps: int, seed: int) -> Identification:
    """Return a network that learned to distinguish `persons` simulated patients by windows of `seconds` in these leads.

    Global random state stays as it was: the seed is that of generators of its own.
    """
    windows, patient = _cohort(leads, seconds, persons)
    scale = np.sqrt(np.mean(np.square(windows), axis=(0, 2)))[:, None].astype(np.float32)
    given, target = torch.from_numpy(windows / scale), torch.from_numpy(patient)
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.random.default_generator.manual_seed(seed)
        network = ResNet(len(leads), 1)
        directions = nn.Parameter(torch.randn(persons, WIDTHS[-1]))
        _learn(network, directions, given, target, steps, draws)
    return Identification(network, scale)


def _cohort(leads: Sequence[str], seconds: float, persons: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return windows `(N, leads, samples)` at 125 Hz about their medians, and their patients, `(N,)`."""
    span = round(seconds * SIMULATED)
    at = [LEADS.index(lead) for lead in leads]
    windows, whose = [], []
    for patient in range(persons):
        for recording in range(RECORDINGS):
            length = max(SECONDS, 2 * seconds)
            record, digital = simulate_record(patient + 1, recording + 1, seconds=length, seed=COHORT)
            mv = millivolts(digital[at], np.array(record.gain)[at], np.array(record.baseline)[at])
            count = mv.shape[1] // span
            windows.append(mv[:, : count * span].reshape(len(at), count, span).swapaxes(0, 1))
            whose += [patient] * count
    return at_rate(np.concatenate(windows), SIMULATED, RATE), np.array(whose, np.int64)


def _learn(
    network: ResNet, directions: nn.Parameter, windows: Tensor, patient: Tensor, steps: int, draws: torch.Generator
) -> None:
    parameters = [*network.features.parameters(), directions]
    optimizer = torch.optim.AdamW(parameters, weight_decay=DECAY)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    length = max(1, round(CROP * windows.shape[-1]))
    for _ in range(steps):
        chosen = torch.randint(len(windows), (BATCH,), generator=draws)
        start = int(torch.randint(windows.shape[-1] - length + 1, (1,), generator=draws))
        crop = windows[chosen][..., start : start + length]
        gain = 1 + GAIN * torch.randn((BATCH, 1, 1), generator=draws)
        noise = NOISE * torch.rand((BATCH, 1, 1), generator=draws) * torch.randn(crop.shape, generator=draws)
        # Random gain and noise do not identify a patient.
        crop = gain * crop + noise
        cosine = F.normalize(network(crop)[0], dim=1) @ F.normalize(directions, dim=1).T
        margin = MARGIN * F.one_hot(patient[chosen], len(directions))
        loss = F.cross_entropy(SCALE * (cosine - margin), patient[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()


class Linkage(Attack):
    """Scores a patient by the likeness of the released windows that are most like them."""

    name = "linkage"
    knows = "another recording of the patient where there is one, and a network that recognizes patients"
    blind = "members whom the network confuses with somebody else"

    def __init__(self, persons: int = 200, steps: int = 800, seed: int = 0) -> None:
        """Take the number of simulated patients to learn from, the steps of training, and its seed."""
        self.persons, self.steps, self.seed = persons, steps, seed

    def prepare(self, real: Real, targets: Targets, distance: Callable[[SampleSet, SampleSet], Array]) -> Attempt:
        """Train the network and compute every patient's direction. Raises NotHere for other signals than it learns."""
        kind = of_kind(real.kind, Window)
        assert real.attacked is not None
        if kind.other_unit:
            raise NotHere(f"the network learns from simulated ECGs in mV, and these windows are in {kind.other_unit}")
        if lacking := [lead for lead in kind.leads if lead not in LEADS]:
            raise NotHere(
                f"the network learns from simulated windows, which have no lead {', '.join(lacking)}; they have "
                f"{', '.join(LEADS)}. leads=[...] judges some of the leads."
            )
        network = identification(kind.leads, kind.samples / kind.rate, self.persons, self.steps, self.seed)
        own, other = targets.samples, real.attacked.gallery
        embedded = network(own.values, kind.rate)
        means, recognized = directions(embedded, own.patients, targets.patient), Recognized()
        if other is not None:
            assert other.patients is not None
            several = np.isin(targets.patient, other.patients)
            others = directions(network(other.values, kind.rate), other.patients, targets.patient[several])
            recognized = recognition(embedded, targets, several, others)
            means[several] = others

        def attempt(released: Released) -> Outcome:
            likeness = network(released.samples.values, kind.rate) @ means.T
            shares = np.bincount(likeness.argmax(axis=1), minlength=len(targets.patient)) / len(likeness)
            details = asdict(recognized) | _null(shares, targets) | {"shares": shares.tolist()}
            numbers = {"privacy/linkage_share": functools.partial(_share, likeness, targets)}
            count = min(NEAREST, len(likeness))
            greatest = np.partition(likeness, len(likeness) - count, axis=0)[-count:]
            return Outcome(greatest.mean(axis=0).astype(np.float64), None, numbers, details)

        return attempt


def directions(
    embedded: NDArray[np.float32], patients: NDArray[np.int64] | None, wanted: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return the mean direction of each wanted patient's windows, `(P, 64)` of `(N, 64)`."""
    assert patients is not None
    means = np.stack([embedded[patients == patient].mean(axis=0) for patient in wanted])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


@dataclass(frozen=True)
class Recognized:
    """How often the network recognizes real patients across their recordings: rank 1 among all who have several.

    `rank_1` counts patients by the mean of their windows, with its exact 95 % `interval`, `rank_1_of_windows` windows;
    None where `among` is below 2.
    """

    among: int = 0
    rank_1: float | None = None
    rank_1_of_windows: float | None = None
    interval: tuple[float, float] | None = None


def recognition(
    embedded: NDArray[np.float32], targets: Targets, several: NDArray[np.bool_], gallery: NDArray[np.float32]
) -> Recognized:
    """Return how often patients are recognized in their other recordings, by their windows under attack.

    `embedded` are these windows as unit vectors `(N, 64)` of P patients; `several`, `(P,)`, marks the patients with
    another recording, and `gallery` holds their directions in these, `(Q, 64)`.
    """
    if several.sum() < 2:
        return Recognized(int(several.sum()))
    own = several[targets.place]
    row = (np.cumsum(several) - 1)[targets.place[own]]
    by_window = (embedded[own] @ gallery.T).argmax(axis=1) == row
    means = directions(embedded[own], row, np.arange(len(gallery)))
    by_patient = (means @ gallery.T).argmax(axis=1) == np.arange(len(gallery))
    interval = proportion_interval(int(by_patient.sum()), len(gallery))
    return Recognized(len(gallery), float(by_patient.mean()), float(by_window.mean()), interval)


def _share(likeness: NDArray[np.float32], targets: Targets, judged: Weights, reference: Weights) -> float:
    """Return the share of windows whose nearest patient, of those with weight, is a member."""
    present = np.flatnonzero(targets.weights(reference) > 0)
    member = targets.member[present]
    if member.all() or not member.any():
        return float("nan")
    hit = member[likeness[:, present].argmax(axis=1)]
    return balanced(float(hit @ judged / judged.sum()), int(member.sum()), int((~member).sum()))


def _null(shares: Floats, targets: Targets) -> dict[str, object]:
    """Return the share of members' hits, its p value and quantiles under permutations of membership within classes."""
    observed = float(shares @ targets.member)
    drawn = shares @ permuted(targets.member, targets.stratum, PERMUTATIONS)
    return {
        "share": observed,
        "p": float((1 + (drawn >= observed - 1e-12).sum()) / (1 + PERMUTATIONS)),
        "chance": [float(end) for end in np.quantile(drawn, (0.025, 0.975))],
    }
