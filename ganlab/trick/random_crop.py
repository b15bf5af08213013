"""Random crops: windows start anywhere in their recording, which adds data of the same distribution (ours)."""

import numpy as np

from ganlab.trick.base import Indices, Trick


class RandomCrop(Trick):
    """Keeps the number of windows of an epoch at that of windows laid end to end."""

    def starts(self, starts: Indices, room: Indices, rng: np.random.Generator) -> Indices:
        """Return starts drawn uniformly over each recording."""
        return rng.integers(0, room, endpoint=True)
