"""Images read from PNG and JPEG files and arrays, as levels 0..255."""

import logging
from pathlib import Path

import numpy as np

from ganlab.core.errors import BadRecord, UserError
from ganlab.core.kind import TOP, Image, of_kind
from ganlab.core.progress import tracked
from ganlab.dataset.image_decode import decode
from ganlab.dataset.image_files import Folder, ImageStore, Zip
from ganlab.dataset.image_samples import Form
from ganlab.exchange.arrays import read_array
from ganlab.exchange.labels import as_numbers, read_beside
from ganlab.exchange.synthetic import Request, Synthetic, refuse_or_count

log = logging.getLogger(__name__)


def read_image_files(path: Path, request: Request) -> Synthetic:
    """Read the images of a folder or zip, resized to those of the data set and counted. Raises UserError for none."""
    form = Form(*of_kind(request.kind, Image).shape)
    store: ImageStore = Folder(path) if path.is_dir() else Zip(path)
    if not store.names:
        raise UserError(f"synthetic={path}: no image in it. Accepted are PNG, JPEG and BMP files.")
    values, names, bad, resized = [], [], [], 0
    for name in tracked(store.names, "reading images", "image"):
        try:
            image = decode(name, store.read(name), form.channels)
        except BadRecord as error:
            bad.append(str(error))
            continue
        resized += image.size != (form.width, form.height)
        values.append(form.fitted(image))
        names.append(name)
    refuse_or_count(path, bad, request.on_bad)
    if resized:
        log.warning("%s: %d image(s) resized to %d x %d pixels", path, resized, form.width, form.height)
    beside = read_beside(path if path.is_dir() else path.parent, names)
    facts = {"format": "image files", "read": len(values), "unreadable": len(bad), "resized": resized}
    return Synthetic(request.kind, values, facts=facts, **as_numbers(path, beside, request))


def read_array_of_images(path: Path, request: Request) -> Synthetic:
    """Read an array `(images, channels, height, width)` or `(images, height, width)` of levels. Raises UserError."""
    values = read_array(path, (3, 4))
    values = values[:, None] if values.ndim == 3 else values
    if values.shape[1:] != request.kind.shape:
        raise UserError(f"{path} has shape {values.shape}; accepted is (images, *{request.kind.shape}).")
    lowest, highest = float(np.nanmin(values)), float(np.nanmax(values))
    if lowest < 0 or highest > TOP:
        raise UserError(f"{path}: values from {lowest:g} to {highest:g}; accepted are levels 0..255.")
    if 0 < highest <= 1:
        raise UserError(f"{path}: values from {lowest:g} to {highest:g} look like shares; multiply them by 255.")
    if highest == 0:
        log.warning("%s: every pixel of every image is black", path)
    beside = as_numbers(path, read_beside(path.parent, len(values)), request)
    facts = {"format": "npy array", "read": len(values)}
    return Synthetic(request.kind, values.astype(np.float32), facts=facts, **beside)
