"""The end of a run: generated samples are measured against real ones, and the report is written."""

import json
import logging
from pathlib import Path

from ganlab.compose import Experiment
from ganlab.core.errors import RESULT
from ganlab.core.files import write_whole
from ganlab.evaluation.attack_sets import with_attack_sets
from ganlab.evaluation.evidence import Evidence, evidence
from ganlab.evaluation.reference import Preview, discriminator_score, finite, generated, pictures, real_sets
from ganlab.metrics.base import Real, SampleSet
from ganlab.report.run import write_report

log = logging.getLogger(__name__)

ATTACKS = "attacks.json"
"""Plain values that the page draws of privacy attacks, in the run folder."""
NOTHING_FINITE = "every generated sample holds NaN or infinity: nothing could be measured."


def finish(experiment: Experiment, folder: Path) -> Evidence:
    """Write `metrics.json` and `report.html` to the run folder; return the numbers."""
    gan, data = experiment.gan, experiment.data
    settings = experiment.metrics.settings
    side = experiment.networks.arrangement.side
    real = real_sets(data, data.judged_part, settings["samples"], settings["train"], side)
    real = with_attack_sets(real, data, experiment.metrics.by_name, settings)
    synthetic = generated(gan, settings["samples"] or len(data.part(data.judged_part)))
    scores = _measure(experiment, real, synthetic)
    write_whole(folder / "metrics.json", json.dumps(scores.rows, indent=1))
    if scores.details:
        write_whole(folder / ATTACKS, json.dumps(scores.details))
    report = write_report(
        folder,
        data.kind,
        real=Preview(real.reference.values, pictures(data, gan)),
        synthetic=synthetic,
        classes=gan.classes,
        counts=gan.codec.counts(),
        left_out=scores.left_out,
    )
    log.info("report: %s", report, extra=RESULT)
    return scores


def _measure(experiment: Experiment, real: Real, generated: Preview) -> Evidence:
    metrics = experiment.metrics
    synthetic, left_out = finite(
        SampleSet(generated.samples, generated.labels, discriminator=discriminator_score(experiment.gan))
    )
    if not len(synthetic):
        return Evidence({}, [NOTHING_FINITE, *left_out])
    cache = Path(experiment.config["cache"])
    settings = metrics.settings
    scores = evidence(real, synthetic, metrics.by_name, cache, settings["measures"], settings["draws"])
    scores.left_out.extend(left_out)
    return scores
