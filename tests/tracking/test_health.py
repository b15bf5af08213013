"""Losses that are no numbers end a run, and say when and where."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlab.tracking.health import Diverged, Health


def trainer(**losses: float) -> Any:
    metrics = {name.replace("_", "/"): torch.tensor(value) for name, value in losses.items()}
    return SimpleNamespace(callback_metrics=metrics, current_epoch=2)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_ends_the_run(value: float) -> None:
    module: Any = SimpleNamespace(steps=20)
    with pytest.raises(Diverged, match=r"loss/G is -?(nan|inf) at step 20 \(epoch 3\)"):
        Health(10).on_train_batch_end(trainer(loss_D=0.1, loss_G=value), module, None, None, 0)
    with pytest.raises(Diverged):
        Health(10).on_train_epoch_end(trainer(loss_G=value), module)


def test_between_two_looks_and_with_numbers_nothing_happens() -> None:
    Health(10).on_train_batch_end(trainer(loss_G=math.nan), SimpleNamespace(steps=19), None, None, 0)  # type: ignore[arg-type]
    module: Any = SimpleNamespace(steps=20)
    Health(10).on_train_batch_end(trainer(loss_G=1e30, diversity_ratio=math.nan), module, None, None, 0)
