"""The sets of samples that metrics compare: training samples, the reference set of other patients, generated ones."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ganlab.core.labels import Labels
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.samples import Batch
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Array, DiscriminatorScore, Real, SampleSet

log = logging.getLogger(__name__)

NOISE_SEED = 1
IMAGES = 9
"""Real and generated images in a report, each."""


@dataclass(frozen=True)
class Preview:
    """Samples `(N, *)` in their own unit, a few of them as images `(n, C, H, W)` in [-1, 1], and labels."""

    samples: Array
    images: Array
    labels: Labels | None = None


def real_sets(data: Data, part: str, count: int | None, train: int | None, side: int | None = None) -> Real:
    """Return at most `train` training samples, and `count` of the other patients in a part; None takes all.

    They are spread evenly. Where everybody trains (split=paper) the patients are divided into two halves, so that
    nobody is compared with themselves. `side` is that of the square image to which windows were folded.
    """
    training = _spread(data, "train", train)
    if part != "train":
        # Each part numbers its own patients.
        other = _spread(data, part, count, number_from=len(data.part("train").unique_patients))
    else:
        assert training.patients is not None
        odd = training.patients % 2
        if 0 < odd.sum() < len(odd):
            training, other = training.take(odd == 1), training.take(odd == 0)
        else:
            other = training
        other = other.take(evenly(count or len(other), len(other)))
    return Real(data.kind, training, other, tuple(data.source.classes), side)


def without_broken(samples: SampleSet) -> tuple[SampleSet, list[str]]:
    """Return the samples without NaN and infinity, and a message about the others, if there are any."""
    whole = np.asarray(np.isfinite(samples.values).reshape(len(samples), -1).all(axis=1))
    if whole.all():
        return samples, []
    message = f"{(~whole).sum()} of {len(whole)} generated samples hold NaN or infinity and are in no number."
    log.warning(message)
    return samples.take(whole), [message]


def pictures(data: Data, gan: GAN, part: str) -> np.ndarray:
    """Return a few real samples of a part as the networks see them, `(n, C, H, W)` in [-1, 1]."""
    return gan.codec.picture(data.part(part, as_trained=True).spread(IMAGES).sample).numpy()


def generated(gan: GAN, count: int, batch_size: int = 256) -> Preview:
    """Return `count` generated samples, always the same ones for the same weights."""
    noise = gan.draw_noise(count, torch.Generator().manual_seed(NOISE_SEED))
    images = [gan.generate(part) for part in noise.split(batch_size)]
    samples = torch.cat([gan.codec.decode(part).cpu() for part in images])
    labels = gan.labels_of(noise)
    return Preview(samples.numpy(), images[0][:IMAGES].cpu().numpy(), None if labels is None else labels.cpu().numpy())


def discriminator_score(gan: GAN, batch_size: int = 256) -> DiscriminatorScore:
    """Return the function that gives the discriminator's logits of being real `(N,)` for samples and their labels.

    Windows have the leads that the arrangement decodes to.
    """
    arrangement = gan.codec.arrangement

    @torch.inference_mode()
    def score(samples: SampleSet) -> NDArray[np.float32]:
        own = torch.from_numpy(np.ascontiguousarray(arrangement.without_derived(samples.values), np.float32))
        label = torch.zeros(len(own), dtype=torch.long) if samples.labels is None else torch.from_numpy(samples.labels)
        conditions = gan.conditions_of(Batch(own, label, label)).to(gan.device)
        was_training = gan.training
        gan.eval()
        logits = [
            gan.discriminate(gan.codec.picture(part.to(gan.device)).to(gan.dtype), given).source.cpu()
            for part, given in zip(own.split(batch_size), conditions.split(batch_size), strict=True)
        ]
        gan.train(was_training)
        return torch.cat(logits).numpy()

    return score


def _spread(data: Data, part: str, count: int | None, number_from: int = 0) -> SampleSet:
    """Return at most `count` samples of a part, or all for None; its patients are numbered from `number_from`."""
    samples = data.part(part)
    if count is not None and count < len(samples):
        log.info("%s: %d of its %d %ss are taken", part, count, len(samples), data.kind.noun)
    batch = samples.spread(count or len(samples))
    return SampleSet(batch.sample.numpy(), batch.label.numpy(), batch.patient.numpy() + number_from)
