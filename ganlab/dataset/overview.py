"""What a data set holds, and preparing it without a run."""

import logging
from collections import Counter
from pathlib import Path

from omegaconf import DictConfig

from ganlab.command import build
from ganlab.dataset.cache import Recordings, RecordingSource
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.errors import UserError

log = logging.getLogger(__name__)

WINDOW = 2025


def prepare(cfg: DictConfig) -> None:
    """Cache the data set of a configuration, log its counts, and write it as WFDB if asked to."""
    source: RecordingSource = build(cfg.dataset)
    recordings = source.prepare()
    log.info("%s", overview(source.name, recordings))
    if cfg.wfdb is None:
        return
    if not isinstance(source, PTBDBSim):
        raise UserError(
            f"wfdb={cfg.wfdb} writes a simulated cohort (dataset=ptbdb_sim); {source.name} is WFDB already."
        )
    source.write_wfdb(Path(cfg.wfdb))
    log.info("wrote %d records to %s", len(recordings.records), cfg.wfdb)


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
