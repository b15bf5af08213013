"""Equally many samples of each class in an epoch of unchanged length (ours)."""

import numpy as np

from ganlab.trick.base import Indices, Trick


class BalancedSampler(Trick):
    """Draws anew in each epoch: with replacement from a class that is smaller than its share, else without."""

    needs_classes = True
    refuses = {"under_sampled": "its classes already have equal sizes"}  # noqa: RUF012

    def __init__(self) -> None:
        super().__init__()
        self.drawn: dict[str, float] = {}

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """Return as many samples, whose class sizes differ by one at most."""
        classes = np.unique(labels[order])
        shares = np.full(len(classes), len(order) // len(classes))
        shares[: len(order) % len(classes)] += 1
        members = [order[labels[order] == label] for label in classes]
        samples = np.concatenate(
            [rng.choice(own, n, replace=n > len(own)) for own, n in zip(members, shares, strict=True)]
        )
        self.drawn = {f"class_{label}": count for label, count in zip(classes, shares, strict=True)}
        self.drawn["not_shown"] = len(np.setdiff1d(order, samples))
        return rng.permutation(samples)

    def counts(self) -> dict[str, float]:
        """Return the draws of each class in this epoch, and how many samples the epoch leaves out."""
        return {f"balanced_sampler/{name}": float(count) for name, count in self.drawn.items()}
