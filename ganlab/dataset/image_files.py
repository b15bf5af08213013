"""Image files in a folder, a zip or an npz, read one by one and checked; nothing is unpacked to disk."""

import io
import os
import re
import stat
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.names import first_few, repeated

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".dcm")
STACK = ".npz"
"""Suffix of a file of arrays, each of many images."""

LARGEST_FILE = 64 << 20
"""Largest accepted image file in bytes, uncompressed."""

UTF8 = 0x800
"""Flag of a zip entry whose name is UTF-8 (APPNOTE.TXT 4.4.4)."""

MOST_ENTRIES = 100_000
"""Most accepted files of a zip; the largest set of the documents has 75,600."""

LARGEST_RATIO = 200
"""Largest ratio of unpacked to packed bytes of a zip that unpacks to more than `LARGEST_FILE`: else a bomb."""


class ImageStore(ABC):
    """Image files under one path, by their names in it, with slashes."""

    labels: Mapping[str, str] = {}
    """Classes by name of image, where the files themselves say them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    @abstractmethod
    def entries(self) -> list[str]:
        """Names of all files, images or not."""

    @abstractmethod
    def stamp(self) -> list[tuple[str, int, int]]:
        """Return names, sizes in bytes and times (ns) that change with the images."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises BadRecord where they cannot be read."""

    @cached_property
    def names(self) -> list[str]:
        """Names of the images in natural order, 2 before 10."""
        return sorted(filter(_is_image, self.entries), key=_natural)


class Folder(ImageStore):
    """The files below a folder."""

    @cached_property
    def entries(self) -> list[str]:
        """Names of all files, images or not. Raises UserError for a name that is not printable text."""
        names = [path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if not path.is_dir()]
        if wild := [name for name in names if not name.isprintable()]:
            raise UserError(f"{self.path}: the file name {wild[0]!a} is not printable text. Rename it.")
        return names

    @cached_property
    def _resolved(self) -> Path:
        return self.path.resolve()

    def stamp(self) -> list[tuple[str, int, int]]:
        """Return name, size and time of each image."""
        return [_stamp(name, self.path / name) for name in self.names]

    def read(self, name: str) -> bytes:
        """Return a file's bytes. Raises BadRecord where they cannot be read."""
        file = self.path / name
        try:
            if not file.resolve(strict=True).is_relative_to(self._resolved):
                raise BadRecord(name, f"points outside {self.path}")
            if not file.is_file():
                raise BadRecord(name, "is not a regular file")
            _check_bytes(name, file.stat().st_size)
            return file.read_bytes()
        except (OSError, RuntimeError) as error:
            raise BadRecord(name, f"cannot be read ({error})") from error


class Zip(ImageStore):
    """The files in a zip, which each process opens for itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._open: tuple[int, zipfile.ZipFile] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Another process opens the zip again."""
        return {"path": self.path, "_open": None}

    @property
    def archive(self) -> zipfile.ZipFile:
        """The zip, open in this process. Raises UserError where the file is no zip."""
        # A forked worker shares the file position of its parent's handle: both would read garbage.
        if self._open is None or self._open[0] != os.getpid():
            try:
                self._open = os.getpid(), zipfile.ZipFile(self.path)
            except Exception as error:  # zipfile raises many kinds of errors for hostile bytes
                raise UserError(f"{self.path} is not a readable zip ({error}); check dataset.root=...") from error
        return self._open[1]

    @cached_property
    def entries(self) -> list[str]:
        """Names of all files, images or not. Raises UserError for a zip that would reach beyond itself."""
        return list(self._files)

    @cached_property
    def _files(self) -> dict[str, zipfile.ZipInfo]:
        """Entries by name, checked before anything is unpacked."""
        files = [entry for entry in self.archive.infolist() if not entry.is_dir()]
        names = [_entry_name(self.path, entry) for entry in files]
        if out := [name for name in names if _leads_out(name)]:
            raise UserError(f"{self.path}: the entry {out[0]!r} points outside the archive. Nothing was read.")
        kinds = [stat.S_IFMT(entry.external_attr >> 16) for entry in files]
        if links := [name for name, kind in zip(names, kinds, strict=True) if kind == stat.S_IFLNK]:
            raise UserError(f"{self.path}: the entry {links[0]!r} is a link. Nothing was read.")
        if odd := [name for name, kind in zip(names, kinds, strict=True) if kind not in (0, stat.S_IFREG)]:
            raise UserError(f"{self.path}: the entry {odd[0]!r} is not a regular file. Nothing was read.")
        if locked := [name for name, entry in zip(names, files, strict=True) if entry.flag_bits & 1]:
            raise UserError(f"{self.path}: the entry {locked[0]!r} is encrypted; pack it again without a password.")
        if twice := repeated(names):
            raise UserError(f"{self.path} holds {first_few(twice)} more than once; each would count twice.")
        if len(files) > MOST_ENTRIES:
            raise UserError(f"{self.path} holds {len(files):,} files; accepted are {MOST_ENTRIES:,}. Unpack it.")
        size, packed = sum(entry.file_size for entry in files), self.path.stat().st_size
        if size > max(LARGEST_FILE, LARGEST_RATIO * packed):
            raise UserError(
                f"{self.path} would unpack from {packed:,} to {size:,} bytes, over {LARGEST_RATIO} times as many: it "
                "is not an archive of images. Nothing was read."
            )
        return dict(zip(names, files, strict=True))

    def stamp(self) -> list[tuple[str, int, int]]:
        """Return name, size and time of the zip."""
        return [_stamp(self.path.name, self.path)]

    def read(self, name: str) -> bytes:
        """Return an entry's bytes. Raises BadRecord where they cannot be read, or are too many, before unpacking."""
        entry = self._files[name]
        _check_bytes(name, entry.file_size)
        try:
            return self.archive.read(entry)
        except Exception as error:
            raise BadRecord(name, f"cannot be unpacked ({type(error).__name__}: {error})") from error


