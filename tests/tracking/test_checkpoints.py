"""What a run leaves on disk: whole checkpoints, the last two, and metrics line by line."""

import io
import json
import math
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from ganlab.core.errors import UserError
from ganlab.core.files import DamagedFile
from ganlab.tracking.checkpoints import (
    SealedCheckpointIO,
    check_checkpoint_room,
    checkpoint_in,
    newest_checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from ganlab.tracking.jsonl import JSONLines
from ganlab.trainer.checkpoints import Checkpoints
from ganlab.trainer.health import Diverged


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
    SealedCheckpointIO().save_checkpoint({"w": torch.arange(3.0), "steps": 1}, path)
    SealedCheckpointIO().save_checkpoint({"w": torch.arange(4.0), "steps": 2}, str(path))
    loaded = SealedCheckpointIO().load_checkpoint(path, weights_only=True)
    assert loaded["steps"] == 2
    assert torch.equal(loaded["w"], torch.arange(4.0))
    assert names(path.parent) == ["step_1.ckpt", "step_1.ckpt.sha256"]


@pytest.mark.parametrize("before", [True, False], ids=["over an old file", "as the first file"])
def test_a_disk_full_half_way_leaves_the_old_file_and_no_other(
    before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "step_1.ckpt"
    if before:
        write_checkpoint({"w": torch.arange(3.0)}, path)
    monkeypatch.setattr(torch, "save", half_then_fail)
    with pytest.raises(UserError, match=r"cannot be written: No space left on device \([\d,]+ bytes are free"):
        write_checkpoint({"w": torch.zeros(1000)}, path)
    assert names(tmp_path) == (["step_1.ckpt", "step_1.ckpt.sha256"] if before else [])
    if before:
        assert torch.equal(read_checkpoint(path)["w"], torch.arange(3.0))


def test_a_changed_bit_is_found_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "step_1.ckpt"
    write_checkpoint({"w": torch.arange(1000.0)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert not torch.equal(torch.load(path, weights_only=True)["w"], torch.arange(1000.0))  # torch reads it silently
    with pytest.raises(DamagedFile, match=r"step_1\.ckpt is damaged"):
        read_checkpoint(path)


class Opens:
    """What a hostile file holds: reading it as a pickle makes a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return open, (str(self.canary), "w")


def test_a_file_that_holds_code_is_refused_and_the_code_not_executed(tmp_path: Path) -> None:
    path, canary = tmp_path / "step_1.ckpt", tmp_path / "canary"
    write_checkpoint({"steps": Opens(canary)}, path)
    with pytest.raises(UserError, match="more than tensors and plain values"):
        read_checkpoint(path)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists()


def test_a_checkpoint_of_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "step_1.ckpt"
    write_checkpoint({"ganlab_format": 2}, path)
    with pytest.raises(UserError, match="format 2, this ganlab reads 1"):
        SealedCheckpointIO().load_checkpoint(path)


def test_a_disk_too_small_is_told_before_training(tmp_path: Path) -> None:
    check_checkpoint_room(tmp_path, [torch.zeros(10)])
    with pytest.raises(UserError, match="its checkpoints need about"):
        check_checkpoint_room(tmp_path, [torch.zeros((), dtype=torch.float64).expand(10**15)])


def run_with(folder: Path, *steps: int) -> Path:
    for number in steps:
        write_checkpoint({"steps": number}, folder / "checkpoints" / f"step_{number:07d}.ckpt")
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


def damage(run: Path, step: int) -> None:
    path = run / "checkpoints" / f"step_{step:07d}.ckpt"
    path.write_bytes(path.read_bytes()[:-100])


def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = run_with(tmp_path, 10, 20)
    damage(run, 20)
    with pytest.raises(DamagedFile, match="strict=false uses the one before"):
        newest_checkpoint(run, strict=True)
    found = newest_checkpoint(run)
    assert found is not None
    assert found.stem == "step_0000010"
    assert "step_0000020.ckpt is damaged" in caplog.text
    assert names(run / "checkpoints") == [
        *("step_0000010.ckpt", "step_0000010.ckpt.sha256", "step_0000020.ckpt.damaged"),
    ]


def test_a_run_whose_checkpoints_are_all_damaged_does_not_begin_anew(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    run = run_with(tmp_path, 10, 20)
    damage(run, 10)
    (run / "checkpoints" / "step_0000020.ckpt.sha256").unlink()
    with pytest.raises(DamagedFile, match="No other checkpoint"):
        newest_checkpoint(run)


class Run:
    """Drives the callback as a Trainer does: epochs of ten steps."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.callback = Checkpoints(folder, **settings)
        self.folder = folder
        network = nn.Linear(1, 1)
        self.module: Any = SimpleNamespace(steps=0, sampling_generator=network, state_dict=network.state_dict)
        self.trainer: Any = SimpleNamespace(
            current_epoch=0, is_global_zero=True, strategy=None, save_checkpoint=self.save
        )
        self.saved: list[int] = []

    def save(self, path: Path, weights_only: bool) -> None:
        self.saved.append(self.module.steps)
        SealedCheckpointIO().save_checkpoint({"steps": self.module.steps}, path)

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
    kept = ["step_0000030.ckpt", "step_0000040.ckpt"]
    assert names(tmp_path / "checkpoints") == sorted([*kept, *(f"{name}.sha256" for name in kept)])


def test_every_second_epoch_is_saved_and_the_last(tmp_path: Path) -> None:
    run = Run(tmp_path, every_n_epochs=2)
    for _ in range(5):
        run.epoch()
    run.callback.on_train_end(run.trainer, run.module)
    assert run.saved == [20, 40, 50]


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.epoch()
    with torch.no_grad():
        run.module.sampling_generator.bias.fill_(math.nan)
    with pytest.raises(Diverged, match=r"bias: 100% of its values are NaN or infinite at step 20"):
        run.epoch()
    assert run.saved == [10]


def test_what_a_dead_process_was_writing_is_removed(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.epoch()
    dead = subprocess.Popen(["true"])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (tmp_path / "checkpoints" / f".step_0000020.ckpt.{pid}").write_bytes(b"half")
    run.callback.on_train_start(run.trainer, run.module)
    assert names(tmp_path / "checkpoints")[0] == f".step_0000020.ckpt.{os.getpid()}"
    assert len(names(tmp_path / "checkpoints")) == 3


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
    assert [path.name for path in sorted((tmp_path / "generators").glob("*.pt"))] == ["epoch_0002.pt", "epoch_0004.pt"]
    weights = read_checkpoint(tmp_path / "generators" / "epoch_0004.pt")
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


def test_half_a_line_is_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step": 2, "lo')
    JSONLines(tmp_path).log_metrics({"loss/D": 0.5}, step=3)
    assert [line["step"] for line in lines(tmp_path)] == [1, 3]
    assert "the incomplete last line (15 bytes)" in caplog.text


def test_a_full_disk_is_told_by_the_files_name(tmp_path: Path) -> None:
    logger = JSONLines(tmp_path)
    logger.file = Path("/dev/full")
    with pytest.raises(UserError, match=r"/dev/full cannot be written: No space left"):
        logger.log_metrics({"loss/D": 0.5}, step=3)


def test_a_resumed_run_appends(tmp_path: Path) -> None:
    for step in (1, 2):
        JSONLines(tmp_path).log_metrics({"loss/D": 0.5}, step=step)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2]
