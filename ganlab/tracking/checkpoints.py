"""Checkpoints: the last two, after each epoch and every quarter of an hour; the generator alone every five epochs."""

import os
import re
import time
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.plugins.io import TorchCheckpointIO

from ganlab.errors import UserError
from ganlab.gan.gan import GAN

KEPT = 2
CHOSEN = "chosen.ckpt"
"""The one that stopping=rule chose, in the folder of the others."""


def write_atomically(value: Any, path: Path) -> None:
    """Save beside `path`, flush to disk, and move into place: a kill leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            torch.save(value, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's files, written so that there is always a whole one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`."""
        write_atomically(checkpoint, Path(path))


def newest_checkpoint(run: Path) -> Path | None:
    """The last checkpoint of a run folder, or none if it has not written one yet."""
    return next(reversed(_all_in(run)), None)


def checkpoint_in(run: Path, name: str | None = "last") -> Path:
    """A checkpoint of a run by name, `last` for the newest; None for the chosen one, or the newest where none is.

    Raises UserError that lists what there is.
    """
    chosen = run / "checkpoints" / CHOSEN
    found = {path.stem: path for path in _all_in(run)}
    if name in {None, chosen.stem} and chosen.is_file():
        return chosen
    if name in {None, "last"} and found:
        return [*found.values()][-1]
    if name not in found:
        there = ", ".join([*found, *[chosen.stem] * chosen.is_file()]) or "none"
        raise UserError(f"{run / 'checkpoints'} has no checkpoint {name or 'last'!r}; there is: {there}.")
    return found[name]


def _all_in(run: Path) -> list[Path]:
    """From the oldest to the newest."""
    return sorted((run / "checkpoints").glob("step_*.ckpt"), key=_steps)


def _steps(path: Path) -> int:
    number = re.search(r"\d+", path.stem)
    return int(number.group()) if number else -1


class Checkpoints(Callback):
    """Writes `checkpoints/step_<n>.ckpt` and `generators/epoch_<n>.pt` in the run folder."""

    def __init__(self, folder: Path, every_minutes: float = 15, generator_every_n_epochs: int = 5) -> None:
        self.folder = folder
        self.every_minutes = every_minutes
        self.generator_every_n_epochs = generator_every_n_epochs
        self._saved_at = time.monotonic()
        self._saved_step = 0

    def on_train_batch_end(self, trainer: Trainer, pl_module: GAN, outputs: Any, batch: Any, batch_idx: int) -> None:
        """By time, within an epoch."""
        if time.monotonic() - self._saved_at > 60 * self.every_minutes:
            self._save(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """After each epoch; the generator alone every few."""
        self._save(trainer, pl_module)
        epoch = trainer.current_epoch + 1
        if epoch % self.generator_every_n_epochs == 0 and trainer.is_global_zero:
            weights = pl_module.sampling_generator.state_dict()
            write_atomically(weights, self.folder / "generators" / f"epoch_{epoch:04d}.pt")

    def on_train_end(self, trainer: Trainer, pl_module: GAN) -> None:
        """The last one, if training ended within an epoch."""
        if self._saved_step != pl_module.steps:
            self._save(trainer, pl_module)

    def _save(self, trainer: Trainer, pl_module: GAN) -> None:
        path = self.folder / "checkpoints" / f"step_{pl_module.steps:07d}.ckpt"
        trainer.save_checkpoint(path, weights_only=False)
        if trainer.is_global_zero:
            for old in _all_in(self.folder)[:-KEPT]:
                old.unlink()
        self._saved_at = time.monotonic()
        self._saved_step = pl_module.steps