class Stack(Zip):
    """The images of an npz file's arrays `(N, H, W)` or `(N, H, W, 3)` of 8 or 16 bits, named `<array>/<number>`."""

    @cached_property
    def arrays(self) -> dict[str, NDArray[np.unsignedinteger]]:
        """The arrays of images by name. Raises UserError for a file that is no npz of arrays."""
        self._files  # noqa: B018  (refuses what would unpack to far more)
        try:
            with np.load(self.path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except Exception as error:
            raise UserError(f"{self.path} is not an npz file of arrays ({type(error).__name__}: {error}).") from error
        self.labels = {
            f"{name.removesuffix('labels')}images/{number:06d}": str(label)
            for name, labels in arrays.items()
            if name.endswith("labels") and labels.size == len(labels) and labels.dtype.kind in "iuU"
            for number, label in enumerate(labels.reshape(-1).tolist())
        }
        return {name: values for name, values in arrays.items() if _of_images(values)}

    @cached_property
    def entries(self) -> list[str]:
        """Names of all images."""
        return [f"{name}/{number:06d}" for name, values in self.arrays.items() for number in range(len(values))]

    @cached_property
    def names(self) -> list[str]:
        """Names of the images in the order of the file."""
        return self.entries

    def read(self, name: str) -> bytes:
        """Return an image as the bytes of an npy file."""
        array, _, number = name.rpartition("/")
        content = io.BytesIO()
        np.save(content, self.arrays[array][int(number)], allow_pickle=False)
        return content.getvalue()


def _of_images(values: NDArray[Any]) -> bool:
    colours = values.ndim == 3 or (values.ndim == 4 and values.shape[3] in (1, 3))
    return bool(colours and values.size and values.dtype in (np.uint8, np.uint16))


def open_store(root: Path, stand_in: str) -> ImageStore:
    """Return the zip or npz file `root`, the folder `root`, or the one zip or npz of a folder that holds no image.

    Raises UserError, which proposes the data set `stand_in`, where there is nothing to read.
    """
    ways_on = f"Two possibilities: dataset.root=<folder, zip or npz of images>; or {stand_in}, which needs no files."
    if root.is_file():
        return _with_images(_archive(root), ways_on)
    if not root.is_dir():
        raise UserError(f"No such folder or zip: {root}\n{ways_on}")
    folder = Folder(root)
    zips = [path for path in sorted(root.iterdir()) if path.suffix.lower() in (".zip", STACK)]
    if len(zips) != 1 or folder.names:
        return _with_images(folder, f"It holds {len(zips)} archives; name one. {ways_on}" if zips else ways_on)
    return _with_images(_archive(zips[0]), ways_on)


def _archive(file: Path) -> ImageStore:
    return Stack(file) if file.suffix.lower() == STACK else Zip(file)


def _with_images(store: ImageStore, ways_on: str) -> ImageStore:
    if not store.names:
        accepted = f"{', '.join(SUFFIXES)}; in an npz, arrays (N, H, W) and (N, H, W, 3) of uint8 and uint16"
        raise UserError(f"No image in {store.path} (accepted are {accepted}).\n{ways_on}")
    return store


def _is_image(name: str) -> bool:
    """Return whether a name has an image's suffix and is not hidden by the system."""
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(int(part), "") if part[0].isdecimal() else (-1, part) for part in parts], name


def _entry_name(path: Path, entry: zipfile.ZipInfo) -> str:
    """Return an entry's name, as UTF-8 even without the flag (macOS). Raises UserError where it is not UTF-8."""
    name = entry.orig_filename
    try:
        name = name if entry.flag_bits & UTF8 else name.encode("cp437").decode()
    except UnicodeError as error:
        raise UserError(
            f"{path}: the name of the entry {name!a} is not UTF-8. Pack it again; nothing was read."
        ) from error
    if not name.isprintable():
        raise UserError(f"{path}: the name of the entry {name!a} is not printable text. Nothing was read.")
    return name


def _leads_out(name: str) -> bool:
    windows = PureWindowsPath(name)
    return "\\" in name or name.startswith("/") or bool(windows.drive) or ".." in windows.parts


def _stamp(name: str, file: Path) -> tuple[str, int, int]:
    try:
        status = file.stat()
    except OSError:
        return name, -1, -1
    return name, status.st_size, status.st_mtime_ns


def _check_bytes(name: str, size: int) -> None:
    if size > LARGEST_FILE:
        raise BadRecord(name, f"is {size} bytes long; accepted are {LARGEST_FILE}")
