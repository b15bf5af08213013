"""Checkpoint files of a run: the last two, and the generator alone every few epochs.

Each is written whole, with its SHA-256 beside it (`sha256sum --check` reads it), and read only where the hash matches.
"""

import logging
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
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
"""Version of the checkpoints' content, raised whenever its meaning changes."""
COPIES = 4
"""Sizes of the weights per checkpoint: the weights, Adam's two means, and the averaged generator."""
CHOSEN = "chosen.ckpt"
"""The checkpoint that stopping=rule chose, in the folder of the others."""


def write_checkpoint(value: dict[str, Any], path: Path) -> None:
    """Write a dictionary of tensors and plain values. Raises UserError where it cannot be written."""
    with sealed(path) as file:
        try:
            torch.save(value, file)
        except RuntimeError as error:
            # torch's error for a full disk.
            raise OSError(str(error).partition("\n")[0]) from error


def read_checkpoint(path: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """Return what `write_checkpoint` wrote, verified; nothing in the file is executed.

    Raises DamagedFile where it is not what was written, UserError where it holds anything but tensors and plain values.
    """
    check_seal(path)
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not read: it holds more than tensors and plain values, or is not a checkpoint "
            f"({type(error).__name__}: {reason})."
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path} holds a {type(content).__name__}; a checkpoint holds names and tensors.")
    return content


class SealedCheckpointIO(TorchCheckpointIO):
    """Lightning's checkpoint files, of which one is always whole, and which are read only if whole."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path`."""
        write_checkpoint({**checkpoint, "ganlab_format": FORMAT}, Path(path))

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Return the checkpoint at `path`. Raises UserError for one of another format."""
        checkpoint = read_checkpoint(Path(path), map_location or "cpu")
        if (written := checkpoint.get("ganlab_format")) != FORMAT:
            raise UserError(
                f"{path} has format {written}, this ganlab reads {FORMAT}: it was written by another version, which "
                "run.json names. Resume with that one."
            )
        return checkpoint

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint and its hash."""
        remove_sealed(Path(path))


def newest_checkpoint(run: Path, strict: bool = False) -> Path | None:
    """Return the last whole checkpoint of a run folder, or None where it has not written one yet.

    A damaged one is renamed with an error in the log, and the one before it is returned. Raises DamagedFile where none
    is whole, or where `strict` and the last one is not.
    """
    trouble: DamagedFile | None = None
    for path in reversed(checkpoints_of(run)):
        try:
            check_seal(path)
        except DamagedFile as error:
            if strict:
                raise DamagedFile(f"{error}\nstrict=false uses the one before it.") from error
            log.error("%s It is kept as %s; the checkpoint before it is used.", error, set_aside(path).name)
            trouble = error
        else:
            return path
    if trouble is not None:
        raise DamagedFile(f"{trouble}\nNo other checkpoint of {run} is complete: start a new run.")
    return None


def whole_size(run: Path) -> int | None:
    """Return the bytes of the last whole checkpoint of a run folder, or None where it has none."""
    for path in reversed(checkpoints_of(run)):
        with suppress(DamagedFile):
            check_seal(path)
            return path.stat().st_size
    return None


def checkpoint_in(run: Path, name: str | None = "last") -> Path:
    """Return a checkpoint of a run by name: `last` is the newest, None the chosen one or else the newest.

    Raises UserError that lists the names there are.
    """
    chosen = run / "checkpoints" / CHOSEN
    paths = {path.stem: path for path in checkpoints_of(run)}
    if name in {None, chosen.stem} and chosen.is_file():
        return chosen
    if name in {None, "last"} and paths:
        return [*paths.values()][-1]
    if name not in paths:
        names = ", ".join([*paths, *[chosen.stem] * chosen.is_file()]) or "none"
        raise UserError(f"{run / 'checkpoints'} has no checkpoint {name or 'last'!r}; there is: {names}.")
    return paths[name]


def check_checkpoint_room(folder: Path, parameters: Iterable[Tensor]) -> None:
    """Raise UserError where the disk has no room for the checkpoints that a run keeps while it writes the next."""
    needed = (KEPT + 1) * COPIES * sum(tensor.numel() * tensor.element_size() for tensor in parameters)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: its checkpoints need about {needed:,} bytes, and {free:,} are free. Make room there, or "
            "outputs=<folder on another disk>; nothing was trained."
        )


def checkpoints_of(run: Path) -> list[Path]:
    """Return the checkpoints of a run folder from the oldest to the newest; the chosen one is not among them."""
    return sorted((run / "checkpoints").glob("step_*.ckpt"), key=lambda path: int(re.sub(r"\D", "", path.stem) or -1))
