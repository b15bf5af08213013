"""Samples as they are stored, on the device that trains, where each step gathers its batch."""

import torch
from torch import Tensor, nn


class Resident(nn.Module):
    """Samples on a device, `values` `(N, *)`, without starts to choose."""

    values: Tensor

    def __init__(self, values: Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, places: Tensor) -> Tensor:
        """Return the samples `(B, *)` at these places, numbers and starts `(B, 2)`, as float32."""
        return self.values[places[:, 0]].float()


class ResidentWindows(nn.Module):
    """Windows of `span` samples of recordings in ADC units, which lie one after another in `signal`.

    `first` (where in `signal` a lead begins), `gain` and `baseline` have shape `(records, leads)`; `record` `(N,)` is
    the index of each window's record.
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
        """Return windows `(B, leads, span)` in mV, as `ganlab.core.record.millivolts` does."""
        record, start = self.record[places[:, 0]], places[:, 1]
        digital = self.signal[(self.first[record] + start[:, None])[..., None] + self.along]
        return ((digital - self.baseline[record][..., None]) / self.gain[record][..., None]).float()
