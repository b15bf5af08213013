"""Images as a data set: read from a folder or a zip, a batch at a time, nothing unpacked; or drawn once by a simulator.

Every image is decoded once before it is used. What came out, the sizes and what could not be read, is kept in a cache
folder named after the files, so that the next run starts at once.
"""

import json
import logging
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.kind import Image
from ganlab.dataset.folder import cached
from ganlab.dataset.image_files import MODES, Store, decode, open_store
from ganlab.dataset.people import read_people
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.split.base import Member

log = logging.getLogger(__name__)

FORMAT = 2
"""Raised whenever the files of a cache folder, or what counts as a bad image, change their meaning."""


class Pictures(Samples):
    """Images `(B, channels, height, width)` of levels 0..255, decoded as they are read.

    An image of another size is resized, by area-weighted interpolation where it shrinks.
    """

    stored = torch.uint8

    def __init__(self, store: Store, members: Sequence[Member], channels: int, height: int, width: int) -> None:
        super().__init__(_labels(members), _persons(members))
        self.store = store
        self.members = tuple(members)
        self.channels, self.height, self.width = channels, height, width

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """The images at these places. Raises UserError for one that has changed since it was checked."""
        return np.stack([self._levels(self.members[place.number].name) for place in places])

    def _levels(self, name: str) -> NDArray[np.float32]:
        try:
            image = decode(name, self.store.read(name), self.channels)
        except BadRecord as bad:
            raise UserError(f"{self.store.path}: {bad}. It was whole when the run began; start again.") from bad
        resized = image.resize((self.width, self.height), PIL.Image.Resampling.BILINEAR)
        levels = np.asarray(resized, np.float32).reshape(self.height, self.width, self.channels)
        return levels.transpose(2, 0, 1)

    def of(self, people: Collection[str]) -> Self:
        """The images of these persons."""
        among = set(people)
        members = [member for member in self.members if member.patient in among]
        return type(self)(self.store, members, self.channels, self.height, self.width)


class Drawings(Samples):
    """Images `(B, 1, height, width)` of levels 0..255, memory-mapped; `rows` are those of the file that are shown."""

    stored = torch.uint8

    def __init__(self, file: Path, shape: tuple[int, int, int], members: Sequence[Member], rows: Sequence[int]) -> None:
        super().__init__(_labels(members), _persons(members))
        self.file, self.shape, self.members, self.rows = file, shape, tuple(members), tuple(rows)
        self._map()

    def _map(self) -> None:
        self.levels = np.memmap(self.file, np.uint8, mode="r", shape=self.shape)

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file again instead of receiving a copy of it."""
        return {name: value for name, value in vars(self).items() if name != "levels"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._map()

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """The images at these places."""
        return self.levels[[self.rows[place.number] for place in places], None].astype(np.float32)

    def of(self, people: Collection[str]) -> Self:
        """The images of these persons."""
        among = set(people)
        chosen = [at for at, member in enumerate(self.members) if member.patient in among]
        members, rows = [self.members[at] for at in chosen], [self.rows[at] for at in chosen]
        return type(self)(self.file, self.shape, members, rows)


def _labels(members: Sequence[Member]) -> NDArray[np.int64]:
    return np.array([member.label for member in members], dtype=np.int64)


def _persons(members: Sequence[Member]) -> NDArray[np.str_]:
    return np.array([member.patient for member in members], dtype=np.str_)


class ImageSource(Source):
    """A data set of images `(channels, height, width)`; what is slow to make is kept in a folder below `cache`."""

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
        """An image. Raises UserError for an arrangement that takes something else, or another size."""
        from ganlab.arrangement.image import AsItIs

        if not isinstance(arrangement, AsItIs):
            raise UserError(f"dataset={self.name} gives images; arrangement=image takes them.")
        if arrangement.shape != self.shape:
            raise UserError(
                f"dataset={self.name} gives images of (channels, height, width) {self.shape}, the arrangement takes "
                f"{tuple(arrangement.shape)}; leave arrangement.channels, height and width to arrangement=image."
            )
        return Image(self.shape)

    def plain(self) -> Arrangement:
        """The images as they are."""
        from ganlab.arrangement.image import AsItIs

        return AsItIs(*self.shape, batch_size=1)

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Everything that the cached folder depends on, as plain values."""

    def cached(self, build: Callable[[Path], None]) -> Path:
        """The cache folder of this identity, which `build` fills."""
        return cached(self.cache, self.name, {"format": FORMAT, **self.identity()}, build)


@dataclass(frozen=True)
class Found:
    """An image that could be decoded, and its size in pixels."""

    name: str
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.name} is {self.width} wide and {self.height} high"


