"""Runs whose stored configuration names classes that have moved since: of metrics and of the stopping rule."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from ganlab.command.reading_sheet import make_sheet
from ganlab.command.reproduce import reproduce
from ganlab.command.sample import write_samples
from ganlab.core.errors import UserError
from ganlab.generator.export import export_generator
from ganlab.generator.load import load
from tests.conftest import LIMB

GONE = "ganlab.metrics.physiology.VisualCriteria"
Command = Callable[..., Path]


@pytest.fixture
def old(made_run: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    run = made_run(*LIMB)
    monkeypatch.chdir(run.parents[2])
    folder = Path(shutil.copytree(run, tmp_path / "old"))
    config = OmegaConf.load(folder / "config.yaml")
    OmegaConf.update(config, "metrics.measures.visual._target_", GONE, force_add=True)
    OmegaConf.update(config, "stopping._target_", "ganlab.callbacks.rule.Rule", force_add=True)
    OmegaConf.save(config, folder / "config.yaml")
    facts = json.loads((folder / "run.json").read_text())
    # Old runs noted no hashes of their files.
    del facts["files"]
    (folder / "run.json").write_text(json.dumps(facts))
    return folder


def test_they_are_sampled_exported_and_read(old: Path, tmp_path: Path) -> None:
    made = np.load(write_samples(str(old), 2, "npy", str(tmp_path / "made")) / "synthetic.npy")
    np.testing.assert_array_equal(made, load(old).gan.sample(2).numpy())
    assert load(export_generator(str(old), str(tmp_path / "generator"))).kind == load(old).kind
    assert (make_sheet(old, 4, tmp_path / "sheet") / "key" / "key.csv").is_file()


def test_they_are_compared_with_the_patients_of_their_split(old: Path, command: Command) -> None:
    chosen = ("metrics=paper", "metrics.samples=4", "metrics.draws=2")
    folder = command("evaluate", f"synthetic={old}", *chosen, "out=judged")
    facts = json.loads((folder / "judged" / "metrics.json").read_text())["facts"]
    parts = json.loads((old / "split.json").read_text())["parts"]
    assert facts["training_persons"] == len(parts["train"])


def test_they_are_not_made_again_and_the_version_that_made_them_is_named(old: Path, tmp_path: Path) -> None:
    facts = json.loads((old / "run.json").read_text())
    (old / "run.json").write_text(json.dumps(facts | {"version": "0.0.9", "git_commit": "abc"}))
    with pytest.raises(UserError, match=r"made by ganlab 0\.0\.9, code abc, and cannot continue.*has no ganlab\."):
        reproduce(str(old), out=str(tmp_path / "again"))
    assert not (tmp_path / "again").exists()


def test_they_are_not_resumed_and_the_version_that_made_them_is_named(
    old: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads((old / "run.json").read_text())
    here = {"version": "0.0.9", "git_commit": "abc", "working_folder": str(old.parent)}
    (old / "run.json").write_text(json.dumps(facts | here))
    for way in (f"resume={old}", f"hydra.run.dir={old}"):
        with pytest.raises(SystemExit):
            command("run", way)
        assert "made by ganlab 0.0.9, code abc, and cannot continue" in capsys.readouterr().out


def test_networks_that_have_changed_are_refused_with_the_version_and_the_record_stays(
    old: Path, command: Command, capsys: pytest.CaptureFixture[str], made_run: Callable[..., Path]
) -> None:
    config = OmegaConf.load(made_run(*LIMB) / "config.yaml")
    config.architecture.generator.width = 0.125
    OmegaConf.save(config, old / "config.yaml")
    facts = json.loads((old / "run.json").read_text())
    record = json.dumps(facts | {"version": "0.0.9", "git_commit": "abc", "working_folder": str(old.parent)})
    (old / "run.json").write_text(record)
    with pytest.raises(SystemExit):
        command("run", f"resume={old}")
    assert "use the code that wrote it: ganlab 0.0.9, code abc; this is " in capsys.readouterr().out
    assert (old / "run.json").read_text() == record
