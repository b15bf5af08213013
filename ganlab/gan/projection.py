r"""The projection discriminator (Miyato and Koyama 2018, arXiv 1802.05637): D takes the conditions too.

    D(x, c) = psi(h) + c^T V h,    h the last hidden map of D for x

psi is D's layer of the source, V that of the classes and attributes. The second term is the log likelihood ratio of
classes (a softmax) or attributes (a Gaussian) up to a part that psi learns. Losses, penalties and tricks
get this logit.

Generated images of a step have the conditions of its real ones, as in R3GAN (Huang et al. 2024, arXiv 2501.05441), so
that loss=rpgan compares images of the same classes. Miyato and Koyama draw them apart; then D also learns how much more
often each class is drawn than it occurs.
"""

import torch
from torch import Tensor

from ganlab.dataset.samples import Batch
from ganlab.gan.conditional import Conditional
from ganlab.gan.outputs import Outputs


class Projection(Conditional):
    """A GAN whose D is given the conditions that G takes after the noise. An unknown attribute is the mean."""

    traits = frozenset({"real_conditions"})

    def targets(self, batch: Batch) -> Tensor:
        """Return the conditions of real images `(B, conditions)`."""
        return self.conditions_of(batch)

    def _training_noise(self, count: int, target: Tensor) -> Tensor:
        """Return noise `(count, latent)` with the conditions `target` of as many real images."""
        return torch.cat([super()._training_noise(count, target)[:, : self.noise], target.to(self.dtype)], dim=1)

    def discriminate(self, images: Tensor, conditions: Tensor | None = None) -> Outputs:
        """Return D's logit of images `(B, C, H, W)` and the first of their conditions; those not given count as 0."""
        source, projected = self.discriminator.discriminate(images)  # type: ignore[operator]
        if conditions is None:
            return Outputs(source)
        return Outputs(source + (conditions * projected[:, : conditions.shape[1]]).sum(dim=1))
