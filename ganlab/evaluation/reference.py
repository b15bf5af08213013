"""The sets of samples that metrics compare: training, reference and generated ones."""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Array, DiscriminatorScore, Real, SampleSet

log = logging.getLogger(__name__)

NOISE_SEED = 1
IMAGES = 9
"""Images of each kind that a report shows."""


@dataclass(frozen=True)
class Preview:
    """Decoded samples `(N, *)`, a few of them as images `(n, C, H, W)` in [-1, 1], and labels and patients `(N,)`."""

    samples: Array
    images: Array
    labels: NDArray[np.integer] | None = None
    persons: NDArray[np.integer] | None = None


def real_sets(data: Data, part: str, count: int | None, train: int | None, side: int | None = None) -> Real:
    """Training samples, and those of other persons: at most so many of each, spread evenly, or all for None.

    Where everybody trains (split=paper) the persons are parted in two, so that nobody is compared with themself.
    """
    learned = _spread(data, "train", train)
    if part != "train":
        # Each part numbers its own persons.
        other = _spread(data, part, count, number_from=len(data.part("train").people))
    else:
        assert learned.persons is not None
        odd = learned.persons % 2
        if 0 < odd.sum() < len(odd):
            learned, other = learned.take(odd == 1), learned.take(odd == 0)
        else:
            other = learned
        other = other.take(evenly(count or len(other), len(other)))
    return Real(data.kind, learned, other, tuple(data.source.classes), side)


def finite(samples: SampleSet) -> tuple[SampleSet, list[str]]:
    """The samples without NaN and infinity, and what is to be said of the others."""
    whole = np.asarray(np.isfinite(samples.values).reshape(len(samples), -1).all(axis=1))
    if whole.all():
        return samples, []
    said = f"{(~whole).sum()} of {len(whole)} generated samples hold NaN or infinity and are in no number."
    log.warning(said)
    return samples.take(whole), [said]


def pictures(data: Data, gan: GAN) -> np.ndarray:
    """A few real samples of the judged part as the networks see them, `(n, C, H, W)` in [-1, 1]."""
    taken = data.part(data.judged_part, as_trained=True).spread(IMAGES).sample
    return gan.codec.picture(taken).numpy()


def generated(gan: GAN, count: int, batch_size: int = 256) -> Preview:
    """`count` generated samples, always the same for the same weights."""
    noise = gan.draw_noise(count, torch.Generator().manual_seed(NOISE_SEED))
    images = [gan.generate(part) for part in noise.split(batch_size)]
    samples = torch.cat([gan.codec.decode(part).cpu() for part in images])
    labels = gan.labels_of(noise)
    return Preview(samples.numpy(), images[0][:IMAGES].cpu().numpy(), None if labels is None else labels.cpu().numpy())


def discriminator_score(gan: GAN, batch_size: int = 256) -> DiscriminatorScore:
    """What the discriminator says of samples `(N, *)` in their own unit: logits `(N,)` of being real.

    Windows have the leads that the arrangement decodes to.
    """
    arrangement = gan.codec.arrangement

    @torch.inference_mode()
    def verdict(values: Array) -> NDArray[np.float32]:
        own = np.ascontiguousarray(arrangement.without_derived(values), np.float32)
        parts = torch.from_numpy(own).split(batch_size)
        was_training = gan.training
        gan.eval()
        found = torch.cat(
            [gan.discriminate(gan.codec.picture(part.to(gan.device)).to(gan.dtype)).source.cpu() for part in parts]
        )
        gan.train(was_training)
        return found.numpy()

    return verdict


def _spread(data: Data, part: str, count: int | None, number_from: int = 0) -> SampleSet:
    """At most `count` samples of a part, or all; its persons are numbered from `number_from`."""
    samples = data.part(part)
    if count is not None and count < len(samples):
        log.info("%s: %d of its %d %ss are taken", part, count, len(samples), data.kind.noun)
    batch = samples.spread(count or len(samples))
    return SampleSet(batch.sample.numpy(), batch.label.numpy(), batch.person.numpy() + number_from)
