"""Means over an epoch of what is logged at its steps."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ganlab.core import collective
from ganlab.dataset.samples import BatchSlice


def batch_means(values: dict[str, Tensor], part: BatchSlice | None) -> dict[str, Tensor]:
    """Return the means over the step's batch, given those over this process's part of it."""
    if part is None or not values:
        return values
    return dict(zip(values, collective.mean(torch.stack([*values.values()]), part.weight), strict=True))


class EpochMeans:
    """Sums of logged values on their own device, weighted by the samples of a step.

    Each value has a mean over the steps that have it. The sums go into the checkpoint, so that a run resumed within an
    epoch continues them.
    """

    def __init__(self) -> None:
        self.epoch = -1
        self.samples: dict[str, int] = {}
        self.sums: dict[str, Tensor] = {}

    def add(self, epoch: int, values: Mapping[str, Tensor], samples: int) -> None:
        """Add the values of a step; the first step of an epoch resets the sums. A step without samples adds nothing."""
        if not samples:
            return
        if epoch != self.epoch:
            self.epoch, self.samples, self.sums = epoch, {}, {}
        for name, value in values.items():
            before = self.sums[name] if name in self.sums else torch.zeros(())
            self.sums[name] = before.to(value.device).add_(value, alpha=samples)
            self.samples[name] = self.samples.get(name, 0) + samples

    def means(self) -> dict[str, Tensor]:
        """Return the means by name, as `epoch/<name>`."""
        return {f"epoch/{name}": total / self.samples[name] for name, total in self.sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the state for the checkpoint."""
        return {"epoch": self.epoch, "samples": self.samples, "sums": self.sums}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state."""
        self.epoch, self.samples, self.sums = state["epoch"], dict(state["samples"]), dict(state["sums"])
