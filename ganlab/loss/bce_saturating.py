"""The GAN loss as the documents print it (paper Eq. 1, thesis Eq. 1.3): G minimises log(1 - D(G(z))), which saturates.

D is trained as in `bce`. Where D is sure that an image is generated, G's gradient vanishes (Goodfellow et al. 2014).
"""

from torch import Tensor
from torch.nn.functional import softplus

from ganlab.loss.bce import BCE


class BCESaturating(BCE):
    """D: the sum of the cross entropies of real and generated images; G: their negative on generated ones."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """Return the loss of G for logits `(B,)` of its images: the mean of log(1 - sigmoid), never above 0."""
        return -softplus(fake).mean()
