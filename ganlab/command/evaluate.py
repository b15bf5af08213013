"""Any synthetic set compared with real samples of other patients, and the page of it."""

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from omegaconf import DictConfig, ListConfig, OmegaConf

from ganlab import __version__
from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.command.entry import overrides
from ganlab.compose import Metrics, compose_metrics, set_window
from ganlab.core.errors import RESULT, UserError
from ganlab.core.files import write_whole
from ganlab.core.instantiate import build
from ganlab.core.kind import Image, Kind, Row
from ganlab.dataset.module import Data
from ganlab.dataset.source import Source
from ganlab.evaluation.attack_sets import with_attack_sets
from ganlab.evaluation.common_ground import common_ground
from ganlab.evaluation.evidence import check_measures, evidence
from ganlab.evaluation.reference import discriminator_score, real_sets
from ganlab.evaluation.stored_split import COMPARED, PARTS, ComparedParts, StoredSplit
from ganlab.exchange.reader import read
from ganlab.exchange.synthetic import Request, Synthetic
from ganlab.generator.load import load, sampled
from ganlab.generator.stored import stored_config, stored_dataset
from ganlab.generator.trained import Trained
from ganlab.metrics.base import Real, SampleSet
from ganlab.split.base import Splitter
from ganlab.tracking.facts import git_commit
from ganlab.tracking.search import run_or_best

log = logging.getLogger(__name__)

METRICS = {Row: "table", Image: "image"}
"""Group of metrics of rows and images, where the command line names none."""


def main(cfg: DictConfig) -> Path:
    """Write `metrics.json`, `verdict.json` and `report.html` to `cfg.out`; return the page.

    With `gate` exits with code 3 where a light of the verdict is red, 4 where one is grey. Raises UserError for a wrong
    request.
    """
    from ganlab.report.evidence import write_evidence
    from ganlab.report.verdict import exit_with, following, keep_for_cards, measuring, table, write_verdict

    out = _out(cfg)
    real, synthetic, metrics, facts = _comparison(cfg)
    settings, draws = metrics.settings["measures"], metrics.settings["draws"]
    scores = evidence(real, synthetic, metrics.by_name, Path(cfg.cache), settings, draws)
    numbers = {"facts": facts, "not_measured": scores.left_out, "numbers": scores.rows}
    if scores.details:
        numbers["attacks"] = scores.details
    write_whole(out / "metrics.json", json.dumps(numbers, indent=1), "out")
    kept = ("synthetic", "data_set", "compared_with", "simulated", "checkpoint", "other_data", "trained_by_unknown")
    about = {key: facts.get(key) for key in kept}
    content = write_verdict(out, scores, real.kind, **about)
    page = write_evidence(out, real.kind, real.reference, synthetic, scores, facts, real.classes)
    command = "" if chooses("metrics") else measuring(" ".join(facts["command"]), real.kind)
    share = ""
    if (Path(cfg.synthetic) / "config.yaml").is_file():
        share = f"python -m ganlab.sample run={cfg.synthetic} n=1000"
        if "other_data" not in facts:
            keep_for_cards(Path(cfg.synthetic), content)
    lines = table(content, page, following(content, command, share))
    log.info("evaluation: %s\n%s", page, "\n".join(lines), extra=RESULT)
    if cfg.gate:
        exit_with(content["worst"])
    return page


@dataclass(frozen=True)
class Task:
    """The real data and how they are read: of a run as it was trained, else as the command line says."""

    source: Source
    arrangement: Arrangement
    splitter: Splitter
    trained: Trained | None = None

    @property
    def kind(self) -> Kind:
        """The kind of a real sample."""
        return self.source.kind(self.arrangement)

    @property
    def side(self) -> int | None:
        """Side of the square image to which a run folded its windows."""
        return self.arrangement.side if self.trained else None


