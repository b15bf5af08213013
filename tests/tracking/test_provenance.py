"""What a run's bits depend on: each hash changes with what it is of, and with nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ganlab.arrangement.table import Table as Cells
from ganlab.dataset.module import Data
from ganlab.dataset.table import Table
from ganlab.split.patient import PatientSplit
from ganlab.tracking import facts, provenance


def test_the_configuration_s_hash_ignores_what_changes_nothing() -> None:
    config = {"seed": 0, "outputs": "a", "dataset": {"cache": "a", "root": "a", "rate": 1000}, "num_workers": 0}
    same = {"num_workers": 4, "outputs": "b", "seed": 0, "dataset": {"rate": 1000, "root": "b", "cache": "b"}}
    assert provenance.config_hash(config) == provenance.config_hash(same)
    for other in ({**config, "seed": 1}, {**config, "dataset": {"rate": 500}}, {**config, "more": None}):
        assert provenance.config_hash(config) != provenance.config_hash(other)


def test_the_code_s_hash_sees_a_changed_a_new_and_a_renamed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    monkeypatch.setattr(provenance, "HERE", tmp_path)
    monkeypatch.setattr(provenance, "CONF", str(tmp_path / "conf"))
    seen = set()
    for change in (
        lambda: (tmp_path / "a.py").write_text("a"),
        lambda: (tmp_path / "a.py").write_text("b"),
        lambda: (tmp_path / "b.py").write_text("b"),
        lambda: (tmp_path / "b.py").rename(tmp_path / "c.py"),
        lambda: (tmp_path / "conf" / "a.yaml").write_text("a: 1"),
    ):
        change()
        seen.add(provenance.code_hash())
    assert len(seen) == 5
    (tmp_path / "notes.txt").write_text("not code")
    assert provenance.code_hash() in seen


def data(file: Path) -> Data:
    columns = {"age": {"low": 0, "high": 120}, "tsh": {}}
    made = Data(Table(file, columns, person="person"), PatientSplit(), Cells(["age", "tsh"]))
    made.setup()
    return made


def test_the_data_s_hashes_see_who_is_there_and_what_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    rng = np.random.default_rng(0)
    rows = [f"p{n:02d},{rng.integers(20, 90)},{rng.random():.4f}" for n in range(40)]

    def hashes(lines: list[str], name: str = "a.csv") -> dict:
        (tmp_path / name).write_text("person,age,tsh\n" + "\n".join(lines) + "\n")
        return provenance.data_facts(data(tmp_path / name))

    first = hashes(rows)
    assert first["of"] == "40 of 40 rows"
    assert hashes(rows) == first
    patient, age, tsh = rows[7].split(",")
    changed = hashes([*rows[:7], f"{patient},{age},{float(tsh) + 1e-4:.4f}", *rows[8:]])
    assert changed["members"] == first["members"]
    assert changed["values"] != first["values"]
    renamed = hashes([*rows[:7], f"p99,{age},{tsh}", *rows[8:]])
    assert renamed["members"] != first["members"]
    assert renamed["values"] == first["values"]
    assert file.is_file()
    assert not any(patient in json.dumps(first) for patient in ("p07", "p99", str(tmp_path)))


def test_the_machine_is_its_kind_and_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    torch.set_num_threads(1)
    found = provenance.machine()
    assert found["threads"] == 1
    assert found["torch"] == torch.__version__
    assert socket.gethostname() not in json.dumps(found)


def test_a_resumed_run_keeps_what_it_was_begun_under_and_tells_what_else() -> None:
    old, new = {"code": "a"}, {"code": "b"}
    assert facts.begun_under({"provenance": old}, old) == {"provenance": old, "resumed_under": []}
    assert facts.begun_under({"provenance": old}, new) == {"provenance": old, "resumed_under": [new]}
    assert facts.begun_under({}, new) == {"provenance": new, "resumed_under": []}


@pytest.mark.parametrize("ending", ["py", "yaml"])
def test_the_code_s_hash_sees_each_file_of_the_package(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "HERE", tmp_path)
    (tmp_path / "simulator").mkdir()
    before = provenance.code_hash()
    (tmp_path / "simulator" / f"waves.{ending}").write_text("p: 0.1")
    assert provenance.code_hash() != before
