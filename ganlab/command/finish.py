"""What a run does at its end: measure generated samples beside real ones, and write the report."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganlab.compose import Composed
from ganlab.core.files import write_whole
from ganlab.evaluation.attack_sets import with_attack_sets
from ganlab.evaluation.evidence import Evidence, evidence
from ganlab.evaluation.reference import Preview, discriminator_score, finite, generated, pictures, real_sets
from ganlab.metrics.base import Metric, SampleSet
from ganlab.report.run import write_report

log = logging.getLogger(__name__)

ATTACKS = "attacks.json"
"""What is drawn of attacks, in the folder of the run."""


def evaluate(
    folder: Path, composed: Composed, measures: Mapping[str, Metric], settings: Mapping[str, Any], cache: Path
) -> Evidence:
    """Write `metrics.json` and `report.html`; return the numbers.

    `settings` are those of the group metrics: at most `samples` real samples and as many generated ones, or all real
    ones for None; at most `train` training samples; `draws` of persons for the intervals.
    """
    data, gan = composed.data, composed.gan
    side = composed.networks.arrangement.side
    real = real_sets(data, data.judged_part, settings["samples"], settings["train"], side)
    real = with_attack_sets(real, data, measures, settings)
    shown = generated(gan, settings["samples"] or len(data.part(data.judged_part)))
    labels = None if shown.labels is None else shown.labels.astype(np.int64)
    synthetic, left_out = finite(SampleSet(shown.samples, labels, discriminator=discriminator_score(gan)))
    found = (
        evidence(real, synthetic, measures, cache, settings["measures"], settings["draws"])
        if len(synthetic)
        else Evidence({}, ["every generated sample holds NaN or infinity: nothing could be measured."])
    )
    found.left_out.extend(left_out)
    write_whole(folder / "metrics.json", json.dumps(found.rows, indent=1))
    if found.shown:
        write_whole(folder / ATTACKS, json.dumps(found.shown))
    real_shown = Preview(real.reference.values, pictures(data, gan))
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
