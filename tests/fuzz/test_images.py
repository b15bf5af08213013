"""Zips, images and lists of persons, changed here and there; hostile archives and hostile folders."""

import io
import stat
import zipfile

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganlab.dataset import image_decode, image_files
from ganlab.dataset.images import Images
from tests.fuzz.cases import PATHS, changed, many, tokens
from tests.fuzz.conftest import Fuzz

HEIGHT, WIDTH = 5, 6
LARGEST = 100_000
"""Bytes of a file and pixels of an image in these tests, so that a bomb is quick to make."""
MODES = {
    "PNG": ("L", "RGB", "1", "P", "LA", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("L", "RGB", "1", "P"),
    "GIF": ("P",),
    "TIFF": ("F",),
}
PEOPLE = b"name,person,label\na/1.png,p1,x\nb/2.png,p2,y\n"


def encoded(kind: str, mode: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    levels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    picture = PIL.Image.fromarray(levels)
    picture = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


VALID = encoded("PNG", "L")
PICTURES = [encoded(kind, mode) for kind, modes in MODES.items() for mode in modes]
OTHERS = (
    *PICTURES,
    encoded("PNG", "L", (3, 7)),
    encoded("PNG", "1", (400, 300)),
    encoded("BMP", "RGB", (200, 200)),
    b"\x89PNG\r\n\x1a\n",
    b"BM" + b"\xff" * 60,
)

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "LARGEST_FILE", LARGEST)
    monkeypatch.setattr(image_decode, "LARGEST_IMAGE", LARGEST)
    monkeypatch.setattr(image_files, "MOST_ENTRIES", 4)


names = st.sampled_from(("a/1.png", "b/2.png", "b/3.jpg", "4.bmp", "x.txt", ".hidden.png", "A/1.PNG")) | st.builds(
    "{}.png".format, st.sampled_from(PATHS) | tokens
)
contents = st.just(VALID) | st.sampled_from(OTHERS) | st.sampled_from(OTHERS).flatmap(changed)
modes = st.sampled_from((0, 0, 0, stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR))


def zipped(data: st.DataObject) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/1.png", VALID)
        for name in data.draw(st.lists(names, max_size=3)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = data.draw(modes) << 16
            entry.compress_type = data.draw(
                st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
            )
            if data.draw(st.integers(0, 30)) == 0:
                archive.writestr(entry, bytes(LARGEST + 1))
            else:
                archive.writestr(entry, data.draw(contents))
    content = file.getvalue()
    return content if data.draw(st.booleans()) else data.draw(changed(content, (VALID, b"PK")))


def settings(data: st.DataObject) -> dict[str, object]:
    return {
        "height": HEIGHT,
        "width": WIDTH,
        "channels": data.draw(st.sampled_from((1, 1, 3))),
        "resize": data.draw(st.booleans()),
        "person": data.draw(st.sampled_from(("file", "folder"))),
        "on_bad_record": data.draw(st.sampled_from(("skip", "skip", "error"))),
    }


def look(images: Images) -> None:
    found = images.collect(images.plain())
    sample = found.judged.spread(9).sample
    assert sample.shape[1:] == images.shape
    assert sample.min() >= 0
    assert sample.max() <= 255


def test_zip(fuzz: Fuzz) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        root = fuzz.filled({"all.zip": zipped(data)})
        given = settings(data)
        fuzz.case(lambda: look(Images(root, cache=root / "cache", **given)))  # type: ignore[arg-type]

    check()


def test_images(fuzz: Fuzz) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        root = fuzz.filled({"in/a/1.png": VALID, "in/b/2.png": data.draw(contents), "people.csv": PEOPLE})
        for name in data.draw(
            st.lists(st.sampled_from(("a/3.png", "4.jpg", "b/5.bmp", "\u0130.png", "a/\udce4.png")), max_size=2)
        ):
            (root / "in" / name).write_bytes(data.draw(contents))
        if data.draw(st.integers(0, 5)) == 0:
            target = data.draw(st.sampled_from((fuzz.around / "secret.csv", "1.png", "9.png", "/dev/zero", "..")))
            (root / "in" / "a" / "9.png").symlink_to(target)
        given = settings(data)
        if data.draw(st.booleans()):
            (root / "people.csv").write_bytes(
                data.draw(changed(PEOPLE, (b"\xff", "name,person\nä,b".encode("latin-1"))))
            )
            given |= {"people": root / "people.csv", "classes": ("x", "y")}
        fuzz.case(lambda: look(Images(root / "in", cache=root / "cache", **given)))  # type: ignore[arg-type]

    check()
