"""Checkpoints: the last two, after an epoch and every quarter of an hour; the generator alone every five epochs.

Each is written whole, with its SHA-256 beside it (`sha256sum --check` reads it), and read only where that fits.
"""

import logging
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.files import DamagedFile, check_seal, remove_sealed, sealed, set_aside

log = logging.getLogger(__name__)

KEPT = 2
FORMAT = 1
"""Raised whenever checkpoints change their meaning."""
COPIES = 4
"""Of the weights: a checkpoint holds them and Adam's two means, and the averaged generator."""
CHOSEN = "chosen.ckpt"
"""The one that stopping=rule chose, in the folder of the others."""


def write_checkpoint(value: dict[str, Any], path: Path) -> None:
    """Save a dictionary of tensors and plain values. Raises UserError where it cannot be written."""
    with sealed(path) as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:
            # What torch's writer says of a full disk.
            raise OSError(str(error).partition("\n")[0]) from error


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """What `write_checkpoint` saved, verified; nothing in the file is executed.

    Raises DamagedFile where it is not what was written, UserError where it holds anything but tensors and plain values.
    """
    check_seal(path)
    try:
        found = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not read: it holds more than tensors and plain values, or is no checkpoint "
            f"({type(error).__name__}: {reason})."
        ) from error
    if not isinstance(found, dict):
        raise UserError(f"{path} holds a {type(found).__name__}, where a checkpoint holds names and tensors.")
    return found


class SealedCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoints, written so that there is always a whole one, and read only if it is whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`."""
        write_checkpoint({**checkpoint, "ganlab_format": FORMAT}, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read it. Raises UserError for one of a later ganlab."""
        found = read_checkpoint(Path(path), map_location or "cpu")
        if (written := found.get("ganlab_format")) != FORMAT:
            raise UserError(
                f"{path} has format {written}, this ganlab reads {FORMAT}: it was written by another version, which "
                "run.json names. Resume with that one."
            )
        return found

    def remove_checkpoint(self, path: Any) -> None:
        """With its hash."""
        remove_sealed(Path(path))


def newest_checkpoint(run: Path, strict: bool = False) -> Path | None:
    """The last whole checkpoint of a run folder, or none if it has not written one yet.

    A damaged one is set aside and said in the log, and the one before it taken. Raises DamagedFile where none is
    whole, or where `strict` and the last one is not.
    """
    trouble: DamagedFile | None = None
    for path in reversed(checkpoints_of(run)):
        try:
            check_seal(path)
        except DamagedFile as error:
            if strict:
                raise DamagedFile(f"{error}\nstrict=false takes the one before it.") from error
            log.error("%s It is kept as %s, and the one before it is taken.", error, set_aside(path).name)
            trouble = error
        else:
            return path
    if trouble is not None:
        raise DamagedFile(f"{trouble}\nNo other checkpoint of {run} is whole: begin a new run.")
    return None


def checkpoint_in(run: Path, name: str | None = "last") -> Path:
    """A checkpoint of a run by name, `last` for the newest; None for the chosen one, or the newest where none is.

    Raises UserError that lists what there is.
    """
    chosen = run / "checkpoints" / CHOSEN
    found = {path.stem: path for path in checkpoints_of(run)}
    if name in {None, chosen.stem} and chosen.is_file():
        return chosen
    if name in {None, "last"} and found:
        return [*found.values()][-1]
    if name not in found:
        there = ", ".join([*found, *[chosen.stem] * chosen.is_file()]) or "none"
        raise UserError(f"{run / 'checkpoints'} has no checkpoint {name or 'last'!r}; there is: {there}.")
    return found[name]


def check_room(folder: Path, parameters: Iterable[Tensor]) -> None:
    """Raise UserError where the disk has no room for the checkpoints that a run keeps while it writes another."""
    needed = (KEPT + 1) * COPIES * sum(tensor.numel() * tensor.element_size() for tensor in parameters)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: its checkpoints need about {needed:,} bytes, and {free:,} are free. Make room there, or "
            "outputs=<folder on another disk>; nothing was trained."
        )


def checkpoints_of(run: Path) -> list[Path]:
    """From the oldest to the newest."""
    return sorted((run / "checkpoints").glob("step_*.ckpt"), key=_steps)


def _steps(path: Path) -> int:
    number = re.search(r"\d+", path.stem)
    return int(number.group()) if number else -1
