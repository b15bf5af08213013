"""A data set fetched, verified, cached and counted, before or without a run."""

import logging
from pathlib import Path

from omegaconf import DictConfig

from ganlab.core.errors import UserError
from ganlab.core.instantiate import build
from ganlab.core.kind import Kind
from ganlab.dataset.module import class_counts
from ganlab.dataset.ptbdb_sim import PTBDBSim
from ganlab.dataset.source import Collected, Source

log = logging.getLogger(__name__)


def main(cfg: DictConfig) -> None:
    """Fetch and cache the data set of a configuration, log its counts, and write it as WFDB if the user wants it."""
    source: Source = build(cfg.dataset)
    if cfg.wfdb is not None and not isinstance(source, PTBDBSim):
        raise UserError(f"wfdb={cfg.wfdb} writes a simulated cohort (dataset=ptbdb_sim), not {source.name}.")
    log.info("%s", overview(source))
    if isinstance(source, PTBDBSim) and cfg.wfdb is not None:
        source.write_wfdb(Path(cfg.wfdb))
        log.info("wrote the records to %s", cfg.wfdb)


def overview(source: Source) -> str:
    """Return how much there is, and the samples of each class; windows have 2,025 samples (paper Tables 1, 2)."""
    collected, kind = source.collect(source.plain()), source.kind(source.plain())
    head = ", ".join(f"{count} {what}" for what, count in numbers(collected, kind).items())
    classes = class_counts(collected.judged, source.classes)
    return "\n".join([f"{source.name}: {head}", *(f"  {name}: {n} {kind.noun}s" for name, n in classes.items())])


def numbers(collected: Collected, kind: Kind) -> dict[str, int]:
    """Return the numbers of records (of windows only), patients and samples, and how many are left out."""
    records = {"records": len(collected.members)} if kind.leads else {}
    samples = collected.judged
    return records | {kind.people: len(samples.people), f"{kind.noun}s": len(samples), "left out": collected.left_out}
