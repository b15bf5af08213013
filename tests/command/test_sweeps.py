"""Sweeps on the launchers and the sweeper of conf/hydra: what they ask for, and what a second start does."""

import importlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

import ganlab.command.entry  # noqa: F401  (commands keep plugins' settings out of Hydra's store)
from ganlab.command import run as experiment
from ganlab.core import settings
from ganlab.core.errors import UserError
from ganlab.generator.load import load
from ganlab.tracking.search import name_best, run_or_best
from tests.conftest import ROOT, TINY

Command = Callable[..., Path]

SMALL = (
    *(o for o in TINY if not o.startswith(("architecture", "trainer.max"))),
    *("architecture=fcn", "architecture.width=0.05", "stopping=steps", "stopping.steps=4", "tracking=none"),
)
CONFIGS = sorted((ROOT / "conf" / "hydra").glob("*/*.yaml"))
PLUGINS = {"joblib": "joblib", "submitit_local": "submitit", "submitit_slurm": "submitit"}
PLUGINS |= {"ray": "ray", "optuna": "optuna"}


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more


def called(folder: Path, *overrides: str, **more: str) -> subprocess.Popen[str]:
    """`python -m ganlab.run --multirun` in a group of processes of its own."""
    call = [sys.executable, "-m", "ganlab.run", "--multirun", *SMALL, "hydra.sweep.dir=sweep", *overrides]
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(call, cwd=folder, env=environment(**more), start_new_session=True, **output)


def jobs(folder: Path) -> list[Path]:
    return sorted(path.parent for path in (folder / "sweep").glob("*/run.json"))


def facts(job: Path) -> dict:
    return json.loads((job / "run.json").read_text())


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_each_is_taken_by_its_name_instead_of_the_plugin_s_own(file: Path) -> None:
    pytest.importorskip(PLUGINS[file.stem])
    GlobalHydra.instance().clear()
    with initialize_config_dir(settings.CONF, version_base="1.3"):
        cfg = hydra_compose("config", [f"hydra/{file.parent.name}={file.stem}"], return_hydra_config=True)
    ours = OmegaConf.load(file)
    ours.pop("defaults", None)
    node = cfg.hydra[file.parent.name]
    assert OmegaConf.to_container(OmegaConf.merge(node, ours)) == OmegaConf.to_container(node)


def test_a_plugin_that_a_job_loads_again_leaves_its_settings_ours() -> None:
    """Launchers load all plugins in each job, and Hydra refuses a file beside a plugin's settings of the same name."""
    plugin = pytest.importorskip("hydra_plugins.hydra_optuna_sweeper.config")
    importlib.reload(plugin)
    GlobalHydra.instance().clear()
    with initialize_config_dir(settings.CONF, version_base="1.3"):
        cfg = hydra_compose(
            "config", ["hydra/sweeper=optuna", "hydra/sweeper/sampler=random"], return_hydra_config=True
        )
    assert cfg.hydra.sweeper.max_failure_rate == 1.0
    assert cfg.hydra.sweeper.sampler._target_.endswith("RandomSampler")


def test_the_script_that_slurm_would_get_is_shown(tmp_path: Path) -> None:
    call = [sys.executable, str(ROOT / "scripts" / "slurm_script.py"), "seed=1,2,3", f"outputs={tmp_path}"]
    call += ["hydra.launcher.partition=long", "hydra.launcher.array_parallelism=2", "hydra.sweep.dir=/shared/sweep"]
    done = subprocess.run(call, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    script = done.stdout
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)(?:='?(.*?)'?)?$", script, re.MULTILINE))
    assert asked == {
        "array": "0-2%2",
        "cpus-per-task": "4",
        "gpus-per-node": "1",
        "job-name": "ganlab",
        "mem": "24GB",
        "nodes": "1",
        "ntasks-per-node": "1",
        "open-mode": "append",
        "output": "/shared/sweep/.submitit/%A_%a/%A_%a_0_log.out",
        "partition": "long",
        "requeue": "",
        "signal": "USR2@120",
        "time": "720",
        "wckey": "submitit",
    }
    command = f"{sys.executable} -u -m submitit.core._submit /shared/sweep/.submitit/%j"
    assert re.search(rf"^srun --unbuffered --output \S+%A_%a\S+ {re.escape(command)}$", script, re.MULTILINE)
    assert not [*tmp_path.rglob("*.pkl")]


