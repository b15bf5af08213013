"""The content of a data set as a page, before any choice is made."""

import logging
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import numpy as np
from hydra import compose as hydra_compose
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.arrangement.table import Table
from ganlab.codec import Codec
from ganlab.command.prepare import sizes_of
from ganlab.compose import set_window
from ganlab.core.errors import RESULT, UserError
from ganlab.core.instantiate import build
from ganlab.core.kind import Kind
from ganlab.core.labels import NO_CLASS, class_names
from ganlab.core.progress import tracked
from ganlab.core.spread import evenly
from ganlab.core.words import counted
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Source
from ganlab.plot.histograms import Histogram
from ganlab.plot.layout import Layout
from ganlab.report.explore import Exploration, write_exploration
from ganlab.standardization.base import Standardization

log = logging.getLogger(__name__)

BATCH = 256
CONFIGURED = "as configured"
"""Name of the configuration's own arrangement where overrides have made another one of it."""

Node = dict[str, Any]
"""A choice of a configuration group, its interpolations not resolved."""


def main(cfg: DictConfig) -> Path:
    """Write the page of a configuration's data set to `<out>/explore.html` and return its path."""
    source: Source = build(cfg.dataset)
    set_window(cfg, source)
    plain = source.plain()
    if plain.leads and "side" in cfg.arrangement:
        own = cfg.arrangement
        samples = own.samples if own.get("samples") and own.get("leads_per_channel", 1) == 1 else None
        plain = Leads(plain.leads, side=own.side, samples=samples)
    collected, kind = source.collect(plain), source.kind(plain)
    samples, choices = collected.judged, cfg.choices[kind.noun]
    chosen = evenly(cfg.shown, len(samples)).tolist()
    titles = list(map(str, samples.patients[chosen]))
    if source.classes:
        names = [class_names(label, source.classes) or NO_CLASS for label in samples.labels[chosen]]
        titles = [f"{title}, {name.replace('_', ' ')}" for title, name in zip(titles, names, strict=True)]
    images, layouts = _images(cfg, choices, source, samples, chosen)
    exploration = Exploration(
        source=source.name,
        kind=kind,
        simulated=source.simulated,
        counts=sizes_of(collected, kind),
        tables=source.tables(collected),
        histograms=histograms(samples, kind),
        ranges=_ranges(cfg, samples, kind),
        saturation=_saturation(cfg, choices.standardizations, samples, kind),
        samples=samples.__getitems__(chosen).sample.numpy(),
        titles=titles,
        images=images,
        layouts=layouts,
        skipped=collected.skipped,
        doubtful=collected.doubtful,
        settings=OmegaConf.to_yaml(cfg.dataset, resolve=True),
    )
    page = write_exploration(Path(cfg.out), exploration)
    log.info("exploration: %s", page, extra=RESULT)
    return page


def histograms(samples: Samples, kind: Kind) -> dict[str, Histogram]:
    """Return histograms of all values of each lead, column or channel, read batch by batch."""
    by_part = {name: Histogram() for name in kind.parts}
    for start in tracked(range(0, len(samples), BATCH), f"reading {kind.noun}s", "batch"):
        batch = samples.__getitems__(range(start, min(start + BATCH, len(samples)))).sample
        for number, histogram in enumerate(by_part.values()):
            histogram.update(batch[:, number].numpy())
    return by_part


def _values(node: Any) -> Node:
    return cast(Node, OmegaConf.to_container(node))


def _declared(group: str, name: str) -> Node:
    """Return a choice of a group as its file says, whatever the overrides of this command are."""
    return _values(hydra_compose("explore", overrides=[f"{group}={name}"])[group])


def _with(cfg: DictConfig, **groups: Node) -> DictConfig:
    """Return the configuration with other values of whole groups."""
    changed = deepcopy(cfg)
    for group, node in groups.items():
        changed[group] = node
    return changed


def _standardization(cfg: DictConfig, name: str) -> Node:
    """Return the configured standardization as it is configured, another one as its file says."""
    chosen = HydraConfig.get().runtime.choices["standardization"]
    return _values(cfg.standardization) if name == chosen else _declared("standardization", name)


def _all_leads(cfg: DictConfig, kind: Kind) -> DictConfig:
    """Return the configuration for windows of all leads, as the plain samples are."""
    if not kind.leads:
        return cfg
    return _with(cfg, arrangement={**_values(cfg.arrangement), "leads": list(kind.leads)})


