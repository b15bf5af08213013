"""One-sided label smoothing: a target of 0.9 for real images (paper 4.5; Salimans et al. 2016, arXiv 1606.03498)."""

from ganlab.trick.base import Trick


class LabelSmoothing(Trick):
    """Changes the discriminator's target for real images only."""

    traits = frozenset({"smooth_targets"})
    refuses = {  # noqa: RUF012
        "relativistic": "a relativistic loss has no targets to smooth",
        "no_targets": "this loss has margins or scores, and no targets to smooth",
    }

    def __init__(self, real: float = 0.9) -> None:
        super().__init__()
        self.real = real

    def real_target(self, target: float) -> float:
        """Return the smoothed target."""
        return self.real * target
