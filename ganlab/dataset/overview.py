"""What a data set holds, and preparing it without a run."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from ganlab.command import build
from ganlab.dataset.module import class_counts
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.source import Source
from ganlab.errors import UserError

log = logging.getLogger(__name__)


def prepare(cfg: DictConfig) -> None:
    """Fetch and cache the data set of a configuration, log its counts, and write it as WFDB if asked to."""
    source: Source = build(cfg.dataset)
    if cfg.wfdb is not None and not isinstance(source, PTBDBSim):
        raise UserError(f"wfdb={cfg.wfdb} writes a simulated cohort (dataset=ptbdb_sim), not {source.name}.")
    log.info("%s", overview(source))
    if isinstance(source, PTBDBSim) and cfg.wfdb is not None:
        source.write_wfdb(Path(cfg.wfdb))
        log.info("wrote the records to %s", cfg.wfdb)


def overview(source: Source) -> str:
    """Records, patients, and samples by class, windows being of the documents' 2,025 samples (paper Tables 1, 2)."""
    collected, noun = source.collect(source.plain()), source.kind(source.plain()).noun
    samples = collected.judged
    head = (
        f"{source.name}: {len(collected.members)} records of {len(samples.people)} patients, "
        f"{len(samples)} {noun}s, {len(collected.skipped)} skipped"
    )
    return "\n".join([head, *(f"  {name}: {n} {noun}s" for name, n in class_counts(samples, source.classes).items())])
