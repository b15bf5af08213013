"""Windows start anywhere in their recording, which multiplies the data without leaving its distribution (ours)."""

import numpy as np

from ganlab.trick.base import Indices, Trick


class RandomCrop(Trick):
    """The number of windows an epoch stays that of the windows laid end to end."""

    def starts(self, starts: Indices, room: Indices, rng: np.random.Generator) -> Indices:
        """Uniform over the recording."""
        return rng.integers(0, room, endpoint=True)
