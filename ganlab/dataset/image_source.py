"""A data set of images of one size."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.image import AsItIs
from ganlab.core.errors import UserError
from ganlab.core.kind import Image
from ganlab.dataset.cache import cached
from ganlab.dataset.image_files import MODES
from ganlab.dataset.source import Source
from ganlab.split.base import Member

FORMAT = 2
"""Raised whenever the files of a cache folder, or what counts as a bad image, change their meaning."""


class ImageSource(Source):
    """A data set of images `(channels, height, width)`; the result of slow work is kept in a folder below `cache`."""

    def __init__(self, channels: int, height: int, width: int, cache: str | Path, on_bad_record: str = "error") -> None:
        super().__init__(on_bad_record)
        if channels not in MODES:
            raise UserError(f"dataset.channels={channels!r}: accepted are 1 (grey) and 3 (red, green, blue).")
        if height < 1 or width < 1:
            raise UserError(f"dataset.height={height} dataset.width={width}: accepted are pixels from 1.")
        self.channels, self.height, self.width = channels, height, width
        self.cache = Path(cache)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    def kind(self, arrangement: Arrangement) -> Image:
        """Return the kind, an image. Raises UserError for an arrangement of another kind of data, or another size."""
        if not isinstance(arrangement, AsItIs):
            raise UserError(f"dataset={self.name} gives images; arrangement=image takes them.")
        if arrangement.shape != self.shape:
            raise UserError(
                f"dataset={self.name} gives images of (channels, height, width) {self.shape}, the arrangement takes "
                f"{tuple(arrangement.shape)}; leave arrangement.channels, height and width to arrangement=image."
            )
        return Image(self.shape)

    def plain(self) -> Arrangement:
        """Return the arrangement of the images as they are."""
        return AsItIs(*self.shape, batch_size=1)

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return all that the cached folder depends on, as plain values."""

    def cached(self, build: Callable[[Path], None]) -> Path:
        """Return the cache folder of this identity, which `build` fills."""
        return cached(self.cache, self.name, {"format": FORMAT, **self.identity()}, build)


def labels_and_people(members: Sequence[Member]) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return the label and the patient of each member, `(N,)` each."""
    labels, people = [member.label for member in members], [member.patient for member in members]
    return np.array(labels, dtype=np.int64), np.array(people, dtype=np.str_)
