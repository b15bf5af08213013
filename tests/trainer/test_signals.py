"""What a run does when it is told to stop, between two of its steps and outside them."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ganlab.trainer.signals import HEARD, Signals


class Training:
    """Drives the callback as a Trainer does, which puts its own handler in the place of ours first."""

    def __init__(self) -> None:
        self.saved: list[int] = []
        self.trainer: Any = SimpleNamespace(should_stop=False, strategy=None)
        self.module: Any = SimpleNamespace(steps=0)
        self.signals = Signals(lambda trainer, module: self.saved.append(module.steps))

    def begin(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.signals.on_train_start(self.trainer, self.module)

    def step(self, *told: signal.Signals) -> None:
        for number in told:
            os.kill(os.getpid(), number)
        self.module.steps += 1
        self.signals.on_train_batch_end(self.trainer, self.module, None, None, 0)


@pytest.fixture(autouse=True)
def before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in HEARD}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def training() -> Iterator[Training]:
    training = Training()
    with training.signals:
        yield training


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP])
def test_a_machine_that_is_wanted_back_gets_it_after_this_step(training: Training, told: signal.Signals) -> None:
    training.begin()
    training.step()
    assert training.saved == []
    with pytest.raises(SystemExit) as stopped:
        training.step(told)
    assert stopped.value.code == 143
    assert training.saved == [2]


def test_told_between_the_last_step_and_the_end_of_training_it_ends(training: Training) -> None:
    training.begin()
    training.step()
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit) as stopped:
        training.signals.on_train_end(training.trainer, training.module)
    assert stopped.value.code == 143


def test_told_twice_it_ends_at_once(training: Training) -> None:
    training.begin()
    with pytest.raises(SystemExit) as stopped:
        training.step(signal.SIGTERM, signal.SIGTERM)
    assert stopped.value.code == 143
    assert training.saved == []


def test_ctrl_c_ends_the_training_and_not_what_follows(training: Training) -> None:
    training.begin()
    training.step(signal.SIGINT)
    assert training.trainer.should_stop
    assert training.signals.interrupted
    training.signals.on_train_end(training.trainer, training.module)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_twice_ends_at_once(training: Training) -> None:
    training.begin()
    with pytest.raises(KeyboardInterrupt):
        training.step(signal.SIGINT, signal.SIGINT)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGUSR1])
def test_outside_training_there_is_nothing_to_save(training: Training, told: signal.Signals) -> None:
    with pytest.raises(SystemExit) as stopped:
        os.kill(os.getpid(), told)
    assert stopped.value.code == 143
    training.begin()
    training.signals.on_train_end(training.trainer, training.module)
    with pytest.raises(SystemExit):
        os.kill(os.getpid(), told)
    assert training.saved == []


def test_who_listened_before_is_asked_once_the_step_is_saved() -> None:
    """submitit queues a job again at its own signal, and wants SIGTERM passed over."""
    asked: list[int] = []
    signal.signal(signal.SIGUSR2, lambda number, frame: asked.append(number))
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    training = Training()
    with training.signals:
        training.begin()
        training.step(signal.SIGUSR2)
        assert asked == [signal.SIGUSR2]
        assert training.saved == [1]
        training.step()
        training.step(signal.SIGTERM)
        assert asked == [signal.SIGUSR2, signal.SIGTERM]
        assert training.saved == [1, 3]


def test_afterwards_everything_is_as_before() -> None:
    handlers = {number: signal.getsignal(number) for number in HEARD}
    with Signals(lambda trainer, module: None):
        assert signal.getsignal(signal.SIGTERM) != handlers[signal.SIGTERM]
        assert signal.getsignal(signal.SIGUSR2) == handlers[signal.SIGUSR2]
    assert {number: signal.getsignal(number) for number in HEARD} == handlers


def test_in_another_thread_no_signal_is_heard() -> None:
    def enter() -> None:
        with Signals(lambda trainer, module: None) as signals:
            signals.on_train_start(SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]
            seen.append(signal.getsignal(signal.SIGTERM))

    seen: list[object] = []
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize(
    ("array", "job"), [({}, "42"), ({"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}, "7_3")]
)
def test_slurm_is_asked_to_queue_the_job_again(
    training: Training, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, array: dict[str, str], job: str
) -> None:
    scontrol = tmp_path / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slurm = {"SLURM_JOB_ID": "42", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "ganlab"}
    for name, value in (slurm | array).items():
        monkeypatch.setenv(name, value)
    training.begin()
    with pytest.raises(SystemExit):
        training.step(signal.SIGTERM)
    assert not (tmp_path / "asked").exists()
    training.signals.on_train_start(training.trainer, training.module)
    with pytest.raises(SystemExit) as stopped:
        training.step(signal.SIGUSR1)
    assert stopped.value.code == 143
    assert (tmp_path / "asked").read_text() == f"requeue {job}\n"
    assert training.saved == [1, 2]
