"""What a run does at its end: measure generated samples beside real ones, and write the report."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganlab.arrangement.leads import Leads
from ganlab.attacked import with_attacked
from ganlab.compose import Composed
from ganlab.dataset.module import Data
from ganlab.evidence import Evidence, evidence
from ganlab.files import write_whole
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Measure, Real, Samples, SampleSet, Verdict
from ganlab.report.run import Shown, write_report

log = logging.getLogger(__name__)

NOISE_SEED = 1
ATTACKS = "attacks.json"
"""What is drawn of attacks, in the folder of the run."""
IMAGES = 9
"""Images of each kind that a report shows."""


def evaluate(
    folder: Path, composed: Composed, measures: Mapping[str, Measure], settings: Mapping[str, Any], cache: Path
) -> Evidence:
    """Write `metrics.json` and `report.html`; return the numbers.

    `settings` are those of the group metrics: at most `samples` real samples and as many generated ones, or all real
    ones for None; at most `train` training samples; `draws` of persons for the intervals.
    """
    data, gan = composed.data, composed.gan
    side = getattr(composed.networks.arrangement, "side", None)
    real = real_sets(data, data.judged_part, settings["samples"], settings["train"], side)
    real = with_attacked(real, data, measures, settings)
    shown = generated(gan, settings["samples"] or len(data.part(data.judged_part)))
    labels = None if shown.labels is None else shown.labels.astype(np.int64)
    synthetic, left_out = finite(SampleSet(shown.samples, labels, verdict=verdict_of(gan)))
    found = (
        evidence(real, synthetic, measures, cache, settings["measures"], settings["draws"])
        if len(synthetic)
        else Evidence({}, ["every generated sample holds NaN or infinity: nothing could be measured."])
    )
    found.left_out.extend(left_out)
    write_whole(folder / "metrics.json", json.dumps(found.rows, indent=1))
    if found.shown:
        write_whole(folder / ATTACKS, json.dumps(found.shown))
    real_shown = Shown(real.reference.values, pictures(data, gan))
    report = write_report(
        folder,
        data.kind,
        real=real_shown,
        synthetic=shown,
        classes=gan.classes,
        counts=gan.codec.counts(),
        left_out=found.left_out,
    )
    log.info("report: %s", report)
    return found


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
        other = other.take(np.unique(np.linspace(0, len(other) - 1, count or len(other)).round().astype(int)))
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


def generated(gan: GAN, count: int, batch_size: int = 256) -> Shown:
    """`count` generated samples, always the same for the same weights."""
    noise = gan.draw_noise(count, torch.Generator().manual_seed(NOISE_SEED))
    images = [gan.generate(part) for part in noise.split(batch_size)]
    samples = torch.cat([gan.codec.decode(part).cpu() for part in images])
    labels = gan.labels_of(noise)
    return Shown(samples.numpy(), images[0][:IMAGES].cpu().numpy(), None if labels is None else labels.cpu().numpy())


def verdict_of(gan: GAN, batch_size: int = 256) -> Verdict:
    """What the discriminator says of samples `(N, *)` in their own unit: logits `(N,)` of being real.

    Windows have the leads that the arrangement decodes to.
    """
    arrangement = gan.codec.arrangement

    @torch.inference_mode()
    def verdict(values: Samples) -> NDArray[np.float32]:
        if isinstance(arrangement, Leads):
            values = values[:, [arrangement.decoded_leads.index(lead) for lead in arrangement.leads]]
        parts = torch.from_numpy(np.ascontiguousarray(values, np.float32)).split(batch_size)
        was_training = gan.training
        gan.eval()
        found = torch.cat(
            [gan.judge(gan.codec.picture(part.to(gan.device)).to(gan.dtype)).source.cpu() for part in parts]
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
