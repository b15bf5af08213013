"""One experiment from configuration to report: what `python -m ganlab.run` does."""

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Trainer
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from ganlab.codec import Codec
from ganlab.command.entry import overrides
from ganlab.command.folder import working_in
from ganlab.command.resume import check_classes, check_same, with_overrides
from ganlab.command.train import start_of, train
from ganlab.compose import Experiment, compose
from ganlab.core.errors import INTERRUPTED, RESULT, UserError
from ganlab.core.words import REDUCED
from ganlab.dataset.module import PARTS, Data
from ganlab.dataset.source import Skipped
from ganlab.evaluation.attack_sets import check_attackable
from ganlab.evaluation.evidence import check_measures
from ganlab.tracking import facts as run_facts
from ganlab.tracking.checkpoints import check_checkpoint_room, whole_size
from ganlab.tracking.provenance import provenance
from ganlab.tracking.record import CONFIG, SPLIT, config_values, home, note_written, read_scores
from ganlab.trainer import ddp
from ganlab.trainer.build import AUTO, make_trainer
from ganlab.trainer.compiled import compile_networks
from ganlab.trainer.probe import faster_precision
from ganlab.trainer.signals import Signals

log = logging.getLogger(__name__)
GROUPS = (
    *("dataset", "split", "standardization", "arrangement", "architecture", "gan", "loss", "trick", "metrics"),
    *("stopping", "experiment", "size"),
)
LOUD = 0.05
"""Share of a part's values beyond the range of the standardization from which it is a warning."""
GO_ON = "%s; to continue: python -m ganlab.run resume=%s"


def main(cfg: DictConfig) -> float | None:
    """Train what the configuration says in Hydra's run folder, measure it, and write the report.

    Returns the number that sweepers optimize, if `metrics.objective` names one. A folder that holds this run already is
    continued, or left alone where the run has finished: so a job that is queued again and a sweep that is started again
    do what is missing. Raises UserError for what cannot work, before any data is read where possible.
    """
    began = time.monotonic()
    folder = Path(HydraConfig.get().runtime.output_dir)
    with working_in(folder):
        return _run(cfg, folder, began)


def _run(cfg: DictConfig, folder: Path, began: float) -> float | None:
    strict, resumed = bool(cfg.strict), cfg.resume is not None
    if resumed:
        cfg = with_overrides(folder, cfg, overrides())
        # Its relative paths begin where the project lies now.
        os.chdir(home(folder))
    experiment = compose(cfg, whole_size(folder) if resumed else None)
    objective = experiment.metrics.objective
    if not resumed and _finished(folder, experiment):
        return _objective(objective, read_scores(folder))
    rows = _carry_out(experiment, _call(experiment.config), folder, began, strict)
    return _objective(objective, rows)


def _carry_out(
    experiment: Experiment, call: dict[str, Any], folder: Path, began: float, strict: bool
) -> Mapping[str, Any]:
    """Check, train, measure and report; return the rows of `metrics.json`."""
    checkpoints = experiment.schedule.checkpoints(folder)
    with Signals(checkpoints.save) as signals:
        probed = _probed(experiment, folder)
        make = partial(experiment.trainer, precision=probed["chosen"]) if probed else experiment.trainer
        trainer = make_trainer(make, folder, experiment.schedule, experiment.stopping, checkpoints, signals)
        check(experiment, trainer)
        prepare(experiment, folder)
        # A refusal leaves run.json as it is.
        start = start_of(experiment.gan, folder, strict)
        facts = _begin(experiment, call | ({"precision": probed} if probed else {}), folder)
        with _recorded(experiment, folder, signals):
            train(experiment, trainer, folder, facts, began, start)
            # Only the end of a run needs its report; the first step does not wait for its imports.
            from ganlab.command.export_generator import export_for_registry
            from ganlab.command.finish import finish

            scores = finish(experiment, folder)
            run_facts.write(folder, facts | experiment.gan.codec.counts() | {"not_measured": scores.left_out})
            if facts["register"] and not signals.cut_short:
                export_for_registry(folder)
            run_facts.end(folder, "KILLED" if signals.cut_short else "FINISHED")
        if signals.cut_short:
            log.warning(GO_ON, f"stopped after {experiment.gan.steps} steps", folder)
        if signals.interrupted:
            raise SystemExit(INTERRUPTED)
    return scores.rows


