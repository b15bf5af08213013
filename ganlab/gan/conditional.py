"""What GANs with conditions share: classes and attributes behind the noise, drawn, encoded and read again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch, Samples
from ganlab.gan.conditions import Conditions
from ganlab.gan.gan import GAN
from ganlab.gan.outputs import Given


class Conditional(GAN):
    """A GAN whose G takes classes and attributes after the noise.

    `conditions` are those of one class a sample unless others are given. Raises UserError for fewer than two classes
    that exclude one another, where there is no attribute.
    """

    conditional = True

    def __init__(
        self, *parts: Any, conditions: Conditions | Callable[..., Conditions] = Conditions, **settings: Any
    ) -> None:
        super().__init__(*parts, **settings)
        self.conditions = conditions if isinstance(conditions, Conditions) else conditions(self.classes)
        if self.conditions.width < 2 - self.conditions.many_labels - bool(self.conditions.attributes):
            raise UserError(
                f"gan={type(self).__name__.lower()} needs data with two or more classes; this data has "
                f"{', '.join(self.classes) or 'none'}. Use gan=gan, or a data set with classes such as dataset=ptbdb, "
                "or with attributes (gan.conditions.attributes=[age])."
            )

    @property
    def many_labels(self) -> bool:
        """Whether a generated sample may be of several classes."""
        return self.conditions.many_labels

    @property
    def latent(self) -> int:
        """Length of the generator's input: noise and one number for each class and attribute."""
        return self.noise + self.conditions.width

    def fit(self, train: Samples) -> None:
        """Fit the conditions to the labels and attributes of the training samples, then codec and generator."""
        if self.conditions.fitted:
            self.conditions.fit(train.labels, train.attributes)
        super().fit(train)

    def conditions_of(self, batch: Batch) -> Tensor:
        """Return classes and attributes of samples `(B, conditions)`; an unknown attribute is the mean."""
        given = batch.attributes if self.conditions.attributes else None
        attributes = None if given is None else self.conditions.chosen(given)
        return self.conditions.encoded(batch.label, attributes)

    def draw_noise(
        self, count: int, generator: torch.Generator | None = None, label: Given = None, **attributes: float
    ) -> Tensor:
        """Return standard normal noise followed by conditions, `(count, latent)`: those given, the others drawn.

        The normal numbers are the same whatever the label. Raises UserError for a label that is no class.
        """
        normal = self._normal(count, generator)
        return torch.cat([normal, self.conditions.draw(count, self.device, generator, label, attributes)], dim=1)

    def labels_of(self, noise: Tensor) -> Tensor | None:
        """Return the classes `(B,)`, or multi-hot `(B, classes)`, in `noise` `(B, latent)`."""
        return self.conditions.labels_of(noise[:, self.noise :])

    def attributes_of(self, noise: Tensor) -> dict[str, NDArray[np.float64]]:
        """Return the values of the attributes in `noise` `(B, latent)`, `(B,)` by name and unit."""
        return self.conditions.attributes_of(noise[:, self.noise :])
