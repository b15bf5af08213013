"""The same configuration, seed and machine give the same bits; a run is made again, and what differs is told."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.core.global_hydra import GlobalHydra

from ganlab.command import reproduce as reproduction
from ganlab.command.reproduce import reproduce
from ganlab.core.errors import UserError
from ganlab.tracking.checkpoints import write_checkpoint
from tests.conftest import TINY, draw_nothing, newest_run

Command = Callable[..., Path]
FAST = (*TINY, "tracking=none", "metrics=paper", "trick=random_crop")


def weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(max((run / "checkpoints").glob("*.ckpt")), weights_only=True)["state_dict"]


def same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.usefixtures("blank_figures")
def test_the_bits_depend_on_the_seed_and_not_on_workers_or_tracking(command: Command) -> None:
    first = newest_run(command("run", *FAST))
    for changes, equal in ((("num_workers=2", "tracking=both"), True), (("seed=1",), False)):
        taken = {change.partition("=")[0] for change in changes}
        other = newest_run(command("run", *[o for o in FAST if o.partition("=")[0] not in taken], *changes))
        assert other != first
        assert same(weights(other), weights(first)) == equal
        ours, theirs = (json.loads((run / "run.json").read_text())["provenance"] for run in (other, first))
        assert (ours["config"] == theirs["config"]) == equal
        assert {key: ours[key] for key in ours if key != "config"} == {
            key: theirs[key] for key in ours if key != "config"
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folder with a space") / "and ' a quote"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        GlobalHydra.instance().clear()
        patch.chdir(folder)
        draw_nothing(patch)
        patch.setattr("sys.argv", ["run", *FAST, "metrics=ecg", "metrics.samples=6", "metrics.draws=5"])
        from ganlab.run import main

        main()
    return newest_run(folder)


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    """As a second run would be."""
    return Path(shutil.copytree(run, tmp_path / "again"))


def test_a_run_is_made_again_from_its_folder_alone(
    run: Path, tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command("reproduce", f"run='{str(run).replace(chr(39), chr(92) + chr(39))}'", "out=again")
    said = capsys.readouterr().out
    assert ended.value.code == 0, said
    assert "the same, bit for bit" in said
    assert "circumstances: as they were" in said
    again = tmp_path / "again"
    assert same(weights(again), weights(run))
    report = json.loads((again / "reproduction.json").read_text())
    assert report["same"]
    assert len((again / "metrics.jsonl").read_text()) > 100
    assert len(json.loads((again / "metrics.json").read_text())) > 5
    chosen = json.loads((again / "run.json").read_text())["choices"]
    assert chosen["dataset"] == "ptbdb_sim"


def damage(copy: Path, what: str) -> None:
    if what == "weights":
        file = max((copy / "checkpoints").glob("*.ckpt"))
        stored = torch.load(file, weights_only=True)
        weight = next(v for k, v in stored["state_dict"].items() if k.startswith("generator.") and v.ndim > 1)
        weight[(0,) * weight.ndim] += 1e-6
        write_checkpoint(stored, file)
    elif what == "losses":
        rows = [json.loads(line) for line in (copy / "metrics.jsonl").read_text().splitlines()]
        next(row for row in rows if "loss/G" in row)["loss/G"] += 1e-7
        (copy / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        measured = json.loads((copy / "metrics.json").read_text())
        next(row for row in measured.values() if row["synthetic"] is not None)["synthetic"] += 1e-9
        (copy / "metrics.json").write_text(json.dumps(measured))


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("weights", "tensors: 1 differ\n  generator."),
        ("losses", "metrics.jsonl: 1 differ\n  step 0 loss/G"),
        ("numbers", "metrics.json: 1 differ"),
    ],
)
def test_what_differs_is_told(run: Path, copy: Path, caplog: pytest.LogCaptureFixture, what: str, said: str) -> None:
    caplog.set_level("INFO")
    assert reproduce(str(run), again=str(copy))
    damage(copy, what)
    assert not reproduce(str(run), again=str(copy))
    assert said in caplog.text
    assert "NOT the same" in caplog.text
    assert not json.loads((copy / "reproduction.json").read_text())["same"]


def test_a_row_that_a_kill_cost_is_no_difference(run: Path, copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rows = (copy / "metrics.jsonl").read_text().splitlines()
    step = json.loads(next(row for row in rows if "loss/G" in row))["step"]
    (copy / "metrics.jsonl").write_text("".join(f"{row}\n" for row in rows if json.loads(row)["step"] != step))
    assert not reproduce(str(run), again=str(copy))
    facts = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(facts | {"resumed": ["2026-01-01T00:00:00+00:00"]}))
    assert reproduce(str(run), again=str(copy))
    assert f"step {step} loss/G: not logged, as a run was killed behind its checkpoint" in caplog.text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (torch.tensor([0.0, 1.0]), torch.tensor([-0.0, 1.0]), ["w: 1 of 2 values, by 0 at most"]),
        (torch.tensor([torch.nan, 1.0]), torch.tensor([torch.nan, 1.0]), []),
        (torch.tensor(1.0).bfloat16(), torch.tensor(2.0).bfloat16(), ["w: 1 of 1 values, by 1 at most"]),
        (torch.zeros(0), torch.zeros(0), []),
        (torch.arange(4).view(2, 2).T, torch.arange(4).view(2, 2), ["w: 2 of 4 values, by 1 at most"]),
        (torch.zeros(6, 6)[:, :1], torch.zeros(6, 1), []),
        (torch.zeros(2), torch.zeros(2, 1), ["w: (2,) torch.float32 then, (2, 1) torch.float32 now"]),
        (torch.zeros(2), torch.zeros(2).double(), ["w: (2,) torch.float32 then, (2,) torch.float64 now"]),
    ],
    ids=["the sign of 0", "NaN", "bf16", "empty", "transposed", "a column", "shape", "type"],
)
def test_tensors_are_compared_bit_for_bit(before: torch.Tensor, after: torch.Tensor, said: list[str]) -> None:
    assert [*reproduction._tensors({"w": before}, {"w": after})] == said


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("version", "0.0.9", "version: 0.0.9 then"),
        ("git_commit", "abc", "git commit: abc then"),
        ("provenance.code", "abc", "code: abc then"),
        ("provenance.lock", "abc", "lock: abc then"),
        ("provenance.packages.numpy", "1.0", "packages.numpy: 1.0 then"),
        ("provenance.data.values", "abc", "data.values: abc then"),
        ("provenance.machine.threads", 64, "machine.threads: 64 then"),
        ("provenance.machine.processor", "abacus", "machine.processor: abacus then"),
        ("provenance.machine.torch", "2.6.0", "machine.torch: 2.6.0 then"),
    ],
)
def test_why_it_may_differ_is_told(
    run: Path, copy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, path: str, value: object, said: str
) -> None:
    caplog.set_level("INFO")
    first = Path(shutil.copytree(run, tmp_path / "first"))
    facts = json.loads((first / "run.json").read_text())
    *parents, last = path.split(".")
    inner = facts
    for key in parents:
        inner = inner[key]
    inner[last] = value
    (first / "run.json").write_text(json.dumps(facts))
    assert reproduce(str(first), again=str(copy))
    assert said in caplog.text
    assert "circumstances: 1 differ" in caplog.text


def test_wrong_requests_are_told(run: Path, copy: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ({"run": None}, "run=<folder>"),
        ({"run": str(tmp_path / "empty")}, "config.yaml"),
        ({"out": str(run)}, "not empty"),
    ):
        with pytest.raises(UserError, match=said):
            reproduce(**({"run": str(run)} | arguments))
    (copy / "metrics.json").unlink()
    with pytest.raises(UserError, match=r"has not ended.*resume="):
        reproduce(str(copy))


def test_a_run_that_does_not_run_again_is_told(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(UserError, match="did not run again: exit code 1"):
        reproduce(str(run), out=str(tmp_path / "out"))
