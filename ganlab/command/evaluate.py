"""Any synthetic set beside real samples of other persons: what `python -m ganlab.evaluate` does."""

import json
import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from hydra import compose as hydra_compose
from hydra.core.hydra_config import HydraConfig
from numpy.typing import NDArray
from omegaconf import DictConfig, ListConfig, OmegaConf

from ganlab import __version__
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.compose import plain_values
from ganlab.core.errors import UserError
from ganlab.core.instantiate import build
from ganlab.core.kind import Image, Kind, Row, Window
from ganlab.core.resampling import resample
from ganlab.core.spread import evenly
from ganlab.dataset.module import Data
from ganlab.dataset.source import Source
from ganlab.evaluation.attacked import with_attacked
from ganlab.evaluation.evidence import check_measures, evidence
from ganlab.evaluation.reference import discriminator_score, generated, real_sets
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request, Synthetic, Values
from ganlab.generator.load import load
from ganlab.generator.trained import Trained
from ganlab.metrics.base import Array, Metric, Real, SampleSet
from ganlab.split.base import Member, Split, Splitter
from ganlab.tracking.facts import git_commit

log = logging.getLogger(__name__)

PARTS = ("test", "validation")
JUDGED = "judged"
"""The part of a split that the command compares with."""
SHORTEST = 1.0
"""Seconds of a window that can be judged."""
BLOCK = 256
"""Windows that are resampled together."""
METRICS = {Row: "table", Image: "image"}
"""Measures of what is no window, where the command line names none."""


def judge(cfg: DictConfig) -> Path:
    """Write `metrics.json` and `report.html` to `cfg.out`; return the page. Raises UserError for what cannot work."""
    from ganlab.report.evidence import write_evidence

    out, given = _out(cfg), _given_samples(cfg)
    found = evidence(
        given.real,
        given.judged,
        given.measures,
        Path(cfg.cache),
        given.settings["measures"],
        given.settings["draws"],
    )
    out.mkdir(parents=True, exist_ok=True)
    numbers = {"facts": given.facts, "not_measured": found.left_out, "numbers": found.rows}
    if found.shown:
        numbers["attacks"] = found.shown
    (out / "metrics.json").write_text(json.dumps(numbers, indent=1))
    real = given.real
    page = write_evidence(out, real.kind, real.reference, given.judged, found, given.facts, real.classes)
    log.info("evaluation: %s", page)
    return page


@dataclass(frozen=True)
class Given:
    """All that is compared. The data set and the files are left behind: 5,000 windows of 12 leads are 0.5 GB."""

    real: Real
    judged: SampleSet
    measures: dict[str, Metric]
    settings: dict[str, Any]
    facts: dict[str, Any]


def _given_samples(cfg: DictConfig) -> Given:
    parts, task = _parts(cfg.part), _task(cfg)
    measures: dict[str, Metric] = {name: build(node) for name, node in task.metrics.measures.items()}
    check_measures(measures, task.metrics.objective, task.source.kind(task.arrangement))
    settings = plain_values(task.metrics)
    synthetic = _synthetic(cfg, task, settings["samples"])
    data = _data(task, synthetic, parts)
    part = JUDGED if data.split and data.split.of(JUDGED) else "train"
    real = real_sets(data, part, settings["samples"], settings["train"], task.side)
    if any(measure.attacks for measure in measures.values()):
        real = with_attacked(real, _everybody(task, data), measures, settings)
    count = min(settings["samples"] or len(real.reference), len(real.train))
    real, judged, done = common_ground(real, synthetic, count)
    if task.trained is not None and task.trained.steps is not None and real.kind == task.trained.kind:
        judged = replace(judged, discriminator=discriminator_score(task.trained.gan))
    facts = _facts(cfg, task, data, real, judged, parts) | dict(synthetic.facts) | done
    return Given(real, judged, measures, settings, facts)


