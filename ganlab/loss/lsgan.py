"""The least-squares loss: D regresses 1 for real images, 0 for generated ones (Mao et al. 2017, arXiv 1611.04076)."""

from torch import Tensor


class LSGAN:
    """D: half the mean squares of D(real) - 1 and D(fake); G: that of D(fake) - 1."""

    traits: frozenset[str] = frozenset({"no_cross_entropy"})
    pairs = False

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return one half, the middle of the two targets."""
        return real.new_full((), 0.5)

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for its outputs `(B,)` on real and generated images."""
        return ((real - real_target).square().mean() + fake.square().mean()) / 2

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for D's outputs `(B,)` on its images."""
        return (fake - 1).square().mean() / 2
