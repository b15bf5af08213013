"""The relativistic pairing loss: is this generated image more real than that real one?

Jolicoeur-Martineau 2018 (arXiv 1807.00734); with R1 and R2 it is R3GAN's (Huang et al. 2024, arXiv 2501.05441).
"""

from torch import Tensor
from torch.nn.functional import softplus


class RpGAN:
    """D: softplus(D(fake) - D(real)); G: its mirror."""

    traits: frozenset[str] = frozenset({"relativistic"})
    pairs = True

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the middle of the mean logits: only differences of logits have a meaning here."""
        return (real.mean() + fake.mean()) / 2

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for logits `(B,)`; there are no targets, so `real_target` is ignored."""
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for logits `(B,)` of its images and of real ones. Raises ValueError without these."""
        if real is None:
            raise ValueError("a relativistic loss compares with real images")
        return softplus(real - fake).mean()