@dataclass(frozen=True)
class Task:
    """What is read, and how: of a run as it was trained, else as the command line says."""

    source: Source
    arrangement: Arrangement
    splitter: Splitter
    metrics: DictConfig
    trained: Trained | None = None

    @property
    def side(self) -> int | None:
        """Of the image to which the windows of a run were folded."""
        return self.arrangement.side if self.trained else None


def _out(cfg: DictConfig) -> Path:
    if OmegaConf.is_missing(cfg, "synthetic") or cfg.synthetic is None:
        raise UserError("Which samples? synthetic=<run folder, or file or folder of samples>.")
    out = Path(cfg.out)
    if (out / "config.yaml").is_file():
        raise UserError(f"out={out} is a run folder, whose own report would be lost. Name another: out=<folder>.")
    return out


def _parts(asked: Any) -> tuple[str, ...]:
    parts = tuple(asked) if isinstance(asked, ListConfig | list | tuple) else (asked,)
    if "holdout" in parts:
        raise UserError(
            "part=holdout: these persons are kept for the attacks on privacy, and nothing else looks at them. "
            "Accepted are test and validation."
        )
    if not parts or set(parts) - set(PARTS) or len(set(parts)) < len(parts):
        shown = ",".join(map(str, parts))
        raise UserError(f"part=[{shown}]: accepted are test, validation and [validation,test].")
    return parts


# What is compared


def _task(cfg: DictConfig) -> Task:
    path = Path(cfg.synthetic)
    task = _of_run(cfg, path) if (path / "config.yaml").is_file() else _of_command(cfg)
    return replace(task, metrics=_metrics(cfg, task.source.kind(task.arrangement)))


def _of_command(cfg: DictConfig) -> Task:
    source: Source = build(cfg.dataset)
    plain = source.plain()
    arrangement = build(cfg.arrangement) if plain.leads else plain
    return Task(source, arrangement, build(cfg.split), cfg.metrics)


def _of_run(cfg: DictConfig, folder: Path) -> Task:
    """The run's own data, arrangement and split; other data where the command line names them."""
    trained = load(folder, cfg.checkpoint)
    stored = OmegaConf.load(folder / "config.yaml")
    source: Source = build(cfg.dataset if _chosen("dataset", "experiment") else _with_values(stored.dataset))
    if _given("arrangement"):
        raise UserError("arrangement=...: a run is judged in its own arrangement. Leave arrangement out.")
    own = source.name == build(stored.dataset).name
    if own and _given("split"):
        raise UserError(f"split=...: {folder / 'split.json'} says who trained. Leave split out.")
    splitter = _Stored(folder / "split.json") if own else build(cfg.split)
    return Task(source, build(stored.arrangement), splitter, cfg.metrics, trained)


def _named() -> list[str]:
    """What the command line sets: groups such as `dataset`, and values such as `dataset.root`."""
    return [override.lstrip("+~").partition("=")[0] for override in HydraConfig.get().overrides.task]


def _chosen(*groups: str) -> bool:
    """Whether the command line makes a choice in one of these groups."""
    return bool(set(groups) & set(_named()))


def _given(*groups: str) -> bool:
    """Whether the command line says anything of one of these groups."""
    return bool(set(groups) & {name.split(".")[0] for name in _named()})


def _with_values(dataset: DictConfig) -> DictConfig:
    """The stored data set with the single values that the command line sets."""
    values = [o.lstrip("+") for o in HydraConfig.get().overrides.task if o.lstrip("+").startswith("dataset.")]
    changed = OmegaConf.merge({"dataset": dataset}, OmegaConf.from_dotlist(values)).dataset
    assert isinstance(changed, DictConfig)
    return changed


def _metrics(cfg: DictConfig, kind: Kind) -> DictConfig:
    """As configured; those of rows or images for these, where the command line names no group of measures."""
    overrides = list(HydraConfig.get().overrides.task)
    if type(kind) not in METRICS or any(override.startswith(("metrics=", "experiment=")) for override in overrides):
        return cfg.metrics
    return hydra_compose("evaluate", overrides=[*overrides, f"metrics={METRICS[type(kind)]}"]).metrics


