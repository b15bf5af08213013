"""WFDB as it is in the world: every format, several segments, frames, skew, names and comments in any encoding."""

import logging
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ganlab.arrangement.leads import Leads
from ganlab.core.errors import BadRecord, UserError
from ganlab.core.record import Record, millivolts
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.wfdb_record import read_record

BITS = {"80": 8, "508": 8, "310": 10, "311": 10, "212": 12, "16": 16, "61": 16, "516": 16}
BITS |= {"24": 24, "524": 24, "32": 32}
SAMPLES = 202
PHYSICAL = np.stack([np.sin(np.arange(SAMPLES) / 7), np.cos(np.arange(SAMPLES) / 5)], axis=1)


def packed(fmt: str, digital: np.ndarray) -> bytes:
    """The bytes of a format that wfdb reads and does not write."""
    if fmt == "61":
        return digital.astype(">i2").tobytes()
    words = np.zeros(-(-digital.size // 3) * 3, np.int64)
    words[: digital.size] = digital.ravel() % 1024
    a, b, c = words.reshape(-1, 3).T
    if fmt == "311":
        return (a + (b << 10) + (c << 20)).astype("<u4").tobytes()
    return np.stack([(a << 1) + (c % 32 << 11), (b << 1) + (c // 32 << 11)], axis=1).astype("<u2").tobytes()


def write(folder: Path, name: str = "r", fmt: str = "16", signal: np.ndarray | None = None, **fields: object) -> None:
    """Write a record of two signals that fill the format's range."""
    full = 2 ** (BITS[fmt] - 1) - 1
    digital = np.rint(PHYSICAL * full).astype(np.int64) if signal is None else signal
    given = {"units": ["mV"] * 2, "sig_name": ["I", "II"], "fmt": [fmt] * 2, "adc_gain": [full / 2] * 2,
             "baseline": [0] * 2, "d_signal": digital}  # fmt: skip
    foreign = fmt in ("61", "310", "311")
    wfdb.wrsamp(name, fs=100, write_dir=str(folder), **(given | fields | ({"fmt": ["16"] * 2} if foreign else {})))
    if foreign:
        (folder / f"{name}.dat").write_bytes(packed(fmt, digital))
        change(folder / f"{name}.hea", (".dat 16 ", f".dat {fmt} "))


def change(file: Path, *pairs: tuple[str, str]) -> None:
    text = file.read_text()
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)


def values(root: Path, name: str = "r") -> tuple[Record, np.ndarray]:
    record, digital = WFDB(root, 100.0).read(name)
    return record, millivolts(digital, np.array(record.gain), np.array(record.baseline))


@pytest.mark.parametrize("fmt", BITS)
def test_each_format_has_wfdbs_values(fmt: str, tmp_path: Path) -> None:
    write(tmp_path, fmt=fmt)
    record, x = values(tmp_path)
    assert record.wide == (BITS[fmt] > 16)
    np.testing.assert_allclose(x, wfdb.rdrecord(str(tmp_path / "r")).p_signal.T, atol=1e-6)


@pytest.mark.parametrize("fmt", ["212", "310", "80", "24", "61"])
def test_a_sample_without_a_value_is_missing_in_each_format(fmt: str, tmp_path: Path) -> None:
    digital = np.full((SAMPLES, 2), 3)
    digital[::2] = -3
    digital[50:55, 1] = -(2 ** (BITS[fmt] - 1))
    write(tmp_path, fmt=fmt, signal=digital)
    record, x = values(tmp_path)
    assert [(s.kind, s.lead, s.start, s.stop) for s in record.segments] == [("missing", "ii", 50, 55)]
    assert np.abs(x[1]).max() <= 3 / record.gain[1]


def test_wide_records_stand_beside_narrow_ones_in_the_cache(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for n, fmt in enumerate(("16", "24", "16")):
        write(root / f"patient{n}" if (root / f"patient{n}").mkdir(parents=True) is None else root, fmt=fmt)
    collected = WFDB(root, 100.0, cache=tmp_path / "cache", on_bad_segment="keep").collect(Leads(["ii"], side=10))
    expected = [wfdb.rdrecord(str(root / f"patient{n}/r")).p_signal[:200, 1] for n in range(3)]
    samples = collected.train.spread(99).sample.numpy().reshape(3, 200)
    np.testing.assert_allclose(samples, expected, atol=1e-6)
    stored = collected.train.resident(collected.train.spread(1).sample.device)
    places = np.array(collected.train.places(range(6)))
    held = stored(collected.train[0].sample.new_tensor(places).long())
    np.testing.assert_array_equal(held.numpy().reshape(3, 200), samples)


def test_each_signal_of_a_frame_is_read_at_its_own_rate(tmp_path: Path) -> None:
    write(tmp_path)
    digital = wfdb.rdrecord(str(tmp_path / "r"), physical=False).d_signal
    change(tmp_path / "r.hea", ("r 2 100 202", "r 1 50 202"), ("r.dat 16 ", "r.dat 16x2 "))
    lines = (tmp_path / "r.hea").read_text().splitlines()
    total = int(digital.astype(np.int64).sum()) % 65536
    fields = lines[1].split()
    fields[6] = str(total)
    (tmp_path / "r.hea").write_text("\n".join([lines[0], " ".join(fields)]) + "\n")
    (signal,) = read_record(tmp_path, "r").signals
    assert (signal.rate, len(signal.values)) == (100.0, 404)
    np.testing.assert_array_equal(signal.values, digital.ravel())


def test_a_skew_moves_a_signal_and_is_no_damage(tmp_path: Path) -> None:
    write(tmp_path)
    whole = values(tmp_path)[1]
    text = (tmp_path / "r.hea").read_text()
    (tmp_path / "r.hea").write_text(text.replace("r.dat 16 ", "r.dat 16:3 ", 1))
    record, x = values(tmp_path)
    np.testing.assert_array_equal(x[0, :-3], whole[0, 3:])
    np.testing.assert_array_equal(x[1], whole[1])
    assert [(s.kind, s.lead, s.start) for s in record.segments] == [("missing", "i", SAMPLES - 3)]


def test_samples_may_begin_behind_others_bytes(tmp_path: Path) -> None:
    write(tmp_path)
    before = values(tmp_path)[1]
    file = tmp_path / "r.dat"
    file.write_bytes(b"x" * 24 + file.read_bytes())
    change(tmp_path / "r.hea", ("r.dat 16 ", "r.dat 16+24 "))
    np.testing.assert_array_equal(values(tmp_path)[1], before)


def test_a_length_that_is_not_stated_is_that_of_the_file(tmp_path: Path) -> None:
    write(tmp_path, fmt="212")
    change(tmp_path / "r.hea", ("r 2 100 202", "r 2 100"))
    assert values(tmp_path)[1].shape == (2, 202)


@pytest.mark.parametrize("gains", [(1000.0, 1000.0), (1000.0, 333.0)])
def test_several_segments_are_one_record_with_gaps(gains: tuple[float, float], tmp_path: Path) -> None:
    for name, gain in zip("ab", gains, strict=True):
        write(tmp_path, name, adc_gain=[gain] * 2)
    change(tmp_path / "b.hea", (" II", " V5"))
    (tmp_path / "layout.hea").write_text("layout 3 100 0\n~ 0 1/mV 0 0 0 0 0 I\n~ 0 1/mV 0 0 0 0 0 II\n")
    (tmp_path / "r.hea").write_text("r/4 2 100 504\nlayout 0\na 202\n~ 100\nb 202\n# of four\n")
    record, x = values(tmp_path)
    parts = {name: wfdb.rdrecord(str(tmp_path / name)).p_signal for name in "ab"}
    np.testing.assert_allclose(x[0, :202], parts["a"][:, 0], atol=1e-6)
    np.testing.assert_allclose(x[0, 302:], parts["b"][:, 0], atol=1e-6)
    np.testing.assert_allclose(x[2, 302:], parts["b"][:, 1], atol=1e-6)
    assert record.leads == ("i", "ii", "v5")
    missing = {(s.lead, s.start, s.stop) for s in record.segments if s.kind == "missing"}
    assert missing == {("i", 202, 302), ("ii", 202, 504), ("v5", 0, 302)}
    assert WFDB(tmp_path, 100.0).names() == ["r"]


def test_names_and_comments_are_kept_as_written(tmp_path: Path) -> None:
    write(tmp_path, comments=["Diagnose: x"])
    header = tmp_path / "r.hea"
    text = header.read_text().replace(" II", " ECG Ü 2").replace(" I\n", "\n").replace("x\n", "a\x85b\u2028c\n")
    header.write_bytes(text.replace("\n", "\r").encode())
    recording = read_record(tmp_path, "r")
    assert [signal.name for signal in recording.signals] == ["signal_1", "ecg ü 2"]
    assert recording.comments == ("Diagnose: a\x85b\u2028c",)
    header.write_bytes(text.replace("\x85", "…").replace("\u2028", "").replace("\n", "\r\n").encode("cp1252"))
    assert read_record(tmp_path, "r").comments == ("Diagnose: a…bc",)


@pytest.mark.parametrize("unit", ["mv", "uV", "V", "nV"])
def test_units_of_voltage_become_the_one_that_is_wanted(unit: str, tmp_path: Path) -> None:
    (tmp_path / "patient1").mkdir()
    write(tmp_path / "patient1")
    change(tmp_path / "patient1" / "r.hea", ("/mV", f"/{unit}"))
    source = WFDB(tmp_path, 100.0, cache=tmp_path / "cache", unit="uV")
    factor = {"mv": 1e3, "uV": 1.0, "V": 1e6, "nV": 1e-3}[unit]
    physical = wfdb.rdrecord(str(tmp_path / "patient1" / "r")).p_signal[:100, 0] * factor
    arrangement = Leads(["I"], side=10)
    np.testing.assert_allclose(source.collect(arrangement).train[0].sample[0, 0], physical, rtol=1e-5)
    assert source.kind(arrangement).axes["unit"] == "uV"


def test_another_signal_is_taken_in_its_own_unit_and_refuses_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "patient1").mkdir()
    write(tmp_path / "patient1", units=["mV", "NU"], sig_name=["II", "PLETH"])
    cache = tmp_path / "cache"
    assert len(WFDB(tmp_path, 100.0, cache=cache).collect(Leads(["ii"], side=10)).train) == 2
    assert len(WFDB(tmp_path, 100.0, cache=cache, unit="NU").collect(Leads(["pleth"], side=10)).train) == 2
    with pytest.raises(UserError, match=r"signal pleth cannot be used: it is in NU, .*: dataset\.unit=NU reads"):
        WFDB(tmp_path, 100.0, cache=cache).collect(Leads(["pleth"], side=10))


def test_missing_samples_of_a_lead_that_nobody_asks_for_refuse_nothing(tmp_path: Path) -> None:
    (tmp_path / "patient1").mkdir()
    digital = np.rint(PHYSICAL * 1000).astype(np.int64)
    digital[5, 1] = -32768
    write(tmp_path / "patient1", signal=digital)
    source = WFDB(tmp_path, 100.0, cache=tmp_path / "cache", on_bad_segment="keep")
    assert len(source.collect(Leads(["i"], side=10)).train) == 2
    with pytest.raises(UserError, match="1 samples have no value"):
        source.collect(Leads(["ii"], side=10))


def test_records_are_a_name_a_line_and_folders_stand_for_theirs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("patient 0", "g/patient1", "g/patient2", "h"):
        (tmp_path / folder).mkdir(parents=True)
        write(tmp_path / folder)
    (tmp_path / "h" / "RECORDS").write_text("r\n")
    (tmp_path / "RECORDS").write_bytes("\ufeffpatient 0/r \r\ng/\r\n\r\nh\r\n".encode())
    names = ["patient 0/r", "g/patient1/r", "g/patient2/r", "h/r"]
    assert WFDB(tmp_path, 100.0).names() == names
    (tmp_path / "RECORDS").write_bytes("patient 0/r.hea\r\ng/\r\nh".encode("utf-16"))
    (tmp_path / "people.csv").write_text("name,person\n" + "".join(f"{name}.hea,{name[0]}\n" for name in names))
    assert WFDB(tmp_path, 100.0, people=tmp_path / "people.csv").names() == names
    with caplog.at_level(logging.INFO):
        assert WFDB(tmp_path, 100.0, cache=tmp_path / "cache").read("patient 0/r")[0].samples == SAMPLES
    for line, message in (("i/", "names a folder that is not there"), ("g/\ng/patient1/r", "more than once")):
        (tmp_path / "RECORDS").write_text(line)
        with pytest.raises(UserError, match=message):
            WFDB(tmp_path, 100.0).names()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("r 2 100 202", "r 2 100 203", r"signals i, ii: r\.dat has 808 bytes, its header says 812"),
        ("r 2 100 202", "r 2 100 100", r"signals i, ii: r\.dat has 808 bytes, its header says 400"),
        ("r 2 100 202", "r 2 100 99999999999", "more than 536,870,912 values"),
        ("r.dat 16", "r.dat sixteen", "syntax of its signal line"),
        ("r.dat 16", "a:b 16", "a:b points outside"),
    ],
)
def test_a_wrong_header_is_refused_for_its_reason(before: str, after: str, reason: str, tmp_path: Path) -> None:
    write(tmp_path)
    change(tmp_path / "r.hea", (before, after))
    with pytest.raises(BadRecord, match=reason):
        WFDB(tmp_path, 100.0).read("r")