def _ranges(cfg: DictConfig, samples: Samples, kind: Kind) -> dict[str, tuple[float, float]]:
    """Return the limits of columns, and of leads where the range does not depend on the window."""
    if not kind.leads:
        return kind.limits
    few = samples.to_fit()
    standardization = _fitted(_all_leads(cfg, kind), few)
    if not standardization.takes_unit(kind):
        return {}
    low = standardization.low(few).expand(len(few), len(kind.leads), 1)
    high = low + standardization.width()
    if (low != low[:1]).any():
        return {}
    return {lead: (float(low[0, n, 0]), float(high[0, n, 0])) for n, lead in enumerate(kind.leads)}


def _saturation(cfg: DictConfig, names: Sequence[str], samples: Samples, kind: Kind) -> dict[str, float]:
    """Return the share of the values beyond each standardization's range."""
    few, shares = samples.to_fit(), {}
    for name in names:
        standardization = _fitted(_with(_all_leads(cfg, kind), standardization=_standardization(cfg, name)), few)
        if standardization.takes_unit(kind):
            shares[name] = int(standardization.encode(few).saturated) / few.numel()
    return shares


def _fitted(cfg: DictConfig, few: Tensor) -> Standardization:
    standardization: Standardization = build(cfg.standardization)
    standardization.fit(few)
    return standardization


def _images(
    cfg: DictConfig, choices: DictConfig, source: Source, samples: Samples, chosen: Sequence[int]
) -> tuple[dict[str, list[NDArray[np.floating] | None]], dict[str, Layout]]:
    """Return the same samples under each arrangement that these data can take, and where their values stand."""
    images: dict[str, list[NDArray[np.floating] | None]] = {}
    layouts: dict[str, Layout] = {}
    kind = source.kind(source.plain())
    shown_with = "quantile_range" if kind.other_unit else choices.shown_with
    standardization = _standardization(cfg, shown_with)
    for name, node in _arrangements(cfg, choices.arrangements).items():
        changed = _with(cfg, arrangement=node, standardization=standardization)
        try:
            arrangement: Arrangement = build(changed.arrangement)
            train = source.collect(arrangement).train
        except UserError as error:
            log.info("arrangement %s is not shown: %s", name, error)
            continue
        if layout := _layout(arrangement):
            layouts[name] = layout
        codec = Codec(build(changed.standardization), arrangement)
        codec.fit(train.to_fit())
        images[name] = _pictures(codec, name, train, [_place(samples, index, train) for index in chosen])
    return images, layouts


def _layout(arrangement: Arrangement) -> Layout | None:
    """Return the columns in the cells, or the samples at the pixels; None where an arrangement has no such order."""
    if isinstance(arrangement, Table):
        return arrangement.layout
    if type(arrangement) is not Leads or arrangement.shape[0] > 1:
        return None
    samples = arrangement.pixel_to_sample.view(arrangement.size).tolist()
    return [[number if number < arrangement.samples else None for number in row] for row in samples]


def _arrangements(cfg: DictConfig, names: Sequence[str]) -> dict[str, Node]:
    """Return arrangements as their files say, at the configured side; those of one lead take its first lead.

    The configuration's own comes first where it is none of them.
    """
    own, nodes = _values(cfg.arrangement), {name: _declared("arrangement", name) for name in names}
    for node in nodes.values():
        if "leads" in node and "leads" in own:
            node.update({key: own[key] for key in ("side", "samples") if key in own})
            node["leads"] = own["leads"][:1] if len(node["leads"]) == 1 else node["leads"]
    return nodes if own in nodes.values() else {CONFIGURED: own} | nodes


def _place(samples: Samples, index: int, others: Samples) -> Place | None:
    """Return where a sample is read in another arrangement's samples; None for a window whose record these lack."""
    start = int(samples.starts[index])
    if samples.recordings is None or others.recordings is None:
        return Place(index, start)
    places = np.flatnonzero((others.recordings == samples.recordings[index]) & (others.room >= start))
    return Place(int(places[0]), start) if len(places) else None


def _pictures(
    codec: Codec, name: str, train: Samples, places: Sequence[Place | None]
) -> list[NDArray[np.floating] | None]:
    """Return images of the samples at these places, None where there is no place."""
    existing = [place for place in places if place is not None]
    if len(existing) < len(places):
        missing = counted(len(places) - len(existing), "sample")
        log.info("arrangement %s is not shown for %s of records that it cannot take", name, missing)
    pictures = iter(codec.picture(train.__getitems__(existing).sample).numpy() if existing else [])
    return [None if place is None else next(pictures) for place in places]
