"""The Wasserstein loss: D scores images, without a sigmoid (Arjovsky et al. 2017, arXiv 1701.07875).

It means a distance only where D's slope is bounded, as `loss=wgan_gp` does by a gradient penalty.
"""

from torch import Tensor


class WGAN:
    """D: D(fake) - D(real); G: -D(fake)."""

    traits: frozenset[str] = frozenset({"no_cross_entropy", "no_targets"})
    pairs = False

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return the middle of the mean scores: only differences of scores have a meaning here."""
        return (real.mean() + fake.mean()) / 2

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for scores `(B,)`; there are no targets, so `real_target` is ignored."""
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for scores `(B,)` of its images."""
        return -fake.mean()
