"""A trained generator from the folder of its run, or from an exported folder, and its samples as if read from files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import ganlab.core.settings  # noqa: F401  (the resolvers of stored configurations)
from ganlab.compose import compose_networks
from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window
from ganlab.core.settings import WEIGHTS
from ganlab.evaluation.reference import generated
from ganlab.exchange.synthetic import Synthetic
from ganlab.gan.gan import GAN
from ganlab.generator.portable import CONFIG, load_portable
from ganlab.generator.stored import stored_config
from ganlab.generator.trained import Trained, check_weights, restore, state_in
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.tracking.record import read_facts
from ganlab.tracking.search import run_or_best


def shipped(name: str) -> str:
    """Return the folder of a generator that comes with ganlab. Raises UserError for another name."""
    names = sorted(folder.parent.name for folder in WEIGHTS.glob(f"*/{CONFIG}"))
    if name not in names:
        raise UserError(f"generator={name}: {', '.join(names) or 'none'} come with ganlab; run=<folder> takes others.")
    return str(WEIGHTS / name)


def run_folder(run: str | Path | None, *files: str) -> Path:
    """Return the folder of a run, or of a search's best run, with its configuration and `files`.

    Raises UserError where it is none.
    """
    if run is None:
        raise UserError("Which run? run=<folder>, such as run=outputs/runs/NAME.")
    folder = Path(str(run_or_best(run)))
    for name in ("config.yaml", *files):
        if not (folder / name).is_file():
            raise UserError(f"run={folder}: no {name} there, so it is not a run folder. Runs are in outputs/runs.")
    return folder


def load(run: str | Path | None, checkpoint: str | None = None, trust: str | Collection[str] | None = ()) -> Trained:
    """Return the generator of a run folder, or of one of `ganlab.export_generator`, from a named checkpoint.

    None is the one that stopping=rule chose, else the last; `last` and a name in `generators`, such as `epoch_0050`,
    are accepted too. Only networks, data set and codec are built, so that metrics and callbacks whose classes have
    moved since do not matter. `trust` lists packages of your own whose classes the run's configuration may name.
    Raises UserError where the folder is no run or names other classes, the checkpoint is missing, or belongs to other
    networks.
    """
    if run is not None and (Path(str(run)) / CONFIG).is_file():
        return load_portable(Path(str(run)), checkpoint or "last")
    folder = run_folder(run)
    stored = stored_config(folder, trust)
    alone = {path.stem: path for path in (folder / "generators").glob("*.pt")}
    whole = checkpoint_in(folder, None if checkpoint in alone else checkpoint)
    content = state_in(whole)
    networks = compose_networks(stored, whole.stat().st_size)
    gan = networks.gan
    if checkpoint in alone:
        path, steps = alone[checkpoint], None
        _restore_generator(gan, path, whole, content["state_dict"])
    else:
        path, steps = whole, restore(gan, whole, content)
    facts = read_facts(folder, "name", "started", "choices.dataset", "data")
    return Trained(gan.eval(), networks.kind, facts, path.stem, steps)


def _restore_generator(gan: GAN, path: Path, last: Path, state: Mapping[str, Any]) -> None:
    """Load the weights of a generator that was stored alone, and the codec of the run's last checkpoint."""
    weights = read_checkpoint(path)
    check_weights(gan.sampling_generator, path, weights)
    gan.sampling_generator.load_state_dict(weights)
    codec = {key.removeprefix("codec."): value for key, value in state.items() if key.startswith("codec.")}
    check_weights(gan.codec, last, codec)
    gan.codec.load_state_dict(codec)


def sampled(trained: Trained, kind: Kind, leads: Sequence[str] | None, count: int | None, on_bad: str) -> Synthetic:
    """Return `count` samples of a generator, or as many as trained it, windows with the requested leads.

    Raises UserError where real samples, of this kind, cannot be compared with them, and for samples that are not
    finite unless `on_bad` is skip.
    """
    preview = generated(trained.gan, count or trained.run["data"]["parts"]["train"]["samples"])
    values, own = preview.samples, trained.kind
    other_unit = isinstance(own, Window) and isinstance(kind, Window) and own.unit != kind.unit
    if type(own) is not type(kind) or (own != kind and not own.leads) or other_unit:
        raise UserError(f"The run generates {own}, and the data set gives {kind}: they cannot be compared.")
    if isinstance(own, Window):
        if lacking := [lead for lead in leads or () if lead not in own.leads]:
            raise UserError(f"leads: the run generates {', '.join(own.leads)}, not {', '.join(lacking)}.")
        own = replace(own, leads=tuple(leads or own.leads))
        values = values[:, [trained.kind.leads.index(lead) for lead in own.leads]]
    finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
    bad = int((~finite).sum())
    if bad == len(values) or (bad and on_bad == "error"):
        raise UserError(f"{bad} of {len(values)} generated samples hold NaN or infinity; on_bad=skip leaves them out.")
    facts = {
        "format": "run folder",
        "run": trained.run["name"],
        "checkpoint": trained.checkpoint,
        "trained_on": trained.run["choices"]["dataset"],
        "not_finite": bad,
    }
    labels = None if preview.labels is None else preview.labels[finite]
    return Synthetic(own, values[finite], labels, facts)
