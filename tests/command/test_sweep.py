"""However a sweep ends its page is written, and a page that cannot be written harms nothing."""

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from ganlab.command import sweep
from ganlab.core.errors import UserError
from ganlab.report import summary
from ganlab.tracking.owner import FolderInUse, owned
from tests.conftest import ROOT

APP = """
import hydra, os, signal, time
from pathlib import Path
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=None, config_name="app")
def main(cfg):
    run = Path(HydraConfig.get().runtime.output_dir) / "run.json"
    run.write_text('{"status": "RUNNING"}')
    if cfg.killed:
        while not Path("sweep/0_job/ended").is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    run.write_text('{"status": "FINISHED"}')
    run.with_name("ended").touch()
    if cfg.fails:
        raise RuntimeError("no luck")

main()
"""
CONFIG = """
fails: false
killed: false
tracking: {mlflow: false}
hydra:
  sweep: {dir: sweep, subdir: "${hydra:job.num}_job"}
  callbacks: {sweep: {_target_: ganlab.command.sweep.Sweep}}
"""


def swept(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text(APP)
    (folder / "app.yaml").write_text(CONFIG)
    call = [sys.executable, "app.py", "--config-dir", ".", "--multirun", *overrides]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("fails", ["false", "false,true"], ids=["all finish", "a job fails"])
def test_a_sweep_of_hydra_leaves_its_page_and_says_where(fails: str, tmp_path: Path) -> None:
    done = swept(tmp_path, f"fails={fails}")
    assert (done.returncode == 0) == (fails == "false"), done.stderr
    assert done.stdout.count("job 1_job failed: RuntimeError: no luck") == (fails != "false")
    assert "Summary of a sweep" in (tmp_path / "sweep" / "summary.html").read_text()
    assert done.stdout.count("summary of the sweep: sweep/summary.html") == 1
    assert "no summary" not in done.stdout


def test_a_worker_that_the_system_kills_ends_the_sweep_and_its_job_is_named(tmp_path: Path) -> None:
    """joblib ends its other workers then: what had finished stays, what had not is named, and nothing hangs."""
    done = swept(tmp_path, "killed=false,true", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    assert done.returncode == 1
    assert "job 1_job failed: it was stopped, or its process killed" in done.stdout
    assert "with hydra.sweep.dir=sweep runs what is missing" in done.stdout
    assert "0_job failed" not in done.stdout
    assert (tmp_path / "sweep" / "0_job" / "ended").is_file()
    assert "Summary of a sweep" in (tmp_path / "sweep" / "summary.html").read_text()


def config(folder: Path) -> Any:
    return OmegaConf.create(
        {"hydra": {"sweep": {"dir": str(folder)}, "overrides": {"task": []}}, "tracking": {"mlflow": True}}
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path | None]]:
    """What MLflow is told of the sweep."""
    found: list[tuple[str, Path | None]] = []
    monkeypatch.setattr(sweep, "_closing", lambda config, folder: lambda *said: found.append(said))
    return found


def test_a_page_that_cannot_be_written_is_a_warning_and_the_sweep_is_closed(
    tmp_path: Path,
    told: list[tuple[str, Path | None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(folder: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(summary, "write_summary", full)
    callback = sweep.Sweep()
    callback.on_multirun_start(config(tmp_path))
    callback.on_multirun_end(config(tmp_path))
    assert told == [("FINISHED", None)]
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "No space left" in warning.getMessage()
    assert f"python -m ganlab.summary sweep={tmp_path}" in warning.getMessage()


def test_a_sweep_with_a_failed_job_is_failed_and_says_which(
    tmp_path: Path, told: list[tuple[str, Path | None]], caplog: pytest.LogCaptureFixture
) -> None:
    for number, error in enumerate([None, UserError("no window")]):
        (tmp_path / f"{number}_job" / ".hydra").mkdir(parents=True)
        (tmp_path / f"{number}_job" / "run.json").write_text("{}")
        job = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(tmp_path / f"{number}_job")}}})
        done = JobReturn(_return_value=error, status=JobStatus.FAILED if error else JobStatus.COMPLETED)
        sweep.Sweep().on_job_end(job, done)
    callback = sweep.Sweep()
    callback.on_multirun_start(config(tmp_path))
    callback.on_multirun_end(config(tmp_path))
    assert told == [("FAILED", tmp_path / "summary.html")]
    assert "job 1_job failed: UserError: no window" in caplog.text
    assert "0_job" not in caplog.text


def test_a_job_that_another_process_is_at_work_on_keeps_its_folder_and_is_named(
    tmp_path: Path, told: list[tuple[str, Path | None]], caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "0_job"
    (folder / ".hydra").mkdir(parents=True)
    with owned(folder):
        job = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(folder)}}})
        sweep.Sweep().on_job_end(job, JobReturn(_return_value=FolderInUse("in use"), status=JobStatus.FAILED))
        callback = sweep.Sweep()
        callback.on_multirun_start(config(tmp_path))
        callback.on_multirun_end(config(tmp_path))
    assert not (folder / sweep.FAILED).exists()
    assert "job 0_job failed: another process is running it" in caplog.text


def test_a_job_that_succeeds_the_second_time_failed_no_more(tmp_path: Path) -> None:
    job = OmegaConf.create({"hydra": {"runtime": {"output_dir": str(tmp_path)}}})
    sweep.Sweep().on_job_end(job, JobReturn(_return_value=UserError("no"), status=JobStatus.FAILED))
    assert (tmp_path / sweep.FAILED).is_file()
    sweep.Sweep().on_job_start(job)
    sweep.Sweep().on_job_end(job, JobReturn(_return_value=0.5, status=JobStatus.COMPLETED))
    assert not (tmp_path / sweep.FAILED).exists()
