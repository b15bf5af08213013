"""Images as a data set: whole, in order, by person, from a folder or a zip; and what is refused, by name."""

import io
import json
import multiprocessing
import os
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf
from torch.utils.data import DataLoader

from ganlab.arrangement.image import AsItIs
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Image
from ganlab.dataset import image_decode, image_files
from ganlab.dataset import images as room
from ganlab.dataset.image_samples import Pictures
from ganlab.dataset.images import Images
from ganlab.dataset.owners import owners_of_images
from ganlab.dataset.samples import Batch
from ganlab.dataset.source import Collected
from tests.conftest import DATA, ROOT

HEIGHT, WIDTH = 6, 8
IRIS = ("001/01_L.bmp", "001/02_L.bmp", "001/10_R.bmp", "002/01_L.BMP", "002/02_R.bmp", "010/01_L.bmp")
"""The layout of the IIT Delhi database, in natural order."""


def levels(number: int, shape: tuple[int, ...] = (HEIGHT, WIDTH)) -> NDArray[np.uint8]:
    return np.random.default_rng(number).integers(0, 256, shape, np.uint8)


def encoded(array: NDArray[Any], kind: str = "BMP") -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(array).save(file, kind)
    return file.getvalue()


def encoded_as(mode: str, kind: str, **settings: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.new(mode, (WIDTH, HEIGHT)).save(file, kind, **settings)
    return file.getvalue()


def iris_files() -> dict[str, bytes]:
    return {name: encoded(levels(number)) for number, name in enumerate(IRIS)}


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def write_zip(root: Path, files: dict[str, bytes]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(root / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in reversed(files.items()):
            archive.writestr(name, content)
    return root / "all.zip"


def write_link(root: Path) -> Path:
    entry = zipfile.ZipInfo("a.bmp")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(write_zip(root, {}), "w") as archive:
        archive.writestr(entry, "/etc/hostname")
    return root / "all.zip"


def write_twice(root: Path) -> Path:
    with zipfile.ZipFile(write_zip(root, {}), "w") as archive:
        archive.writestr("a.bmp", encoded(levels(0)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.bmp", encoded(levels(1)))
    return root / "all.zip"


def write_entry(root: Path, name: str = "a.bmp", mode: int = 0, content: bytes = b"") -> Path:
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(write_zip(root, {}), "w") as archive:
        archive.writestr(entry, content)
    return root / "all.zip"


def replaced(file: Path, old: bytes, new: bytes) -> Path:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new))
    return file


def locked(root: Path) -> Path:
    """The bit of the central directory that says encrypted."""
    file = write_entry(root)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    file.write_bytes(content)
    return file


Write = Callable[[Path, dict[str, bytes]], Path]
both = pytest.mark.parametrize("write", [write_folder, write_zip])


@pytest.fixture
def collect(tmp_path: Path) -> Callable[..., Collected]:
    """What a data set of 6 x 8 images, unless said otherwise, has at a root."""

    def call(root: Path, **settings: Any) -> Collected:
        given = {"height": HEIGHT, "width": WIDTH, "cache": tmp_path / "cache", "person": "file"}
        images = Images(root, **(given | settings))
        return images.collect(AsItIs(*images.shape, batch_size=2))

    return call


def every(collected: Collected) -> Batch:
    return collected.train.spread(len(collected.train))


@both
def test_irises_come_level_for_level_in_natural_order_by_person(
    write: Write, collect: Callable[..., Collected], tmp_path: Path
) -> None:
    collected = collect(write(tmp_path / "iris", {**iris_files(), "readme.txt": b"terms"}), person="folder")
    assert [member.name for member in collected.members] == list(IRIS)
    assert [member.patient for member in collected.members] == ["001"] * 3 + ["002"] * 2 + ["010"]
    sample = every(collected).sample.numpy()
    assert sample.dtype == np.float32
    np.testing.assert_array_equal(sample, np.stack([levels(number) for number in range(6)])[:, None])
    of_two = collected.train.of(["002", "010"])
    assert of_two.patients.tolist() == ["002", "002", "010"]
    np.testing.assert_array_equal(of_two[2].sample.numpy()[0, 0], levels(5))


def test_a_folder_with_one_zip_is_that_zip_which_is_not_unpacked(
    collect: Callable[..., Collected], tmp_path: Path
) -> None:
    write_zip(tmp_path / "iris", iris_files())
    assert len(collect(tmp_path / "iris").members) == 6
    assert {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"} == {
        "all.zip",
        "index.json",
    }


@both
def test_workers_read_what_this_process_reads(write: Write, collect: Callable[..., Collected], tmp_path: Path) -> None:
    files = {f"{number}.png": encoded(levels(number), "PNG") for number in range(60)}
    train = collect(write(tmp_path / "x", files)).train
    expected = every(Collected((), train, train, ())).sample.numpy()
    loader = DataLoader(
        train, batch_size=5, num_workers=2, collate_fn=lambda batch: batch, multiprocessing_context="fork"
    )
    np.testing.assert_array_equal(np.concatenate([batch.sample.numpy() for batch in loader]), expected)
    again = pickle.loads(pickle.dumps(train))
    np.testing.assert_array_equal(again.spread(60).sample.numpy(), expected)


def test_an_open_zip_is_not_shared_with_a_forked_process(collect: Callable[..., Collected], tmp_path: Path) -> None:
    train = collect(write_zip(tmp_path / "x", iris_files())).train
    assert isinstance(train, Pictures)
    assert isinstance(train.store, image_files.Zip)
    mine = train.store.archive
    with multiprocessing.get_context("fork").Pool(1, _keep, (train.store, mine)) as pool:
        assert pool.apply(_opens_its_own)


kept: list[Any] = []


def _keep(*store_and_archive: Any) -> None:
    kept[:] = store_and_archive


def _opens_its_own() -> bool:
    store, archive = kept
    return store.archive is not archive and store.archive is store.archive


def test_colours_stay_in_their_channels_and_grey_is_their_luma(
    collect: Callable[..., Collected], tmp_path: Path
) -> None:
    pixels = levels(3, (HEIGHT, WIDTH, 3))
    root = write_folder(tmp_path / "x", {"a.png": encoded(pixels, "PNG")})
    np.testing.assert_array_equal(every(collect(root, channels=3)).sample.numpy()[0], pixels.transpose(2, 0, 1))
    grey = every(collect(root)).sample.numpy()[0, 0]
    np.testing.assert_allclose(grey, pixels @ np.array([0.299, 0.587, 0.114]), atol=1)


def test_resize_brings_all_to_one_size_without_aliasing(collect: Callable[..., Collected], tmp_path: Path) -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (4 * HEIGHT, 4 * WIDTH))
    files = {"a.png": encoded(stripes, "PNG"), "b.png": encoded(levels(0), "PNG")}
    small, same = every(collect(write_folder(tmp_path / "x", files), resize=True)).sample.numpy()[:, 0]
    np.testing.assert_allclose(small, 127.5, atol=16)
    np.testing.assert_array_equal(same, levels(0))


def test_a_photograph_stands_upright(collect: Callable[..., Collected], tmp_path: Path) -> None:
    lying = PIL.Image.fromarray(np.rot90(levels(0)).copy())
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "x").mkdir()
    lying.save(tmp_path / "x" / "a.png", exif=exif)
    np.testing.assert_array_equal(every(collect(tmp_path / "x")).sample.numpy()[0, 0], levels(0))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: root, ("No such folder or zip", "dataset.root=", "dataset=iris_sim")),
        (lambda root: write_folder(root, {"a.txt": b""}), ("No image in", ".jpg", "dataset=iris_sim")),
        (lambda root: write_zip(root, {"a.txt": b""}), ("No image in", "all.zip", "dataset=iris_sim")),
        (lambda root: write_folder(root, {"a.zip": b"", "b.zip": b""}), ("No image in", "holds 2 archives")),
        (lambda root: write_folder(root, {"a.zip": b"PK"}) / "a.zip", ("a.zip is not a readable zip", "dataset.root")),
        (lambda root: write_zip(root, {"../a.bmp": b""}), ("'../a.bmp' points outside", "Nothing was read")),
        (lambda root: write_zip(root, {"/a.bmp": b""}), ("'/a.bmp' points outside",)),
        (lambda root: write_zip(root, {"C:/a.bmp": b""}), ("'C:/a.bmp' points outside",)),
        (write_link, ("'a.bmp' is a link",)),
        (write_twice, ("a.bmp more than once",)),
        (lambda root: write_entry(root, mode=0o010644), ("'a.bmp' is not a regular file",)),
        (lambda root: write_entry(root, mode=0o020644), ("'a.bmp' is not a regular file",)),
        (locked, ("'a.bmp' is encrypted",)),
        (lambda root: replaced(write_entry(root, "abcd.bmp"), b"abcd", b"ab\xe4d"), ("is not UTF-8",)),
        (lambda root: replaced(write_entry(root, "\xe4b.bmp"), "\xe4".encode(), b"\xe4\xff"), ("not a readable zip",)),
        (lambda root: write_entry(root, "a\n.bmp"), ("not printable text",)),
        (lambda root: replaced(write_entry(root, "ab.bmp"), b"ab.bmp", b"a\0.bmp"), ("not printable text",)),
        (lambda root: write_entry(root, content=bytes(65 << 20)), ("would unpack from", "Nothing was read")),
        (lambda root: write_folder(root, {"a\n.bmp": b""}), ("not printable text",)),
    ],
    ids=[
        *("nothing", "no image", "empty zip", "two zips", "no zip", "up", "root", "drive", "link", "twice"),
        *("pipe", "device", "encrypted", "latin-1", "wrong UTF-8", "control", "NUL", "bomb", "control in a folder"),
    ],
)
def test_a_root_that_holds_no_data_set_is_refused(
    make: Callable[[Path], Path], said: tuple[str, ...], collect: Callable[..., Collected], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        collect(make(tmp_path / "x"), stand_in="dataset=iris_sim")
    for words in said:
        assert words in str(error.value)


def test_a_zip_of_too_many_files_is_refused(
    collect: Callable[..., Collected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_zip(tmp_path / "x", iris_files())
    monkeypatch.setattr(image_files, "MOST_ENTRIES", 5)
    with pytest.raises(UserError, match="holds 6 files; accepted are 5"):
        collect(root)


def test_a_name_in_utf8_without_its_mark_is_read_as_that(collect: Callable[..., Collected], tmp_path: Path) -> None:
    root = replaced(write_entry(tmp_path / "x", "ab.bmp", content=encoded(levels(0))), b"ab.bmp", "\xe4.bmp".encode())
    assert [member.name for member in collect(root).members] == ["\xe4.bmp"]
    np.testing.assert_array_equal(every(collect(root)).sample.numpy()[0, 0], levels(0))


def test_links_out_of_the_root_and_pipes_are_bad_images_and_links_within_are_not(
    collect: Callable[..., Collected], tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    (tmp_path / "secret.bmp").write_bytes(encoded(levels(9)))
    (root / "out.bmp").symlink_to(tmp_path / "secret.bmp")
    (root / "within.bmp").symlink_to("001/01_L.bmp")
    (root / "gone.bmp").symlink_to("nothing.bmp")
    os.mkfifo(root / "pipe.bmp")
    left = collect(root, on_bad_record="skip")
    reasons = {bad.record: bad.reason for bad in left.skipped}
    assert reasons.keys() == {"out.bmp", "gone.bmp", "pipe.bmp"}
    assert "points outside" in reasons["out.bmp"]
    assert "not a regular file" in reasons["pipe.bmp"]
    assert len(left.members) == 7


def test_images_that_differ_in_size_are_named_with_the_way_on(
    collect: Callable[..., Collected], tmp_path: Path
) -> None:
    files = {"2.bmp": encoded(levels(0)), "10.bmp": encoded(levels(0, (5, 7))), "11.bmp": encoded(levels(0, (1, 1)))}
    with pytest.raises(UserError, match=r"2\.bmp is 8 wide and 6 high, 10\.bmp is 7 wide and 5 high") as error:
        collect(write_folder(tmp_path / "x", files))
    assert "dataset.resize=crop, pad or stretch" in str(error.value)


def test_a_size_that_is_not_the_declared_one_names_both(collect: Callable[..., Collected], tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    with pytest.raises(UserError, match=r"declared are dataset\.width=8 and dataset\.height=7") as error:
        collect(root, height=7)
    assert "dataset.width=8 dataset.height=6" in str(error.value)


TRANSPARENT = encoded(np.full((HEIGHT, WIDTH, 4), 100, np.uint8), "PNG")
CMYK = encoded_as("CMYK", "JPEG")
ANIMATED = encoded_as("L", "PNG", save_all=True, append_images=[PIL.Image.new("L", (WIDTH, HEIGHT), 9)])
NOISE = encoded(levels(0, (40, 40)), "PNG")


@both
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image at all", "not readable as JPEG, PNG, BMP or TIFF"),
        (NOISE[: len(NOISE) // 2], "not readable as JPEG, PNG, BMP or TIFF"),
        (encoded(levels(0), "PPM"), "not readable as JPEG, PNG, BMP or TIFF"),
        (b"", "not readable as JPEG, PNG, BMP or TIFF"),
        (encoded(np.zeros((HEIGHT, WIDTH), np.int32), "TIFF"), "32 bits"),
        (TRANSPARENT, "transparent"),
        (CMYK, "colours of print"),
        (ANIMATED, "holds 2 pictures"),
        (encoded(levels(0, (200, 300)), "BMP"), "bytes long; accepted are 50000"),
        (encoded(np.zeros((200, 300), np.uint8), "PNG"), "300 x 200 pixels; accepted are 5000"),
    ],
    ids=[
        "text",
        "truncated",
        "other format",
        "empty",
        "32 bits",
        "transparent",
        "print",
        "animated",
        "bytes",
        "pixels",
    ],
)
def test_a_bad_image_is_named_and_refused_or_left_out(
    content: bytes,
    reason: str,
    write: Write,
    collect: Callable[..., Collected],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(image_files, "LARGEST_FILE", 50_000)
    monkeypatch.setattr(image_decode, "LARGEST_IMAGE", 5_000)
    root = write(tmp_path / "x", {**iris_files(), "002/bad.png": content})
    with pytest.raises(UserError, match=rf"002/bad\.png: .*{reason}(.|\n)*dataset\.on_bad_record=skip"):
        collect(root)
    left = collect(root, on_bad_record="skip")
    assert [bad.record for bad in left.skipped] == ["002/bad.png"]
    assert reason in left.skipped[0].reason
    assert [member.name for member in left.members] == list(IRIS)


def test_a_damaged_zip_entry_is_a_bad_image(collect: Callable[..., Collected], tmp_path: Path) -> None:
    root = write_zip(tmp_path / "x", {"a.bmp": encoded(levels(0)), "b.bmp": encoded(levels(1))})
    content = bytearray(root.read_bytes())
    with zipfile.ZipFile(root) as archive:
        content[archive.getinfo("b.bmp").header_offset + 60] ^= 0xFF
    root.write_bytes(content)
    assert [bad.record for bad in collect(root, on_bad_record="skip").skipped] == ["b.bmp"]


def test_a_data_set_of_bad_images_alone_is_refused(collect: Callable[..., Collected], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of its 1 images"):
        collect(write_folder(tmp_path / "x", {"a.png": b""}), on_bad_record="skip")


def test_an_image_that_breaks_after_the_check_ends_with_a_sentence(
    collect: Callable[..., Collected], tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    collected = collect(root)
    (root / IRIS[2]).write_bytes(b"")
    with pytest.raises(UserError, match=r"001/10_R\.bmp: .*start the run again"):
        every(collected)


@pytest.mark.parametrize("above", ["", "IITD/", "data/IITD/"])
def test_persons_are_the_first_folders_below_what_all_share(
    above: str, collect: Callable[..., Collected], tmp_path: Path
) -> None:
    root = write_folder(tmp_path / "x", {f"{above}{name}": content for name, content in iris_files().items()})
    assert collect(root, person="folder").train.unique_patients.tolist() == ["001", "002", "010"]
    assert len(collect(root, person="file").train.unique_patients) == 6


def test_an_image_in_no_folder_has_no_person(collect: Callable[..., Collected], tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", {**iris_files(), "loose.bmp": encoded(levels(0))})
    with pytest.raises(UserError, match=r"loose\.bmp is in no person's folder; dataset\.person=file"):
        collect(root, person="folder")


@pytest.mark.parametrize(
    ("names", "patients", "rule"),
    [
        (["a.png", "b.png", "a 2.png"], ["a 2.png", "a.png", "b.png"], "nothing says otherwise"),
        (["x/1.png", "y/1.png"], ["x/1.png", "y/1.png"], "nothing says otherwise"),
        (
            ["ill/patient01/1.png", "ill/patient01/2.png", "well/sub-02/1.png"],
            ["patient01", "sub-02"],
            "names of their",
        ),
        (["ill/a.png", "ill/b.png", "well/c.png"], None, "3 images lie in 2 folders"),
        (["subject01.happy.png", "subject01.sad.png", "subject02.sad.png"], None, "2 images begin with subject01"),
        (["train/patient01/1.png", "test/patient01/1.png"], None, "may be one patient or two"),
        (["1.dcm", "2.dcm"], None, "a patient has many DICOM files"),
    ],
)
def test_persons_are_never_guessed(names: list[str], patients: list[str] | None, rule: str) -> None:
    own = owners_of_images(names)
    assert rule in own.rule + own.doubt
    assert sorted(set(own.patients.values())) == (patients or [])


def test_images_in_folders_want_a_declaration(collect: Callable[..., Collected], tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    with pytest.raises(
        UserError, match=r"nothing says to which patient(.|\n)*dataset\.person=folder where(.|\n)*person=file"
    ):
        collect(root, person=None)


@pytest.fixture
def labelled(collect: Callable[..., Collected], tmp_path: Path) -> Callable[..., Collected]:
    """Collects three images with these lines as their labels file."""
    root = write_folder(tmp_path / "x", {f"{name}.bmp": encoded(levels(0)) for name in "abc"})

    def call(*lines: str, **settings: Any) -> Collected:
        (tmp_path / "labels.csv").write_text("\n".join(lines))
        return collect(root, **{"people": tmp_path / "labels.csv", "classes": ("ill", "well"), **settings})

    return call


def test_labels_and_persons_come_from_the_file(labelled: Callable[..., Collected]) -> None:
    collected = labelled("label,person,name", "well,p2,c.bmp", "ill,p1,b.bmp", "well,p1,a.bmp", "ill,p9,gone.bmp")
    assert [(m.name, m.patient, m.label) for m in collected.members] == [
        ("a.bmp", "p1", 1),
        ("b.bmp", "p1", 0),
        ("c.bmp", "p2", 1),
    ]
    assert every(collected).label.tolist() == [1, 0, 1]
    assert every(collected).patient.tolist() == [0, 0, 1]


@pytest.mark.parametrize("row", [(), ("b.bmp,p1,",)])
def test_an_image_without_a_row_or_a_label_is_left_out_and_counted(
    labelled: Callable[..., Collected], row: tuple[str, ...]
) -> None:
    left = labelled("name,person,label", "a.bmp,p1,ill", "c.bmp,p2,well", *row)
    assert [(other.reason, other.count) for other in left.skipped] == [("1 image(s) have no row in it, or no label", 1)]
    assert len(left.train) == 2


@pytest.mark.parametrize(
    ("lines", "settings", "said"),
    [
        (("name,label", "a.bmp,ill"), {}, r"no column person; it has name, label"),
        (("name,person,label", "a.bmp,p1,dead"), {}, r"'dead' is none of dataset\.classes: ill, well"),
        (("name,person,label",), {"people": "gone.csv"}, r"dataset\.people=gone\.csv"),
        (("name,person,label",), {"people": None}, r"dataset\.classes=\['ill', 'well'\] with dataset\.people=null"),
        (("name,person,label",), {"person": "eye"}, r"dataset\.person='eye': accepted are file, folder and null"),
        (("name,person,label",), {"channels": 2}, r"dataset\.channels=2: accepted are 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    lines: tuple[str, ...], settings: dict[str, Any], said: str, labelled: Callable[..., Collected]
) -> None:
    with pytest.raises(UserError, match=said):
        labelled(*lines, **settings)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are decoded from now on."""
    names: list[str] = []
    true = room.decoded

    def counting(name: str, *rest: Any) -> PIL.Image.Image:
        names.append(name)
        return true(name, *rest)

    monkeypatch.setattr(room, "decoded", counting)
    return names


@both
def test_images_are_checked_once_and_again_when_they_change(
    write: Write, collect: Callable[..., Collected], tmp_path: Path, decoded: list[str]
) -> None:
    root = write(tmp_path / "x", {**iris_files(), "bad.png": b""})
    for _ in range(2):
        assert len(collect(root, on_bad_record="skip").skipped) == 1
    assert len(decoded) == 7
    write(tmp_path / "x", {**iris_files(), "bad.png": encoded(levels(0), "PNG")})
    assert not collect(root).skipped
    assert len(decoded) == 14


def test_a_check_that_is_interrupted_leaves_no_index(
    collect: Callable[..., Collected], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    with monkeypatch.context() as patched:
        patched.setattr(json, "dumps", _interrupted_at_the_index(json.dumps))
        with pytest.raises(KeyboardInterrupt):
            collect(root)
    assert not [path for path in (tmp_path / "cache").glob("images-*") if path.is_dir()]
    assert len(collect(root).members) == 6
    assert not list((tmp_path / "cache").glob(".images-*"))


def _interrupted_at_the_index(dumps: Callable[..., str]) -> Callable[..., str]:
    def call(value: Any, **settings: Any) -> str:
        if "bad" in value:
            raise KeyboardInterrupt
        return dumps(value, **settings)

    return call


def test_processes_that_ask_at_once_check_once(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(_build_slowly, [(root, tmp_path / "cache")] * 4, chunksize=1)
    assert found == [6] * 4
    assert (tmp_path / "builds").read_text() == "built\n"


def _build_slowly(place: tuple[Path, Path]) -> int:
    root, cache = place

    class Slow(Images):
        def _index(self, folder: Path) -> None:
            with (cache.parent / "builds").open("a") as file:
                file.write("built\n")
            time.sleep(0.2)
            super()._index(folder)

    source = Slow(root, height=HEIGHT, width=WIDTH, person="folder", cache=cache)
    return len(source.collect(source.plain()).members)


def test_only_the_arrangement_of_images_of_this_size_is_accepted(tmp_path: Path) -> None:
    source = Images(tmp_path, height=HEIGHT, width=WIDTH, name="iris")
    assert source.kind(AsItIs(1, HEIGHT, WIDTH, batch_size=2)) == Image((1, HEIGHT, WIDTH))
    assert source.kind(source.plain()) == Image((1, HEIGHT, WIDTH))
    with pytest.raises(UserError, match="dataset=iris gives images; arrangement=image accepts them"):
        source.kind(Leads())
    with pytest.raises(UserError, match=r"\(1, 6, 8\), the arrangement takes \(3, 6, 8\)"):
        source.kind(AsItIs(3, HEIGHT, WIDTH, batch_size=2))


def from_conf(name: str, **overrides: Any) -> Images:
    config = OmegaConf.load(ROOT / "conf" / "dataset" / f"{name}.yaml")
    source: Images = instantiate(OmegaConf.merge(config, overrides))
    return source


def test_the_iris_choice_reads_the_layout_of_the_database(tmp_path: Path) -> None:
    files = {name: encoded(levels(number, (240, 320))) for number, name in enumerate(IRIS)}
    source = from_conf("iris", root=write_folder(tmp_path / "iris", files), cache=tmp_path / "cache")
    collected = source.collect(source.plain())
    assert collected.train.unique_patients.tolist() == ["001", "002", "010"]
    assert not source.simulated
    with pytest.raises(UserError, match="dataset=iris_sim"):
        from_conf("iris", root=tmp_path / "gone", cache=tmp_path / "cache").collect(source.plain())


def test_own_images_take_four_settings(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "x", iris_files())
    source = from_conf("images", root=root, height=HEIGHT, width=WIDTH, person="folder", cache=tmp_path / "cache")
    assert len(source.collect(source.plain()).members) == 6


def test_the_real_fingerprints_are_read_from_their_zip(tmp_path: Path) -> None:
    if not (DATA / "fingerprint").is_dir():
        pytest.skip(f"no real fingerprints in {DATA}: set GANLAB_TEST_DATA to the folder that holds fingerprint")
    source = from_conf("fingerprint", root=DATA / "fingerprint", cache=tmp_path / "cache")
    collected = source.collect(source.plain())
    assert [member.name for member in collected.members] == [f"{number}.jpg" for number in range(100)]
    assert len(collected.train.unique_patients) == 100
    sample = collected.train.spread(10).sample
    assert sample.shape == (10, 1, 400, 275)
    assert (sample.amin(dim=(1, 2, 3)) < 20).all()
    assert (sample.amax(dim=(1, 2, 3)) > 250).all()
