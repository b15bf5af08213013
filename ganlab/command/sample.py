"""Generated samples written to a folder, with a card that says what they are."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import Tensor

from ganlab import __version__
from ganlab.command.entry import arguments
from ganlab.core.errors import RESULT, UserError, file_errors
from ganlab.core.files import whole_folder
from ganlab.core.kind import Kind, Window, of_kind
from ganlab.core.labels import SEPARATOR
from ganlab.core.names import name_of
from ganlab.core.progress import tracked
from ganlab.core.values import check_whole
from ganlab.exchange.card import NOTICE, write_card
from ganlab.exchange.labels import PEOPLE
from ganlab.exchange.writers import FORMATS, Generated
from ganlab.gan.outputs import Given
from ganlab.generator.load import load, shipped
from ganlab.generator.recordings import RecordingRequest
from ganlab.generator.trained import Trained
from ganlab.report.verdict import of_checkpoint
from ganlab.tracking.facts import choice_name
from ganlab.tracking.search import run_or_best

log = logging.getLogger(__name__)


def main(cfg: DictConfig) -> None:
    """Write the samples that the command line asks for."""
    write_samples(**arguments(cfg))


def write_samples(
    run: str | None,
    n: int,
    format: str | None,
    out: str | None,
    checkpoint: str | None = None,
    seed: int = 0,
    batch_size: int = 256,
    label: str | Mapping[str, int] | None = None,
    attributes: Mapping[str, float] | None = None,
    trust: str | Collection[str] | None = (),
    generator: str | None = None,
    **controls: float | None,
) -> Path:
    """Write `n` samples of a run's generator to the folder `out`, all of them or none, and return it.

    In the place of a run's folder, `generator` names one that comes with ganlab.

    `label` is a class, of several `NORM+SR`, or the number of samples by class: `n` is then their sum. `attributes`
    are the values of continuous conditions, `controls` those of `ganlab.generator.recordings.RecordingRequest`: with
    `patients`, `n` is that of all their recordings.

    Raises UserError for an unknown format or class, numbers out of range, samples that are not finite, and a folder
    that holds something, cannot be written or has no room for them.
    """
    label = label if label is None or isinstance(label, Mapping) else name_of(label)
    counts = [(name_of(each), count) for each, count in label.items()] if isinstance(label, Mapping) else [(label, n)]
    for name, count in counts:
        check_whole("n", count, shown=f"label={{{name}: {count}}}" if isinstance(label, Mapping) else None)
    requested = _requested(controls, label)
    check_whole("batch_size", batch_size)
    check_whole("seed", seed, -(2**63), 2**63 - 1)
    label, (run, home) = _shown(label), _source(run, generator)
    with file_errors("run", run):
        trained = load(run, None if checkpoint is None else str(checkpoint), trust)
    requested.check(trained)
    counts = [(name, requested.patients or count) for name, count in counts]
    n = sum(count for _, count in counts) * requested.records_per_patient
    kind = requested.kind(trained)
    _check_memory(n, trained.gan.latent)
    formats = FORMATS[type(trained.kind)]
    format = str(format or next(iter(formats)))
    if format not in formats:
        raise UserError(f"format={format}: accepted for {trained.kind.noun}s are {', '.join(formats)}.")
    labels: Counter[Given] = Counter()
    for each, count in counts:
        labels[trained.label_of(each)] += count
    folder = _folder(out, home, [f"{format}_{n}_seed{seed}", *(name for name, _ in counts if name)], controls)
    write, least = formats[format]
    room = int(n * prod(kind.shape) * least)
    noise = _noise(trained, labels, seed, attributes or {}, requested)
    batches = _batches(trained, noise, requested.at_once(trained, batch_size), requested)
    generated = Generated(kind, batches, n, origin_lines(trained, seed), **requested.beside(trained, noise))
    with file_errors("out", folder), whole_folder(folder, room=room) as unfinished:
        write_card(unfinished, "unfinished")
        saturated = write(generated, unfinished)
        facts = {"n": n, "label": label, "seed": seed, "requested": str(requested), **_beside(generated, unfinished)}
        _write_card(unfinished, trained, kind, run, form=format, saturated=saturated, **facts)
    if saturated:
        log.warning("%d values are beyond the range of the file format and were cut; format=npy holds them", saturated)
    log.info(
        "%d synthetic %ss%s: %s", n, trained.kind.noun, f" of class {label}" if label else "", folder, extra=RESULT
    )
    return folder


def _source(run: str | None, generator: str | None) -> tuple[str | None, Path]:
    """Return the folder of a generator and the one of its samples. Raises UserError where both are named."""
    if generator is None:
        folder = run_or_best(run)
        return folder, Path(str(folder)) / "samples"
    if run is not None:
        raise UserError(f"run={run} generator={generator}: give only one of the two.")
    return shipped(str(generator)), Path("outputs/samples") / str(generator)


def _requested(controls: Mapping[str, float | None], label: object) -> RecordingRequest:
    """Return what is requested of recordings. Raises UserError for patients of several labels."""
    requested = RecordingRequest(**{key: value for key, value in controls.items() if value is not None})  # type: ignore[arg-type]
    if requested.patients is not None and isinstance(label, Mapping):
        raise UserError(f"patients={requested.patients}: accepted is one label for all of them, or none.")
    return requested


def _folder(out: str | None, home: Path, parts: Sequence[str], controls: Mapping[str, float | None]) -> Path:
    """Return the folder to write to. Raises UserError for a link where none was given."""
    name = "_".join([*parts, *(f"{key}{value:g}" for key, value in controls.items() if value is not None)])
    folder = Path(str(out)) if out else home / name.replace(SEPARATOR, "+").replace("/", "-")
    if not out and folder.parent.is_symlink():
        raise UserError(f"{folder.parent} is a link, and ganlab does not write through links: out=<folder>.")
    return folder


def _shown(label: str | Mapping[str, int] | None) -> str | None:
    """Return the request for classes as a card says it."""
    return ", ".join(f"{name} ({count})" for name, count in label.items()) if isinstance(label, Mapping) else label


def _check_memory(n: int, latent: int) -> None:
    """Raise UserError where the noise of all samples, which is drawn at once, does not fit into the free memory."""
    import psutil

    needed, free = 4 * n * latent, psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"n={n}: their noise takes {needed / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free. Sample fewer."
        )


def _noise(
    trained: Trained,
    labels: Mapping[Given, int],
    seed: int,
    attributes: Mapping[str, float],
    requested: RecordingRequest,
) -> Tensor:
    """Return the noise of all samples, so many of each label."""
    draw = torch.Generator().manual_seed(seed)
    parts = [trained.gan.draw_noise(count, draw, label, **attributes) for label, count in labels.items()]
    return requested.noise(trained, torch.cat(parts), draw)


def _batches(
    trained: Trained, noise: Tensor, batch_size: int, requested: RecordingRequest
) -> Iterator[NDArray[np.float32]]:
    """Yield samples of the noise in their own unit."""
    trained.gan.codec.forget_counts()
    for part in tracked(noise.split(min(batch_size, len(noise))), f"sampling {trained.kind.noun}s", "batch"):
        yield requested.generate(trained, part).cpu().numpy()


def _beside(generated: Generated, folder: Path) -> dict[str, Any]:
    """Return what a card says of what stands beside the samples, and by which overrides WFDB records are a data set."""
    people = (folder / PEOPLE).is_file()
    records = people and (folder / "RECORDS").is_file()
    return {"beside": [*generated.beside], "people": people, "reading": _reading(generated) if records else ""}


def _reading(generated: Generated) -> str:
    kind, units = of_kind(generated.kind, Window), [name.rpartition(" (") for name in generated.attributes]
    attributes = ", ".join(f"{name}: '{unit.removesuffix(')')}'" for name, _, unit in units)
    unit = f" dataset.unit={kind.unit}" if kind.other_unit else ""
    classes = f' "dataset.classes=[{",".join(generated.classes)}]"' if generated.classes else ""
    several = " dataset.many_labels=true" if any(SEPARATOR in each or not each for each in generated.labels) else ""
    given = f' "dataset.attributes={{{attributes}}}"' if attributes else ""
    where = f"dataset=wfdb dataset.root=. dataset.people={PEOPLE} dataset.rate={kind.rate:g}"
    return f"{where}{unit}{classes}{several}{given}"


def origin_lines(trained: Trained, seed: int) -> list[str]:
    """Return the lines by which every exported file says what it is."""
    run = trained.run
    lines = [
        NOTICE,
        f"generated by: ganlab {__version__}, code {run.get('git_commit') or 'unknown'}",
        f"run: {run['name']}, started {run['started']}, checkpoint {trained.checkpoint}",
        f"trained on: {run['choices']['dataset']}; seed of the noise: {seed}",
    ]
    lines = [*lines, trained.gan.codec.standardization.zero] if trained.kind.leads else lines
    return [" ".join(line.split()) for line in lines]


def _write_card(folder: Path, trained: Trained, kind: Kind, source: str | None, **values: object) -> None:
    """Write what the data are, from what they were made, and what they are not for."""
    write_card(
        folder,
        "samples",
        trained=trained,
        kind=kind,
        version=__version__,
        settings={group: choice_name(choice) for group, choice in trained.run["choices"].items()},
        verdict=of_checkpoint(Path(str(source)), trained.checkpoint, trained.run),
        **values,
    )
