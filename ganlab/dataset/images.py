"""Images as a data set: read from a folder or a zip, a batch at a time, nothing unpacked.

Every image is decoded once before it is used. Sizes and errors are kept in a cache folder named after the files, so
that the next run starts at once.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.labels import NO_LABEL
from ganlab.core.names import names_of, spelled
from ganlab.core.progress import tracked
from ganlab.dataset.image_decode import Range, decoded
from ganlab.dataset.image_files import STACK, ImageStore, Stack, open_store
from ganlab.dataset.image_samples import RESIZE, Form, Pictures
from ganlab.dataset.image_source import ImageSource
from ganlab.dataset.owners import owners_of_images
from ganlab.dataset.people_file import read_people
from ganlab.dataset.source import Collected, Skipped
from ganlab.split.base import Member

log = logging.getLogger(__name__)


DECLARE = (
    "ganlab does not guess persons: images of one person could be in two parts of the split. Declare them by "
    "dataset.people=<CSV file with columns name and person>, by dataset.person=folder where each folder holds one "
    "person's images, or by dataset.person=file where each image is of another person."
)
"""How to say whose images are."""
FEW = 4
"""How many times the depth's range may be as wide as the values in use."""
SAME_ASPECT = 1.01
"""Aspects that differ by less than this factor count as one: sizes are whole pixels."""


@dataclass(frozen=True)
class Sized:
    """An image that could be decoded, its size in pixels, and of more than 8 bits the ends of depth and values."""

    name: str
    width: int
    height: int
    depth: Range | None = None
    used: Range | None = None

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
    range: Sequence[float] | None = None
    """Values that become levels 0 and 255 in files of more than 8 bits; None for those of each file's depth."""

    @property
    def scale(self) -> Range | None:
        """The range as two numbers. Raises UserError for another list."""
        if self.range is None:
            return None
        ends = [float(end) for end in self.range if isinstance(end, int | float)]
        if len(ends) != 2 or len(self.range) != 2 or not ends[0] < ends[1]:
            raise UserError(f"dataset.range={list(self.range)}: accepted are two rising numbers, such as [0,4095].")
        return ends[0], ends[1]


