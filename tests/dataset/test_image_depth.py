"""Images of 16 bits, TIFF, DICOM and npz by their own depth; what resizing does to their aspect."""

import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from numpy.typing import NDArray

from ganlab.arrangement.image import AsItIs
from ganlab.core.errors import BadRecord, UserError
from ganlab.dataset.image_decode import decode, decoded
from ganlab.dataset.images import Images
from ganlab.dataset.source import Collected
from tests.conftest import DATA

HEIGHT, WIDTH = 6, 8


def values(top: int = 65535, channels: int = 1) -> NDArray[np.uint16]:
    shape = (HEIGHT, WIDTH) if channels == 1 else (HEIGHT, WIDTH, 3)
    drawn = np.random.default_rng(0).integers(0, top + 1, shape, np.uint16)
    drawn.flat[:2] = 0, top
    return drawn


def grey(array: NDArray[np.uint16], kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, kind, **settings)
    return file.getvalue()


def colour(array: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a channel, which Pillow does not write."""
    import struct
    import zlib

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def colour_tiff(array: NDArray[np.uint16], order: str) -> bytes:
    """An uncompressed TIFF of 16 bits a channel, in either order of bytes."""
    import struct

    data, at = array.astype(f"{order}u2").tobytes(), 8 + 2 + 9 * 12 + 4
    tags = [(256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 3, at), (259, 3, 1, 1), (262, 3, 1, 2)]
    tags += [(273, 4, 1, at + 6), (277, 3, 1, 3), (278, 3, 1, HEIGHT), (279, 4, 1, len(data))]
    head = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    for tag, kind, count, value in tags:
        short = kind == 3 and count == 1
        head += struct.pack(
            f"{order}HHIHH" if short else f"{order}HHII", tag, kind, count, value, *([0] if short else [])
        )
    return head + struct.pack(f"{order}I3H", 0, 16, 16, 16) + data


def levels_of(array: NDArray[Any], low: float = 0, high: float = 65535) -> NDArray[np.float64]:
    return np.rint((array.astype(float) - low) / (high - low) * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "tiff_lzw"])
def test_grey_of_16_bits_keeps_its_depth(kind: str) -> None:
    array = values()
    settings = {"compression": kind} if kind == "tiff_lzw" else {}
    content = grey(array, kind if kind == "PNG" else "TIFF", **settings)
    assert np.array_equal(np.asarray(decode("a.png", content, 1)), levels_of(array))
    found = decoded("a.png", content, 1, (1000.0, 5000.0))
    assert np.array_equal(np.asarray(found.image), levels_of(array, 1000, 5000).clip(0, 255))
    assert (found.depth, found.used) == ((0, 65535), (0, 65535))


@pytest.mark.parametrize("made", ["png", "tiff <", "tiff >"])
def test_colour_of_16_bits_keeps_its_depth(made: str) -> None:
    array = values(channels=3)
    content = colour(array) if made == "png" else colour_tiff(array, made[-1])
    assert np.array_equal(np.asarray(decode("a.png", content, 3)), levels_of(array))
    assert np.abs(np.asarray(decode("a.png", content, 1), float) - levels_of(array) @ (0.299, 0.587, 0.114)).max() < 1.1


def test_a_tiff_whose_zero_is_white_is_turned() -> None:
    array = values()
    content = bytearray(grey(array, "TIFF", tiffinfo={262: 0}))
    assert np.abs(np.asarray(decode("a.tif", bytes(content), 1)) - (255 - levels_of(array))).max() <= 1


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., Collected]:
    def call(files: dict[str, bytes], **settings: Any) -> Collected:
        for name, content in files.items():
            (tmp_path / "x").mkdir(exist_ok=True)
            (tmp_path / "x" / name).write_bytes(content)
        given = {"height": HEIGHT, "width": WIDTH, "cache": tmp_path / "cache", "root": tmp_path / "x", **settings}
        images = Images(**given)
        return images.collect(AsItIs(*images.shape, batch_size=2))

    return call


def test_values_that_use_few_of_the_levels_are_refused_with_their_range(
    collect: Callable[..., Collected], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    array = values(599)
    files = {f"{n}.png": grey(array, "PNG") for n in range(2)}
    with pytest.raises(UserError, match=r"are 0\.\.599 of 0\.\.65535.*2\.34 of 256 .*dataset\.range=\[0,599\]"):
        collect(files)
    found = collect(files, range=[0, 599])
    assert np.array_equal(found.train[0].sample[0, 0].numpy(), levels_of(array, 0, 599))
    assert "2 image(s) of more than 8 bits: 0..599 become levels 0..255" in caplog.text
    collect(files, range=[0, 300])
    assert "2 image(s) have values beyond dataset.range" in caplog.text
    for wrong in ([1], [2, 1], ["a", 3]):
        with pytest.raises(UserError, match="two rising numbers"):
            collect(files, range=wrong)


@pytest.mark.skipif(not (DATA / "cases").is_dir(), reason=f"no {DATA / 'cases'}")
def test_colour_of_few_of_16_bits_is_refused_with_its_range(collect: Callable[..., Collected]) -> None:
    with pytest.raises(UserError, match=r"dataset\.range=\[0,599\]"):
        collect({}, root=DATA / "cases" / "09-png-16-bit-colour" / "rgb16", channels=3, height=24, width=32)


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_the_aspect_is_kept_or_changed_as_chosen_and_said(
    resize: str, collect: Callable[..., Collected], caplog: pytest.LogCaptureFixture
) -> None:
    """A picture twice as wide as the form, bright in its middle half: cut, squeezed, or between black bars."""
    wide = np.zeros((HEIGHT, 2 * WIDTH), np.uint8) + 50
    wide[:, WIDTH // 2 : -WIDTH // 2] = 200
    found = collect({"a.png": grey(wide, "PNG"), "b.png": grey(wide[:, :WIDTH], "PNG")}, resize=resize)
    image = found.train[0].sample[0, 0].numpy()
    assert (image.min() > 190) == (resize == "crop")
    assert (image[0].max() == 0) == (resize == "pad")
    (said,) = found.doubtful
    assert (said.count, said.noun) == (1, "image")
    assert f"dataset.resize={resize}" in caplog.text
    with pytest.raises(UserError, match=r"dataset\.resize='squash'"):
        collect({}, resize="squash")


def test_an_npz_holds_images_and_their_classes(collect: Callable[..., Collected], tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (5, HEIGHT, WIDTH), np.uint8)
    labels = np.array([[0], [1], [1], [0], [1]])
    np.savez(tmp_path / "all.npz", train_images=array, train_labels=labels, other=np.zeros(3))
    found = collect({}, root=tmp_path / "all.npz", classes=[0, 1])
    assert np.array_equal(found.train.spread(5).sample[:, 0].numpy(), array)
    assert found.train.labels.tolist() == labels.reshape(-1).tolist()
    assert found.members[3].name == "train_images/000003"
    with pytest.raises(UserError, match=r"the class of train_images/000001 is '1', none of dataset.classes: 0, 2"):
        collect({}, root=tmp_path / "all.npz", classes=[0, 2])
    np.savez(tmp_path / "none.npz", train=np.zeros((2, HEIGHT, WIDTH)))
    with pytest.raises(UserError, match="No image in"):
        collect({}, root=tmp_path / "none.npz")
    np.savez(tmp_path / "code.npz", x=np.array([{}], object), allow_pickle=True)
    with pytest.raises(UserError, match="is not an npz file of arrays"):
        collect({}, root=tmp_path / "code.npz")


def dicom(array: NDArray[Any], **tags: Any) -> bytes:
    pydicom = pytest.importorskip("pydicom", reason="pydicom is an extra")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = pydicom.uid.SecondaryCaptureImageStorage, pydicom.uid.generate_uid()
    data.Rows, data.Columns = array.shape[:2]
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation, data.SamplesPerPixel = 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = array.tobytes()
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_dicom_is_read_by_the_bits_that_it_says() -> None:
    array = values(4095)
    assert np.array_equal(np.asarray(decode("a.dcm", dicom(array), 1)), levels_of(array, 0, 4095))
    inverted = decode("a.dcm", dicom(array, PhotometricInterpretation="MONOCHROME1"), 1)
    assert np.abs(np.asarray(inverted) - (255 - levels_of(array, 0, 4095))).max() <= 1
    signed = dicom(
        (array.astype(np.int16) - 2048).astype("<i2"), PixelRepresentation=1, RescaleSlope="2", RescaleIntercept="100"
    )
    found = decoded("a.dcm", signed, 1)
    assert (found.depth, found.used) == ((-3996, 4194), (-3996, 4194))
    assert np.abs(np.asarray(found.image) - levels_of(array, 0, 4095)).max() <= 1
    hounsfield = decoded("a.dcm", signed, 1, (-1000.0, 1000.0)).image
    shifted = array.astype(float) * 2 - 4096 + 100
    assert np.array_equal(np.asarray(hounsfield), levels_of(shifted, -1000, 1000).clip(0, 255))


def test_a_dicom_that_is_no_single_image_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    content = dicom(values(4095))
    with pytest.raises(BadRecord, match=r"a.dcm: holds 2 pictures"):
        decode("a.dcm", dicom(values(4095), NumberOfFrames=2), 1)
    with pytest.raises(BadRecord, match=r"a.dcm: not readable as DICOM"):
        decode("a.dcm", content[:300], 1)
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UserError, match=r"pip install 'ganlab\[dicom\]'"):
        decode("a.dcm", content, 1)


def test_colours_of_other_kinds_become_grey() -> None:
    file, made = io.BytesIO(), np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    PIL.Image.fromarray(made, "LAB").save(file, "TIFF")
    own, colours = (decode("a.tif", file.getvalue(), channels) for channels in (1, 3))
    np.testing.assert_array_equal(np.asarray(own), np.asarray(colours.convert("L")))
