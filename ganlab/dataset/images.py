"""Images as a data set: read from a folder or a zip, a batch at a time, nothing unpacked.

Every image is decoded once before it is used. Sizes and errors are kept in a cache folder named after the files, so
that the next run starts at once.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import PIL.Image
import torch
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.labels import NO_LABEL
from ganlab.core.progress import tracked
from ganlab.dataset.csv_lines import read_people
from ganlab.dataset.image_files import Store, decode, open_store
from ganlab.dataset.image_source import ImageSource, of_members
from ganlab.dataset.samples import Place, Samples
from ganlab.dataset.source import Collected, Skipped
from ganlab.split.base import Member

log = logging.getLogger(__name__)


class Pictures(Samples):
    """Images `(B, channels, height, width)` of levels 0..255, decoded as they are read.

    An image of another size is resized, by area-weighted interpolation where it shrinks.
    """

    stored = torch.uint8

    def __init__(self, store: Store, members: Sequence[Member], channels: int, height: int, width: int) -> None:
        super().__init__(**of_members(members))
        self.store = store
        self.members = tuple(members)
        self.channels, self.height, self.width = channels, height, width

    def read(self, places: Sequence[Place]) -> NDArray[np.float32]:
        """Return the images at these places. Raises UserError for one that has changed since it was checked."""
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
        """Return the images of these patients."""
        among = set(people)
        members = [member for member in self.members if member.patient in among]
        return type(self)(self.store, members, self.channels, self.height, self.width)


@dataclass(frozen=True)
class Sized:
    """An image that could be decoded, and its size in pixels."""

    name: str
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.name} is {self.width} wide and {self.height} high"


@dataclass(frozen=True)
class Upkeep:
    """How a data set of images is called, where its checks are kept, and what happens to bad images.

    `on_bad_record` is "error", which refuses images that cannot be used, or "skip", which leaves them out. `stand_in`
    is the choice that needs no files, proposed where there are none. `many_labels` and `attributes` are those of
    `ganlab.dataset.wfdb.WFDB`.
    """

    name: str = "images"
    cache: str | Path = "outputs/cache"
    on_bad_record: str = "error"
    stand_in: str = "dataset=fingerprint_sim"
    many_labels: bool = False
    attributes: Mapping[str, str] | None = None


class Images(ImageSource):
    """The images of a folder, searched to its depth, or of a zip, or of the one zip of a folder without images.

    Args:
        root: Folder or zip.
        channels: 1 reads them grey, 3 in red, green and blue.
        height: Height of each image in pixels.
        width: Width of each image in pixels.
        resize: Whether images of another size are resized; otherwise all must have this one.
        person: The person of an image: "file", each is a person of its own, or "folder", the first folder of its path
            (below folders that all images share).
        people: A CSV file with the columns name (path below `root`), person and, where there are `classes`, label; it
            takes the place of `person`.
        classes: Names of the labels, in the order of their indices.
        upkeep: The values of `Upkeep`.
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
        **upkeep: Any,
    ) -> None:
        kept = Upkeep(**upkeep)
        super().__init__(channels, height, width, kept.cache, kept.on_bad_record)
        if person not in ("file", "folder"):
            raise UserError(f"dataset.person={person!r}: accepted are file and folder.")
        if (classes or kept.attributes) and people is None:
            raise UserError(
                f"dataset.classes={list(classes)} with dataset.people=null: which image is of which class stands in a "
                "CSV file, dataset.people=..., with columns name, person and label."
            )
        self.root = Path(root).expanduser()
        self.resize = resize
        self.person = person
        self.people_file = Path(people).expanduser() if people else None
        self.classes = tuple(str(each) for each in classes)
        self.many_labels, self.attributes = kept.many_labels, dict(kept.attributes or {})
        self.attribute_names = tuple(f"{column} ({unit})" for column, unit in self.attributes.items())
        self.name, self.stand_in = kept.name, kept.stand_in

    def identity(self) -> dict[str, Any]:
        """Return root, and name, size and time of every file; checking depends on nothing else."""
        return {"path": str(self.store.path.resolve()), "files": self.store.stamp()}

    def collect(self, arrangement: Arrangement) -> Collected:
        """Return all images; each is checked once. Raises UserError for those that cannot be used as declared."""
        self.kind(arrangement)
        others = len(self.store.entries) - len(self.store.names)
        log.info("%s: %d image(s) in %s, %d other file(s)", self.name, len(self.store.names), self.store.path, others)
        index = json.loads((self.cached(self._index) / "index.json").read_text())
        images, skipped = [Sized(*row) for row in index["images"]], [Skipped(*row) for row in index["bad"]]
        if not self.resize:
            self._check_sizes(images)
        self.refuse_or_log(skipped)
        members, unlabelled = self._members([image.name for image in images])
        skipped += unlabelled
        for one in unlabelled:
            log.warning("%s: %s: %s", self.name, one.record, one.reason)
        if not members:
            raise UserError(f"{self.name}: none of its {len(images) + len(index['bad'])} images can be used.")
        pictures = Pictures(self.store, members, *self.shape)
        return Collected(members, pictures, pictures, skipped)

    def _labelled(self, file: Path, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        rows, among = read_people(file, self.classes, self.many_labels, tuple(self.attributes)), set(names)
        if unused := [name for name in rows if name not in among]:
            log.warning("%s: %d row(s) name no usable image; the first is %s", file, len(unused), unused[0])
        members = [rows[name] for name in names if name in rows and rows[name].label != NO_LABEL]
        others = len(names) - len(members)
        reason = f"{others} image(s) have no row in it, or no label"
        return members, [Skipped(f"not in {file.name}", reason, others)] if others else []

    @cached_property
    def store(self) -> Store:
        """The folder or zip of the images. Raises UserError where it has none."""
        return open_store(self.root, self.stand_in)

    def _index(self, folder: Path) -> None:
        """Decode every image and write sizes and errors, `index.json`, into the folder."""
        sizes: list[tuple[str, int, int]] = []
        bad: list[tuple[str, str]] = []
        for name in tracked(self.store.names, f"checking {self.name}", "image"):
            try:
                sizes.append((name, *decode(name, self.store.read(name), self.channels).size))
            except BadRecord as error:
                bad.append((error.record, error.reason))
        (folder / "index.json").write_text(json.dumps({"images": sizes, "bad": bad}))

    def _check_sizes(self, images: Sequence[Sized]) -> None:
        """Raise UserError where images differ in size, or have another than the declared one."""
        if not images:
            return
        first = images[0]
        other = next((one for one in images if (one.width, one.height) != (first.width, first.height)), None)
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
        folders = {PurePosixPath(name).parent for name in names}
        if self.person == "file" and 1 < len(folders) < len(names):
            log.warning(
                "%s: each of %d images is another person's (dataset.person=file), although they lie in %d folders: "
                "dataset.person=folder where a folder is one person's",
                *(self.name, len(names), len(folders)),
            )
        persons = first_folders(names) if self.person == "folder" else names
        return [Member(name, person, 0) for name, person in zip(names, persons, strict=True)], []


def first_folders(names: Sequence[str]) -> list[str]:
    """Return each path's first folder, below those that all share. Raises UserError for an image in no folder."""
    paths = [PurePosixPath(name).parts for name in names]
    while paths and min(map(len, paths)) > 2 and len({path[0] for path in paths}) == 1:
        paths = [path[1:] for path in paths]
    for name, path in zip(names, paths, strict=True):
        if len(path) < 2:
            raise UserError(f"{name} is in no person's folder; dataset.person=file makes each image its own person.")
    return [path[0] for path in paths]