SLURM = {
    # Runs each task of the array after the other, and again as long as it is queued again.
    "sbatch": r"""
cp "$1" {folder}/script.sh
tasks=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\)%.*/\1/p' {folder}/script.sh)
(
  export SLURM_ARRAY_JOB_ID=77 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1
  for task in $(seq 0 $tasks); do
    export SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=$((77 + task))
    again=yes
    while [ "$again" ]; do
      again=
      bash {folder}/script.sh
      if [ -e {folder}/requeue.77_$task ]; then mv {folder}/requeue.77_$task {folder}/requeued.77_$task; again=yes; fi
    done
  done
) > {folder}/slurm.log 2>&1 < /dev/null &
echo "Submitted batch job 77"
""",
    "srun": 'while [ "${{1#--}}" != "$1" ]; do [ "$1" = --unbuffered ] && shift 1 || shift 2; done\nexec "$@"\n',
    "scontrol": 'touch {folder}/"$1.$2"\n',
    "sacct": 'echo "JobID|State|NodeList"\n',
}
"""A cluster of one machine."""


@pytest.fixture
def slurm(tmp_path: Path) -> str:
    """PATH with the commands of a cluster."""
    for name, text in SLURM.items():
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("#!/bin/bash\n" + text.format(folder=tmp_path))
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return f"{tmp_path / 'bin'}:{os.environ['PATH']}"


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm"])
def test_a_search_with_submitit(tmp_path: Path, launcher: str, slurm: str) -> None:
    both = (f"hydra/launcher={launcher}", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    started = called(tmp_path, *SEARCH, *MEASURED, *both, PATH=slurm)
    said, _ = started.communicate(timeout=400)
    assert started.returncode == 0, said
    assert [facts(job)["status"] for job in jobs(tmp_path)] == ["FINISHED", "FINISHED"]
    if launcher == "submitit_local":  # the cluster of one machine writes none
        assert len([*(tmp_path / "sweep" / ".submitit").glob("*/*_log.out")]) == 2
    assert f"best run: {run_or_best(tmp_path / 'sweep').relative_to(tmp_path)}" in said


@pytest.mark.slow
def test_a_job_of_a_slurm_array_whose_time_is_over_goes_on_in_the_queue(tmp_path: Path, slurm: str) -> None:
    started = called(
        tmp_path, "hydra/launcher=submitit_slurm", "seed=1,2", "stopping.steps=300", "diversity.images=2", PATH=slurm
    )
    end, told = time.monotonic() + 400, False
    while started.poll() is None:
        first = next(iter(jobs(tmp_path)), None)
        if not told and first and (first / "metrics.jsonl").is_file() and facts(first)["status"] == "RUNNING":
            os.kill(facts(first)["pid"], signal.SIGUSR2)
            told = True
        if time.monotonic() > end:
            os.killpg(started.pid, signal.SIGKILL)
        time.sleep(0.05)
    said = f"{started.communicate()[0]}\n{(tmp_path / 'slurm.log').read_text()}"
    assert started.returncode == 0, said
    one, two = jobs(tmp_path)
    assert (tmp_path / "requeued.77_0").is_file()
    assert not (tmp_path / "requeued.77_1").exists()
    assert len(facts(one)["resumed"]) == 1
    assert "resumed" not in facts(two)
    assert [load(job).steps for job in (one, two)] == [300, 300]
    assert [facts(job)["status"] for job in (one, two)] == ["FINISHED", "FINISHED"]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", pytest.param("basic", marks=pytest.mark.fault)])
def test_a_sweep_of_eight_that_is_killed_and_started_again_runs_nothing_twice(tmp_path: Path, launcher: str) -> None:
    call = (f"hydra/launcher={launcher}", "seed=range(8)", "checkpoint_minutes=0", "stopping.steps=12")
    call += ("hydra.launcher.n_jobs=2",) if launcher == "joblib" else ()
    started = called(tmp_path, *call)
    end = time.monotonic() + 240
    while sum(facts(job)["status"] == "FINISHED" for job in jobs(tmp_path)) < 3:
        assert started.poll() is None, started.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGKILL)
    started.communicate()
    before = {job: facts(job) for job in jobs(tmp_path)}
    finished = [job for job, told in before.items() if told["status"] == "FINISHED"]
    written = {job: (job / "metrics.jsonl").read_bytes() for job in before}
    assert 3 <= len(finished) < 8

    again = called(tmp_path, *call)
    said, _ = again.communicate(timeout=400)
    assert again.returncode == 0, said
    assert said.count("which has finished: nothing to do") == len(finished)
    assert len(jobs(tmp_path)) == 8
    for job in jobs(tmp_path):
        assert facts(job)["status"] == "FINISHED"
        assert load(job).steps == 12
        if job in finished:
            assert facts(job) == before[job]
            assert (job / "metrics.jsonl").read_bytes() == written[job]
        elif job in before:
            assert len(facts(job)["resumed"]) == 1
        else:
            assert "resumed" not in facts(job)


