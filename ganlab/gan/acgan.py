"""The auxiliary classifier GAN (paper 4.6; Odena et al. 2017, arXiv 1610.09585).

    L_S = E[log P(S = real | x)] + E[log P(S = synthetic | G(z, c))]
    L_C = E[log P(C = c | x)] + E[log P(C = c | G(z, c))]

D maximises L_S + L_C, G maximises L_C - L_S, the latter in its non-saturating form. Both likelihoods are taken from
logits: the sigmoid and the softmax of D's two layers are part of the cross entropies.

Where a sample may be of several classes (ours), each has a sigmoid, and L_C is the mean of their log likelihoods.
Attributes (ours) are predicted besides: the mean square error, in standard deviations, where they are known.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ganlab.dataset.samples import Batch
from ganlab.gan.conditional import Conditional
from ganlab.gan.outputs import Outputs, Terms


class ACGAN(Conditional):
    """A GAN whose D predicts the classes and attributes that G takes after the noise.

    D's `discriminate` returns logits of the source, and of the classes with the attributes behind. `class_weight`
    weighs the terms of classes and attributes against the adversarial loss, for D and for G; `class_on_synthetic` says
    whether D learns them from generated images too, as in the paper. While a trick lets D rest, only the adversarial
    part rests.
    """

    def __init__(
        self, *parts: Any, class_weight: float = 1.0, class_on_synthetic: bool = True, **settings: Any
    ) -> None:
        super().__init__(*parts, **settings)
        self.class_weight = class_weight
        self.class_on_synthetic = class_on_synthetic

    def targets(self, batch: Batch) -> Tensor:
        """Return what D is to predict of real images: their labels, and behind them attributes where it takes some."""
        if not self.conditions.attributes:
            return batch.label
        assert batch.attributes is not None
        return self._joined(batch.label, self.conditions.chosen(batch.attributes))

    def discriminate(self, images: Tensor, conditions: Tensor | None = None) -> Outputs:
        """Return D's logits of source and class for images `(B, C, H, W)`, and its attributes."""
        source, predicted = self.discriminator.discriminate(images)  # type: ignore[operator]
        classes = len(self.classes)
        return Outputs(source, predicted[:, :classes], predicted[:, classes:])

    def discriminator_terms(self, on_real: Outputs, on_fake: Outputs, label: Tensor, noise: Tensor) -> Terms:
        """Return the cross entropy of the classes: of real images by the `targets`, of generated ones by noise."""
        requested = self._requested(noise)
        of_real, of_fake = self._losses(on_real, label), self._losses(on_fake, requested)
        logs = {f"loss/{name}_real": term.detach() for name, term in of_real.items()}
        logs |= {f"loss/{name}_synthetic": term.detach() for name, term in of_fake.items()}
        if self.classes:
            logs["accuracy/class_real"] = self._accuracy(on_real, label)
            logs["accuracy/class_synthetic"] = self._accuracy(on_fake, requested)
        real, fake = (torch.stack([*each.values()]).sum() for each in (of_real, of_fake))
        return [self.class_weight * (real + fake if self.class_on_synthetic else real)], logs

    def generator_terms(self, on_fake: Outputs, noise: Tensor) -> Terms:
        """Return D's loss of the classes and attributes that G was given."""
        losses = self._losses(on_fake, self._requested(noise))
        return [self.class_weight * torch.stack([*losses.values()]).sum()], {}

    def _requested(self, noise: Tensor) -> Tensor:
        """Return the conditions in noise in the form of `targets`."""
        labels = self.labels_of(noise)
        if not self.conditions.attributes:
            assert labels is not None
            return labels
        attributes = noise[:, self.noise + len(self.classes) :]
        if labels is None:
            return torch.cat([torch.zeros_like(attributes[:, :1]), attributes], dim=1)
        return self._joined(labels, attributes)

    def _joined(self, labels: Tensor, attributes: Tensor) -> Tensor:
        labels = labels if self.conditions.many_labels else labels.unsqueeze(1)
        return torch.cat([labels.float(), attributes], dim=1)

    def _parts(self, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the labels and the attributes of targets."""
        if not self.conditions.attributes:
            return target, None
        labels, attributes = target.tensor_split([-len(self.conditions.attributes)], dim=1)
        return (labels > 0.5 if self.conditions.many_labels else labels.squeeze(1).long()), attributes

    def _losses(self, verdict: Outputs, target: Tensor) -> dict[str, Tensor]:
        """Return the mean of -log P(C = c), and of the square error of the attributes that are known."""
        assert verdict.label is not None
        labels, attributes = self._parts(target)
        losses = {}
        if self.conditions.many_labels:
            losses["class"] = binary_cross_entropy_with_logits(verdict.label, labels.to(verdict.label))
        elif self.classes:
            losses["class"] = cross_entropy(verdict.label, labels)
        if attributes is not None:
            assert verdict.attributes is not None
            error = (verdict.attributes - attributes.nan_to_num()).square() * attributes.isfinite()
            losses["attributes"] = error.sum() / attributes.isfinite().sum().clamp(min=1)
        return losses

    def _accuracy(self, verdict: Outputs, target: Tensor) -> Tensor:
        """Return the share of images whose class D recognises; of all answers where each class has one."""
        assert verdict.label is not None
        predicted = verdict.label > 0 if self.conditions.many_labels else verdict.label.argmax(dim=1)
        return (predicted == self._parts(target)[0]).float().mean()
