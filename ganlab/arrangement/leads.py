"""Windows of a recording to the pixels of an image, and back: a list of leads and a permutation of pixels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.order import z
from ganlab.core.errors import UserError
from ganlab.core.kind import Array
from ganlab.core.names import names_of

RESOLUTION_MV = 1e-3
"""Leads from which others are derived are first rounded to 1 uV, so that sums and halves are exact at 0.5 uV a unit."""


class Leads(Arrangement):
    """Windows whose `leads` fill channels of `side` x `side` pixels, `leads_per_channel` each, in the given `order`.

    `side` may be `[height, width]`. A window has as many samples as the pixels hold, or fewer `samples`: the last
    pixels of each lead are then padding of a middle grey, which decoding takes off. `derived` names leads outside the
    image: each is the sum of the image's leads with the given weights. With a `decimation` the window is read at that
    fraction of the recording's rate. Raises UserError where leads, pixels and channels do not fit.
    """

    side: int
    leads: tuple[str, ...]
    pixel_to_sample: Tensor
    sample_to_pixel: Tensor

    def __init__(
        self,
        leads: Sequence[str] = ("i",),
        order: Callable[[Any], Tensor] = z,
        side: int | Sequence[int] = 45,
        batch_size: int = 30,
        derived: Mapping[str, Mapping[str, float]] | None = None,
        leads_per_channel: int = 1,
        decimation: int = 1,
        samples: int | None = None,
    ) -> None:
        super().__init__()
        self.size = _size(side)
        self.leads = _lowered(leads)
        weights = [dict(zip(_lowered(own), own.values(), strict=True)) for own in (derived or {}).values()]
        self.derived = dict(zip(_lowered(derived or ()), weights, strict=True))
        _refuse_doubles(self.leads, derived or {})
        _refuse_what_does_not_fit(self.leads, self.size, leads_per_channel, decimation, samples)
        self.side = self.size[1]
        self.batch_size = batch_size
        self.leads_per_channel = leads_per_channel
        self.decimation = decimation
        self.samples: int = samples or self.pixels
        """Samples of a window, for each lead."""
        self.register_buffer("pixel_to_sample", _permutation(order, self.size), persistent=False)
        self.register_buffer("sample_to_pixel", self.pixel_to_sample.argsort(), persistent=False)
        self._as_it_is = torch.equal(self.pixel_to_sample, z(self.size))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the image."""
        return len(self.leads) // self.leads_per_channel, *self.size

    @property
    def pixels(self) -> int:
        """Pixels of each lead."""
        return prod(self.size) // self.leads_per_channel

    @property
    def padding(self) -> int:
        """Pixels of each lead that hold no sample."""
        return self.pixels - self.samples

    @property
    def span(self) -> int:
        """Samples of the recording that a window covers."""
        return self.samples * self.decimation

    @property
    def decoded_leads(self) -> tuple[str, ...]:
        """Leads of a decoded window: the image's own, then the derived ones."""
        return self.leads + tuple(self.derived)

    def without_derived(self, x: Array) -> Array:
        """Return windows `(B, leads, samples)` of the image's own leads alone."""
        return x[:, : len(self.leads)]

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the image `(B, C, H, W)` of pixels `(B, leads, samples)`."""
        pixels = pad(pixels, (0, self.padding)) if self.padding else pixels
        channels = pixels.unflatten(1, (-1, self.leads_per_channel)).flatten(2)
        pixels = channels if self._as_it_is else channels[..., self.pixel_to_sample]
        return pixels.unflatten(-1, self.size)

    def decode(self, image: Tensor) -> Tensor:
        """Return the pixels `(B, leads, samples)` of an image `(B, C, H, W)`."""
        channels = image.flatten(2)
        channels = channels if self._as_it_is else channels[..., self.sample_to_pixel]
        pixels = channels.unflatten(2, (self.leads_per_channel, -1)).flatten(1, 2)
        return pixels[..., : self.samples] if self.padding else pixels

    def counts(self) -> dict[str, float]:
        """Return the share of the image that is padding, where some is."""
        return {"padding": self.padding / self.pixels} if self.padding else {}

    def complete(self, x: Tensor) -> Tensor:
        """Return windows `(B, leads, samples)` in mV with the derived leads behind the others."""
        if not self.derived:
            return x
        x = torch.round(x.double() / RESOLUTION_MV) * RESOLUTION_MV
        index = {lead: x[:, channel] for channel, lead in enumerate(self.leads)}
        added = [sum(w * index[lead] for lead, w in weights.items()) for weights in self.derived.values()]
        return torch.cat([x, torch.stack([torch.as_tensor(lead) for lead in added], dim=1)], dim=1).float()


def _size(side: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width of the image. Raises UserError for what are no numbers of pixels."""
    sides = [side, side] if isinstance(side, int) else [*side]
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in sides)
    if len(sides) != 2 or not whole:
        shown = side if isinstance(side, int) else sides
        raise UserError(f"arrangement.side={shown}: accepted are pixels from 1, or [height,width], such as [25,40].")
    return sides[0], sides[1]


