"""Means of numbers and gradients over the processes that train together."""

from collections.abc import Iterable

import torch
from torch import Tensor, distributed


def mean(values: Tensor, weight: float) -> Tensor:
    """Return the mean of all processes' `values`, which have one shape, each weighted by its process's `weight`."""
    total = values * weight
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def average_gradients(parameters: Iterable[Tensor], weight: float) -> None:
    """Set the gradients to the mean of all processes', each weighted by its `weight`, in a single message."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    averaged = mean(torch.cat([gradient.flatten() for gradient in gradients]), weight)
    parts = averaged.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
