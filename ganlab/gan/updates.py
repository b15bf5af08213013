"""Updates of both networks' weights, and their count in Lightning's loop.

Lightning's own way calls hooks before and after each backward pass and each optimizer; for a network of a few thousand
weights they take as long as the step itself. None of ganlab's callbacks uses them.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.optim import Optimizer

from ganlab.core import collective
from ganlab.dataset.samples import BatchSlice
from ganlab.gan.outputs import total


class Updates:
    """Steps down losses, and counts the steps.

    `scaler` multiplies losses whose gradients would vanish in 16 bits (trainer.precision=16-mixed).
    """

    def __init__(self) -> None:
        self.scaler: Any = None
        self.count = 0

    def begin(self) -> None:
        """Begin a training step: weights that autocast has converted to 16 bits are converted anew."""
        torch.clear_autocast_cache()

    def down(self, optimizer: Optimizer, terms: Sequence[Tensor], part: BatchSlice | None) -> None:
        """Step down the sum of the terms; `part` is this process's part of the batch where several train.

        The gradients are clear before. Images that a penalty needed the gradient by get none here.
        """
        loss, weights = total(terms[0], terms[1:]), weights_of(optimizer)
        learning = [weight for weight in weights if weight.requires_grad]
        (loss if self.scaler is None else self.scaler.scale(loss)).backward(inputs=learning)
        if part is not None:
            collective.average_gradients(weights, part.weight)
        self.step(optimizer, self.scaler is not None)

    def step(self, optimizer: Optimizer, scaled: bool = False) -> None:
        """Update the weights by their gradients, which may be those of a `scaled` loss."""
        if not scaled:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()
        self.count += 1

    def report(self, trainer: Trainer, steps: int) -> None:
        """Count the updates since the last report in Lightning's loop, and all but one of so many steps.

        The one is Lightning's own: to it the steps of one call are one batch.
        """
        loop, more = trainer.fit_loop.epoch_loop, steps - 1
        batches = loop.batch_progress
        last = batches.is_last_batch or batches.current.ready + more >= trainer.num_training_batches
        batches.increment_by(more, is_last_batch=last)
        loop._batches_that_stepped += more
        loop.manual_optimization.optim_step_progress.increment_by(self.count)
        self.count = 0


def weights_of(optimizer: Optimizer) -> list[Tensor]:
    """Return the weights that an optimizer updates."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def clear(optimizer: Optimizer) -> None:
    """Forget the gradients, without the profiling around torch's own function."""
    for weight in weights_of(optimizer):
        weight.grad = None


@contextmanager
def fixed(optimizer: Optimizer) -> Iterator[None]:
    """Within, the weights of an optimizer need no gradient."""
    learning = [weight for weight in weights_of(optimizer) if weight.requires_grad]
    for weight in learning:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in learning:
            weight.requires_grad_(True)