def _comparison(cfg: DictConfig) -> tuple[Real, SampleSet, Metrics, dict[str, Any]]:
    """Return both sets on common ground, the metrics, and the facts for the page.

    Data set and files are not kept: 5,000 windows of 12 leads are 0.5 GB.
    """
    parts, task = _parts(cfg.part), _task(cfg)
    metrics = compose_metrics(_metrics(cfg, task.kind))
    check_measures(metrics.by_name, metrics.objective, task.kind)
    settings = metrics.settings
    samples = _synthetic(cfg, task, settings["samples"])
    leads = samples.kind.leads
    arrangement = _with_leads(task, leads) if set(leads) - set(task.kind.leads) else task.arrangement
    data = _collected(task, ComparedParts(task.splitter, parts), arrangement)
    part = COMPARED if data.split.of(COMPARED) else "train"
    real = real_sets(data, part, settings["samples"], settings["train"], task.side)
    if any(metric.attacks for metric in metrics.by_name.values()):
        real = with_attack_sets(real, _collected(task, task.splitter, data.arrangement), metrics.by_name, settings)
    count = min(settings["samples"] or len(real.reference), len(real.train))
    real, synthetic, changes = common_ground(real, samples, count)
    if task.trained is not None and task.trained.steps is not None and real.kind == task.trained.kind:
        synthetic = replace(synthetic, discriminator=discriminator_score(task.trained.gan))
    facts = {
        "synthetic": str(cfg.synthetic),
        "judged": len(synthetic),
        **_facts(task, data, real, parts),
        "draws_of_persons": int(settings["draws"]),
        "version": __version__,
        "code": git_commit(),
        "command": ["python -m ganlab.evaluate", *sys.argv[1:]],
    }
    facts |= {**_origin(task), **_both_trained(data), **samples.facts, **changes}
    return real, synthetic, metrics, facts


# The request


def _out(cfg: DictConfig) -> Path:
    if OmegaConf.is_missing(cfg, "synthetic") or cfg.synthetic is None:
        raise UserError("Which samples? synthetic=<run folder, or file or folder of samples>.")
    cfg.synthetic = str(run_or_best(cfg.synthetic))
    out = Path(cfg.out)
    if (out / "config.yaml").is_file():
        raise UserError(f"out={out} is a run folder, whose own report would be lost. Name another: out=<folder>.")
    return out


def _parts(part: Any) -> tuple[str, ...]:
    parts = tuple(part) if isinstance(part, ListConfig | list | tuple) else (part,)
    if "holdout" in parts:
        raise UserError(
            "part=holdout: these patients are kept for the attacks on privacy, and not used for anything else. "
            "Accepted are test and validation."
        )
    if not parts or set(parts) - set(PARTS) or len(set(parts)) < len(parts):
        raise UserError(f"part=[{','.join(map(str, parts))}]: accepted are test, validation and [validation,test].")
    return parts


def _task(cfg: DictConfig) -> Task:
    folder = Path(cfg.synthetic)
    if not (folder / "config.yaml").is_file():
        source: Source = build(cfg.dataset)
        plain = source.plain()
        set_window(cfg, source)
        return Task(source, build(cfg.arrangement) if plain.leads else plain, build(cfg.split))
    return _task_of_run(cfg, folder)


def _task_of_run(cfg: DictConfig, folder: Path) -> Task:
    """Return the run's own data, arrangement and split; other data where the command line names them."""
    trained, stored = load(folder, cfg.checkpoint, cfg.trust), stored_config(folder, cfg.trust)
    dataset = stored_dataset(folder, stored, cfg.cache)
    source: Source = build(cfg.dataset if chooses("dataset", "experiment") else with_values("dataset", dataset))
    if mentions("arrangement"):
        raise UserError("arrangement=...: a run is evaluated in its own arrangement. Leave arrangement out.")
    own = source.name == build(dataset).name
    if own and mentions("split"):
        raise UserError(f"split=...: {folder / 'split.json'} says who trained. Leave split out.")
    splitter = StoredSplit(folder) if own else build(cfg.split)
    return Task(source, build(stored.arrangement), splitter, trained)


def _metrics(cfg: DictConfig, kind: Kind) -> DictConfig:
    """Return the configured metrics; those of rows or images for these, where the command line names no group."""
    if type(kind) not in METRICS or chooses("metrics", "experiment"):
        return cfg.metrics
    return hydra_compose("evaluate", overrides=[*overrides(), f"metrics={METRICS[type(kind)]}"]).metrics


# The samples


