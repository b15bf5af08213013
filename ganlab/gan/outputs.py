"""Values that pass between the steps of a GAN."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from ganlab.core.labels import Label

Given = Label | None
"""A label that samples are to have, or None where the generator draws it."""
Logs = dict[str, Tensor]
"""Values to log by name."""
Terms = tuple[list[Tensor], Logs]
"""Terms that are added to a network's loss, and what is logged."""
Losses = tuple[Tensor, list[Tensor], Logs]
"""An adversarial loss, the terms besides it, and what is logged."""


class Outputs(NamedTuple):
    """D's output for images: logits of being real `(B,)`, and of the classes `(B, classes)` where it has them.

    `attributes` `(B, A)` are its predictions, in standard deviations.
    """

    source: Tensor
    label: Tensor | None = None
    attributes: Tensor | None = None


class Fakes(NamedTuple):
    """Noise `(B, latent)` and the images `(B, C, H, W)` that G made of it, with the graph to G's weights."""

    noise: Tensor
    images: Tensor


def total(first: Tensor, others: Sequence[Tensor]) -> Tensor:
    """Return the sum of a loss's terms."""
    return sum(others, first)
