"""A run's folder belongs to its run: nobody else works in it, a refused run leaves none, and it can move."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ganlab.command.reproduce import reproduce
from ganlab.core.errors import UserError
from ganlab.tracking.owner import owned
from tests.conftest import TINY, newest_run

Command = Callable[..., Path]
FAST = (*TINY, "tracking=none")
TABLE = (
    *("dataset=table", "dataset.columns={x: {}, y: {}}", "standardization=min_max", "arrangement=table"),
    *("arrangement.columns=[x,y]", "architecture=cnn_thyroid", "architecture.width=0.1", "batch_size=8"),
    *("trainer.max_epochs=1", "trainer.enable_progress_bar=false", "metrics=paper", "tracking=none"),
)


def files(folder: Path) -> list[str]:
    """All but the heartbeat, which may be being written."""
    every = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in every if not name.startswith(".owner"))


@pytest.mark.parametrize(
    "overrides", [("dataset=ptbdb", "dataset.root=nowhere"), ("dataset.patients=4",)], ids=["no data", "too few"]
)
def test_a_refused_run_leaves_no_folder(command: Command, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as refused:
        command("run", "metrics=privacy", "tracking=none", *overrides)
    assert refused.value.code == 2
    assert [*(tmp_path / "outputs" / "runs").iterdir()] == []


def test_ctrl_c_while_preparing_ends_without_a_traceback_or_a_folder(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from ganlab.dataset.module import Data

    def interrupted(data: Data) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Data, "prepare_data", interrupted)
    with pytest.raises(SystemExit) as ended:
        command("run", *FAST)
    assert ended.value.code == 130
    assert "interrupted" in capsys.readouterr().out
    assert [*(tmp_path / "outputs" / "runs").iterdir()] == []


@pytest.mark.usefixtures("blank_figures")
def test_a_second_process_is_refused_and_changes_nothing(
    command: Command, made_run: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(made_run(*FAST), tmp_path / "run"))
    with owned(run):
        before = {name: (run / name).read_bytes() for name in files(run)}
        for way in (f"resume={run}", f"hydra.run.dir={run}"):
            with pytest.raises(SystemExit) as refused:
                command("run", *(FAST if way.startswith("hydra") else ()), way)
            assert refused.value.code == 2
            assert "which is still using it" in capsys.readouterr().out
            assert files(run) == [*before]
        changed = {name for name in before if (run / name).read_bytes() != before[name]}
        assert changed <= {"run.log"}


@pytest.mark.usefixtures("blank_figures")
def test_paths_begin_where_the_command_was_given_under_chdir(command: Command, tmp_path: Path) -> None:
    command("run", *FAST, "hydra.job.chdir=true")
    assert (tmp_path / "outputs" / "cache").is_dir()
    assert not [*newest_run(tmp_path).rglob("cache")]
    assert Path.cwd() == tmp_path


@pytest.mark.usefixtures("blank_figures")
def test_a_run_goes_on_after_project_and_data_moved(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "project" / "data" / "rows.csv"
    data.parent.mkdir(parents=True)
    data.write_text("x,y\n" + "".join(f"{n},{n * n % 7}\n" for n in range(40)))
    monkeypatch.chdir(tmp_path / "project")
    command("run", *TABLE, "dataset.file=data/rows.csv")
    shutil.move(tmp_path / "project", tmp_path / "moved")
    shutil.move(tmp_path / "moved" / "data", tmp_path / "data")
    run, moved = newest_run(tmp_path / "moved"), str(tmp_path / "data" / "rows.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        command("run", f"resume={run}")
    assert "dataset.file" in capsys.readouterr().out
    command("run", f"resume={run}", "dataset.file=data/rows.csv", "trainer.max_epochs=2")
    facts = json.loads((run / "run.json").read_text())
    assert (facts["status"], facts["working_folder"]) == ("FINISHED", str(tmp_path / "moved"))
    assert not (tmp_path / "outputs").exists()
    command("evaluate", f"synthetic={run}", f"dataset.file={moved}", "metrics=paper", "metrics.draws=2", "out=judged")
    command("sample", f"run={run}", "n=2", "out=made")
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(UserError, match="did not run again"):
        reproduce(str(run), out="again", dataset={"file": moved})
    assert OmegaConf.load("again/config.yaml").dataset.file == moved
    rows = (tmp_path / "data" / "rows.csv").read_text()
    for change in (rows.replace("\n3,2\n", "\n3,6\n"), rows + "40,1\n"):
        (tmp_path / "data" / "rows.csv").write_text(change)
        with pytest.raises(SystemExit):
            command("run", f"resume={run}", "trainer.max_epochs=3")
        assert "the data" in capsys.readouterr().out


def test_a_stored_configuration_with_keys_of_hydra_is_not_run_again(
    made_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(made_run(*FAST), tmp_path / "run"))
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"files": {}}))
    with (run / "config.yaml").open("a") as config:
        config.write("hydra:\n  callbacks: {x: {_target_: os.system}}\n")
    with pytest.raises(UserError, match=r"hydra: .* is refused"):
        reproduce(str(run), out=str(tmp_path / "again"))
    assert not (tmp_path / "again").exists()
