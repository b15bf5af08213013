"""The end of a run: generated samples are measured against real ones, and the report is written."""

import json
import logging
from pathlib import Path

from ganlab.compose import Experiment
from ganlab.core.errors import RESULT
from ganlab.core.files import write_whole
from ganlab.evaluation.attack_sets import with_attack_sets
from ganlab.evaluation.evidence import Evidence, evidence
from ganlab.evaluation.reference import Preview, discriminator_score, generated, pictures, real_sets, without_broken
from ganlab.metrics.base import Real, SampleSet
from ganlab.report.run import write_report
from ganlab.report.samples import REAL, SIMULATED
from ganlab.report.verdict import following, measuring, table, write_verdict

log = logging.getLogger(__name__)

ATTACKS = "attacks.json"
"""Plain values that the page draws of privacy attacks, in the run folder."""
NOTHING_FINITE = "every generated sample contains NaN or infinity: nothing could be measured."


def finish(experiment: Experiment, folder: Path) -> Evidence:
    """Write `metrics.json`, `verdict.json` and `report.html` to the run folder; return the numbers.

    Where validation patients chose the checkpoint, test patients are compared with, if there are some.
    """
    gan, data = experiment.gan, experiment.data
    settings = experiment.metrics.settings
    side = experiment.networks.arrangement.side
    part = judged_part(experiment)
    real = real_sets(data, part, settings["samples"], settings["train"], side)
    real = with_attack_sets(real, data, experiment.metrics.by_name, settings)
    synthetic = generated(gan, settings["samples"] or len(data.part(part)))
    scores = _measure(experiment, real, synthetic)
    write_whole(folder / "metrics.json", json.dumps(scores.rows, indent=1))
    if scores.details:
        write_whole(folder / ATTACKS, json.dumps(scores.details))
    content = write_verdict(folder, scores, data.kind, compared_with=part, simulated=data.source.simulated)
    report = write_report(
        folder,
        data.kind,
        real=Preview(real.reference.values, pictures(data, gan, part)),
        synthetic=synthetic,
        classes=gan.classes,
        counts=gan.codec.counts(),
        left_out=scores.left_out,
        compared=compared_with(experiment, part),
        called=SIMULATED if data.source.simulated else REAL,
    )
    measure = measuring(f"python -m ganlab.evaluate synthetic={folder}", data.kind)
    following_command = following(content, measure, f"python -m ganlab.sample run={folder} n=1000")
    log.info("report: %s\n%s", report, "\n".join(table(content, report, following_command)), extra=RESULT)
    return scores


def judged_part(experiment: Experiment) -> str:
    """Return the part of the split that the run's report compares with."""
    chosen_by, part = experiment.stopping.chooses_by, experiment.data.judged_part
    return "test" if chosen_by == part and len(experiment.data.part("test")) else part


def compared_with(experiment: Experiment, part: str) -> str:
    """Return which patients the report compares with, in a sentence."""
    data, chosen_by = experiment.data, experiment.stopping.chooses_by
    people = data.kind.people
    if part == "train":
        return (
            "Every patient trained (this split holds nobody out), so generated samples are compared with training "
            "samples and a copy looks perfect. split=patient holds some out."
        )
    if not chosen_by:
        return f"Compared with {part} {people}."
    alone = f", because there are no test {people}" if part == chosen_by else ""
    return (
        f"{chosen_by.capitalize()} {people} chose the checkpoint (stopping=rule); compared with {part} {people}{alone}."
    )


def _measure(experiment: Experiment, real: Real, generated: Preview) -> Evidence:
    metrics = experiment.metrics
    synthetic, left_out = without_broken(
        SampleSet(generated.samples, generated.labels, discriminator=discriminator_score(experiment.gan))
    )
    if not len(synthetic):
        return Evidence({}, [NOTHING_FINITE, *left_out])
    cache = Path(experiment.config["cache"])
    settings = metrics.settings
    scores = evidence(real, synthetic, metrics.by_name, cache, settings["measures"], settings["draws"])
    scores.left_out.extend(left_out)
    return scores