def _lowered(leads: Iterable[object]) -> tuple[str, ...]:
    """Return the names of leads as those of records are compared."""
    return tuple(name.lower() for name in names_of(leads))


def _refuse_doubles(leads: Sequence[str], derived: Mapping[str, Mapping[str, float]]) -> None:
    """Raise UserError for leads that are named twice, in upper case or lower, and weights of none of the leads."""
    if not leads or len(set(leads)) != len(leads):
        raise UserError(f"arrangement.leads={[*leads]}: accepted is a list of different leads.")
    names = _lowered(derived)
    if twice := [name for place, name in enumerate(names) if name in leads or name in names[:place]]:
        raise UserError(
            f"arrangement.derived={[*derived]}: accepted are leads different from one another and from "
            f"arrangement.leads={[*leads]}; not {', '.join(twice)}."
        )
    for lead, weights in derived.items():
        own = _lowered(weights)
        if len(set(own)) != len(own) or not set(own) <= set(leads):
            raise UserError(
                f"arrangement.derived.{lead}={dict(weights)}: accepted are weights of arrangement.leads={[*leads]}, "
                "one each."
            )


def _refuse_what_does_not_fit(
    leads: Sequence[str], size: tuple[int, int], leads_per_channel: int, decimation: int, samples: int | None
) -> None:
    for name, value in {"leads_per_channel": leads_per_channel, "decimation": decimation}.items():
        if value < 1:
            raise UserError(f"arrangement.{name}={value}: accepted is 1 or more.")
    if len(leads) % leads_per_channel or prod(size) % leads_per_channel:
        raise UserError(
            f"arrangement.leads_per_channel={leads_per_channel}: accepted is a divisor of both the {len(leads)} leads "
            f"of arrangement.leads={list(leads)} and the {prod(size)} pixels of arrangement.side={_shown(size)}."
        )
    most = prod(size) // leads_per_channel
    if samples is not None and not 0 < samples <= most:
        raise UserError(
            f"arrangement.samples={samples}: accepted are 1 to {most}, as arrangement.side={_shown(size)} holds of "
            "each lead; null for all of them."
        )


def _shown(size: tuple[int, int]) -> int | list[int]:
    return size[0] if size[0] == size[1] else [*size]


def _permutation(order: Callable[[Any], Tensor], size: tuple[int, int]) -> Tensor:
    """Return the sample of each pixel. An order that knows squares only gets no other image."""
    given = _shown(size)
    try:
        samples = order(given if isinstance(given, int) else size)
    except TypeError as error:
        raise UserError(f"arrangement.order accepts only square images ({error}); arrangement.side={given}.") from error
    if not torch.equal(samples.sort().values, z(size)):
        raise UserError(
            f"arrangement.order with arrangement.side={given}: accepted is an order that contains each of the "
            f"{prod(size)} samples at one pixel, such as ganlab.arrangement.order.z."
        )
    return samples
