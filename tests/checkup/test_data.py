"""Data sets with something missing."""

from pathlib import Path

import pytest

from ganlab.checkup.data import data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two records, of two files of signals each."""
    for name in ("patient001/s0001", "patient002/s0002"):
        file = tmp_path / name
        file.parent.mkdir()
        signals = "".join(
            f"{file.name}.{end} 16 2000 16 0 0 0 0 {lead}\n" for end, lead in (("dat", "i"), ("xyz", "vx"))
        )
        file.with_suffix(".hea").write_text(f"# made\n{file.name} 2 1000 4\n{signals}# age: 81\n")
        for ending in (".dat", ".xyz"):
            file.with_suffix(ending).write_bytes(bytes(8))
    (tmp_path / "RECORDS").write_text("patient001/s0001\npatient002/s0002\n")
    return tmp_path


def examined(root: Path, **others: object) -> tuple[str, str]:
    findings = data("ptbdb", {"root": str(root), "rate": 1000, "download": False, **others})
    return findings[0].state, "\n".join(map(str, findings))


def test_whole_data_are_right(root: Path) -> None:
    state, said = examined(root)
    assert state == "ok"
    assert "2 records with all of their files" in said
    (root / "RECORDS").write_text("patient001\n")  # a folder stands for its headers
    assert "1 records with all of their files" in examined(root)[1]
    (root / "RECORDS").unlink()
    assert examined(root)[0] == "ok"
    assert [finding.state for finding in data("ptbdb_sim", {"patients": 3})] == ["ok"]


def removed(*names: str) -> object:
    return lambda root: [(root / name).unlink() for name in names]


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (removed("patient001/s0001.hea"), "1 file(s) of 2 records missing: patient001/s0001.hea"),
        (removed("patient002/s0002.xyz"), "patient002/s0002.xyz"),
        (lambda root: (root / "patient002/s0002.dat").write_bytes(b""), "patient002/s0002.dat"),
        (lambda root: (root / "patient002/s0002.dat.part").touch(), "1 file(s) of an interrupted download"),
        (lambda root: (root / "patient001/s0001.hea").write_text("s0001"), "s0001.hea (syntax of its record line"),
        (lambda root: (root / "RECORDS").write_text(""), "names no record"),
        (lambda root: (root / "RECORDS").write_text("../etc/passwd\n"), "points outside"),
        (lambda root: [path.unlink() for path in root.rglob("*") if path.is_file()], "neither RECORDS nor a header"),
        (lambda root: root.rename(root.with_name("elsewhere")), "is not there"),
    ],
)
def test_what_is_missing_is_named_with_the_way_on(root: Path, break_it: object, said: str) -> None:
    break_it(root)  # type: ignore[operator]
    state, text = examined(root)
    assert state == "wrong"
    assert said in text
    assert "python -m ganlab.prepare dataset=ptbdb" in text


def test_tables_and_images_have_to_be_there_too(tmp_path: Path) -> None:
    table, people = tmp_path / "a.csv", tmp_path / "people.csv"
    assert "is not there" in data("table", {"file": str(table)})[0].message
    table.touch()
    assert "is empty" in data("table", {"file": str(table)})[0].message
    table.write_text("a,b\n")
    assert [finding.state for finding in data("table", {"file": str(table)})] == ["ok"]
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    assert "holds no file" in data("images", {"root": str(pictures)})[0].message
    (pictures / "a.png").write_bytes(b"x")
    assert [finding.state for finding in data("images", {"root": str(pictures)})] == ["ok"]
    (finding,) = data("images", {"root": str(pictures), "people": str(people)})
    assert (finding.state, str(people) in finding.message) == ("wrong", True)
    assert "dataset.root is not given" in data("wfdb", {"root": "???", "rate": "???"})[0].message
