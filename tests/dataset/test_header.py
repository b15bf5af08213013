"""Headers are read as wfdb reads them where it understands them, and refused where it takes a part for the rest."""

from pathlib import Path

import pytest
import wfdb

from ganlab.dataset.header import read_header

LINE = "r.dat 16 200.5(-7)/uV 12 3 -489 -8337 0 chest lead 1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "r.hea"


@pytest.mark.parametrize(
    "first",
    [
        *("r 1", "r 1 360", "r 1 99.5 4000", "r 1 500/250 4000", "r 1 500/250(-3.5) 4000"),
        *("r 1 500 4000 12:30:00", "r 1 500 4000 12:30:00.5 01/02/1990"),
    ],
)
def test_a_record_line_says_what_wfdb_reads_there(file: Path, first: str) -> None:
    file.write_text(f"# before\n\n  {first}\n{LINE}\n#after: n/a \n")
    own, theirs = read_header(file), wfdb.rdheader(str(file.with_suffix("")))
    assert (own.stated, own.rate, own.samples or None) == (theirs.n_sig, theirs.fs, theirs.sig_len)
    assert list(own.comments) == theirs.comments == ["before", "after: n/a"]


@pytest.mark.parametrize(
    "line",
    [
        *("r.dat 16", "r.dat 212 200", "r.dat 16 200/mV", "r.dat 16 200(5)/mV", "r.dat 16 2.5e3(-5)/uV 16", "~ 0 1"),
        *("r.dat 16 200 16 9", "r.dat 16 200 16 9 1", "r.dat 16 200 16 9 1 -77", "r.dat 16 200 16 -9 1 77 0", LINE),
        *("r.dat 16x2:3+24 200(5)/mV 16 0 1 -77 0 I", "r 80:3 200 8 0 1 65535 0 #1", "r-1_a.dat\t16+24  200"),
    ],
)
def test_a_signal_line_says_what_wfdb_reads_there(file: Path, line: str) -> None:
    file.write_text(f"r 1 500 4000\n{line} \n")
    (own,), theirs = read_header(file).signals, wfdb.rdheader(str(file.with_suffix("")))
    assert [own.file, own.format, own.per_frame] == theirs.file_name + theirs.fmt + theirs.samps_per_frame
    assert [own.skew, own.offset] == [theirs.skew[0] or 0, theirs.byte_offset[0] or 0]
    assert [own.baseline, own.unit] == theirs.baseline + theirs.units
    assert [own.checksum, own.lead] == [theirs.checksum[0], theirs.sig_name[0] or ""]
    assert own.gain == (0 if line == "r.dat 16" else theirs.adc_gain[0])


@pytest.mark.parametrize(
    "line",
    [
        "r.dat 16x_ 200(5)/mV 16 0 1 -77 0 I",
        "r.dat 16 200(5/mV 16 0 1 -77 0 I",
        "r.dat 16 200/mV 16 0 1 -7o7 0 I",
        "r.dat 16 200/mV 16 0 1 -77 I",
        "r.dat 16 2..5/mV 16 0 1 -77 0 I",
        "../r.dat 16 200/mV 16 0 1 -77 0 I",
    ],
)
def test_what_follows_a_field_that_is_none_is_no_lead(file: Path, line: str) -> None:
    file.write_text(f"r 1 500 4000\n{line}\n")
    with pytest.raises(ValueError, match=r"invalid syntax in the header's line 'r|could not convert|'\.\./r"):
        read_header(file)


@pytest.mark.parametrize("first", ["", "r", "r one", "r 1 fast 4000", "r 1 500/x 4000", "r 1 500 4oo0", "a/b 1 500"])
def test_a_first_line_that_says_no_signals_is_refused(file: Path, first: str) -> None:
    file.write_text(f"{first}\n")
    with pytest.raises(ValueError, match=r"invalid syntax in the header's line|could not convert string to float"):
        read_header(file)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_what_is_no_ascii_stays(file: Path, encoding: str) -> None:
    file.write_text("r 1 500 4000\nr.dat 16 200/µV 16 0 1 -77 0 Ösophagus\n# Müller\n", encoding=encoding)
    found = read_header(file)
    assert (found.signals[0].unit, found.signals[0].lead, found.comments) == ("µV", "Ösophagus", ("Müller",))


def test_signals_are_found_by_their_files(file: Path) -> None:
    file.write_text("r 3 500 4000\na.dat 16\nb.dat 16+2\na.dat 16\n")
    assert read_header(file).files == {"a.dat": [0, 2], "b.dat": [1]}


def test_a_record_of_segments_has_no_signals(file: Path) -> None:
    file.write_text("r/2 1 500 4000\na 2000\nb 2000\n")
    assert (read_header(file).segments, read_header(file).signals) == (2, ())
