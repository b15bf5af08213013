"""The auxiliary classifier GAN (paper 4.6; Odena et al. 2017, arXiv 1610.09585).

    L_S = E[log P(S = real | x)] + E[log P(S = synthetic | G(z, c))]
    L_C = E[log P(C = c | x)] + E[log P(C = c | G(z, c))]

D maximises L_S + L_C, G maximises L_C - L_S, the latter in its non-saturating form. Both likelihoods are taken from
logits: the sigmoid and the softmax of D's two layers are part of the cross entropies.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from ganlab.core.errors import UserError
from ganlab.gan.gan import GAN, Terms, Verdict


class ACGAN(GAN):
    """A GAN whose G takes a class as one-hot numbers after the noise, and whose D classifies.

    D's `discriminate` returns logits of source and class. `class_weight` weighs the cross entropies of the classes
    against the adversarial loss, for D and for G; `class_on_synthetic` says whether D learns the classes from generated
    images too, as in the paper. While a trick lets D rest, only the adversarial part rests. Raises UserError for fewer
    than two classes.
    """

    conditional = True

    def __init__(
        self, *parts: Any, class_weight: float = 1.0, class_on_synthetic: bool = True, **settings: Any
    ) -> None:
        super().__init__(*parts, **settings)
        if len(self.classes) < 2:
            raise UserError(
                f"gan=acgan needs data with two or more classes; this data has {', '.join(self.classes) or 'none'}. "
                "Take gan=gan, or a data set with classes such as dataset=ptbdb."
            )
        self.class_weight = class_weight
        self.class_on_synthetic = class_on_synthetic

    @property
    def latent(self) -> int:
        """Length of the generator's input: noise and one number for each class."""
        return self.noise + len(self.classes)

    def draw_noise(self, count: int, generator: torch.Generator | None = None, label: int | None = None) -> Tensor:
        """Return standard normal noise followed by a one-hot class, `(count, latent)`: `label`, or uniform classes.

        The normal numbers are the same whatever the label. Raises UserError for a label that is no class.
        """
        normal = self._normal(count, generator)
        labels = self._uniform(count, generator) if label is None else self._one(count, label)
        return torch.cat([normal, one_hot(labels, len(self.classes)).to(normal)], dim=1)

    def _uniform(self, count: int, generator: torch.Generator | None) -> Tensor:
        where = self.device if generator is None else generator.device
        return torch.randint(len(self.classes), (count,), generator=generator, device=where).to(self.device)

    def _one(self, count: int, label: int) -> Tensor:
        if not 0 <= label < len(self.classes):
            classes = ", ".join(f"{number} ({name})" for number, name in enumerate(self.classes))
            raise UserError(f"label={label}: accepted are {classes}.")
        return torch.full((count,), label, device=self.device)

    def labels_of(self, noise: Tensor) -> Tensor:
        """Return the classes `(B,)` in `noise` `(B, latent)`."""
        return noise[:, self.noise :].argmax(dim=1)

    def discriminate(self, images: Tensor) -> Verdict:
        """Return D's logits of source and class for images `(B, C, H, W)`."""
        return Verdict(*self.discriminator.discriminate(images))  # type: ignore[operator]

    def discriminator_terms(self, on_real: Verdict, on_fake: Verdict, label: Tensor, noise: Tensor) -> Terms:
        """Return the cross entropy of the classes: of real images by `label` `(B,)`, of generated ones by noise."""
        requested = self.labels_of(noise)
        real, fake = _cross_entropy(on_real, label), _cross_entropy(on_fake, requested)
        logs = {
            "loss/class_real": real.detach(),
            "loss/class_synthetic": fake.detach(),
            "accuracy/class_real": _accuracy(on_real, label),
            "accuracy/class_synthetic": _accuracy(on_fake, requested),
        }
        return [self.class_weight * (real + fake if self.class_on_synthetic else real)], logs

    def generator_terms(self, on_fake: Verdict, noise: Tensor) -> Terms:
        """Return D's cross entropy of the classes that G was given."""
        return [self.class_weight * _cross_entropy(on_fake, self.labels_of(noise))], {}


def _cross_entropy(verdict: Verdict, label: Tensor) -> Tensor:
    """Return the mean of -log P(C = c)."""
    assert verdict.label is not None
    return cross_entropy(verdict.label, label)


def _accuracy(verdict: Verdict, label: Tensor) -> Tensor:
    """Return the share of images whose class D recognises."""
    assert verdict.label is not None
    return (verdict.label.argmax(dim=1) == label).float().mean()
