"""Images of one form: decoded as they are read, or memory-mapped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.labels import attribute_array, label_array
from ganlab.dataset.image_decode import Range, decode
from ganlab.dataset.image_files import ImageStore
from ganlab.dataset.samples import Place, Samples
from ganlab.split.base import Member

RESIZE = ("stretch", "crop", "pad")
"""How an image of another size is brought to one form."""


@dataclass(frozen=True)
class Form:
    """The form of all images of a data set, and how others are brought to it.

    `resize` is stretch, crop or pad; `scale` are the values that become levels 0 and 255 in files of more than 8 bits,
    None for those of each file's depth.
    """

    channels: int
    height: int
    width: int
    resize: str = "stretch"
    scale: Range | None = None

    def levels(self, name: str, content: bytes) -> NDArray[np.float32]:
        """Return the levels `(channels, height, width)` of a file. Raises BadRecord for one that cannot be used."""
        return self.fitted(decode(name, content, self.channels, self.scale))

    def fitted(self, image: PIL.Image.Image) -> NDArray[np.float32]:
        """Return the levels `(channels, height, width)` of an image, brought to the form."""
        size = self.width, self.height
        if self.resize == "stretch" or image.size == size:
            image = image.resize(size, PIL.Image.Resampling.BILINEAR)
        else:
            change = PIL.ImageOps.fit if self.resize == "crop" else PIL.ImageOps.pad
            image = change(image, size, PIL.Image.Resampling.BILINEAR)
        levels = np.asarray(image, np.float32).reshape(self.height, self.width, self.channels)
        return levels.transpose(2, 0, 1)


def of_members(members: Sequence[Member]) -> dict[str, NDArray[Any]]:
    """Return labels, patients and attributes of members, as `Samples` takes them."""
    return {
        "labels": label_array([member.label for member in members]),
        "patients": np.array([member.patient for member in members], dtype=np.str_),
        "attributes": attribute_array([member.attributes for member in members]),
    }


class Pictures(Samples):
    """Images `(B, channels, height, width)` of levels 0..255, decoded as they are read.

    An image of another size is resized, by area-weighted interpolation where it shrinks.
    """

    stored = torch.uint8

    def __init__(self, store: ImageStore, members: Sequence[Member], form: Form) -> None:
        super().__init__(**of_members(members))
        self.store = store
        self.members = tuple(members)
        self.form = form

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return the images at these places. Raises UserError for one that has changed since it was checked."""
        return np.stack([self._levels(self.members[place.number].name) for place in places])

    def _levels(self, name: str) -> NDArray[np.float32]:
        try:
            return self.form.levels(name, self.store.read(name))
        except BadRecord as bad:
            raise UserError(f"{self.store.path}: {bad}. It was readable at the start; start the run again.") from bad

    def of(self, patients: Collection[str]) -> Self:
        """Return the images of these patients."""
        among = set(patients)
        return type(self)(self.store, [member for member in self.members if member.patient in among], self.form)


class Drawings(Samples):
    """Images `(B, 1, height, width)` of levels 0..255 in a memory-mapped file; `rows` are their numbers there."""

    stored = torch.uint8

    def __init__(self, file: Path, shape: tuple[int, int, int], members: Sequence[Member], rows: Sequence[int]) -> None:
        super().__init__(**of_members(members))
        self.file, self.shape, self.members, self.rows = file, shape, tuple(members), tuple(rows)

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """All images of the file, `(N, height, width)`."""
        return np.memmap(self.file, np.uint8, mode="r", shape=self.shape)

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file again instead of receiving a copy of it."""
        return {name: value for name, value in vars(self).items() if name != "levels"}

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return the images at these places."""
        return self.levels[[self.rows[place.number] for place in places], None].astype(np.float32)

    def of(self, patients: Collection[str]) -> Self:
        """Return the images of these patients."""
        among = set(patients)
        chosen = [pair for pair in zip(self.members, self.rows, strict=True) if pair[0].patient in among]
        return type(self)(self.file, self.shape, [member for member, _ in chosen], [row for _, row in chosen])
