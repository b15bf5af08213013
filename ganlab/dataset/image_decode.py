"""One image file to levels 0..255, from whatever depth it has: JPEG, PNG, BMP, TIFF, DICOM, or an array of an npz."""

import io
import sys
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import PIL.ImageOps
from numpy.typing import NDArray

from ganlab.core.errors import BadRecord, UserError

MODES = {1: "L", 3: "RGB"}
"""Pillow's mode by the number of channels: grey, or red, green, blue."""
FORMATS = ("JPEG", "PNG", "BMP", "TIFF")
LARGEST_IMAGE = 50_000_000
"""Largest accepted image in pixels."""
SIXTEEN = (0.0, 65535.0)
"""Range of 16 bits a channel."""
GREY = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R 601), as Pillow has them."""
NATIVE = "L" if sys.byteorder == "little" else "B"
ARRAY, DICOM = b"\x93NUMPY", b"DICM"
"""How an array begins, and what a DICOM file has after 128 bytes."""


Range = tuple[float, float]
"""The values that become levels 0 and 255."""


class Decoded(NamedTuple):
    """An image of levels 0..255; of a file of more than 8 bits the range of its depth, and its ends in use."""

    image: PIL.Image.Image
    depth: Range | None = None
    used: Range | None = None


class Deep(NamedTuple):
    """Values `(H, W)` or `(H, W, 3)` and the range of their depth; `inverted` where larger values are darker."""

    values: NDArray[np.number]
    depth: Range
    inverted: bool = False


def decode(name: str, content: bytes, channels: int, scale: Range | None = None) -> PIL.Image.Image:
    """Return an image file, upright, in grey or in red, green and blue. Raises BadRecord with the reason."""
    return decoded(name, content, channels, scale).image


def decoded(name: str, content: bytes, channels: int, scale: Range | None = None) -> Decoded:
    """Return an image as `decode` does, with what its file holds.

    Values of more than 8 bits become levels by the range `scale`, beyond which they are cut, None for their depth's.
    """
    if content.startswith(ARRAY) and not PurePosixPath(name).suffix:
        deep = _array(name, content)
    elif content[128:132] == DICOM:
        deep = _dicom(name, content)
    else:
        picture = _picture(name, content)
        if isinstance(picture, PIL.Image.Image):
            # Pillow makes no grey of LAB but by red, green and blue.
            return Decoded((picture.convert("RGB") if picture.mode == "LAB" else picture).convert(MODES[channels]))
        deep = picture
    shallow = deep.depth == (0, 255)
    low, high = deep.depth if shallow or scale is None else scale
    levels = np.clip((deep.values - low) * (255 / (high - low)), 0, 255)
    levels = levels @ np.array(GREY) if channels == 1 and levels.ndim == 3 else levels
    levels = 255 - levels if deep.inverted else levels
    image = PIL.Image.fromarray(np.rint(levels).astype(np.uint8)).convert(MODES[channels])
    used = (float(deep.values.min()), float(deep.values.max()))
    return Decoded(image) if shallow else Decoded(image, deep.depth, used)


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > LARGEST_IMAGE:
        raise BadRecord(name, f"has {width} x {height} pixels; accepted are {LARGEST_IMAGE}")


def _picture(name: str, content: bytes) -> PIL.Image.Image | Deep:
    """Return an image of 8 bits a channel, or the values of one of 16."""
    try:
        with PIL.Image.open(io.BytesIO(content), formats=FORMATS) as image:
            _check_size(name, *image.size)
            modes = [_mode(tile)[0] for tile in image.tile]
            inverted = image.format == "TIFF" and image.tag_v2.get(262) == 0  # type: ignore[attr-defined]
            image.load()
            _check_levels(name, image)
            upright = PIL.ImageOps.exif_transpose(image)
            if image.mode.startswith("I;16"):
                return Deep(np.asarray(upright).astype(np.int64), SIXTEEN, inverted)
            if not any(";16" in mode for mode in modes):
                return upright
            return Deep(256 * np.asarray(upright.convert("RGB"), np.int64) + _low_bytes(name, content), SIXTEEN)
    except BadRecord:
        raise
    except Exception as error:
        raise BadRecord(name, f"not readable as JPEG, PNG, BMP or TIFF ({type(error).__name__}: {error})") from error


def _mode(tile: Any) -> list[Any]:
    """Return the mode of the bytes of a part of an image, as Pillow calls it, and what else it says of them."""
    return [tile.args] if isinstance(tile.args, str) else list(tile.args or [""])


def _low_bytes(name: str, content: bytes) -> NDArray[np.int64]:
    """Return the low bytes `(H, W, 3)` of 16-bit colour, of which Pillow keeps the high ones.

    It reads them where it is told that the bytes are in the other order.
    """
    with PIL.Image.open(io.BytesIO(content), formats=FORMATS) as image:
        swapped = []
        for tile in image.tile:
            mode, *others = _mode(tile)
            form, _, order = str(mode).rpartition("16")
            if form not in ("RGB;", "RGBA;", "RGBX;"):
                raise BadRecord(name, f"has 16 bits a channel as {mode}, which is not read: accepted are grey and RGB")
            other = f"{form}16{'B' if (NATIVE if order == 'N' else order) == 'L' else 'L'}"
            swapped.append(tile._replace(args=other if isinstance(tile.args, str) else (other, *others)))
        image.tile = swapped
        return np.asarray(PIL.ImageOps.exif_transpose(image).convert("RGB"), np.int64)


def _check_levels(name: str, image: PIL.Image.Image) -> None:
    """Raise BadRecord for an image that a conversion to levels without transparency would change."""
    if getattr(image, "n_frames", 1) > 1:
        raise BadRecord(name, f"holds {getattr(image, 'n_frames', 1)} pictures; accepted is one")
    if image.mode == "CMYK":
        raise BadRecord(name, "is in the colours of print (CMYK), which cannot be converted to grey or RGB levels")
    if image.mode in ("I", "F"):
        raise BadRecord(
            name, f"has values of 32 bits (mode {image.mode}), whose range is unknown; accepted are 8 and 16"
        )
    transparent = "A" in image.getbands() or "transparency" in image.info
    if transparent and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise BadRecord(name, "has transparent pixels, which have no grey or colour level")


def _array(name: str, content: bytes) -> Deep:
    values = np.load(io.BytesIO(content), allow_pickle=False)
    _check_size(name, values.shape[1], values.shape[0])
    values = values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values
    return Deep(values.astype(np.int64), SIXTEEN if values.dtype.itemsize == 2 else (0, 255))


def _dicom(name: str, content: bytes) -> Deep:
    """Return the values of a DICOM image in its own unit (a CT's in HU), and their range by its BitsStored."""
    try:
        import pydicom
        from pydicom.pixels import pixel_array
    except ImportError as error:
        raise UserError(f"{name} is a DICOM file, which needs pydicom: pip install 'ganlab[dicom]'.") from error
    try:
        data = pydicom.dcmread(io.BytesIO(content))
        _check_size(name, int(data.Columns), int(data.Rows))
        if int(data.get("NumberOfFrames") or 1) > 1:
            raise BadRecord(name, f"holds {data.NumberOfFrames} pictures; accepted is one")
        kind, bits = str(data.PhotometricInterpretation), int(data.BitsStored)
        if kind == "PALETTE COLOR" or bits > 16:
            raise BadRecord(name, f"is {kind} of {bits} bits; accepted are grey and colour of up to 16")
        slope, intercept = float(data.get("RescaleSlope", 1) or 1), float(data.get("RescaleIntercept", 0) or 0)
        least = -(2 ** (bits - 1)) if data.PixelRepresentation == 1 else 0
        ends = (least * slope + intercept, (least + 2**bits - 1) * slope + intercept)
        return Deep(pixel_array(data) * slope + intercept, (min(ends), max(ends)), kind == "MONOCHROME1")
    except BadRecord:
        raise
    except Exception as error:
        raise BadRecord(name, f"not readable as DICOM ({type(error).__name__}: {error})") from error
