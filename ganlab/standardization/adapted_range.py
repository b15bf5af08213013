"""The paper's range: 2.5 mV above the window's own minimum, lead by lead (paper 4.1, Eq. 3)."""

from torch import Tensor

from ganlab.standardization.base import Standardization, check_width


class AdaptedRange(Standardization):
    """The network does not see a window's absolute level; a real window keeps it."""

    in_millivolts = True

    def __init__(self, width_mv: float = 2.5, levels: int | None = 256) -> None:
        super().__init__(levels)
        self.width_mv = check_width("width_mv", width_mv)

    def low(self, x: Tensor) -> Tensor:
        """Return each window's minimum, `(B, leads, 1)`."""
        return x.amin(dim=-1, keepdim=True)

    def width(self) -> float:
        """Return the width, 2.5 mV in the paper."""
        return self.width_mv
