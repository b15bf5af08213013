"""WFDB headers, signals and lists of records, changed here and there."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given
from hypothesis import strategies as st

from ganlab.arrangement.leads import Leads
from ganlab.dataset.module import Data
from ganlab.dataset.wfdb import WFDB
from ganlab.split.patient import PatientSplit
from ganlab.trick.random_crop import RandomCrop
from tests.fuzz.cases import PATHS, changed, many, tokens
from tests.fuzz.conftest import Fuzz

SAMPLES = 400


@pytest.fixture
def database(tmp_path: Path) -> dict[str, bytes]:
    """Three records of two leads at 250 Hz, two of them of one person, and lists of records and persons."""
    for number in range(3):
        name = f"p{number % 2}"
        (tmp_path / "valid" / name).mkdir(parents=True, exist_ok=True)
        signal = np.random.default_rng(number).integers(-2000, 2000, (SAMPLES, 2))
        wfdb.wrsamp(f"s{number}", fs=250, units=["mV"] * 2, sig_name=["I", "II"], d_signal=signal, fmt=["16"] * 2,
                    adc_gain=[200.0] * 2, baseline=[0, 5], comments=["Reason for admission: Dysrhythmia"],
                    write_dir=str(tmp_path / "valid" / name))  # fmt: skip
    names = [f"p{number % 2}/s{number}" for number in range(3)]
    rows = [f"{name},who{number},{'ab'[number % 2]}" for number, name in enumerate(names)]
    (tmp_path / "valid" / "RECORDS").write_text("\n".join(names) + "\n")
    (tmp_path / "valid" / "people.csv").write_text("\n".join(["name,person,label", *rows]) + "\n")
    files = sorted(path for path in (tmp_path / "valid").rglob("*") if path.is_file())
    found = {path.relative_to(tmp_path / "valid").as_posix(): path.read_bytes() for path in files}
    shutil.rmtree(tmp_path / "valid")
    return found


def summed(header: bytes, signal: bytes) -> bytes:
    """The header with the checksums that the signal has, so that what is behind them is reached too."""
    words = np.frombuffer(signal[: len(signal) // 4 * 4], "<i2").reshape(-1, 2)
    sums = iter(words.sum(axis=0, dtype=np.int64).tolist())
    return re.sub(rb"(?m)^(\S+\.dat(?: \S+){4} )(-?\d+)", lambda m: m[1] + b"%d" % next(sums, 0), header)


def test_wfdb(fuzz: Fuzz, database: dict[str, bytes]) -> None:
    @many
    @given(st.data())
    def check(data: st.DataObject) -> None:
        files = dict(database)
        for _ in range(data.draw(st.integers(1, 2))):
            name = data.draw(st.sampled_from([*database, "p0/s0.hea", "p0/s0.hea"]))
            files[name] = data.draw(changed(files[name], [*database.values()]))
            if name.endswith(".dat") and data.draw(st.booleans()):
                files[name[:-3] + "hea"] = summed(files[name[:-3] + "hea"], files[name])
        settings = {
            "rate": data.draw(st.sampled_from((250.0, 250.0, 100, 333.3, 25000, 0, "fast"))),
            "on_bad_record": data.draw(st.sampled_from(("skip", "skip", "error"))),
            "on_bad_segment": data.draw(st.sampled_from(("drop", "keep", "error"))),
            "clipped_ms": data.draw(st.sampled_from((20, 20, None, "long"))),
        }
        people = data.draw(st.booleans())
        root = fuzz.filled(files)
        if data.draw(st.integers(0, 9)) == 0:
            (root / "RECORDS").write_text(data.draw(st.sampled_from(PATHS) | tokens))

        def task() -> None:
            extra = {"people": root / "people.csv", "classes": ("a", "b")} if people else {"people": "folder"}
            source = WFDB(root, cache=root / "cache", **settings, **extra)
            loaded = Data(source, PatientSplit(), Leads(["ii"], side=10), batch_size=8, draws=[RandomCrop()])
            loaded.setup()
            for batch in loaded.train_dataloader():
                assert batch.sample.isfinite().all()
            assert loaded.collected.judged.spread(99).sample.isfinite().all()

        fuzz.case(task)

    check()
