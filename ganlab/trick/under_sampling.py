"""Each class is cut down to the size of the smallest, so that no class drowns the others (paper 4.6)."""

import numpy as np
from numpy.typing import NDArray

from ganlab.trick.base import Indices, Trick


class UnderSampling(Trick):
    """The samples that stay are drawn once from `seed` and are the same in every epoch; counts the others."""

    needs_classes = True
    traits = frozenset({"under_sampled"})

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.shown: dict[str, float] = {}

    def order(self, order: Indices, labels: Indices, rng: np.random.Generator) -> Indices:
        """The order without the samples that are left out."""
        kept = self._kept(np.unique(order), labels)
        stays = order[np.isin(order, kept)]
        self.shown = {f"class_{label}": count for label, count in zip(*_counted(labels[stays]), strict=True)}
        self.shown["left_out"] = len(order) - len(stays)
        return stays

    def _kept(self, samples: Indices, labels: Indices) -> Indices:
        rng = np.random.default_rng(self.seed)
        classes, sizes = _counted(labels[samples])
        of_class = [samples[labels[samples] == label] for label in classes]
        return np.concatenate([rng.choice(members, min(sizes), replace=False) for members in of_class])

    def counts(self) -> dict[str, float]:
        """Samples of each class that an epoch shows, and how many are left out."""
        return {f"under_sampling/{name}": float(count) for name, count in self.shown.items()}


def _counted(labels: Indices) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.unique(labels, return_counts=True)
