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
    """G takes a class as one-hot numbers beside the noise, D tells it: its `judge` gives logits of source and class.

    `class_weight` weighs the classes' cross entropies against the adversarial loss, for D and for G;
    `class_on_synthetic` says whether D learns the classes from generated images too, as in the paper. While a trick
    lets D rest, only the adversarial part does. Raises UserError for fewer than two classes.
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
        """Noise and one number for each class."""
        return self.noise + len(self.classes)

    def draw_noise(self, count: int, generator: torch.Generator | None = None, label: int | None = None) -> Tensor:
        """Standard normal with a class beside it, `(count, latent)`: `label`, or uniformly drawn ones.

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
            known = ", ".join(f"{number} ({name})" for number, name in enumerate(self.classes))
            raise UserError(f"label={label}: accepted are {known}.")
        return torch.full((count,), label, device=self.device)

    def labels_of(self, noise: Tensor) -> Tensor:
        """Classes `(B,)` in `noise` `(B, latent)`."""
        return noise[:, self.noise :].argmax(dim=1)

    def judge(self, images: Tensor) -> Verdict:
        """D's logits of source and class for images `(B, C, H, W)`."""
        return Verdict(*self.discriminator.judge(images))  # type: ignore[operator]

    def discriminator_terms(self, on_real: Verdict, on_fake: Verdict, label: Tensor, noise: Tensor) -> Terms:
        """The classes of real images `(B,)`, and those that generated ones were asked for, as D tells them."""
        asked = self.labels_of(noise)
        real, fake = _misjudged(on_real, label), _misjudged(on_fake, asked)
        logs = {
            "loss/class_real": real.detach(),
            "loss/class_synthetic": fake.detach(),
            "accuracy/class_real": _told(on_real, label),
            "accuracy/class_synthetic": _told(on_fake, asked),
        }
        return [self.class_weight * (real + fake if self.class_on_synthetic else real)], logs

    def generator_terms(self, on_fake: Verdict, noise: Tensor) -> Terms:
        """The classes that G was asked for, as D tells them."""
        return [self.class_weight * _misjudged(on_fake, self.labels_of(noise))], {}


def _misjudged(verdict: Verdict, label: Tensor) -> Tensor:
    """Mean of -log P(C = c)."""
    assert verdict.label is not None
    return cross_entropy(verdict.label, label)


def _told(verdict: Verdict, label: Tensor) -> Tensor:
    """Share of the images whose class is told right."""
    assert verdict.label is not None
    return (verdict.label.argmax(dim=1) == label).float().mean()