class _Stored:
    """The split of a run, for the persons that it knew."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __call__(self, members: Sequence[Member]) -> Split:
        """The stored parts. Raises UserError where other persons are there than the run knew."""
        stored = json.loads(self.file.read_text())
        parts = {part: tuple(people) for part, people in stored["parts"].items()}
        known, here = {person for people in parts.values() for person in people}, {m.patient for m in members}
        if known != here:
            raise UserError(
                f"{self.file}: {len(known - here)} of its {len(known)} persons are missing in the data, and "
                f"{len(here - known)} are there that it does not know: who trained the generator would be guessed. "
                "Give the data that the run was trained on: dataset=... dataset.root=..."
            )
        return Split(stored["name"], stored["seed"], parts, tuple(stored.get("spared", ())))


@dataclass(frozen=True)
class _Judging:
    """Of a split those who train, and the asked parts as one; nobody else's samples are within reach."""

    splitter: Splitter
    parts: Sequence[str]

    def __call__(self, members: Sequence[Member]) -> Split:
        split = self.splitter(members)
        everybody_trains = set(split.parts) == {"train"}
        people = tuple(person for part in self.parts for person in split.of(part))
        if not people and not everybody_trains:
            there = ", ".join(f"{name} ({len(split.of(name))} persons)" for name in PARTS)
            raise UserError(f"part={','.join(self.parts)}: nobody is in it; there are {there}.")
        return Split(split.name, split.seed, {"train": split.of("train"), JUDGED: people}, split.spared)


def _synthetic(cfg: DictConfig, task: Task, count: int | None) -> Synthetic:
    """The samples of a run's generator, or those of a file or folder, with the leads that are asked for."""
    kind = task.source.kind(task.arrangement)
    leads = None if cfg.leads is None else [str(lead).lower() for lead in cfg.leads]
    if task.trained is None:
        asked = Request(kind, tuple(task.source.classes), leads, cfg.rate, cfg.unit, cfg.on_bad)
        return read(Path(cfg.synthetic), asked)
    if cfg.rate is not None or cfg.unit is not None:
        raise UserError("rate=..., unit=...: a run knows them. Leave them out.")
    return _sampled(task.trained, kind, leads, count, cfg.on_bad)


def _sampled(trained: Trained, kind: Kind, leads: Sequence[str] | None, count: int | None, on_bad: str) -> Synthetic:
    shown = generated(trained.gan, count or trained.run["data"]["parts"]["train"]["samples"])
    values = shown.samples
    own = trained.kind
    if isinstance(own, Window):
        chosen = tuple(leads or own.leads)
        if lacking := [lead for lead in chosen if lead not in own.leads]:
            raise UserError(f"leads: the run generates {', '.join(own.leads)}, not {', '.join(lacking)}.")
        values = values[:, [own.leads.index(lead) for lead in chosen]]
        own = replace(own, leads=chosen)
    elif own != kind:
        raise UserError(f"The run generates {own}, and the data set gives {kind}: they cannot be compared.")
    whole = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    if not whole.any() or (not whole.all() and on_bad == "error"):
        bad = int((~whole).sum())
        raise UserError(f"{bad} of {len(values)} generated samples hold NaN or infinity; on_bad=skip leaves them out.")
    facts = {
        "format": "run folder",
        "run": trained.run["name"],
        "checkpoint": trained.checkpoint,
        "trained_on": trained.run["choices"]["dataset"],
        "not_finite": int((~whole).sum()),
    }
    labels = None if shown.labels is None else shown.labels[whole].astype(np.int64)
    return Synthetic(own, values[whole], labels, facts)


