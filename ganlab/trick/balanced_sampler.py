"""An epoch shows each class equally often, the rarer ones again and again, and stays as long as it was (ours)."""

import numpy as np

from ganlab.trick.base import Indices, Trick


class BalancedSampler(Trick):
    """A class with fewer samples than its share is drawn with replacement, another one without; anew in each epoch."""

    needs_classes = True
    refuses = {"under_sampled": "its classes are of one size already"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[str, float] = {}

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """As many samples, equally many of each class, give or take one."""
        classes = np.unique(labels[order])
        shares = np.full(len(classes), len(order) // len(classes))
        shares[: len(order) % len(classes)] += 1
        drawn = [_draw(order[labels[order] == c], n, rng) for c, n in zip(classes, shares, strict=True)]
        self.shown = {f"class_{label}": count for label, count in zip(classes, shares, strict=True)}
        shown = np.concatenate(drawn)
        self.shown["not_shown"] = len(np.setdiff1d(order, shown))
        return rng.permutation(shown)

    def counts(self) -> dict[str, float]:
        """Draws of each class in this epoch, and how many samples it does not show."""
        return {f"balanced_sampler/{name}": float(count) for name, count in self.shown.items()}


def _draw(members: Indices, count: int, rng: np.random.Generator) -> Indices:
    return rng.choice(members, count, replace=count > len(members))
