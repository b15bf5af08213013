"""A range from the training data's quantiles, lead by lead, as paper 4.1 chose -2..2 mV for lead i."""

import torch
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.standardization.base import AbsoluteRange


class QuantileRange(AbsoluteRange):
    """From the `lower` to the `upper` quantile of each lead. The bounds go into the checkpoint."""

    bounds: Tensor

    def __init__(self, leads: int, lower: float = 0.01, upper: float = 0.99, levels: int | None = 256) -> None:
        super().__init__(levels)
        if not 0 <= lower < upper <= 1:
            raise UserError(f"standardization.lower={lower}, upper={upper}: accepted is 0 <= lower < upper <= 1.")
        self.quantiles = (lower, upper)
        self.register_buffer("bounds", torch.full((2, leads, 1), torch.nan))

    def fit(self, windows: Tensor) -> None:
        """Take the bounds in mV from `windows` `(N, leads, samples)`."""
        for lead, values in enumerate(windows.transpose(0, 1).flatten(1)):
            ordered = values.sort().values
            for end, share in enumerate(self.quantiles):
                self.bounds[end, lead, 0] = ordered[round(share * (len(ordered) - 1))]

    def low(self, x: Tensor) -> Tensor:
        """Return the lower quantile `(leads, 1)`. Raises RuntimeError before `fit`."""
        self.require(self.bounds, "bounds")
        return self.bounds[0]

    def width(self) -> Tensor:
        """Return the distance of the two quantiles, `(leads, 1)`."""
        return self.bounds[1] - self.bounds[0]
