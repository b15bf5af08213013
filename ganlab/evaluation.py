"""Generated samples beside real ones: the numbers and the report at the end of a run."""

import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ganlab.compose import Composed
from ganlab.dataset.kind import Kind
from ganlab.dataset.module import Data
from ganlab.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.metrics.base import Measure, Samples
from ganlab.report.run import Shown, write_report

log = logging.getLogger(__name__)

NOISE_SEED = 1
IMAGES = 9
"""Images of each kind that a report shows."""


def check_measures(measures: Mapping[str, Measure], objective: str | None, kind: Kind) -> None:
    """Raise UserError for measures of another kind of sample, or an objective that nobody measures."""
    for measure in measures.values():
        measure.check(kind)
    known = [number for measure in measures.values() for number in measure.meaning]
    if objective is not None and objective not in known:
        raise UserError(f"metrics.objective={objective}: measured are {', '.join(known) or 'none'}.")


def evaluate(folder: Path, composed: Composed, measures: Mapping[str, Measure], count: int | None) -> dict[str, Any]:
    """Write `metrics.json` and `report.html`; return the numbers.

    At most `count` real samples are taken, or all, and `count` generated ones, or as many as there are real ones.
    """
    data, gan = composed.data, composed.gan
    real = real_samples(data, gan, count)
    synthetic = generated(gan, count or len(real.samples))
    floor, reference = apart(data, real, count)
    measured = side_by_side(measures, data.kind, floor, synthetic.samples, reference)
    (folder / "metrics.json").write_text(json.dumps(measured, indent=1))
    report = write_report(
        folder, data.kind, real=real, synthetic=synthetic, classes=gan.classes, counts=gan.codec.counts()
    )
    log.info("report: %s", report)
    return measured


def real_samples(data: Data, gan: GAN, count: int | None) -> Shown:
    """At most `count` real samples of the judged part, spread evenly over it."""
    part = data.part(data.judged_part)
    batch = part.spread(count or len(part))
    taken = data.part(data.judged_part, as_trained=True).spread(IMAGES).sample
    return Shown(batch.sample.numpy(), gan.codec.picture(taken).numpy(), batch.label.numpy(), batch.person.numpy())


def generated(gan: GAN, count: int, batch_size: int = 256) -> Shown:
    """`count` generated samples, always the same for the same weights."""
    noise = gan.draw_noise(count, torch.Generator().manual_seed(NOISE_SEED))
    images = [gan.generate(part) for part in noise.split(batch_size)]
    samples = torch.cat([gan.codec.decode(part).cpu() for part in images])
    labels = gan.labels_of(noise)
    return Shown(samples.numpy(), images[0][:IMAGES].cpu().numpy(), None if labels is None else labels.cpu().numpy())


def apart(data: Data, real: Shown, count: int | None) -> tuple[Samples, Samples]:
    """Real samples to measure, and real training samples of other persons with which all are compared.

    Where everybody trains (split=paper) the persons are parted in two, so that nobody is compared with themself.
    """
    if data.judged_part != "train":
        train = data.part("train")
        return real.samples, train.spread(count or len(train)).sample.numpy()
    assert real.persons is not None
    first = real.persons % 2 == 0
    return (real.samples[first], real.samples[~first]) if 0 < first.sum() < len(first) else (real.samples,) * 2


def side_by_side(
    measures: Mapping[str, Measure], kind: Kind, real: Samples, synthetic: Samples, reference: Samples
) -> dict[str, Any]:
    """Each number of generated samples beside the same of real ones."""
    table: dict[str, Any] = {}
    for measure in measures.values():
        of_real, of_synthetic = measure(real, kind, reference), measure(synthetic, kind, reference)
        for name, value in of_synthetic.items():
            unit, meaning = measure.meaning[name]
            row = {"synthetic": _finite(value), "real": _finite(of_real[name]), "unit": unit, "meaning": meaning}
            table[name] = row
    return table


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
