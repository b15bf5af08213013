"""What a run leaves on disk: whole checkpoints, the last two, and metrics line by line."""

import io
import json
import math
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from ganlab.errors import UserError
from ganlab.tracking import checkpoints as room
from ganlab.tracking.checkpoints import AtomicCheckpointIO, Checkpoints, checkpoint_in, write_atomically
from ganlab.tracking.jsonl import JSONLines


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def half_then_fail(value: Any, file: Any) -> None:
    """torch.save on a disk that is full half-way."""
    buffer = io.BytesIO()
    torch.serialization.save(value, buffer)
    file.write(buffer.getvalue()[: buffer.tell() // 2])
    raise OSError(28, "No space left on device")


def test_what_is_written_is_read_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "step_1.ckpt"
    AtomicCheckpointIO().save_checkpoint({"w": torch.arange(3.0), "steps": 1}, path)
    AtomicCheckpointIO().save_checkpoint({"w": torch.arange(4.0), "steps": 2}, str(path))
    loaded = AtomicCheckpointIO().load_checkpoint(path, weights_only=True)
    assert loaded["steps"] == 2
    assert torch.equal(loaded["w"], torch.arange(4.0))
    assert names(path.parent) == ["step_1.ckpt"]


@pytest.mark.parametrize("before", [True, False], ids=["over an old file", "as the first file"])
def test_a_disk_full_half_way_leaves_the_old_file_and_no_other(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "step_1.ckpt"
    if before:
        write_atomically({"w": torch.arange(3.0)}, path)
    monkeypatch.setattr(torch, "save", half_then_fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically({"w": torch.zeros(1000)}, path)
    assert names(tmp_path) == (["step_1.ckpt"] if before else [])
    if before:
        assert torch.equal(torch.load(path, weights_only=True)["w"], torch.arange(3.0))


def test_a_file_takes_its_name_only_once_it_is_whole_and_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "step_1.ckpt", []

    def flushed(descriptor: int) -> None:
        (unfinished,) = tmp_path.iterdir()
        seen.append((path.exists(), torch.load(unfinished, weights_only=True)))

    monkeypatch.setattr(room.os, "fsync", flushed)
    write_atomically({"steps": 7}, path)
    assert seen == [(False, {"steps": 7})]
    assert names(tmp_path) == ["step_1.ckpt"]


def run_with(folder: Path, *steps: int) -> Path:
    for number in steps:
        write_atomically({"steps": number}, folder / "checkpoints" / f"step_{number:07d}.ckpt")
    return folder


def test_the_last_checkpoint_is_the_one_of_most_steps_also_beyond_seven_digits(tmp_path: Path) -> None:
    run = run_with(tmp_path, 9_999_999, 20, 10_000_000)
    assert checkpoint_in(run).stem == "step_10000000"
    assert checkpoint_in(run, "step_0000020").stem == "step_0000020"


def test_a_checkpoint_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint 'step_3'; there is: step_0000001, step_0000002\."):
        checkpoint_in(run_with(tmp_path, 2, 1), "step_3")
    with pytest.raises(UserError, match=r"no checkpoint 'last'; there is: none"):
        checkpoint_in(tmp_path / "empty")


def test_a_file_that_was_being_written_is_no_checkpoint(tmp_path: Path) -> None:
    run = run_with(tmp_path, 1)
    (run / "checkpoints" / ".step_0000002.ckpt.4711").write_bytes(b"half")
    assert checkpoint_in(run).stem == "step_0000001"


class Run:
    """Drives the callback as a Trainer does: epochs of ten steps."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.callback = Checkpoints(folder, **settings)
        self.folder = folder
        self.module: Any = SimpleNamespace(steps=0, sampling_generator=nn.Linear(1, 1))
        self.trainer: Any = SimpleNamespace(current_epoch=0, is_global_zero=True, save_checkpoint=self.save)
        self.saved: list[int] = []

    def save(self, path: Path, weights_only: bool) -> None:
        self.saved.append(self.module.steps)
        AtomicCheckpointIO().save_checkpoint({"steps": self.module.steps}, path)

    def batch(self) -> None:
        self.module.steps += 1
        self.callback.on_train_batch_end(self.trainer, self.module, None, None, 0)

    def epoch(self) -> None:
        for _ in range(10):
            self.batch()
        self.callback.on_train_epoch_end(self.trainer, self.module)
        self.trainer.current_epoch += 1


def test_each_epoch_is_saved_and_the_last_two_are_kept(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for _ in range(4):
        run.epoch()
    run.callback.on_train_end(run.trainer, run.module)
    assert run.saved == [10, 20, 30, 40]
    assert names(tmp_path / "checkpoints") == ["step_0000030.ckpt", "step_0000040.ckpt"]


def test_the_end_within_an_epoch_is_saved(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.epoch()
    run.batch()
    run.callback.on_train_end(run.trainer, run.module)
    assert run.saved == [10, 11]


def test_within_a_long_epoch_time_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    run = Run(tmp_path, every_minutes=15)
    for minute in range(1, 41):
        clock.now = 60.0 * minute
        run.batch()
    assert run.saved == [16, 32]


def test_the_generator_alone_is_kept_every_few_epochs(tmp_path: Path) -> None:
    run = Run(tmp_path, generator_every_n_epochs=2)
    for number in range(5):
        with torch.no_grad():
            run.module.sampling_generator.weight.fill_(number + 1)
        run.epoch()
    assert names(tmp_path / "generators") == ["epoch_0002.pt", "epoch_0004.pt"]
    weights = torch.load(tmp_path / "generators" / "epoch_0004.pt", weights_only=True)
    assert float(weights["weight"]) == 4


def lines(folder: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (folder / "metrics.jsonl").read_text()
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def test_metrics_are_lines_of_json_with_null_for_what_is_not_finite(tmp_path: Path) -> None:
    logger = JSONLines(tmp_path)
    logger.log_metrics({"loss/D": 0.5, "loss/G": math.nan}, step=3)
    logger.log_metrics({"loss/D": math.inf, "loss/G": -math.inf}, step=4)
    first, second = lines(tmp_path)
    assert first.pop("time") == pytest.approx(time.time(), abs=60)
    assert first == {"step": 3, "loss/D": 0.5, "loss/G": None}
    assert (second["step"], second["loss/D"], second["loss/G"]) == (4, None, None)


def test_epochs_count_from_1(tmp_path: Path) -> None:
    logger = JSONLines(tmp_path)
    for epoch in (0, 1):
        logger.log_metrics({"epoch": epoch, "loss/D": 0.5}, step=epoch)
    assert [line["epoch"] for line in lines(tmp_path)] == [1, 2]


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    for step in (1, 2):
        JSONLines(tmp_path).log_metrics({"loss/D": 0.5}, step=step)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]
