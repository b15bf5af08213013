"""Images that are decoded as they are read, all brought to one form."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.dataset.image_decode import Range, decode
from ganlab.dataset.image_files import Store
from ganlab.dataset.image_source import of_members
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
        image, size = decode(name, content, self.channels, self.scale), (self.width, self.height)
        if self.resize == "stretch" or image.size == size:
            image = image.resize(size, PIL.Image.Resampling.BILINEAR)
        else:
            change = PIL.ImageOps.fit if self.resize == "crop" else PIL.ImageOps.pad
            image = change(image, size, PIL.Image.Resampling.BILINEAR)
        levels = np.asarray(image, np.float32).reshape(self.height, self.width, self.channels)
        return levels.transpose(2, 0, 1)


class Pictures(Samples):
    """Images `(B, channels, height, width)` of levels 0..255, decoded as they are read.

    An image of another size is resized, by area-weighted interpolation where it shrinks.
    """

    stored = torch.uint8

    def __init__(self, store: Store, members: Sequence[Member], form: Form) -> None:
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
