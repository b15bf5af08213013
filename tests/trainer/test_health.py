"""Losses that are no numbers end a run, and say when and where."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlab.trainer.health import Diverged, Health

TRAINER: Any = SimpleNamespace(current_epoch=2)


def after(steps: int, **losses: float) -> Any:
    last = {name.replace("_", "/"): torch.tensor(value) for name, value in losses.items()}
    return SimpleNamespace(steps=steps, last=last)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run(value: float) -> None:
    with pytest.raises(Diverged, match=r"loss/G is -?(nan|inf) at step 20 \(epoch 3\)"):
        Health(10).on_train_batch_end(TRAINER, after(20, loss_D=0.1, loss_G=value), None, None, 0)
    with pytest.raises(Diverged):
        Health(10).on_train_epoch_end(TRAINER, after(20, loss_G=value))


def test_between_two_looks_and_with_numbers_nothing_happens() -> None:
    Health(10).on_train_batch_end(TRAINER, after(19, loss_G=math.nan), None, None, 0)
    Health(10).on_train_batch_end(TRAINER, after(20, loss_G=1e30, diversity_ratio=math.nan), None, None, 0)
