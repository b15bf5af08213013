"""F1 to F5: whatever happens to a run or to its checkpoints, the rest of it is what it would have been."""

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from ganlab.core.files import check_seal
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from tests.faults.conftest import SMALL, Record
from tests.faults.process import Commands


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(checkpoint_in(run))["state_dict"]


def same(run: Path, other: Path) -> bool:
    ours, theirs = weights(run), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in theirs)


def steps(run: Path) -> int:
    return int(checkpoint_in(run).stem.partition("_")[2])


@pytest.mark.parametrize(
    "temporary",
    [
        pytest.param("", id="TMPDIR on this disk"),
        pytest.param("/dev/shm", id="TMPDIR on another", marks=pytest.mark.fault),
    ],
)
def test_f1_a_kill_while_checkpoints_are_written(
    commands: Commands, whole: Path, rounds: int, record: Record, temporary: str
) -> None:
    env = {"TMPDIR": temporary} if temporary else {}
    behind = []
    for _ in range(rounds):
        started = commands.begin(*SMALL, env=env)
        at = commands.random.randrange(1, 20)
        started.until(lambda started=started, at=at: (started.run / "checkpoints" / f"step_{at:07d}.ckpt").is_file())
        time.sleep(commands.random.random() / 20)
        started.told(signal.SIGKILL)
        assert started.ended() == -signal.SIGKILL
        broken = started.run
        for path in (broken / "checkpoints").glob("step_*.ckpt"):
            check_seal(path)
        logged = (broken / "metrics.jsonl").read_text().count('"loss/G"')
        behind.append(logged - steps(broken))
        commands.run(f"resume={broken}")
        assert same(broken, whole)
        assert not [path.name for path in (broken / "checkpoints").iterdir() if path.name.startswith(".")]
    assert max(behind) <= 1
    record(
        "F1",
        f"SIGKILL while a checkpoint is written at every step, {'TMPDIR on another disk' if temporary else 'one disk'}",
        rounds,
        "every checkpoint is complete; after resuming, the same bits",
        f"all complete, at most {max(behind)} step behind, the same bits each time",
    )


def test_f2_a_disk_that_is_full(commands: Commands, rounds: int, record: Record) -> None:
    settings = [o for o in SMALL if not o.startswith(("trainer.max", "checkpoint_minutes"))]
    for number in range(rounds):
        run = commands.run(*settings, "trainer.max_epochs=2").run
        kept = {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()}
        limit = checkpoint_in(run).stat().st_size * (1 + number % 9) // 10
        resumed = (f"resume={run}", "trainer.max_epochs=4")
        said = commands.run(*resumed, code=2, file_limit=limit).said
        assert "cannot be written" in said
        assert "bytes are free" in said
        assert "Traceback" not in said
        assert {path.name: path.read_bytes() for path in (run / "checkpoints").iterdir()} == kept
        commands.run(*resumed)
        assert steps(run) == 16
    record(
        "F2",
        "files limited to a tenth to nine tenths of a checkpoint (RLIMIT_FSIZE)",
        rounds,
        "exit code 2; the error names the file and the free space; old checkpoints intact; no partial file",
        "as expected; with enough space, resumed and finished",
    )


def truncate(content: bytearray, where: float) -> bytes:
    return bytes(content[: int(where * len(content))])


def empty(content: bytearray, where: float) -> bytes:
    return b""


def flip(content: bytearray, where: float) -> bytes:
    content[int(where * len(content))] ^= 1
    return bytes(content)


def other(content: bytearray, where: float) -> bytes:
    """Generator and discriminator of a checkpoint exchanged, the file otherwise in order."""
    return bytes(content).replace(b"generator", b"gen_rator") if b"generator" in content else flip(content, where)


@pytest.mark.parametrize(
    "fault",
    [flip, *(pytest.param(fault, marks=pytest.mark.fault) for fault in (truncate, empty, other))],
    ids=lambda fault: fault.__name__,
)
def test_f4_a_damaged_checkpoint(
    commands: Commands, whole: Path, rounds: int, record: Record, fault: Callable[[bytearray, float], bytes]
) -> None:
    for _ in range(rounds):
        run = commands.run(*SMALL, "trainer.max_epochs=3").run
        newest = checkpoint_in(run)
        newest.write_bytes(fault(bytearray(newest.read_bytes()), commands.random.random()))
        resumed = (f"resume={run}", "trainer.max_epochs=6")
        strict = commands.run(*resumed, "strict=true", code=2).said
        assert f"{newest.name} is damaged" in strict
        said = commands.run(*resumed).said
        assert f"{newest.name} is damaged" in said
        assert newest.with_name(f"{newest.name}.damaged").is_file()
        assert same(run, whole)
    record(
        "F4",
        f"the last checkpoint damaged: {fault.__name__}",
        rounds,
        "the error names the file; the previous checkpoint is used; the same bits; with strict=true exit code 2",
        "as expected",
    )


def test_f5_a_checkpoint_of_other_networks(commands: Commands, record: Record) -> None:
    run = commands.run(*SMALL, "trainer.max_epochs=1").run
    config = OmegaConf.load(run / "config.yaml")
    config.architecture.discriminator.hidden = [64, 32]
    OmegaConf.save(config, run / "config.yaml")
    assert "config.yaml was changed since the run wrote it" in commands.run(f"resume={run}", code=2).said
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"files": {}}))  # as runs of before have it
    said = commands.run(f"resume={run}", code=2).said
    assert "is a checkpoint of other networks" in said
    assert "in the file" in said
    assert "Traceback" not in said
    record("F5", "config.yaml of other networks", 1, "the error lists the differences; nothing is loaded", "so, exit 2")


def _without(*starts: str) -> list[str]:
    return [override for override in SMALL if not override.startswith(starts)]


STATES = {
    "an ACGAN with five tricks": [
        *_without("trick", "architecture", "dataset.patients"),
        *("dataset.patients=16", "gan=acgan", "architecture=cnn_slim", "architecture.width=0.0625", "gan.lr_end=0.1"),
        "trick=[ema,random_crop,d_threshold,label_smoothing,balanced_sampler]",
    ],
    "the laptop preset, narrow": [
        *_without("trick", "architecture", "trainer.max"),
        *("experiment=laptop", "architecture.width=0.1", "architecture.generator.fit_steps=3", "stopping.steps=16"),
        "batch_size=8",
    ],
}
"""With what has state: averaged weights, counts of tricks, falling rates, penalties, classes, sums of an epoch."""


@pytest.mark.parametrize("what", STATES)
def test_resume_is_exact_from_any_step(commands: Commands, rounds: int, record: Record, what: str) -> None:
    whole = commands.run(*STATES[what]).run
    last = steps(whole)
    chosen = commands.random.sample(range(1, last - 1), min(rounds, last - 2))
    for at in chosen:
        started = commands.begin(*STATES[what])
        started.until(lambda started=started, at=at: (started.run / "checkpoints" / f"step_{at:07d}.ckpt").is_file())
        started.told(signal.SIGTERM)
        assert started.ended() == 143, started.said
        commands.run(f"resume={started.run}")
        assert same(started.run, whole)
    at = ", ".join(map(str, sorted(chosen)))
    record("F1", f"{what} stopped at steps {at} of {last}", len(chosen), "after resuming, the same bits", "as expected")
