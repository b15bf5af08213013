"""Wherever the data lie, and whatever the process is allowed, they are read the same."""

import os
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from ganlab.arrangement.leads import Leads
from ganlab.dataset.images import Images
from ganlab.dataset.module import Data
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.table import Table
from ganlab.simulator.cohort import write_cohort
from ganlab.split.patient import PatientSplit
from tests.conftest import ROOT

PLACES = [
    "blanks in  the name",
    "\u0130\u0131 \u00e4\u00f6\u00df \u5fc3\u96fb\u56f3 [1] {2} #3 'q' %s",
    "/".join(["y" * 66] * 3),
]
"""The second has the letters of which Turkish rules differ, and signs that shells, globs and formats read; the last has
200 characters."""


@pytest.fixture(params=[("022", "UTC"), ("077", "Pacific/Kiritimati")], ids=str)
def process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A process with this mask of rights, in this zone of time."""
    mask, zone = request.param
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    before = os.umask(int(mask, 8))
    yield int(mask, 8)
    os.umask(before)
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("place", PLACES, ids=["blanks", "unicode", "long"])
def test_data_are_read_wherever_they_lie(place: str, process: int, tmp_path: Path) -> None:
    root = tmp_path / place
    write_cohort(root / "ptbdb", 3, seconds=4, seed=0)
    (root / "rows.csv").write_text("age\n1\n2\n", encoding="utf-8")
    (root / "images").mkdir()
    with zipfile.ZipFile(root / "images" / "all.zip", "w") as archive:
        PIL.Image.fromarray(np.zeros((3, 4), np.uint8)).save(root / "a.png")
        archive.write(root / "a.png", "\u0131/\u5fc3.png")
    for _ in range(2):
        data = Data(PTBDB(root / "ptbdb", cache=root / "cache"), PatientSplit(), Leads(["i"]), batch_size=1)
        data.setup()
        assert next(iter(data.train_dataloader())).sample.isfinite().all()
        images = Images(root / "images", height=3, width=4, person="folder", cache=root / "cache")
        assert [member.patient for member in images.collect(images.plain()).members] == ["\u0131"]
        table = Table(root / "rows.csv", {"age": {}})
        assert len(table.collect(table.plain()).train) == 2
    made = [path for path in (root / "cache").iterdir() if path.suffix != ".lock"]
    assert len(made) == 2
    for path in (*made, *(file for folder in made for file in folder.iterdir())):
        assert stat.S_IMODE(path.stat().st_mode) & process == 0, f"{path.name} has rights that the mask takes away"


SCRIPT = """
import locale, sys
from pathlib import Path
from ganlab.dataset.ptbdb import PTBDB
from ganlab.simulator.cohort import write_cohort
from ganlab.dataset.table import Table
assert locale.getencoding().lower() in ("ansi_x3.4-1968", "ascii", "us-ascii"), locale.getencoding()
root = Path(sys.argv[1])
write_cohort(root / "ptbdb", 1, seconds=3, seed=0)
print(len(PTBDB(root / "ptbdb", cache=root / "cache").prepare().records))
table = Table(root / "rows.csv", {"\\u00e2ge": {}}, person="\\u0130")
print(ascii(table.collect(table.plain()).members[0].patient))
"""


def test_a_locale_without_unicode_reads_the_same(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\u00e2ge,\u0130\n1,\u5fc3\n", encoding="utf-8")
    environment = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["1", r"'\u5fc3'"], done.stderr