def _data(task: Task, synthetic: Synthetic, parts: Sequence[str]) -> Data:
    """The real samples, those of windows with the leads of the synthetic ones."""
    arrangement = task.arrangement
    kind = task.source.kind(arrangement)
    if set(synthetic.kind.leads) - set(kind.leads):
        arrangement = _with_leads(task, synthetic.kind.leads)
    data = Data(task.source, _Judging(task.splitter, parts), arrangement)
    data.setup()
    return data


def _everybody(task: Task, data: Data) -> Data:
    """The same samples with all parts of the split, for attacks alone."""
    everybody = Data(task.source, task.splitter, data.arrangement)
    everybody.setup()
    return everybody


def _with_leads(task: Task, leads: Sequence[str]) -> Arrangement:
    plain, own = task.source.plain(), task.arrangement
    if lacking := [lead for lead in leads if lead not in plain.leads]:
        raise UserError(
            f"The synthetic windows have lead {', '.join(lacking)}, which {task.source.name} lacks; it has "
            f"{', '.join(plain.leads)}. leads=[...] says which leads to judge, or what an array's leads are called."
        )
    assert isinstance(own, Leads)
    return Leads(leads, side=own.side, decimation=own.decimation)


# Common ground


def common_ground(real: Real, synthetic: Synthetic, count: int) -> tuple[Real, SampleSet, dict[str, Any]]:
    """Both with the same leads, rate and length, at most `count` synthetic samples, and what was done to them.

    The rate is the lower one, the length the shorter one. Recordings longer than real windows are cut into windows
    that are told to be one person's; a longer real window is cut to its beginning. Raises UserError below a second.
    """
    if isinstance(real.kind, Window) and isinstance(synthetic.kind, Window):
        return _of_windows(real, synthetic, real.kind, synthetic.kind, count)
    chosen = _spread(len(synthetic.values), count)
    some = synthetic.take(chosen)
    values = np.asarray(some.values) if isinstance(some.values, np.ndarray) else np.stack(list(some.values))
    return real, SampleSet(values, some.labels), {"available": len(synthetic.values)}


def _of_windows(
    real: Real, synthetic: Synthetic, kind: Window, other: Window, count: int
) -> tuple[Real, SampleSet, dict[str, Any]]:
    rate = min(kind.rate, other.rate)
    seconds = min(kind.samples / kind.rate, other.samples / other.rate)
    samples = int(seconds * rate + 1e-6)
    if samples < SHORTEST * rate:
        raise UserError(
            f"Windows of {seconds:.3g} s can hardly hold a beat: the real ones have {kind.samples / kind.rate:.3g} s, "
            f"the shortest synthetic one {other.samples / other.rate:.3g} s. Accepted is {SHORTEST:g} s or more; "
            "rate=... where an array's rate is another one."
        )
    judged, left = _cut(synthetic, other, rate, samples, count)
    chosen = [kind.leads.index(lead) for lead in other.leads]
    leads = slice(None) if chosen == list(range(len(kind.leads))) else chosen

    def brought(each: SampleSet) -> SampleSet:
        return replace(each, values=_resampled(each.values[:, leads], kind.rate, rate)[..., :samples])

    attacked = None if real.attacked is None else real.attacked.changed(brought)
    done = {
        "leads": list(other.leads),
        "rate_hz": rate,
        "samples": samples,
        "length_s": samples / rate,
        "synthetic_rate_hz": other.rate,
        "real_rate_hz": kind.rate,
        "real_length_s": kind.samples / kind.rate,
    } | left
    side = real.side if (rate, kind.samples) == (kind.rate, samples) else None
    ground = Real(
        Window(other.leads, rate, samples), brought(real.train), brought(real.reference), real.classes, side, attacked
    )
    return ground, judged, done


