"""A range around the window's median, so that the isoelectric line is the middle grey (ours).

Unlike the paper's adapted range it gives a window no pixel that is exactly -1, which would give real
windows away to D.
"""

from torch import Tensor

from ganlab.standardization.base import Standardization, check_width


class CentredRange(Standardization):
    """From `reach_mv` below each lead's median to as much above it."""

    in_millivolts = True

    def __init__(self, reach_mv: float = 2.5, levels: int | None = None) -> None:
        super().__init__(levels)
        self.reach_mv = check_width("reach_mv", reach_mv)

    def low(self, x: Tensor) -> Tensor:
        """Return `reach_mv` below each window's median, `(B, leads, 1)`."""
        return x.median(dim=-1, keepdim=True).values - self.reach_mv

    def width(self) -> float:
        """Return twice the reach."""
        return 2 * self.reach_mv