class Images(ImageSource):
    """The images of a folder, searched to its depth, or of a zip, or of the one zip of a folder without images.

    Args:
        root: Folder or zip.
        channels: 1 reads them grey, 3 in red, green and blue.
        height: Pixels of each image.
        width: Pixels of each image.
        resize: Whether images of another size are resized; otherwise all must have this one.
        person: Whose an image is: "file", each is a person of its own, or "folder", the first folder of its path (below
            folders that all images share).
        people: A CSV file with the columns name (path below `root`), person and, where there are `classes`, label; it
            takes the place of `person`.
        classes: Names of the labels, in the order of their indices.
        on_bad_record: What becomes of images that cannot be used: "error" or "skip".
        cache: Folder for what is found in checking the images.
        name: What the data set is called.
        stand_in: The choice that needs no files, proposed where there are none.
    """

    def __init__(
        self,
        root: str | Path,
        height: int,
        width: int,
        channels: int = 1,
        resize: bool = False,
        person: str = "file",
        people: str | Path | None = None,
        classes: Sequence[str] = (),
        on_bad_record: str = "error",
        cache: str | Path = "outputs/cache",
        name: str = "images",
        stand_in: str = "dataset=fingerprint_sim",
    ) -> None:
        super().__init__(channels, height, width, cache, on_bad_record)
        if person not in ("file", "folder"):
            raise UserError(f"dataset.person={person!r}: accepted are file and folder.")
        if classes and people is None:
            raise UserError(
                f"dataset.classes={list(classes)} with dataset.people=null: which image is of which class stands in a "
                "CSV file, dataset.people=..., with columns name, person and label."
            )
        self.root = Path(root).expanduser()
        self.resize = resize
        self.person = person
        self.people_file = Path(people).expanduser() if people else None
        self.classes = tuple(classes)
        self.name = name
        self.stand_in = stand_in

    def identity(self) -> dict[str, Any]:
        """Root, and name, size and time of every file; checking depends on nothing else."""
        return {"path": str(self.store.path.resolve()), "files": self.store.stamp()}

    def collect(self, arrangement: Arrangement) -> Collected:
        """Check every image, once, and open them. Raises UserError for those that cannot be used as declared."""
        self.kind(arrangement)
        others = len(self.store.entries) - len(self.store.names)
        log.info("%s: %d image(s) in %s, %d other file(s)", self.name, len(self.store.names), self.store.path, others)
        found, skipped = _read_index(self.cached(self._index))
        if not self.resize:
            self._check_sizes(found)
        members, unlabelled = self._members([image.name for image in found])
        skipped += unlabelled
        self.refuse_or_log(skipped)
        if not members:
            raise UserError(f"{self.name}: none of its {len(skipped)} images can be used.")
        pictures = Pictures(self.store, members, *self.shape)
        return Collected(members, pictures, pictures, skipped)

    def _labelled(self, file: Path, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        rows, among = read_people(file, self.classes), set(names)
        if unused := [name for name in rows if name not in among]:
            log.warning("%s: %d row(s) name no usable image; the first is %s", file, len(unused), unused[0])
        lacking = [Skipped(name, f"has no row in {file}; see dataset.people") for name in names if name not in rows]
        return [rows[name] for name in names if name in rows], lacking

    @cached_property
    def store(self) -> Store:
        """Where the images are. Raises UserError where there are none."""
        return open_store(self.root, self.stand_in)

    def _index(self, folder: Path) -> None:
        """Decode every image and write what was found, `index.json`, into the folder."""
        found: list[tuple[str, int, int]] = []
        bad: list[tuple[str, str]] = []
        for name in tqdm(self.store.names, desc=f"checking {self.name}", unit="image", disable=None):
            try:
                found.append((name, *decode(name, self.store.read(name), self.channels).size))
            except BadRecord as error:
                bad.append((error.record, error.reason))
        (folder / "index.json").write_text(json.dumps({"images": found, "bad": bad}))

    def _check_sizes(self, found: Sequence[Found]) -> None:
        """Raises UserError where images differ in size, or have another than the declared one."""
        if not found:
            return
        first = found[0]
        other = next((one for one in found if (one.width, one.height) != (first.width, first.height)), None)
        if other is not None:
            raise UserError(
                f"{self.name}: images differ in size: {first}, {other}.\n"
                f"dataset.resize=true brings all to dataset.width={self.width} dataset.height={self.height}."
            )
        if (first.width, first.height) != (self.width, self.height):
            raise UserError(
                f"{self.name}: {first}, as all are; declared are dataset.width={self.width} and "
                f"dataset.height={self.height}.\nTwo ways on: dataset.width={first.width} "
                f"dataset.height={first.height}; or dataset.resize=true."
            )

    def _members(self, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        if self.people_file is not None:
            return self._labelled(self.people_file, names)
        persons = first_folders(names) if self.person == "folder" else names
        return [Member(name, person, 0) for name, person in zip(names, persons, strict=True)], []


def first_folders(names: Sequence[str]) -> list[str]:
    """For each path its first folder, below those that all share. Raises UserError for an image in no folder."""
    paths = [PurePosixPath(name).parts for name in names]
    while paths and min(map(len, paths)) > 2 and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]
    for name, path in zip(names, paths, strict=True):
        if len(path) < 2:
            raise UserError(f"{name} is in no person's folder; dataset.person=file makes each image its own person.")
    return [path[0] for path in paths]


def _read_index(folder: Path) -> tuple[list[Found], list[Skipped]]:
    index = json.loads((folder / "index.json").read_text())
    return [Found(*row) for row in index["images"]], [Skipped(*row) for row in index["bad"]]


class DrawnImages(ImageSource):
    """`images` grey images that nobody was photographed for, drawn once and memory-mapped from then on."""

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
        """How many images of which size; a subclass adds its version and its settings."""
        return {"images": self.images, "height": self.height, "width": self.width}

    @abstractmethod
    def member(self, number: int) -> Member:
        """Name, person and class of an image, by its number from 0."""

    @abstractmethod
    def draw(self, number: int) -> NDArray[np.uint8]:
        """An image `(height, width)`."""

    def collect(self, arrangement: Arrangement) -> Collected:
        """Draw what is not drawn yet."""
        self.kind(arrangement)
        members = [self.member(number) for number in range(self.images)]
        shape = (self.images, self.height, self.width)
        drawings = Drawings(self.cached(self._draw_all) / "images.u8", shape, members, range(self.images))
        return Collected(members, drawings, drawings, ())

    def _draw_all(self, folder: Path) -> None:
        with (folder / "images.u8").open("wb") as file:
            for number in tqdm(range(self.images), desc=f"drawing {self.name}", unit="image", disable=None):
                file.write(self.draw(number).tobytes())