KID = "distribution/kid"
MEASURED = ("metrics=ecg", "metrics.samples=8", "metrics.draws=5", f"metrics.objective={KID}")
MEASURED += tuple(f"~metrics.measures.{other}" for other in ("physiology", "leads", "signal", "copies"))
SEARCH = ("hydra/sweeper=optuna", "gan.optimizer_g.lr=tag(log,interval(1e-5,1e-3))", "hydra.sweep.dir=sweep")


def test_a_search_goes_on_where_it_was(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    call = (*SMALL, *SEARCH, *MEASURED)
    folder = command("run", "--multirun", *call, "hydra.sweeper.n_trials=2")
    first = {job: facts(job) for job in jobs(folder)}
    assert len(first) == 2
    capsys.readouterr()
    command("run", "--multirun", *call, "hydra.sweeper.n_trials=3")
    output = capsys.readouterr().out
    assert output.count("which has finished: nothing to do") == 2
    assert len(jobs(folder)) == 3
    assert {job: facts(job) for job in first} == first
    best = OmegaConf.load(folder / "sweep" / "optimization_results.yaml")
    reached = {job.name: json.loads((job / "metrics.json").read_text())[KID]["synthetic"] for job in jobs(folder)}
    assert best.best_value == min(reached.values()) == reached[best.best_run]
    assert f"best run: sweep/{best.best_run}" in output

    command("export_generator", "run=sweep", "out=exported")
    command("sample", "run=sweep", "n=2", "format=npy")
    assert load("exported").checkpoint == load(folder / "sweep" / best.best_run).checkpoint
    assert (folder / "sweep" / best.best_run / "samples" / "npy_2_seed0").is_dir()


def test_a_sweep_that_names_no_best_run_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "0_job").mkdir()
    (tmp_path / "0_job" / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"is a sweep of 1 runs, .* such as .*0_job"):
        run_or_best(tmp_path)


@pytest.mark.parametrize("damaged", [b"{", b"[]", b'{"kid": 2}', b"\xff", b"null"])
def test_a_damaged_file_of_a_trial_does_not_hide_the_best(
    damaged: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for job, content in (("0_job", damaged), ("1_job", b'{"kid": {"synthetic": 2.0}}')):
        (tmp_path / job).mkdir()
        (tmp_path / job / "metrics.json").write_bytes(content)
    results = f"name: ${{writable:{tmp_path}/made}}\nbest_value: 2.0\n"
    (tmp_path / "optimization_results.yaml").write_text(results)
    assert name_best(tmp_path, "kid") == tmp_path / "1_job"
    assert "0_job/metrics.json is damaged" in caplog.text
    assert not (tmp_path / "made").exists()
    assert run_or_best(tmp_path) == tmp_path / "1_job"


def test_a_trial_that_fails_or_measures_nothing_does_not_end_the_search(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, RuntimeError("no luck"), 3.0, 2.0])

    def run(cfg: object) -> float | None:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(experiment, "main", run)
    objective = ("metrics=ecg", "metrics.objective=distribution/kid")
    folder = command("run", "--multirun", *SMALL, *SEARCH, *objective, "hydra.sweeper.n_trials=4")
    assert OmegaConf.load(folder / "sweep" / "optimization_results.yaml").best_value == 2.0


@pytest.mark.parametrize("synthetic", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_no_objective(synthetic: float | None) -> None:
    assert experiment._objective("a", {"a": {"synthetic": synthetic}}) is None
    assert experiment._objective("a", {}) is None
    assert experiment._objective("a", {"a": {"synthetic": 2}}) == 2.0


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ((), "metrics.objective=distribution/kid"),
        (("metrics.objective=distribution/kid", "hydra.sweeper.storage=sqlite:///a.db"), "accepted is null"),
    ],
)
def test_a_search_that_cannot_work_is_refused(command: Command, overrides: tuple[str, ...], said: str) -> None:
    with pytest.raises(SystemExit, match=said):
        command("run", "--multirun", *SMALL, *SEARCH, "metrics=ecg", *overrides)
    assert not Path("sweep").exists()
