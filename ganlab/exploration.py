"""What is in a data set, before any choice is made: what `python -m ganlab.explore` does."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from hydra import compose as hydra_compose
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from tqdm import tqdm

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.codec import Codec
from ganlab.command import build
from ganlab.dataset.kind import Image, Kind, Row, Window
from ganlab.dataset.samples import Samples
from ganlab.dataset.source import Source
from ganlab.errors import UserError
from ganlab.report.explore import Exploration, write_exploration
from ganlab.report.histograms import Histogram
from ganlab.standardization.base import TOP, Standardization

log = logging.getLogger(__name__)

BATCH = 256


def explore(cfg: DictConfig) -> Path:
    """Write the page of a configuration's data set to `<out>/explore.html` and return its path."""
    source: Source = build(cfg.dataset)
    plain = _plain(source, cfg.arrangement)
    collected, kind = source.collect(plain), source.kind(plain)
    samples, choices = collected.judged, cfg.choices[kind.noun]
    chosen = _spread(samples, cfg.shown)
    exploration = Exploration(
        source=source.name,
        kind=kind,
        simulated=source.simulated,
        counts={
            "records": len(collected.members),
            "persons": len(samples.people),
            f"{kind.noun}s": len(samples),
            "left out": len(collected.skipped),
        },
        tables=source.tables(collected),
        histograms=histograms(samples, kind),
        ranges=_ranges(cfg, samples, kind),
        saturation=_saturation(choices.standardizations, samples, kind),
        samples=samples.__getitems__(chosen).sample.numpy(),
        titles=[f"{samples.persons[i]}{_class(source, int(samples.labels[i]))}" for i in chosen],
        images=_images(choices.arrangements, choices.shown_with, source, chosen),
        skipped=collected.skipped,
        settings=OmegaConf.to_yaml(cfg.dataset, resolve=True),
    )
    page = write_exploration(Path(cfg.out), exploration)
    log.info("exploration: %s", page)
    return page


def _plain(source: Source, arrangement: DictConfig) -> Arrangement:
    """All that the source has, windows of the length that the configuration says."""
    plain = source.plain()
    return Leads(plain.leads, side=arrangement.side) if isinstance(plain, Leads) and "side" in arrangement else plain


def _spread(samples: Samples, count: int) -> list[int]:
    return np.unique(np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)).tolist()


def _class(source: Source, label: int) -> str:
    return f", {source.classes[label].replace('_', ' ')}" if source.classes else ""


def parts(kind: Kind) -> list[str]:
    """Names of what a sample has along its first axis: leads, columns, channels."""
    if isinstance(kind, Row):
        return [column.name for column in kind.columns]
    if isinstance(kind, Image):
        return ["grey"] if kind.shape[0] == 1 else ["red", "green", "blue"][: kind.shape[0]]
    return list(kind.leads)


def histograms(samples: Samples, kind: Kind) -> dict[str, Histogram]:
    """All values of each lead, column or channel, read batch by batch."""
    held = {name: Histogram() for name in parts(kind)}
    for batch in _batches(samples, f"reading {kind.noun}s"):
        for number, histogram in enumerate(held.values()):
            histogram.update(batch[:, number].numpy())
    return held


def _batches(samples: Samples, what: str) -> Iterator[Tensor]:
    for start in tqdm(range(0, len(samples), BATCH), desc=what, unit="batch", disable=None):
        yield samples.__getitems__(range(start, min(start + BATCH, len(samples)))).sample


def _option(group: str, name: str, *overrides: str) -> DictConfig:
    """Another choice of a group, composed with this command's own overrides."""
    task = [override for override in HydraConfig.get().overrides.task if not override.startswith(f"{group}=")]
    node = hydra_compose("explore", overrides=[*task, f"{group}={name}", *overrides])[group]
    assert isinstance(node, DictConfig)
    return node


def _ranges(cfg: DictConfig, samples: Samples, kind: Kind) -> dict[str, tuple[float, float]]:
    """The limits of columns, and of leads where the range does not depend on the window."""
    if isinstance(kind, Row):
        limits = {column.name: (column.low, column.high) for column in kind.columns if not column.binary}
        return {name: (low, high) for name, (low, high) in limits.items() if low is not None and high is not None}
    if isinstance(kind, Image):
        return dict.fromkeys(parts(kind), (0.0, TOP))
    few = samples.to_fit()
    standardization = _fitted(cfg.standardization, few)
    low = standardization.low(few).expand(len(few), len(kind.leads), 1)
    high = low + standardization.width()
    if (low != low[:1]).any():
        return {}
    return {lead: (float(low[0, n, 0]), float(high[0, n, 0])) for n, lead in enumerate(kind.leads)}


def _saturation(names: Sequence[str], samples: Samples, kind: Kind) -> dict[str, float]:
    """Share of the values beyond each standardization's range."""
    leads = f"arrangement.leads=[{','.join(parts(kind))}]"
    few, shares = samples.to_fit(), {}
    for name in names:
        node = _option("standardization", name, *([leads] if isinstance(kind, Window) else []))
        standardization = _fitted(node, few)
        shares[name] = int(standardization.encode(few).saturated) / few.numel()
    return shares


def _fitted(node: DictConfig, few: Tensor) -> Standardization:
    standardization: Standardization = build(node)
    standardization.fit(few)
    return standardization


def _images(
    names: Sequence[str], standardization: str, source: Source, chosen: Sequence[int]
) -> dict[str, NDArray[np.floating]]:
    """The same samples under each arrangement that these data can take."""
    images = {}
    for name in names:
        try:
            arrangement: Arrangement = build(_option("arrangement", name))
            train = source.collect(arrangement).train
        except UserError as error:
            log.info("arrangement=%s is not shown: %s", name, error)
            continue
        codec = Codec(build(_option("standardization", standardization, f"arrangement={name}")), arrangement)
        codec.fit(train.to_fit())
        images[name] = codec.picture(train.__getitems__(chosen).sample).numpy()
    return images
