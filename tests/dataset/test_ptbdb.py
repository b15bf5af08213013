"""The PTB database: the documents' counts, real records, and every fault that a WFDB folder can have."""

import csv
import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from ganlab.arrangement.leads import Leads
from ganlab.core.diagnosis import CLASSES, HEALTHY, INFARCTION, MISCELLANEOUS, diagnosis_of, label_of
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.record import LEADS, Record, millivolts
from ganlab.dataset import ptbdb
from ganlab.dataset.cache import Recordings
from ganlab.dataset.ptbdb import PTBDB
from ganlab.dataset.wfdb_header import comment_value
from ganlab.dataset.windows import Windows
from ganlab.simulator.cohort import write_cohort
from tests.conftest import DATA

TABLE_1 = {
    INFARCTION: 368,
    "cardiomyopathy_or_heart_failure": 20,
    "bundle_branch_block": 17,
    "dysrhythmia": 16,
    "myocardial_hypertrophy": 7,
    "valvular_heart_disease": 6,
    "myocarditis": 4,
    MISCELLANEOUS: 31,
    HEALTHY: 80,
}
TABLE_2 = {INFARCTION: 20_015, MISCELLANEOUS: 4_390, HEALTHY: 4_623}
"""Windows a class; the paper prints the last two the other way round."""

DAMAGED = "patient002/s0015lre"
NAME = "patient001/s00101_sim"
SAMPLES = 3000


def listed_record(row: dict[str, str]) -> Record:
    diagnosis, samples = diagnosis_of(row["reason_for_admission"]), int(row["samples"])
    patient, ones = row["record"].split("/")[0], (1,) * len(LEADS)
    label = label_of(diagnosis)
    return Record(row["record"], patient, diagnosis, label, LEADS, samples, 1000.0, ones, ones)


@pytest.fixture(scope="module")
def all_records() -> list[Record]:
    listing = DATA / "ptbdb_records.csv"
    if not listing.is_file():
        pytest.skip(f"no {listing}: set GANLAB_TEST_DATA to the folder that holds it")
    with listing.open(newline="") as file:
        return [listed_record(row) for row in csv.DictReader(file)]


def test_the_549_records_have_the_diagnoses_of_table_1(all_records: list[Record]) -> None:
    assert Counter(record.diagnosis for record in all_records) == TABLE_1
    assert len({record.patient for record in all_records}) == 290


def test_the_549_records_give_29028_windows_in_the_classes_of_table_2(all_records: list[Record]) -> None:
    windows = Windows(Recordings(np.empty(0, np.int16), (), ()), all_records, ("i",), 2025)
    assert len(windows) == 29_028
    assert {CLASSES[label]: n for label, n in Counter(windows.labels.tolist()).items()} == TABLE_2


def test_the_labels_are_the_classes_of_table_2_in_its_order() -> None:
    reasons = ("Myocardial infarction", "Dysrhythmia", "Palpitation", "n/a", "", " Healthy control ")
    assert [label_of(diagnosis_of(reason)) for reason in reasons] == [0, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("comments", "reason"),
    [
        (["age: 40", "Reason for admission: Dysrhythmia "], "Dysrhythmia"),
        (["reason for admission:Myocarditis"], "Myocarditis"),
        (["Reason for admission:"], ""),
        (["Diagnose:", "Additional diagnoses: Dysrhythmia"], ""),
    ],
)
def test_a_comments_value_is_behind_its_key(comments: list[str], reason: str) -> None:
    assert comment_value(comments, "reason for admission") == reason


@pytest.fixture(scope="module")
def real(real_records: Path, tmp_path_factory: pytest.TempPathFactory) -> PTBDB:
    source = PTBDB(real_records, cache=tmp_path_factory.mktemp("cache"), on_bad_record="skip")
    source.prepare()
    return source


def test_of_the_real_records_only_the_damaged_one_is_skipped(real: PTBDB) -> None:
    recordings = real.prepare()
    assert len(recordings.records) == 81
    (bad,) = recordings.skipped
    assert bad.record == DAMAGED
    assert re.fullmatch(
        "cannot use its signals i, .*, v6: its samples do not match the checksum in its header; "
        r"vx, vy, vz: file missing: s0015lre\.xyz",
        bad.reason,
    )


