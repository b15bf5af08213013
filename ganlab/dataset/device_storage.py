"""Samples as they are stored, on the device that trains: what a step needs is gathered there."""

import torch
from torch import Tensor, nn


class Resident(nn.Module):
    """Samples on a device, `values` `(N, ...)`; each has one place where it is read."""

    values: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, places: Tensor) -> Tensor:
        """The samples `(B, ...)` at these places, numbers and starts `(B, 2)`, as float32."""
        return self.values[places[:, 0]].float()


class ResidentWindows(nn.Module):
    """Windows of `span` samples of recordings in ADC units, which lie one after another in `signal`.

    `first`, `gain` and `baseline` have shape `(records, leads)`, `first` saying where in `signal` a lead begins;
    `record` `(N,)` says which record a window is of.
    """

    signal: Tensor
    first: Tensor
    gain: Tensor
    baseline: Tensor
    record: Tensor
    along: Tensor

    def __init__(
        self, signal: Tensor, first: Tensor, gain: Tensor, baseline: Tensor, record: Tensor, span: int
    ) -> None:
        super().__init__()
        own = {"signal": signal, "first": first, "gain": gain, "baseline": baseline, "record": record}
        for name, values in own.items():
            self.register_buffer(name, values.to(signal.device))
        self.register_buffer("along", torch.arange(span, device=signal.device))

    def forward(self, places: Tensor) -> Tensor:
        """Windows `(B, leads, span)` in mV, as `ganlab.core.record.millivolts` makes them."""
        record, start = self.record[places[:, 0]], places[:, 1]
        digital = self.signal[(self.first[record] + start[:, None])[..., None] + self.along]
        return ((digital - self.baseline[record][..., None]) / self.gain[record][..., None]).float()
