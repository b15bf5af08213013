"""The hinge loss (Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957)."""

from torch import Tensor
from torch.nn.functional import relu


class Hinge:
    """D: relu(1 - D(real)) + relu(1 + D(fake)); G: -D(fake)."""

    traits: frozenset[str] = frozenset({"no_cross_entropy", "no_targets"})
    pairs = False

    def boundary(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return 0, the middle of the two margins."""
        return real.new_zeros(())

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        """Return the loss of D for logits `(B,)`; there are no targets, so `real_target` is ignored."""
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for logits `(B,)` of its images."""
        return -fake.mean()
