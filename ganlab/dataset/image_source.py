"""A data set of images of one size."""

from abc import abstractmethod
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.image import AsItIs
from ganlab.core.errors import UserError
from ganlab.core.kind import Image
from ganlab.core.progress import tracked
from ganlab.dataset.cache import cached, check_size
from ganlab.dataset.image_decode import MODES
from ganlab.dataset.image_samples import Drawings
from ganlab.dataset.source import Collected, Source
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
            raise UserError(f"dataset={self.name} gives images; arrangement=image accepts them.")
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


class DrawnImages(ImageSource):
    """`images` grey images of no patient, drawn once and memory-mapped from then on."""

    simulated: ClassVar[bool] = True

    def __init__(
        self, images: int, channels: int, height: int, width: int, cache: str | Path, on_bad_record: str = "error"
    ) -> None:
        super().__init__(channels, height, width, cache, on_bad_record)
        if channels != 1:
            raise UserError(f"dataset.channels={channels}: {self.name} draws grey images; accepted is 1.")
        if images < 1:
            raise UserError(f"{self.name} would draw {images} images; accepted are 1 and more.")
        self.images = images

    def identity(self) -> dict[str, Any]:
        """Return how many images of which size; a subclass adds its version and its settings."""
        return {"images": self.images, "height": self.height, "width": self.width}

    @abstractmethod
    def member(self, number: int) -> Member:
        """Return name, person and class of an image, by its number from 0."""

    @abstractmethod
    def draw(self, number: int) -> NDArray[np.uint8]:
        """Draw an image `(height, width)` of levels, by its number from 0."""

    def collect(self, arrangement: Arrangement) -> Collected:
        """Return all images; they are drawn at the first call."""
        self.kind(arrangement)
        members = [self.member(number) for number in range(self.images)]
        shape = (self.images, self.height, self.width)
        file = self.cached(self._draw_all) / "images.u8"
        check_size(file, prod(shape))
        drawings = Drawings(file, shape, members, range(self.images))
        return Collected(members, drawings, drawings, ())

    def _draw_all(self, folder: Path) -> None:
        with (folder / "images.u8").open("wb") as file:
            for number in tracked(range(self.images), f"drawing {self.name}", "image"):
                file.write(self.draw(number).tobytes())