def test_a_damaged_record_stops_the_run_unless_skipping_is_asked_for(real: PTBDB) -> None:
    with pytest.raises(UserError, match=rf"{DAMAGED}: .*file missing(.|\n)*dataset\.on_bad_record=skip"):
        PTBDB(real.root, cache=real.cache).prepare()


@pytest.mark.parametrize("name", ["patient001/s0010_re", "patient006/s0022lre", "patient104/s0306lre"])
def test_real_values_are_wfdbs_millivolts(real: PTBDB, name: str) -> None:
    record = next(record for record in real.prepare().records if record.name == name)
    windows = Windows(real.prepare(), [record], ("vx", "i"), record.samples)
    physical = wfdb.rdrecord(str(real.root / name), channel_names=["vx", "i"])
    columns = [physical.sig_name.index(lead) for lead in ("vx", "i")]
    np.testing.assert_allclose(windows[0].sample[0], physical.p_signal[:, columns].T, rtol=1e-6)


@pytest.mark.parametrize("name", ["patient001/s0010_re", "patient006/s0022lre", "patient104/s0306lre"])
def test_of_a_real_record_no_flipped_bit_and_no_lost_byte_goes_unseen(
    real_records: Path, tmp_path: Path, name: str
) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / name).parent.mkdir()
    for suffix in (".hea", ".dat", ".xyz"):
        shutil.copyfile(real_records / f"{name}{suffix}", tmp_path / f"{name}{suffix}")
    source = PTBDB(tmp_path)
    assert not source.read(name)[0].unusable
    for suffix, own in ((".dat", LEADS[:12]), (".xyz", LEADS[12:])):
        file = tmp_path / f"{name}{suffix}"
        content = file.read_bytes()
        for place in rng.integers(len(content), size=4).tolist():
            flipped = content[place] ^ (1 << int(rng.integers(8)))
            file.write_bytes(content[:place] + bytes([flipped]) + content[place + 1 :])
            ((lead, reason),) = source.read(name)[0].unusable.items()
            assert lead in own
            assert reason == "its samples do not match the checksum in its header"
        for length in (0, 1, len(content) // 2, len(content) - 1, len(content) - 2):
            file.write_bytes(content[:length])
            reason = f"{file.name} has {length:,} bytes, its header says {len(content):,}"
            assert source.read(name)[0].unusable == dict.fromkeys(own, reason)
        file.write_bytes(content)
    assert not source.read(name)[0].unusable


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("whole") / "ptbdb"
    write_cohort(root, 2, seconds=SAMPLES / 1000, seed=0)
    return root


@pytest.fixture
def database(whole: Path, tmp_path: Path) -> Path:
    """A database of two patients that a test may break."""
    return Path(shutil.copytree(whole, tmp_path / "ptbdb"))


def path_of(root: Path, suffix: str) -> Path:
    return root / f"{NAME}{suffix}"


def header(pattern: str, replacement: str, count: int = 0) -> Callable[[Path], object]:
    def rewrite(root: Path) -> None:
        file = path_of(root, ".hea")
        text, changed = re.subn(pattern, replacement, file.read_text(), count=count, flags=re.MULTILINE)
        assert changed
        file.write_text(text)

    return rewrite


def samples(change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda root: path_of(root, ".dat").write_bytes(change(path_of(root, ".dat").read_bytes()))


def without(suffix: str) -> Callable[[Path], object]:
    return lambda root: path_of(root, suffix).unlink()


def with_header(content: bytes) -> Callable[[Path], object]:
    return lambda root: path_of(root, ".hea").write_bytes(content)


def with_sample(value: int) -> Callable[[Path], object]:
    word = value.to_bytes(2, "little", signed=True)
    return samples(lambda data: data[:480] + word + data[482:])


def out(root: Path, path: Path) -> None:
    """Move a file or folder out of the root, and leave a link to it."""
    path.rename(root.parent / path.name)
    path.symlink_to(root.parent / path.name)


def pipe(root: Path) -> None:
    path_of(root, ".hea").unlink()
    os.mkfifo(path_of(root, ".hea"))


GAIN = r"2000\.0\(0\)/mV"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no header": (without(".hea"), r"file missing: s00101_sim\.hea"),
    "garbage header": (with_header(bytes(range(256))), "not readable as WFDB: syntax of its record line"),
    "empty header": (with_header(b""), "not readable as WFDB"),
    "header points outside the root": (header(r"^\S+\.dat", "../../x.dat"), r"x\.dat points outside "),
    "no samples stated": (header(" 3000$", " 0"), "no samples"),
    "fewer signals stated": (header("sim 15 1000", "sim 14 1000"), "says 14 signals and names 15"),
    "no signal stated": (header("sim 15 1000", "sim 0 1000"), "says 0 signals and names 15"),
    "rate 0": (header("15 1000", "15 0"), "rate of 0.0 Hz"),
    "rate below 0": (header("15 1000", "15 -5"), "rate of -5.0 Hz"),
    "rate far too low": (header("15 1000", "15 0.001"), "rate of 0.001 Hz is too far from 1000 Hz"),
    "rate far too high": (header("15 1000", "15 100000000"), r"rate of 1e\+08 Hz is too far from 1000 Hz"),
    "samples linked out": (lambda root: out(root, path_of(root, ".dat")), r"s00101_sim\.dat points outside "),
    "header linked out": (lambda root: out(root, path_of(root, ".hea")), r"s00101_sim\.hea points outside "),
    "folder linked out": (lambda root: out(root, root / "patient001"), r"s00101_sim\.hea points outside "),
    "a pipe as header": (pipe, r"s00101_sim\.hea is not a regular file"),
    "endless header": (lambda root: path_of(root, ".hea").write_bytes(b"#" * (1 << 20) + b"#"), "bytes; accepted are"),
    "segments that are not there": (with_header(b"s00101_sim/2 15 1000 3000\na 1500\nb 1500\n"), r"missing: a\.hea"),
    "segments out of the folder": (with_header(b"s00101_sim/1 15 1000 3000\n../a 3000\n"), "points outside its folder"),
    "a segment of itself": (with_header(b"s00101_sim/1 15 1000 9\ns00101_sim 9\n"), "consists of segments itself"),
    "an endless gap": (with_header(b"s00101_sim/1 15 1000 99999999999\n~ 99999999999\n"), "gaps"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_record_is_refused_and_the_reason_names_the_cause(fault: str, database: Path) -> None:
    break_it, reason = FAULTS[fault]
    break_it(database)
    with pytest.raises(BadRecord) as refused:
        PTBDB(database).read(NAME)
    assert refused.value.record == NAME
    assert re.search(reason, refused.value.reason)


FILE_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated samples": (samples(lambda data: data[:-2400]), r"\.dat has 69,600 bytes, .* 72,000"),
    "odd number of bytes": (samples(lambda data: data[:-1]), r"\.dat has 71,999 bytes, .* 72,000"),
    "empty samples": (samples(lambda data: b""), r"\.dat has 0 bytes, .* 72,000"),
    "flipped byte": (
        samples(lambda data: data[:96] + bytes([data[96] ^ 1]) + data[97:]),
        "samples do not match the checksum",
    ),
    "sample without value": (with_sample(-32768), "samples do not match the checksum"),
    "no samples file": (without(".dat"), r"file missing: s00101_sim\.dat"),
    "no file of the Frank leads": (without(".xyz"), r"file missing: s00101_sim\.xyz"),
    "link to nothing": (lambda root: (without(".dat")(root), path_of(root, ".dat").symlink_to("x")), "file missing"),
}


@pytest.mark.parametrize("fault", FILE_FAULTS)
def test_a_fault_of_a_file_is_that_of_its_leads_alone(
    fault: str, database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    break_it, reason = FILE_FAULTS[fault]
    break_it(database)
    source = PTBDB(database, cache=tmp_path / "cache")
    broken, sound = ("vx", "i") if "Frank" in fault else ("i", "vx")
    (record,) = (record for record in source.prepare().records if record.name == NAME)
    assert re.search(reason, record.unusable[broken])
    assert f"1 record(s) have signals that cannot be used, such as {NAME}: {broken}: " in caplog.text
    assert len(source.collect(Leads([sound])).train.unique_patients) == 2
    with pytest.raises(UserError, match=f"{NAME}: its signal {broken} cannot be used: .*{reason}"):
        source.collect(Leads([broken]))


LEAD_FAULTS = {
    "gain 0": (header(GAIN, "0(0)/mV", 1), "gain of 0"),
    "a gain that is not a number": (header(GAIN, "nan(0)/mV", 1), "no gain"),
    "unit of pressure": (header("/mV", "/mmHg", 1), "it is in mmHg, and dataset.unit=mV: dataset.unit=mmHg reads"),
    "gain of nanovolts": (header(GAIN, "1e-12(0)/mV", 1), r"values of .*e\+\d+ mV"),
    "baseline beyond": (header(GAIN, "2e30(99999999999)/mV", 1), "a baseline of 99999999999"),
}


@pytest.mark.parametrize("fault", LEAD_FAULTS)
def test_a_fault_of_a_lead_is_that_leads_alone(fault: str, database: Path, tmp_path: Path) -> None:
    break_it, reason = LEAD_FAULTS[fault]
    break_it(database)
    source = PTBDB(database, cache=tmp_path / "cache", on_bad_record="skip")
    (record,) = (record for record in source.prepare().records if record.name == NAME)
    (lead,) = record.unusable
    assert re.search(reason, record.unusable[lead])
    assert len(source.collect(Leads(["v6"])).train.unique_patients) == 2
    assert set(source.collect(Leads([lead])).train.unique_patients) == {"patient002"}
    with pytest.raises(UserError, match=f"{NAME}: its signal {lead} cannot be used: "):
        PTBDB(database, cache=tmp_path / "cache").collect(Leads([lead]))


def test_a_format_that_nobody_knows_is_named(database: Path) -> None:
    header("dat 16 2000", "dat 99 2000")(database)
    record, _ = PTBDB(database).read(NAME)
    assert record.leads == ("vx", "vy", "vz")
    assert record.unusable["i"] == "signal format 99"


def test_equal_names_get_a_number(database: Path, caplog: pytest.LogCaptureFixture) -> None:
    header(" ii$", " I")(database)
    with caplog.at_level(logging.INFO):
        assert PTBDB(database).read(NAME)[0].leads[:3] == ("i", "i_2", "iii")
    assert f"{NAME}: several signals named i: they are i, i_2, iii" in caplog.text


def test_a_broken_record_is_skipped_and_counted_where_asked(
    database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_header(b"")(database)
    with caplog.at_level(logging.WARNING):
        recordings = PTBDB(database, cache=tmp_path / "cache", on_bad_record="skip").prepare()
    assert [record.patient for record in recordings.records] == ["patient002"]
    assert f"1 record(s) skipped:\n  {NAME}: not readable as WFDB" in caplog.text


def test_a_database_without_a_usable_record_is_refused(database: Path, tmp_path: Path) -> None:
    for file in [*database.glob("*/*.dat"), *database.glob("*/*.xyz")]:
        file.unlink()
    with pytest.raises(UserError, match="none of its 2 records"):
        PTBDB(database, cache=tmp_path / "cache", on_bad_record="skip").prepare()


def test_only_error_and_skip_are_answers_to_a_bad_record(database: Path) -> None:
    with pytest.raises(UserError, match="'ignore': accepted are error and skip"):
        PTBDB(database, on_bad_record="ignore")


def read_mv(root: Path) -> NDArray[np.float32]:
    record, digital = PTBDB(root).read(NAME)
    return millivolts(digital, np.array(record.gain), np.array(record.baseline))


@pytest.mark.parametrize("calibration", ["2(0)/uV", "2(0)/µV", "2(0)/μV", "2000000(0)/V", "2000"])
def test_other_units_become_millivolts(calibration: str, database: Path) -> None:
    before = read_mv(database)
    header(GAIN, calibration)(database)
    np.testing.assert_allclose(read_mv(database), before, rtol=1e-6)


def test_a_baseline_is_the_value_at_0_mv(database: Path) -> None:
    before = read_mv(database)
    header(GAIN, "2000.0(500)/mV")(database)
    np.testing.assert_allclose(read_mv(database), before - 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("listing", "said"),
    [
        ("../elsewhere/s1", "points outside"),
        ("patient001/../../s1", "points outside"),
        ("/etc/passwd", "points outside"),
        ("..\\s1", "points outside"),
        ("memory://x/s1", "not a plain path"),
        ("simplecache::file:///x/s1", "not a plain path"),
        ("patient001/\0s1", "not a plain path"),
        ("patient001/" + "x" * 300, "not a plain path"),
        (".", "not a plain path"),
        ("patient001/s\udcff", "not readable as text"),
        ("", r"names no record(.|\n)*dataset\.root"),
    ],
)
def test_a_list_that_leads_out_or_is_empty_is_refused(listing: str, said: str, database: Path) -> None:
    (database / "RECORDS").write_text(f"{listing}\n", errors="surrogateescape")
    with pytest.raises(UserError, match=said):
        PTBDB(database, cache=database / "cache").prepare()


@pytest.mark.parametrize("missing", ["the folder", "the list"])
def test_what_is_not_there_is_said_with_three_ways_on(missing: str, database: Path) -> None:
    (database / "RECORDS").unlink()
    root = database / "nowhere" if missing == "the folder" else database
    with pytest.raises(UserError, match=re.escape(str(root))) as refused:
        PTBDB(root, cache=database / "cache").prepare()
    for way in ("dataset.root=", "dataset.download=true", "dataset=ptbdb_sim"):
        assert way in str(refused.value)


def test_another_rate_is_resampled_without_changing_the_signal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    time = np.arange(2000) / 500
    sine = np.rint(1000 * np.sin(2 * np.pi * 10 * time) + 3000)
    d_signal = np.stack([sine, np.full(2000, -7000)], axis=1).astype(np.int64)
    (tmp_path / "p1").mkdir()
    wfdb.wrsamp(
        "s1",
        fs=500,
        units=["mV"] * 2,
        sig_name=["i", "ii"],
        d_signal=d_signal,
        fmt=["16"] * 2,
        adc_gain=[2000.0] * 2,
        baseline=[3000] * 2,
        write_dir=str(tmp_path / "p1"),
    )
    with caplog.at_level(logging.INFO):
        record, digital = PTBDB(tmp_path).read("p1/s1")
    assert "p1/s1: resampled from 500 to 1000 Hz (0 samples saturated)" in caplog.text
    assert (record.rate, record.samples, digital.shape) == (1000.0, 4000, (2, 4000))
    x = millivolts(digital, np.array(record.gain), np.array(record.baseline))
    np.testing.assert_allclose(x[0, 50:-50], 0.5 * np.sin(2 * np.pi * 10 * np.arange(4000) / 1000)[50:-50], atol=0.002)
    np.testing.assert_allclose(x[1], -5.0, atol=0.01, err_msg="an offset holds to both ends")


def test_the_rate_of_the_database_is_not_touched(database: Path) -> None:
    raw = wfdb.rdrecord(str(database / NAME), physical=False)
    np.testing.assert_array_equal(PTBDB(database).read(NAME)[1], raw.d_signal.T)


def test_download_is_called_once_and_only_where_asked(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(url: str, root: Path) -> None:
        asked.append((url, root))
        shutil.copytree(whole, root)

    monkeypatch.setattr(ptbdb, "download", fetch)
    root, cache = tmp_path / "new", tmp_path / "cache"
    with pytest.raises(UserError, match="No such folder"):
        PTBDB(root, cache=cache).prepare()
    assert not asked
    source = PTBDB(root, cache=cache, download=True, url="https://example.org/db/")
    assert len(source.prepare().records) == len(source.prepare().records) == 2
    assert asked == [("https://example.org/db/", root)]