def _cut(synthetic: Synthetic, kind: Window, rate: float, samples: int, count: int) -> tuple[SampleSet, dict[str, Any]]:
    """`count` windows of recordings, spread evenly over all there are."""
    lengths = np.array([math.ceil(_ratio(kind.rate, rate) * each) for each in _lengths(synthetic.values)])
    windows = lengths // samples
    if not windows.any():
        raise UserError(
            f"synthetic: at {rate:g} Hz none of its {len(windows)} recordings has the {samples} samples of a window; "
            "see rate=."
        )
    recording = np.repeat(np.arange(len(windows)), windows)
    place = np.concatenate([np.arange(n) for n in windows])
    chosen = _spread(len(recording), count)
    values = np.empty((len(chosen), len(kind.leads), samples), np.float32)
    done = -1
    for row, at in enumerate(chosen):
        if recording[at] != done:
            done = int(recording[at])
            whole = _resampled(synthetic.values[done][None], kind.rate, rate)[0]
        values[row] = whole[:, place[at] * samples : (place[at] + 1) * samples]
    several = windows.max() > 1
    labels = None if synthetic.labels is None else synthetic.labels[recording[chosen]]
    facts = {
        "recordings": len(windows),
        "available": len(recording),
        "windows_of_a_recording_are_one_persons": bool(several),
        "samples_cut_off": int((lengths - windows * samples).sum()),
    }
    # Numbers that no real person has.
    return SampleSet(values, labels, -1 - recording[chosen] if several else None), facts


def _lengths(values: Values) -> list[int]:
    if isinstance(values, np.ndarray):
        return [values.shape[-1]] * len(values)
    return [values[number].shape[-1] for number in range(len(values))]


def _resampled(windows: Array, rate: float, wanted: float) -> NDArray[np.float32]:
    """Windows `(N, leads, samples)` at the wanted rate, in Hz, a block at a time."""
    ratio = _ratio(rate, wanted)
    parts = [resample(windows[k : k + BLOCK], ratio) for k in range(0, len(windows), BLOCK)]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _ratio(rate: float, wanted: float) -> Fraction:
    return Fraction(wanted / rate).limit_denominator(1000)


def _spread(available: int, count: int) -> NDArray[np.int64]:
    if count < available:
        log.info("%d of %d synthetic samples are taken, spread evenly; see metrics.samples", count, available)
    return evenly(count, available)


def _facts(
    cfg: DictConfig, task: Task, data: Data, real: Real, judged: SampleSet, parts: Sequence[str]
) -> dict[str, Any]:
    """Who was compared with whom, and how to do it again."""
    assert data.split is not None
    everybody = not data.split.of(JUDGED)
    facts = {
        "synthetic": str(cfg.synthetic),
        "judged": len(judged),
        "data_set": task.source.name,
        "simulated": task.source.simulated,
        "split": data.split.name,
        "split_seed": data.split.seed,
        "compared_with": "persons who trained" if everybody else " and ".join(parts),
        "training_samples": len(real.train),
        "training_persons": _people(real.train),
        "reference_samples": len(real.reference),
        "reference_persons": _people(real.reference),
        "draws_of_persons": int(task.metrics.draws),
        "version": __version__,
        "code": git_commit(),
        "command": ["python -m ganlab.evaluate", *sys.argv[1:]],
    }
    if task.trained is None:
        facts["trained_by_unknown"] = (
            "Who trained the generator of these samples is not known here: the split says only whom they are compared "
            "with. Samples copied from persons of the reference look like perfect samples."
        )
    elif not isinstance(task.splitter, _Stored):
        facts["other_data"] = (
            f"The generator was trained on {task.trained.run['choices']['dataset']} and is compared with "
            f"{task.source.name}: none of the persons here trained it, so that copies of its training samples "
            "cannot be seen."
        )
        log.warning("%s", facts["other_data"])
    if everybody:
        facts["both_halves_trained"] = (
            "Everybody trained (split=paper): the persons are parted in two halves, and both trained the generator, so "
            "that a copy of a training sample looks like a perfect sample."
        )
        log.warning("%s", facts["both_halves_trained"])
    return facts


def _people(samples: SampleSet) -> int | None:
    return None if samples.persons is None else len(np.unique(samples.persons))
