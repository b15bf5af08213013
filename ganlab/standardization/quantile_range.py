"""A range from the training data's quantiles, lead by lead: how paper 4.1 found -2..2 mV for lead i."""

import torch
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.standardization.base import Standardization


class QuantileRange(Standardization):
    """From the `lower` to the `upper` quantile of each lead. The bounds go into the checkpoint."""

    bounds: Tensor

    def __init__(self, leads: int, lower: float = 0.01, upper: float = 0.99, levels: int | None = 256) -> None:
        super().__init__(levels)
        if not 0 <= lower < upper <= 1:
            raise UserError(f"standardization.lower={lower}, upper={upper}: accepted is 0 <= lower < upper <= 1.")
        self.quantiles = (lower, upper)
        self.register_buffer("bounds", torch.full((2, leads, 1), torch.nan))

    def fit(self, windows: Tensor) -> None:
        """Bounds in mV of `windows`, shape `(N, leads, samples)`."""
        for lead, values in enumerate(windows.transpose(0, 1).flatten(1)):
            ordered = values.sort().values
            for end, share in enumerate(self.quantiles):
                self.bounds[end, lead, 0] = ordered[round(share * (len(ordered) - 1))]

    def low(self, x: Tensor) -> Tensor:
        """The lower quantile. Raises RuntimeError before `fit`."""
        self.require(self.bounds, "bounds")
        return self.bounds[0]

    def width(self) -> Tensor:
        """Between the two quantiles, `(leads, 1)`."""
        return self.bounds[1] - self.bounds[0]

    @property
    def zero(self) -> str:
        """The range is in mV itself."""
        return "0 mV is what the generator made it: this standardization keeps absolute voltage"

    def generated_low(self, x: Tensor) -> Tensor:
        """That of every window."""
        return self.low(x)