def _probed(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """Return the precision that trainer.precision=auto chose for this run, and why; nothing where it is another."""
    settings = experiment.config["trainer"]
    if settings.get("precision") != AUTO:
        return {}
    if before := run_facts.earlier(folder).get("precision"):
        return dict(before)
    data = experiment.data
    return faster_precision(experiment.gan, data.source, data.batch_size, settings["accelerator"])


def check(experiment: Experiment, trainer: Trainer) -> None:
    """Raise UserError for metrics, stopping and devices that do not fit together. Reads no data."""
    kind, metrics = experiment.data.kind, experiment.metrics
    check_measures(metrics.by_name, metrics.objective, kind)
    experiment.stopping.check(kind)
    for follow in experiment.follow:
        follow.keywords["store"].check()
    ddp.check_devices(trainer, experiment.config["trainer"], experiment.gan)
    compile_networks(experiment.gan, wanted=experiment.config.get("compile", False))


def prepare(experiment: Experiment, folder: Path) -> None:
    """Read the data. Raises UserError where attacks have nobody to attack, or the disk no room for checkpoints."""
    data, metrics = experiment.data, experiment.metrics
    data.prepare_data()
    data.setup()
    if metrics.by_name and data.judged_part == "train" and len(data.train.unique_patients) < 2:
        raise UserError(
            f"split={data.split.name}: only one patient trains, and there is no other to compare with. More patients, "
            "another split.seed= or split.validation=, or metrics=paper, which measures nothing."
        )
    check_attackable(data.split, metrics.by_name, metrics.settings)
    check_checkpoint_room(folder, experiment.gan.parameters())


@contextmanager
def _recorded(experiment: Experiment, folder: Path, signals: Signals) -> Iterator[None]:
    """Follow the run folder for MLflow and W&B, and write to `run.json` how the run ended if it failed."""
    followers = [follow(folder) for follow in experiment.follow]
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        run_facts.end(folder, "KILLED", error)
        log.warning(GO_ON, "stopped; saved checkpoints stay", folder)
        if isinstance(error, KeyboardInterrupt) or signals.interrupted:
            raise SystemExit(INTERRUPTED) from error
        raise
    except BaseException as error:
        run_facts.end(folder, "FAILED", error)
        if isinstance(error, MisconfigurationException):
            raise UserError(f"The trainer's settings do not fit: {error}") from error
        raise
    finally:
        for follower in followers:
            follower.close()


def _finished(folder: Path, experiment: Experiment) -> bool:
    """Return whether the folder holds this run, finished. Raises UserError where it holds another one."""
    if not (folder / "config.yaml").is_file():
        return False
    facts = run_facts.earlier(folder)
    check_classes(str(folder), config_values(folder), facts)
    check_same(folder, experiment.config, experiment.config_yaml)
    finished = facts.get("status") == "FINISHED"
    if finished:
        log.info("%s holds this run, which has finished: nothing to do", folder, extra=RESULT)
    return finished


def _objective(name: str | None, rows: Mapping[str, Any]) -> float | None:
    """Return what a sweeper optimizes; None where it was not measured, which a search counts as a failed trial."""
    value = None if name is None else rows.get(name, {}).get("synthetic")
    return None if value is None or not math.isfinite(value) else float(value)


def _call(config: Mapping[str, Any]) -> dict[str, Any]:
    hydra = HydraConfig.get()
    chosen = OmegaConf.to_container(hydra.runtime.choices)
    assert isinstance(chosen, dict)
    return {
        "overrides": overrides(),
        "choices": {group: chosen.get(group) for group in GROUPS} | {"trick": list(config["trick"]) or ["none"]},
        "seed": config["seed"],
        "in_sweep": hydra.mode == RunMode.MULTIRUN,
    }


def _begin(experiment: Experiment, call: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Write `split.json` and the first `run.json`; return what the latter holds."""
    gan, data, config = experiment.gan, experiment.data, experiment.config
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    counts = data.counts()
    counts["doubtful"] += [asdict(each) for each in beyond_range(data, gan.codec)]
    own = {
        "data": counts,
        "batch_size": data.batch_size,
        "parameters": {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
        "provenance": provenance(config, data),
        "left_out": _left_out(config["reduced"], experiment),
    }
    facts = run_facts.begin(folder, {**call, **own})
    facts["upload_checkpoint"] = config["tracking"]["upload_checkpoints"]
    facts["register"] = config["tracking"].get("register")
    texts = {SPLIT: run_facts.store_split(folder, data), CONFIG: experiment.config_yaml}
    facts["files"] = note_written(run_facts.earlier(folder), texts)
    run_facts.write(folder, facts)
    return facts


def beyond_range(data: Data, codec: Codec) -> list[Skipped]:
    """Return, and log, the parts of which much saturates, such as that of a patient whose electrodes have an offset."""
    standardization = deepcopy(codec.standardization)
    train = data.train.to_fit()
    standardization.fit(train)
    lines = []
    for name in PARTS:
        part = data.part(name, as_trained=True)
        if not len(part):
            continue
        few = train if name == "train" else part.to_fit()
        share = int(standardization.encode(few).saturated) / few.numel()
        if share >= LOUD:
            reason = (
                f"{100 * share:.0f} % of its values are beyond the range of the standardization and are cut; "
                "standardization=centred_range and adapted_range follow the level of each window"
            )
            lines.append(Skipped(f"part {name}", reason, len(part), data.kind.noun))
            log.warning("%s: %s: %s", data.source.name, lines[-1].record, reason)
    return lines


def _left_out(reduced: bool, experiment: Experiment) -> list[str]:
    reasons = []
    if reduced:
        reasons.append(REDUCED)
    if experiment.data.source.simulated:
        reasons.append(
            f"Real data: {experiment.data.source.name} is simulated. What this page calls real are its "
            f"{experiment.data.kind.noun}s; no patient stands behind them."
        )
    if experiment.data.judged_part == "train":
        reasons.append(
            "Comparison with other patients: this split has no validation patients, so the real "
            f"{experiment.data.kind.noun}s beside the generated ones are training data. A generator that copied them "
            "would look perfect. split=patient holds patients out."
        )
    return reasons
