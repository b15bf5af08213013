"""A data set fetched, verified, cached and counted, before or without a run."""

import logging
from collections.abc import Mapping
from pathlib import Path

from omegaconf import DictConfig

from ganlab.core.errors import RESULT, UserError
from ganlab.core.instantiate import build
from ganlab.core.kind import Kind
from ganlab.core.labels import Labels, label_array
from ganlab.core.words import duration
from ganlab.dataset.module import class_counts
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.recordings import DECLARE, RecordingSource
from ganlab.dataset.source import Collected, Source

log = logging.getLogger(__name__)


def main(cfg: DictConfig) -> None:
    """Fetch and cache the data set of a configuration, log its counts, and write it as WFDB if the user wants it."""
    source: Source = build(cfg.dataset)
    if cfg.wfdb is not None and not isinstance(source, PTBDBSim):
        raise UserError(f"wfdb={cfg.wfdb} writes a simulated cohort (dataset=ptbdb_sim), not {source.name}.")
    log.info("%s", contents_of(source), extra=RESULT)
    if isinstance(source, PTBDBSim) and cfg.wfdb is not None:
        source.write_wfdb(Path(cfg.wfdb))
        log.info("wrote the records to %s", cfg.wfdb, extra=RESULT)


def contents_of(source: Source) -> str:
    """Return how much there is, and the samples of each class; of recordings whole records, whatever a window is."""
    if isinstance(source, RecordingSource):
        return _of_recordings(source)
    collected, kind = source.collect(source.plain()), source.kind(source.plain())
    return _lines(source, sizes_of(collected, kind), collected.judged.labels, f"{kind.noun}s")


def _of_recordings(source: RecordingSource) -> str:
    recordings = source.prepare()
    records, left_out = recordings.records, sum(bad.count for bad in (*recordings.skipped, *source.others))
    seconds = sum(record.samples / record.rate for record in records)
    if doubt := source.doubt():
        log.warning("%s: %s. A run needs to know: %s", source.name, doubt, DECLARE)
    patients = "?" if doubt else len({record.patient for record in records})
    counts = {"records": len(records), "patients": patients, "of signal": duration(seconds), "left out": left_out}
    return _lines(source, counts, label_array([record.label for record in records]), "records")


def _lines(source: Source, counts: Mapping[str, object], labels: Labels, noun: str) -> str:
    head = ", ".join(f"{count} {what}" for what, count in counts.items())
    classes = class_counts(labels, source.classes)
    return "\n".join([f"{source.name}: {head}", *(f"  {name}: {n} {noun}" for name, n in classes.items())])


def sizes_of(collected: Collected, kind: Kind) -> dict[str, int]:
    """Return the numbers of records (of windows only), patients and samples, and how many are left out."""
    records = {"records": len(collected.members)} if kind.leads else {}
    samples = collected.judged
    return records | {
        kind.people: len(samples.unique_patients),
        f"{kind.noun}s": len(samples),
        "left out": collected.left_out,
    }
