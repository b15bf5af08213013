"""The non-saturating GAN loss, on logits (Goodfellow et al. 2014; thesis listing 6.1)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


class BCE:
    """D: the sum of the cross entropies of real and generated images; G: that of calling its images real."""

    traits: frozenset[str] = frozenset()
    pairs = False

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return logit 0, a probability of one half."""
        return real.new_zeros(())

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for logits `(B,)` of real and generated images."""
        on_real = binary_cross_entropy_with_logits(real, torch.full_like(real, real_target))
        return on_real + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for logits `(B,)` of its images."""
        return binary_cross_entropy_with_logits(fake, torch.ones_like(fake))
