"""ECG-ID: a person's recordings in the order of their dates, as lead i."""

from pathlib import Path

import numpy as np
import pytest

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import BadRecord
from ganlab.dataset.ecgid import ECGID

DATES = {
    "Person_01/rec_1": "26.04.2005",
    "Person_01/rec_2": "07.12.2004",
    "Person_01/rec_10": "26.04.2005",
    "Person_02/rec_1": "12.05.2005",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, (name, date) in enumerate(DATES.items()):
        file = tmp_path / "ecgid" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        digital = np.random.default_rng(seed).integers(-300, 300, (10_000, 2)).astype("<i2")
        digital[:, 1] = digital[:, 1] // 2 + 1000
        digital.tofile(f"{file}.dat")
        signals = [
            f"{file.name}.dat 16 200 12 0 0 {sum_} 0 {lead}"
            for sum_, lead in zip(digital.sum(axis=0, dtype=np.int16), ("ECG I", "ECG I filtered"), strict=True)
        ]
        text = [f"{file.name} 2 500 10000", *signals, "# Age: 25", "# Sex: female", f"# ECG date: {date}"]
        Path(f"{file}.hea").write_text("\n".join(text) + "\n")
    (tmp_path / "ecgid" / "RECORDS").write_text("\n".join(DATES) + "\n")
    return tmp_path / "ecgid"


@pytest.mark.parametrize(("filtered", "level"), [(False, 0.0), (True, 4.6)])
def test_a_signal_is_lead_i_and_records_are_named_by_date(root: Path, filtered: bool, level: float) -> None:
    source = ECGID(root, cache=root.parent, filtered=filtered)
    samples = source.collect(Leads(("i",), side=45)).judged
    assert sorted(set(samples.recordings)) == [
        "Person_01/2004-12-07 rec_02",
        "Person_01/2005-04-26 rec_01",
        "Person_01/2005-04-26 rec_10",
        "Person_02/2005-05-12 rec_01",
    ]
    assert samples.unique_patients.tolist() == ["Person_01", "Person_02"]
    assert samples.attributes[0].tolist() == [1, 25]
    assert samples.spread(4).sample.mean() == pytest.approx(level, abs=0.1 + 0.4 * filtered)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [("# ECG date", "# Date", "no date"), ("filtered", "f", "there is none; it has ecg i, ecg i f")],
)
def test_headers_that_lack_what_is_needed_are_named(root: Path, old: str, new: str, message: str) -> None:
    header = root / "Person_02/rec_1.hea"
    header.write_text(header.read_text().replace(old, new))
    with pytest.raises(BadRecord, match=message):
        ECGID(root, filtered=True).read("Person_02/rec_1")
