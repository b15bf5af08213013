"""One-sided label smoothing: D is told that a real image is 0.9 real (paper 4.5; Salimans et al. 2016)."""

from ganlab.trick.base import Trick


class LabelSmoothing(Trick):
    """Real images only, D only."""

    traits = frozenset({"smooth_targets"})
    refuses = {"relativistic": "a relativistic loss has no targets to smooth"}  # noqa: RUF012

    def __init__(self, real: float = 0.9) -> None:
        super().__init__()
        self.real = real

    def real_target(self, target: float) -> float:
        """The smoothed target."""
        return self.real * target
