"""A sample's levels to the pixels of an image, and back: a list of leads and a permutation of pixels."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ganlab.arrangement.order import z
from ganlab.errors import UserError

RESOLUTION_MV = 1e-3
"""Leads from which others are derived are first rounded to 1 uV, so that sums and halves are exact at 0.5 uV a unit."""


class Arrangement(nn.Module):
    """Each of `leads` becomes a channel of `side` x `side` pixels in the given `order`.

    `derived` names leads that are no part of the image: each is a sum of the image's leads with the given weights.
    `batch_size` is the one at which the documents trained it.
    """

    pixel_to_sample: Tensor
    sample_to_pixel: Tensor

    def __init__(
        self,
        leads: Sequence[str] = ("i",),
        order: Callable[[int], Tensor] = z,
        side: int = 45,
        batch_size: int = 30,
        derived: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        super().__init__()
        if not leads or len(set(leads)) != len(leads):
            raise UserError(f"arrangement.leads={list(leads)}: accepted is a list of different leads.")
        self.leads = tuple(leads)
        self.side = side
        self.batch_size = batch_size
        self.derived = {lead: dict(weights) for lead, weights in (derived or {}).items()}
        self.register_buffer("pixel_to_sample", order(side), persistent=False)
        self.register_buffer("sample_to_pixel", self.pixel_to_sample.argsort(), persistent=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the image."""
        return len(self.leads), self.side, self.side

    @property
    def samples(self) -> int:
        """Samples of a window."""
        return self.side * self.side

    @property
    def decoded_leads(self) -> tuple[str, ...]:
        """Leads of a decoded window: the image's own, then the derived ones."""
        return self.leads + tuple(self.derived)

    @property
    def tolerance_mv(self) -> float:
        """How far decoding may be from what was encoded, beyond the standardization's own step, in mV."""
        return RESOLUTION_MV / 2 if self.derived else 0.0

    def encode(self, level: Tensor) -> Tensor:
        """Levels `(B, leads, samples)` to an image `(B, C, H, W)`."""
        return level[..., self.pixel_to_sample].unflatten(-1, (self.side, self.side))

    def decode(self, image: Tensor) -> Tensor:
        """An image `(B, C, H, W)` to levels `(B, leads, samples)`."""
        return image.flatten(-2)[..., self.sample_to_pixel]

    def complete(self, x: Tensor) -> Tensor:
        """Add the derived leads to windows `(B, leads, samples)` in mV."""
        if not self.derived:
            return x
        x = torch.round(x.double() / RESOLUTION_MV) * RESOLUTION_MV
        index = {lead: x[:, channel] for channel, lead in enumerate(self.leads)}
        added = [sum(w * index[lead] for lead, w in weights.items()) for weights in self.derived.values()]
        return torch.cat([x, torch.stack([torch.as_tensor(lead) for lead in added], dim=1)], dim=1).float()
