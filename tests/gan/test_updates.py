"""Updates of weights where losses are scaled for gradients of 16 bits."""

import torch
from torch import nn

from ganlab.gan.updates import Updates


def test_scaled_losses_step_as_far_and_gradients_that_a_trick_has_set_are_taken_as_they_are() -> None:
    weight = nn.Parameter(torch.ones(1))
    optimizer, updates = torch.optim.SGD([weight], 1.0), Updates()
    updates.scaler = torch.amp.GradScaler("cpu")
    weight.grad = torch.ones(1)
    updates.step(optimizer)
    assert weight == 0
    weight.grad = None
    updates.down(optimizer, [3 * weight.sum()], None)
    assert weight == -3
    assert updates.count == 2
