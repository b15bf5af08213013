"""Steps that are taken together are those that are taken one by one: the same bits, whatever stops a run between."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback

from ganlab.dataset.epoch import EpochBatches, EpochSampler
from ganlab.dataset.samples import Batch
from ganlab.gan.gan import GAN
from ganlab.stopping.steps import Steps
from ganlab.tracking.checkpoints import checkpoint_in, read_checkpoint
from ganlab.trainer import build, signals, together
from ganlab.trainer.diversity import Diversity
from ganlab.trainer.health import Health
from tests.conftest import newest_run

pytestmark = pytest.mark.usefixtures("blank_figures")

SMALL = (
    *("experiment=thesis/thyroid_fcn", "dataset=thyroid_sim", "dataset.rows=150", "batch_size=6", "metrics=paper"),
    *("trainer.max_epochs=3", "trainer.log_every_n_steps=14", "check_every=9", "trick=ema", "tracking=none"),
)
"""25 steps an epoch."""
WITHIN = 33
"""A step within an epoch and between others that are taken together."""


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return torch.equal(ours, theirs) if isinstance(ours, torch.Tensor) else ours == theirs


def rows(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def test_a_run_whose_steps_are_taken_together_and_interrupted_is_the_one_of_single_steps(
    command: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signals, "REACTS_S", 1e6)
    calls, step, call = [], GAN.step_generator, GAN.training_step

    def counted(self: GAN, batch: Batch, index: int) -> None:
        calls.append(len(batch.steps()))
        call(self, batch, index)

    def interrupted(self: GAN, *arguments: Any) -> dict[str, torch.Tensor]:
        if self.steps == WITHIN and len(calls) < WITHIN:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *arguments)

    monkeypatch.setattr(GAN, "training_step", counted)
    with monkeypatch.context() as single:
        single.setattr(build, "steps_together", lambda *_: 1)
        one_by_one = newest_run(command("run", *SMALL))
    assert calls == [1] * 75
    calls.clear()
    monkeypatch.setattr(GAN, "step_generator", interrupted)
    with pytest.raises(SystemExit):
        command("run", *SMALL)
    run = newest_run(Path.cwd())
    assert run != one_by_one
    assert checkpoint_in(run).name == "step_0000036.ckpt"
    monkeypatch.setattr(GAN, "step_generator", step)
    command("run", f"resume={run}")
    assert sum(calls) == 75
    assert max(calls) == 8
    ours, theirs = (read_checkpoint(checkpoint_in(each)) for each in (run, one_by_one))
    assert same(ours, theirs)
    assert rows(run) == rows(one_by_one)


@pytest.mark.parametrize(
    ("callback", "steps"),
    [(Health(10), 3), (Steps(40), 3), (Diversity(8, 5), 3), (Diversity(8), 20), (Callback(), 20)],
)
def test_the_next_act_of_a_callback_ends_steps_that_are_taken_together(callback: Callback, steps: int) -> None:
    assert together.steps_together(trainer(callback), game()) == steps


def test_what_acts_after_each_step_has_its_steps_one_by_one() -> None:
    class Acts(Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            pass

    assert together.steps_together(trainer(Acts()), game()) == 1
    assert together.steps_together(trainer(Callback(), max_steps=80), game()) == 1
    assert together.steps_together(trainer(Callback(), world_size=2), game()) == 1
    assert together.steps_together(trainer(Callback()), game(spent=True)) == 1


def trainer(callback: Callback, **settings: int) -> Any:
    loop = SimpleNamespace(batch_progress=SimpleNamespace(current=SimpleNamespace(ready=30)))
    usual = {"world_size": 1, "fast_dev_run": False, "max_steps": -1, "num_training_batches": 50}
    return SimpleNamespace(
        callbacks=[callback], log_every_n_steps=100, fit_loop=SimpleNamespace(epoch_loop=loop), **usual | settings
    )


def game(spent: bool = False) -> Any:
    return SimpleNamespace(steps=37, tricks=SimpleNamespace(overriding=lambda hook: spent))


def test_batches_that_are_drawn_together_are_those_of_the_epoch() -> None:
    samples: Any = MagicMock(labels=np.zeros(20, int), drawn=np.arange(20), room=np.zeros(20, int))
    samples.__len__.return_value = 20
    samples.placed.side_effect = lambda order, drawn: drawn
    counts = iter([2, 1, 5])
    sampler = EpochSampler(samples, 0)
    alone, drawn = EpochBatches(sampler, 6), EpochBatches(sampler, 6, together=lambda: next(counts))
    assert [len(batch) for batch in alone] == [6, 6, 6, 2]
    assert [len(batch) for batch in drawn] == [12, 6, 2]
    counts = iter([1, 1])
    drawn.first = 2
    assert list(drawn) == list(alone)[2:]


def test_a_batch_of_several_steps_is_divided_into_theirs() -> None:
    batch = Batch(torch.arange(7), torch.arange(7), torch.arange(7), attributes=torch.arange(14).view(7, 2), each=3)
    parts = batch.steps()
    assert [part.size for part in parts] == [3, 3, 1]
    assert torch.equal(torch.cat([part.attributes for part in parts]), batch.attributes)
    assert batch._replace(each=None).steps()[0].size == 7
