"""Under-sampling: each class is cut to the size of the smallest (paper 4.6)."""

import numpy as np

from ganlab.trick.base import Indices, Trick


class UnderSampling(Trick):
    """Keeps samples drawn once from `seed`, the same in every epoch, and counts those that it leaves out."""

    needs_classes = True
    traits = frozenset({"under_sampled"})

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.kept: dict[str, float] = {}

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """Return the order without the samples that are left out."""
        samples, own = np.unique(order), np.random.default_rng(self.seed)
        classes, sizes = np.unique(labels[samples], return_counts=True)
        kept = [own.choice(samples[labels[samples] == label], min(sizes), replace=False) for label in classes]
        stays = order[np.isin(order, np.concatenate(kept))]
        counted = zip(*np.unique(labels[stays], return_counts=True), strict=True)
        self.kept = {f"class_{label}": count for label, count in counted} | {"left_out": len(order) - len(stays)}
        return stays

    def counts(self) -> dict[str, float]:
        """Return the samples of each class in an epoch, and how many are left out."""
        return {f"under_sampling/{name}": float(count) for name, count in self.kept.items()}
