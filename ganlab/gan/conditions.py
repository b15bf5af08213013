"""What a conditional generator is given behind its noise: the classes of a sample, and its attributes.

Classes are one-hot numbers, or multi-hot ones where a sample may be of several; attributes are continuous, in standard
deviations from their mean in training. Classes that exclude one another are drawn uniformly; combinations of others,
and attributes, as they occur in the training samples. What is kept of these is coarse: `ROWS` rows of labels, in which
combinations have their shares to the nearest row, and for each attribute alone as many quantiles.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganlab.core.errors import UserError
from ganlab.core.labels import Label, Labels, class_names

ROWS = 256


class Conditions(nn.Module):
    """Draws and encodes classes and attributes `(B, width)`.

    `attributes` are those to condition on, of `attribute_names`: `age` names `age (years)`. Raises UserError for one
    that the data set does not deliver.
    """

    combinations: Tensor
    quantiles: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        classes: Sequence[str],
        many_labels: bool = False,
        attribute_names: Sequence[str] = (),
        attributes: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.classes = tuple(classes)
        self.many_labels = many_labels
        self.columns = [_column(name, attribute_names) for name in attributes]
        self.attributes = tuple(attribute_names[column] for column in self.columns)
        if many_labels:
            rows = one_hot(torch.arange(ROWS) % len(self.classes), len(self.classes)).bool()
            self.register_buffer("combinations", rows)
        if attributes:
            self.register_buffer("quantiles", torch.zeros(ROWS, len(attributes)))
            self.register_buffer("mean", torch.zeros(len(attributes)))
            self.register_buffer("deviation", torch.ones(len(attributes)))

    @property
    def width(self) -> int:
        """Numbers that the generator is given for each sample, and that the discriminator predicts."""
        return len(self.classes) + len(self.attributes)

    @property
    def fitted(self) -> bool:
        """Whether they depend on the training samples."""
        return self.many_labels or bool(self.attributes)

    def fit(self, labels: Labels, attributes: NDArray[np.float32]) -> None:
        """Take the combinations of classes and the quantiles of attributes from training samples.

        Raises UserError for an attribute that is known of fewer than two samples, or always the same.
        """
        if self.many_labels:
            order = np.lexsort(labels.T[::-1])
            spread = ((np.arange(ROWS) + 0.5) * len(labels) / ROWS).astype(np.int64)
            self.combinations.copy_(torch.from_numpy(labels[order][spread]))
        for place, (name, column) in enumerate(zip(self.attributes, self.columns, strict=True)):
            values = attributes[:, column][np.isfinite(attributes[:, column])]
            if len(values) < 2 or not np.ptp(values):
                raise UserError(
                    f"gan.conditions.attributes: {name} has {len(np.unique(values))} value(s) in {len(values)} of "
                    f"{len(attributes)} training samples; nothing can be learned from it. Leave it out."
                )
            self.quantiles[:, place] = torch.from_numpy(np.quantile(values, (np.arange(ROWS) + 0.5) / ROWS))
            self.mean[place], self.deviation[place] = float(values.mean()), float(values.std())

    def draw(
        self,
        count: int,
        device: torch.device,
        generator: torch.Generator | None = None,
        label: Label | None = None,
        attributes: Mapping[str, float] | None = None,
    ) -> Tensor:
        """Return conditions `(count, width)` on a device: of the `label` and the values of attributes, or drawn.

        Raises UserError for a label that is no class, and for attributes that were not trained.
        """
        where = device if generator is None else generator.device

        def drawn(most: int) -> Tensor:
            return torch.randint(most, (count,), generator=generator, device=where).to(device)

        if not self.classes:
            classes = torch.zeros(count, 0, device=device)
        elif label is not None:
            classes = torch.tensor(self._row(label), device=device).expand(count, -1)
        elif self.many_labels:
            classes = self.combinations.to(device)[drawn(ROWS)]
        else:
            classes = one_hot(drawn(len(self.classes)), len(self.classes))
        given = {_column(name, self.attributes): value for name, value in (attributes or {}).items()}
        values = [
            torch.full((count,), float(given[place]), device=device) if place in given else column[drawn(ROWS)]
            for place, column in enumerate(self.quantiles.T if self.attributes else ())
        ]
        classes = classes.to(torch.get_default_dtype())
        return torch.cat([classes, self.standardized(torch.stack(values, dim=1))], dim=1) if values else classes

    def standardized(self, attributes: Tensor) -> Tensor:
        """Return attributes `(B, A)` in standard deviations from their mean; NaN stays."""
        return (attributes - self.mean) / self.deviation

    def chosen(self, attributes: Tensor) -> Tensor:
        """Return the attributes to condition on, `(B, A)` standardized, of all that a data set delivers."""
        return self.standardized(attributes[:, self.columns])

    def encoded(self, labels: Tensor, chosen: Tensor | None) -> Tensor:
        """Return conditions `(B, width)` of labels, and of `chosen` attributes where there are some; NaN is 0."""
        if self.many_labels:
            classes = labels.float()
        else:
            classes = one_hot(labels, max(1, len(self.classes))).float()[:, : len(self.classes)]
        return classes if chosen is None else torch.cat([classes, chosen.nan_to_num()], dim=1)

    def labels_of(self, conditions: Tensor) -> Tensor | None:
        """Return the classes in conditions, `(B,)`, or multi-hot `(B, classes)`; None without classes."""
        if not self.classes:
            return None
        classes = conditions[:, : len(self.classes)]
        return classes > 0.5 if self.many_labels else classes.argmax(dim=1)

    def attributes_of(self, conditions: Tensor) -> dict[str, NDArray[np.float64]]:
        """Return the values `(B,)` of each attribute in conditions, by its name and unit."""
        if not self.attributes:
            return {}
        values = conditions[:, len(self.classes) :].double() * self.deviation + self.mean
        return dict(zip(self.attributes, values.T.cpu().numpy(), strict=True))

    def _row(self, label: Label) -> list[bool]:
        count = len(self.classes)
        if isinstance(label, tuple):
            if self.many_labels and len(label) == count:
                return [*label]
        elif 0 <= label < count:
            return [number == label for number in range(count)]
        accepted = ", ".join(f"{number} ({name})" for number, name in enumerate(self.classes))
        shown = class_names(label, self.classes) if isinstance(label, tuple) and len(label) == count else label
        raise UserError(f"label={shown}: accepted are {accepted}{', or several of them' if self.many_labels else ''}.")


def _column(name: str, names: Sequence[str]) -> int:
    """Return the place of an attribute by its name, with or without its unit. Raises UserError for another one."""
    for place, full in enumerate(names):
        if name in (full, full.rpartition(" (")[0]):
            return place
    raise UserError(f"attribute {name}: accepted are {', '.join(names) or 'none; see dataset.attributes'}.")
