"""The real commands on a tiny cohort: what a run leaves, how it goes on, and what it says when it cannot."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from omegaconf import OmegaConf

from tests.conftest import ROOT, TINY, newest_run

Command = Callable[..., Path]


def store(folder: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{folder / 'outputs' / 'mlflow.db'}")


def runs(folder: Path) -> list:
    client = store(folder)
    return client.search_runs([client.get_experiment_by_name("ganlab").experiment_id])


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_run_leaves_its_record_and_tells_mlflow_and_tensorboard(command: Command) -> None:
    folder = command(
        "run",
        *TINY,
        "arrangement=limb_derived",
        "trick=[label_smoothing,d_threshold]",
        "trainer.max_epochs=5",
        *("metrics=ecg", "metrics.samples=8", "metrics.draws=20"),
    )
    run = newest_run(folder)
    assert not set(run.name) & set("=,")

    config = OmegaConf.load(run / "config.yaml")
    assert config.batch_size == 8
    left = re.findall(r"\$\{.*?\}", (run / "config.yaml").read_text())
    assert set(left) == {"${oc.env:GANLAB_CACHE,outputs/cache}"}
    split = json.loads((run / "split.json").read_text())
    people = [patient for part in split["parts"].values() for patient in part]
    assert len(people) == len(set(people)) == 12

    facts = json.loads((run / "run.json").read_text())
    steps = facts["steps"]
    assert steps == 5 * -(-facts["data"]["parts"]["train"]["samples"] // 8)
    assert sum(facts["data"]["classes"].values()) == facts["data"]["samples"] == 12 * (9000 // 2025)
    rows = lines(run)
    assert [row["step"] for row in rows if "loss/G" in row] == list(range(steps))
    assert {"loss/G", "loss/D", "accuracy/real", "accuracy/synthetic"} <= set(rows[0])
    assert {row["epoch"] for row in rows} == {1, 2, 3, 4, 5}
    assert any("saturated/real" in row for row in rows)

    assert sorted(p.stem for p in (run / "checkpoints").glob("*.ckpt")) == [
        f"step_{n:07d}" for n in (steps * 4 // 5, steps)
    ]
    assert {p.name for p in (run / "generators").iterdir()} == {"epoch_0005.pt", "epoch_0005.pt.sha256"}
    assert {p.name for p in (run / "grids").iterdir()} == {"epoch_0001.png", "epoch_0005.png"}
    assert list((run / "tensorboard").glob("events*"))

    measured = json.loads((run / "metrics.json").read_text())
    assert measured["leads/einthoven_residual_uv"]["synthetic"] < 1e-3
    noise = measured["physiology/noise_uv"]
    assert noise["interval"][0] <= noise["synthetic"] <= noise["interval"][1]
    assert noise["controls"]["noisy_copy"] > 2 * noise["floor"]
    report = (run / "report.html").read_text()
    assert "Not for clinical use" in report
    assert not re.search(r'(src|href)="https?://', report)
    for lead in ("aVR", "aVL", "aVF"):
        assert lead in report

    (tracked,) = runs(folder)
    assert tracked.info.status == "FINISHED"
    assert {"arrangement": "limb_derived", "batch_size": "8"}.items() <= tracked.data.params.items()
    assert len(tracked.data.params) < 30
    tags = {
        "dataset": "ptbdb_sim",
        "arrangement": "limb_derived",
        "trick": "label_smoothing,d_threshold",
        "seed": "0",
    }
    assert tags.items() <= tracked.data.tags.items()
    assert {"loss/G", "loss/D", "measured/physiology/plausible_rate"} <= set(tracked.data.metrics)
    artifacts = {a.path for a in store(folder).list_artifacts(tracked.info.run_id)}
    assert {"config.yaml", "report.html", "images", "metrics.jsonl"} <= artifacts
    assert not any("ckpt" in name for name in artifacts)


def test_tracking_can_be_switched_off(command: Command) -> None:
    folder = command("run", *TINY, "tracking=none", "metrics=paper")
    run = newest_run(folder)
    assert not (folder / "outputs" / "mlflow.db").exists()
    assert not (run / "tensorboard").exists()
    assert lines(run)
    assert json.loads((run / "metrics.json").read_text()) == {}


def test_split_paper_says_what_is_left_out(command: Command) -> None:
    run = newest_run(command("run", *TINY, "tracking=none", "split=paper"))
    assert "training data" in (run / "report.html").read_text()
    assert json.loads((run / "run.json").read_text())["data"]["parts"].keys() == {"train"}


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Makes training die at a step; None lets it live again."""
    from ganlab.gan.gan import GAN

    step = GAN.step_generator

    def arrange(at: int | None) -> None:
        def dies(self: GAN, *args: object) -> dict:
            if self.steps == at:
                raise SystemError("killed")
            return step(self, *args)

        monkeypatch.setattr(GAN, "step_generator", dies)

    return arrange


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(max((run / "checkpoints").glob("*.ckpt")), weights_only=True)["state_dict"]


