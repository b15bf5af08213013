"""Transport of drawn numbers to those of training windows, in rounds: each changes numbers along axes at right angles.

Along an axis a number is replaced by the quantile of the training windows that is as far up as it is among the drawn
ones. The first axes are the numbers themselves, the next ones independent components (Hyvarinen 1999), along which the
training windows are least normal; the others are drawn. In a few rounds, and without a gradient, drawn numbers come to
be distributed as those of few training windows (iterative distribution transfer, Pitie et al., ICCV 2005; Dai and
Seljak, ICML 2021).
"""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

ROUNDS, INDEPENDENT = 10, 2
"""Rounds, and those of independent components among them."""
QUANTILES = 33
"""Of a table."""


class Transport(nn.Module):
    """Moves numbers `(B, size)`, by default not at all."""

    axes: Tensor
    before: Tensor
    after: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("axes", torch.eye(size).repeat(ROUNDS, 1, 1))
        self.register_buffer("before", torch.linspace(-1, 1, QUANTILES).repeat(ROUNDS, size, 1))
        self.register_buffer("after", self.before.clone())

    def forward(self, numbers: Tensor) -> Tensor:
        """Return the moved numbers."""
        for axes, before, after in zip(self.axes, self.before, self.after, strict=True):
            numbers = numbers + _change(numbers @ axes, before, after) @ axes.T
        return numbers

    @torch.no_grad()
    def fit(self, drawn: Tensor, wanted: Tensor) -> None:
        """Take the tables that bring numbers `(N, size)` as they are drawn to those that are wanted, `(M, size)`."""
        of_axes = _axes(wanted.double().cpu().numpy())
        for axes, before, after in zip(self.axes, self.before, self.after, strict=True):
            axes.copy_(torch.from_numpy(next(of_axes)))
            before.copy_(_quantiles(drawn @ axes))
            after.copy_(_quantiles(wanted @ axes))
            drawn = drawn + _change(drawn @ axes, before, after) @ axes.T


def _change(numbers: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Return how much numbers `(B, size)` change from the one table `(size, QUANTILES)` to the other.

    Those beyond a table change as its end does.
    """
    columns = numbers.T.contiguous()
    high = torch.searchsorted(before, columns, right=True).clamp(1, QUANTILES - 1)
    (low_at, high_at), (low_to, high_to) = (
        (each.gather(1, high - 1), each.gather(1, high)) for each in (before, after)
    )
    share = ((columns - low_at) / (high_at - low_at).clamp(min=1e-9)).clamp(0, 1)
    return torch.lerp(low_to - low_at, high_to - high_at, share).T


def _quantiles(numbers: Tensor) -> Tensor:
    """Return the table of each column, `(size, QUANTILES)`, from half a number off either end."""
    end = 0.5 / len(numbers)
    shares = torch.linspace(end, 1 - end, QUANTILES).to(numbers)
    return numbers.quantile(shares, dim=0).T.contiguous()


def _axes(numbers: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Yield the axes of each round, `(size, size)`, for numbers `(N, size)`."""
    from sklearn.decomposition import FastICA

    size, rng = numbers.shape[1], np.random.default_rng(0)
    yield np.eye(size)
    for k in range(INDEPENDENT if len(numbers) > size else 0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what did not converge: any axes will do
            independent = FastICA(whiten="unit-variance", max_iter=200, tol=1e-3, random_state=k).fit(numbers)
        left, _, right = np.linalg.svd(independent.components_)
        yield (left @ right).T
    while True:
        yield np.linalg.qr(rng.standard_normal((size, size)))[0]
