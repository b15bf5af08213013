r"""Differentiable augmentation of all images that D sees, real and generated (Zhao et al. 2020, arXiv 2006.10738).

Only what leaves a recording an ECG: gain, slow wander of the baseline, weak noise, a lead or a short stretch that fell
out. Polarity, the direction of time and the names of leads stay: their reversal makes no ECG, and G would learn it.
"""

from math import pi

import torch
from torch import Tensor

from ganlab.codec import Codec
from ganlab.trick.base import Trick


class DiffAugment(Trick):
    """Acts along time, in the order of samples, whatever the arrangement. Pixels span 2, the width of the range.

    Each image has its own draw. `gain` is the largest relative change, the same in all leads; `wander` the largest
    amplitude of a sine of at most `cycles` cycles a window, and `noise` the standard deviation, both in pixels and each
    lead's own; `cut` the largest share of a window, in all leads, and `drop` the probability of one of several leads to
    be replaced by its mean.
    """

    refuses = {"no_leads": "its operations act along the time of recordings"}  # noqa: RUF012

    def __init__(
        self,
        gain: float = 0.1,
        wander: float = 0.08,
        cycles: float = 1.0,
        noise: float = 0.008,
        cut: float = 0.1,
        drop: float = 0.1,
    ) -> None:
        super().__init__()
        self.gain, self.wander, self.cycles = gain, wander, cycles
        self.noise, self.cut, self.drop = noise, cut, drop

    def augment(self, images: Tensor, codec: Codec) -> Tensor:
        """Return changed images `(B, C, H, W)`, with the gradient to those that came."""
        return codec.arrangement.encode(self.changed(codec.arrangement.decode(images)))

    def changed(self, pixels: Tensor) -> Tensor:
        """Return changed pixels of windows `(B, leads, samples)`."""
        count, leads, samples = pixels.shape

        def uniform(*shape: int) -> Tensor:
            return torch.rand(count, *shape, device=pixels.device, dtype=pixels.dtype)

        mean = pixels.mean(dim=-1, keepdim=True)
        time = torch.linspace(0, 1, samples, device=pixels.device, dtype=pixels.dtype)
        x = mean + (1 + self.gain * (2 * uniform(1, 1) - 1)) * (pixels - mean)
        phase = 2 * pi * (self.cycles * uniform(leads, 1) * time + uniform(leads, 1))
        x = x + self.wander * uniform(leads, 1) * phase.sin() + self.noise * torch.randn_like(x)
        start, length = uniform(1, 1), self.cut * uniform(1, 1)
        lost = (time >= start) & (time < start + length)
        if leads > 1:
            lost = lost | (uniform(leads, 1) < self.drop)
        return torch.where(lost, mean, x)