class Images(ImageSource):
    """The images of a folder, searched to its depth, or of a zip, or of the one zip of a folder without images.

    Args:
        root: Folder or zip.
        channels: 1 reads them grey, 3 in red, green and blue.
        height: Height of each image in pixels.
        width: Width of each image in pixels.
        resize: What happens to images of another size: false refuses them, stretch (or true) changes their aspect,
            crop cuts their edges, pad adds black ones.
        person: The person of an image: "file", each is a person of its own; "folder", the first folder of its path
            (below folders that all images share); None recognises persons by the names of folders, and takes images
            for persons of their own where nothing speaks against it.
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
        resize: bool | str = False,
        person: str | None = None,
        people: str | Path | None = None,
        classes: Sequence[str] = (),
        **upkeep: Any,
    ) -> None:
        kept = Upkeep(**upkeep)
        super().__init__(channels, height, width, kept.cache, kept.on_bad_record)
        if person not in (None, "file", "folder"):
            raise UserError(f"dataset.person={person!r}: accepted are file, folder and null.")
        if resize not in (True, False, *RESIZE):
            raise UserError(f"dataset.resize={resize!r}: accepted are false, true and {', '.join(RESIZE)}.")
        if (classes or kept.attributes) and people is None and Path(root).suffix.lower() != STACK:
            raise UserError(
                f"dataset.classes={list(classes)} with dataset.people=null: which image is of which class stands in a "
                "CSV file, dataset.people=..., with columns name, person and label."
            )
        self.root = Path(root).expanduser()
        self.resize = bool(resize)
        self.form = Form(channels, height, width, resize if isinstance(resize, str) else RESIZE[0], kept.scale)
        self.person = person
        self.people_file = Path(people).expanduser() if people else None
        self.classes = names_of(classes)
        self.many_labels, self.attributes = kept.many_labels, dict(kept.attributes or {})
        self.name, self.stand_in = str(kept.name), kept.stand_in

    def identity(self) -> dict[str, Any]:
        """Return root, and name, size and time of every file; checking depends on nothing else."""
        return {"path": str(self.store.path.resolve()), "files": self.store.stamp(), "depths": True}

    def collect(self, arrangement: Arrangement) -> Collected:
        """Return all images; each is checked once. Raises UserError for those that cannot be used as declared."""
        self.kind(arrangement)
        others = len(self.store.entries) - len(self.store.names)
        log.info("%s: %d image(s) in %s, %d other file(s)", self.name, len(self.store.names), self.store.path, others)
        index = json.loads((self.cached(self._index) / "index.json").read_text())
        images, skipped = [Sized(*row) for row in index["images"]], [Skipped(*row) for row in index["bad"]]
        self._check_depths(images)
        doubtful = self._resized(images)
        self.refuse_or_log(skipped)
        members, unlabelled = self._members([image.name for image in images])
        skipped += unlabelled
        for one in unlabelled:
            log.warning("%s: %s: %s", self.name, one.record, one.reason)
        if not members:
            raise UserError(f"{self.name}: none of its {len(images) + len(index['bad'])} images can be used.")
        pictures = Pictures(self.store, members, self.form)
        return Collected(members, pictures, pictures, skipped, doubtful)

    def _labelled(self, file: Path, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        rows, among = read_people(file, self.classes, self.many_labels, tuple(self.attributes)), set(names)
        if unused := [name for name in rows if name not in among]:
            log.warning("%s: %d row(s) name no usable image; the first is %s", file, len(unused), unused[0])
        members = [rows[name] for name in names if name in rows and rows[name].label != NO_LABEL]
        others = len(names) - len(members)
        reason = f"{others} image(s) have no row in it, or no label"
        return members, [Skipped(f"not in {file.name}", reason, others)] if others else []

    @cached_property
    def store(self) -> ImageStore:
        """The folder or zip of the images. Raises UserError where it has none."""
        return open_store(self.root, self.stand_in)

    def _index(self, folder: Path) -> None:
        """Decode every image and write sizes and errors, `index.json`, into the folder."""
        sizes: list[tuple[Any, ...]] = []
        bad: list[tuple[str, str]] = []
        for name in tracked(self.store.names, f"checking {self.name}", "image"):
            try:
                image, *depth = decoded(name, self.store.read(name), self.channels)
                sizes.append((name, *image.size, *depth))
            except BadRecord as error:
                bad.append((error.record, error.reason))
        (folder / "index.json").write_text(json.dumps({"images": sizes, "bad": bad}))

    def _check_depths(self, images: Sequence[Sized]) -> None:
        """Log by what range values become levels. Raises UserError where few of the levels would be used."""
        deep = [image for image in images if image.depth and image.used]
        if not deep:
            return
        ranges = sorted({tuple(image.depth or ()) for image in deep}) if self.form.scale is None else [self.form.scale]
        low, high = ranges[0][0], ranges[-1][1]
        least, most = min((i.used or (0, 0))[0] for i in deep), max((i.used or (0, 0))[1] for i in deep)
        if self.form.scale is None and (most - least) * FEW < high - low:
            raise UserError(
                f"{self.name}: the values of {len(deep)} image(s) of more than 8 bits, such as {deep[0].name}, are "
                f"{least:g}..{most:g} of {low:g}..{high:g}, so that {256 * (most - least) / (high - low):.3g} of 256 "
                f"levels would be used. Two possibilities: dataset.range=[{least:g},{most:g}], or another range that "
                f"becomes levels 0 to 255; dataset.range=[{low:g},{high:g}] if that is meant."
            )
        spans = ", ".join(f"{one[0]:g}..{one[1]:g}" for one in ranges)
        beyond = sum(image.used[0] < low or image.used[1] > high for image in deep if image.used)
        log.info("%s: %d image(s) of more than 8 bits: %s become levels 0..255", self.name, len(deep), spans)
        if beyond:
            log.warning("%s: %d image(s) have values beyond dataset.range, which are cut to it", self.name, beyond)

    def _resized(self, images: Sequence[Sized]) -> list[Skipped]:
        """Log how many images change their size, and return those that change their aspect too."""
        if not self.resize:
            self._check_sizes(images)
            return []
        others = [one for one in images if (one.width, one.height) != (self.width, self.height)]
        ratios = [one.width * self.height / (one.height * self.width) for one in others]
        changed = [max(ratio, 1 / ratio) for ratio in ratios if max(ratio, 1 / ratio) > SAME_ASPECT]
        log.info("%s: %d image(s) resized to %d x %d pixels", self.name, len(others), self.width, self.height)
        if not changed:
            return []
        how = {"stretch": "stretched, by up to {:.3g} times", "crop": "cut to it", "pad": "filled up with black"}
        reason = f"of another aspect {how[self.form.resize].format(max(changed))} (dataset.resize={self.form.resize})"
        log.warning("%s: %d image(s) %s", self.name, len(changed), reason)
        return [Skipped("aspect", f"{len(changed)} image(s) {reason}", len(changed), "image")]

    def _check_sizes(self, images: Sequence[Sized]) -> None:
        """Raise UserError where images differ in size, or have another than the declared one."""
        if not images:
            return
        first = images[0]
        other = next((one for one in images if (one.width, one.height) != (first.width, first.height)), None)
        if other is not None:
            raise UserError(
                f"{self.name}: images differ in size: {first}, {other}.\n"
                f"dataset.resize=crop, pad or stretch brings all to dataset.width={self.width} "
                f"dataset.height={self.height}."
            )
        if (first.width, first.height) != (self.width, self.height):
            raise UserError(
                f"{self.name}: {first}, as all are; declared are dataset.width={self.width} and "
                f"dataset.height={self.height}.\nTwo possibilities: dataset.width={first.width} "
                f"dataset.height={first.height}; or dataset.resize=crop, pad or stretch."
            )

    def _members(self, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        if self.people_file is not None:
            return self._labelled(self.people_file, names)
        if self.classes:
            return self._labelled_by_file(names)
        own = owners_of_images(names, "file" if isinstance(self.store, Stack) else self.person)
        if own.doubt:
            raise UserError(f"{self.name}: {own.doubt}.\n{DECLARE}")
        log.info("%s: %d person(s) in %d images, %s", self.name, len(set(own.patients.values())), len(names), own.rule)
        return [Member(name, own.patients[name], 0) for name in names], []

    def _labelled_by_file(self, names: Sequence[str]) -> tuple[list[Member], list[Skipped]]:
        """Return each image as its own person's, with the class that its npz file gives it."""
        places = spelled(self.classes)
        if lacking := [name for name in names if self.store.labels.get(name) not in places]:
            own = self.store.labels.get(lacking[0])
            raise UserError(
                f"{self.store.path}: the class of {lacking[0]} is {own!r}, none of dataset.classes: "
                f"{', '.join(self.classes)}. Classes of an npz lie in arrays such as train_labels beside train_images."
            )
        return [Member(name, name, places[self.store.labels[name]]) for name in names], []