def _synthetic(cfg: DictConfig, task: Task, count: int | None) -> Synthetic:
    """Return the samples of a run's generator, or those of a file or folder, with the requested leads."""
    given = [cfg.leads] if isinstance(cfg.leads, str | int | float) else cfg.leads
    leads = None if given is None else [str(lead).lower() for lead in given]
    if task.trained is None:
        classes, several = tuple(task.source.classes), task.source.many_labels
        request = Request(task.kind, classes, leads, cfg.rate, cfg.unit, cfg.on_bad, several)
        return read(Path(cfg.synthetic), request)
    if cfg.rate is not None or cfg.unit is not None:
        raise UserError("rate=..., unit=...: a run has its own. Leave them out.")
    return sampled(task.trained, task.kind, leads, count, cfg.on_bad)


def _collected(task: Task, splitter: Splitter, arrangement: Arrangement) -> Data:
    data = Data(task.source, splitter, arrangement)
    data.setup()
    return data


def _with_leads(task: Task, leads: Sequence[str]) -> Arrangement:
    plain, own = task.source.plain(), task.arrangement
    if lacking := [lead for lead in leads if lead not in plain.leads]:
        raise UserError(
            f"The synthetic windows have lead {', '.join(lacking)}, which {task.source.name} lacks; it has "
            f"{', '.join(plain.leads)}. leads=[...] says which leads to evaluate, or the names of an array's leads."
        )
    assert isinstance(own, Leads)
    return Leads(leads, side=own.size, decimation=own.decimation, samples=own.samples)


# What the page says about them


def _facts(task: Task, data: Data, real: Real, parts: Sequence[str]) -> Mapping[str, Any]:
    """Return which real samples are compared with."""
    return {
        "data_set": task.source.name,
        "simulated": task.source.simulated,
        "split": data.split.name,
        "split_seed": data.split.seed,
        "compared_with": " and ".join(parts) if data.split.of(COMPARED) else "patients who trained",
        "training_samples": len(real.train),
        "training_persons": _people(real.train),
        "reference_samples": len(real.reference),
        "reference_persons": _people(real.reference),
    }


def _people(samples: SampleSet) -> int | None:
    return None if samples.patients is None else len(samples.unique_patients)


def _origin(task: Task) -> Mapping[str, str]:
    """Return what is unknown about the patients who trained the generator."""
    if task.trained is None:
        return {
            "trained_by_unknown": "It is not known who trained the generator of these samples: the split says only "
            "with whom they are compared with. Samples copied from patients of the reference look like perfect "
            "samples."
        }
    if isinstance(task.splitter, StoredSplit):
        return {}
    other_data = (
        f"The generator was trained on {task.trained.run['choices']['dataset']} and is compared with "
        f"{task.source.name}: none of these patients trained it, so copies of its training samples cannot be "
        "detected."
    )
    log.warning("%s", other_data)
    return {"other_data": other_data}


def _both_trained(data: Data) -> Mapping[str, str]:
    """Return the limit of a comparison where everybody trained."""
    if data.split.of(COMPARED):
        return {}
    both_halves_trained = (
        "Every patient trained (split=paper): the patients are divided into two halves, and both trained the "
        "generator, so a copy of a training sample looks like a perfect sample."
    )
    log.warning("%s", both_halves_trained)
    return {"both_halves_trained": both_halves_trained}


def chooses(*groups: str) -> bool:
    """Return whether an override makes a choice in one of these groups, such as `dataset=`."""
    return bool(set(groups) & set(_names()))


def mentions(group: str) -> bool:
    """Return whether an override makes a choice in a group or sets one of its values, such as `dataset.root=`."""
    return group in {name.split(".")[0] for name in _names()}


def with_values(group: str, stored: DictConfig) -> DictConfig:
    """Return a stored choice of a group with the single values that overrides set."""
    values = [override.lstrip("+") for override in overrides() if override.lstrip("+").startswith(f"{group}.")]
    changed: Any = OmegaConf.merge({group: stored}, OmegaConf.from_dotlist(values))
    return changed[group]


def _names() -> list[str]:
    return [override.lstrip("+~").partition("=")[0] for override in overrides()]