@pytest.mark.parametrize("minutes", [15, 0], ids=["from the epoch's start", "within the epoch"])
def test_a_killed_run_goes_on_as_if_it_had_not_been_killed(
    command: Command, killed_at: Callable[[int | None], None], minutes: int
) -> None:
    settings = (
        *TINY,
        "trainer.max_epochs=3",
        "trick=[ema,random_crop]",
        "metrics=paper",
        f"checkpoint_minutes={minutes}",
    )
    folder = command("run", *settings)
    whole = newest_run(folder)
    steps = json.loads((whole / "run.json").read_text())["steps"]

    killed_at(steps * 2 // 3 + 2)
    with pytest.raises(SystemExit):
        command("run", *settings)
    killed_at(None)
    broken = newest_run(folder)
    states = {run.info.run_id: run.info.status for run in runs(folder)}
    assert sorted(states.values()) == ["FAILED", "FINISHED"]
    last = max((broken / "checkpoints").glob("*.ckpt")).stem
    assert last == f"step_{steps * 2 // 3 + (2 if minutes == 0 else 0):07d}"

    command("run", f"resume={broken}")
    assert newest_run(folder) == broken
    ours, theirs = weights(broken), weights(whole)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert [run.info.status for run in runs(folder)] == ["FINISHED", "FINISHED"]
    resumed = next(run for run in runs(folder) if states[run.info.run_id] == "FAILED")
    history = store(folder).get_metric_history(resumed.info.run_id, "loss/G")
    assert {point.step for point in history} == set(range(steps))
    curve = {row["step"]: row["loss/G"] for row in lines(broken) if "loss/G" in row}
    assert curve == {row["step"]: row["loss/G"] for row in lines(whole) if "loss/G" in row}


def test_a_sweep_is_one_parent_with_its_jobs(command: Command) -> None:
    folder = command(
        "run",
        "--multirun",
        *TINY,
        "arrangement=z,transposed",
        "trick=none,label_smoothing",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    )
    found = runs(folder)
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert len(found) == 5
    assert len(parents) == 1
    assert {run.data.tags.get("mlflow.parentRunId") for run in found} == {None, parents[0].info.run_id}
    assert {run.info.status for run in found} == {"FINISHED"}
    assert len(list((folder / "outputs" / "cache").glob("ptbdb_sim-*[0-9a-f]"))) == 1
    (sweep,) = (folder / "outputs" / "sweeps").iterdir()
    jobs = [path for path in sweep.iterdir() if (path / "report.html").is_file()]
    assert len(jobs) == 4
    assert not any(set(path.name) & set("=,") for path in jobs)


def test_real_records_train_under_the_missions_overrides(command: Command, real_records: Path) -> None:
    folder = command(
        "run",
        *[o for o in TINY if not o.startswith("dataset.")],
        "dataset=ptbdb",
        f"dataset.root={real_records}",
        "dataset.on_bad_record=skip",
        "arrangement=rgb",
        "trick=label_smoothing",
        "trainer.limit_train_batches=3",
    )
    run = newest_run(folder)
    facts = json.loads((run / "run.json").read_text())
    assert [skipped["record"] for skipped in facts["data"]["skipped"]] == ["patient002/s0015lre"]
    assert facts["data"]["patients"] == 59
    report = (run / "report.html").read_text()
    assert "file missing" in report
    assert "s0015lre" not in report


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["dataset=ptbdb", "dataset.root=nowhere"],
            ["nowhere", "dataset.root=", "dataset.download=true", "dataset=ptbdb_sim"],
        ),
        (["arrangement.leads=[i,v9]"], ["v9", "avr", "arrangement.leads"]),
        (["trick=[label_smoothing,r1_r2]", "architecture=fcn"], ["label_smoothing", "r1_r2"]),
        (["dataset.seconds=1"], ["2025"]),
        (["metrics=ecg", "metrics.objective=nonsense"], ["nonsense", "physiology/plausible_rate"]),
        (["trainer.gradient_clip_val=1"], ["trainer", "clip"]),
        (["trainer=gpu"], ["trainer", "gpu"]),
        (["gan.optimizer_g.lr=-1"], ["gan.optimizer_g: Invalid learning rate: -1"]),
        (["cache=5"], ["cache=5: accepted is the path of a folder"]),
    ],
)
def test_errors_name_what_was_seen_and_the_way_on(
    command: Command,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    overrides: list[str],
    said: list[str],
) -> None:
    tiny = [o for o in TINY if not (overrides[0] == "dataset=ptbdb" and o.startswith("dataset."))]
    tiny = [o for o in tiny if o.partition("=")[0] not in {other.partition("=")[0] for other in overrides}]
    with pytest.raises(SystemExit) as stopped:
        command("run", *tiny, "tracking=none", *overrides)
    assert stopped.value.code == 2
    shown = capsys.readouterr()
    text = shown.out + shown.err + caplog.text
    for word in said:
        assert word in text
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("dataset=nonsense", "ptbdb_sim"),
        ("batchsize=3", "batchsize"),
        ("trick=[label_smoothing,nonsense]", "trick=nonsense: no such choice"),
    ],
)
def test_unknown_choices_and_keys_are_refused(override: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ganlab.run", override], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode != 0
    assert said in done.stderr


def test_only_trainer_and_tracking_change_on_resume(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = command("run", *TINY, "tracking=none", "metrics=paper")
    run = newest_run(folder)
    with pytest.raises(SystemExit):
        command("run", f"resume={run}", "seed=4")
    steps = json.loads((run / "run.json").read_text())["steps"]
    command("run", f"resume={run}", "trainer.max_epochs=2")
    facts = json.loads((run / "run.json").read_text())
    assert facts["steps"] == 2 * steps
    assert len(facts["resumed"]) == 1
    with pytest.raises(SystemExit, match="not a run folder"):
        command("run", f"resume={folder}")
    assert not (folder / ".hydra").exists()
    with pytest.raises(SystemExit):
        command("run", f"resume={run}", "trainer=cpu")
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    command("run", f"resume={run}")
    assert not [*(folder / "elsewhere").iterdir()], "its paths begin where the project lies"


def test_prepare_caches_and_writes_a_cohort_that_reads_as_ptbdb(command: Command) -> None:
    folder = command("prepare", "dataset.patients=3", "dataset.seconds=5", "wfdb=written")
    command("prepare", "dataset=ptbdb", "dataset.root=written")
    signals = [np.fromfile(file, "<i2") for file in sorted((folder / "outputs" / "cache").glob("*/signal.i16"))]
    assert len(signals) == 2
    assert np.array_equal(*signals)


def test_every_standardization_trains(command: Command) -> None:
    others = {"min_max", "as_it_is"}
    for name in {path.stem for path in (ROOT / "conf" / "standardization").glob("*.yaml")} - others:
        command("run", *TINY, "tracking=none", "metrics=paper", f"standardization={name}", "arrangement=rgb")
        facts = json.loads((newest_run(Path.cwd()) / "run.json").read_text())
        assert facts["steps"] == 4
        assert 0 <= facts["saturated/real"] < 0.1


def test_overfitting_shows_one_batch_an_epoch_always_the_same(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganlab.gan.gan import GAN

    shown, step = [], GAN.step_discriminator

    def watch(self: GAN, real: torch.Tensor, *args: object) -> dict:
        shown.append(real.clone())
        return step(self, real, *args)

    monkeypatch.setattr(GAN, "step_discriminator", watch)
    command("run", *TINY, "tracking=none", "metrics=paper", "trainer.overfit_batches=1", "trainer.max_epochs=2")
    assert len(shown) == 2
    assert torch.equal(*shown)


def test_a_secret_in_the_environment_goes_nowhere(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{Path.cwd()}/elsewhere.db?password=hunter2")
    folder = command("run", *TINY, "tracking=mlflow", "metrics=paper")
    run = newest_run(folder)
    assert (folder / "elsewhere.db").is_file()
    for file in ("config.yaml", "run.json", "report.html", "metrics.jsonl"):
        assert "hunter2" not in (run / file).read_text()
    assert not (folder / "outputs" / "mlflow.db").exists()
