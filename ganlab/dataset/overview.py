"""What a data set holds, and preparing it without a run."""

import logging
from collections import Counter
from pathlib import Path

from hydra.utils import instantiate
from omegaconf import DictConfig

from ganlab.dataset.cache import RecordingSource, Recordings
from ganlab.errors import UserError

log = logging.getLogger(__name__)

WINDOW = 2025


def prepare(cfg: DictConfig) -> None:
    """Cache the data set of a configuration, log its counts, and write it as WFDB if asked to."""
    source: RecordingSource = instantiate(cfg.dataset)
    recordings = source.prepare()
    log.info("%s", overview(source.name, recordings))
    if cfg.wfdb is not None:
        write(recordings, Path(cfg.wfdb))


def overview(name: str, recordings: Recordings) -> str:
    """Records, patients, and windows of 2,025 samples by diagnosis (paper Table 1)."""
    records = recordings.records
    windows: Counter[str] = Counter()
    for record in records:
        windows[record.diagnosis] += record.samples // WINDOW
    lines = [f"  {diagnosis}: {count} windows" for diagnosis, count in windows.most_common()]
    patients = len({record.patient for record in records})
    head = f"{name}: {len(records)} records of {patients} patients, {len(recordings.skipped)} skipped"
    return "\n".join([head, *lines])


def write(recordings: Recordings, folder: Path) -> None:
    """Write simulated recordings as a WFDB database in PhysioNet's layout. Raises UserError for real ones."""
    from ganlab.dataset.simulator import write_records

    if any(not record.peaks for record in recordings.records):
        raise UserError("wfdb=<folder> writes simulated recordings; these are real ones and already are WFDB.")
    write_records(folder, ((record, recordings.digital(record)) for record in recordings.records))
    log.info("wrote %d records to %s", len(recordings.records), folder)
