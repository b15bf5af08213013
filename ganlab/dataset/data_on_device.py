"""Whether training samples lie in the memory of the device that trains, and batches of places to read them there."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import Dataset

from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch, Place, Samples

log = logging.getLogger(__name__)

SHARE = 0.5
"""Share of a GPU's free memory that samples may take by default; the rest is for networks and images."""


class PlaceBatches(Dataset[Batch]):
    """Batches of places `(B, 2)` instead of samples, to be read on the device."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Batch:
        return self.__getitems__([index])

    def __getitems__(self, places: Sequence[Place | int]) -> Batch:
        """Return numbers and starts, with labels and patients."""
        full = self.samples.places(places)
        return self.samples.batch(torch.tensor(full, dtype=torch.long).view(-1, 2), full)


@dataclass(frozen=True)
class Reading:
    """Where training samples are read: in the memory of the device that trains, or by `num_workers` processes.

    `on_device` is true, false, or "auto": on a GPU that they fit into. Raises UserError for another value, or for
    processes that would have nothing to read.
    """

    num_workers: int = 0
    on_device: bool | str = "auto"

    def __post_init__(self) -> None:
        if self.on_device not in ("auto", True, False):
            raise UserError(f"data_on_device={self.on_device}: accepted are auto, true and false.")
        if self.on_device is True and self.num_workers:
            raise UserError(
                f"data_on_device=true leaves nothing to read to num_workers={self.num_workers} processes: "
                "num_workers=0, or data_on_device=false."
            )

    def hold(self, samples: Samples, device: torch.device) -> nn.Module | None:
        """Return the samples on the device, or None where they are read batch by batch.

        Raises UserError where they cannot lie there although `on_device` is true.
        """
        against = self._against(samples.stored_bytes, device)
        if against is None:
            log.info("training samples: %s in the memory of %s", _shown(samples.stored_bytes), device)
            return samples.resident(device)
        if self.on_device is True:
            raise UserError(f"data_on_device=true: {against}. Accepted here are auto and false.")
        log.info("training samples: %s read batch by batch (%s)", _shown(samples.stored_bytes), against)
        return None

    def _against(self, size: int | None, device: torch.device) -> str | None:
        """Return why samples of `size` bytes do not lie on the device; None where they do."""
        if self.on_device is False:
            return "data_on_device=false"
        if size is None:
            return "arrangement.decimation: windows at a fraction of their rate are made on the CPU"
        if self.on_device is not True and (device.type != "cuda" or self.num_workers):
            return f"num_workers={self.num_workers}" if self.num_workers else f"{device.type} has no memory of its own"
        if device.type not in ("cpu", "cuda"):
            return f"{device.type} has no double precision, in which ADC units become mV"
        free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
        if free is not None and size > SHARE * free:
            return f"{_shown(size)} are more than half of the {_shown(free)} that are free on {device}"
        return None


def _shown(size: int | None) -> str:
    return "samples" if size is None else f"{size / 2**20:.1f} MiB"
