"""Do chest leads belong to the limb leads of the same heart? A linear map from the one to the other says how far.

Leads i and ii, at R and 40 ms around it, give V1 to V6 of a median beat by least squares learned from training windows.
They explain most of it, for all leads see one dipole; they do not explain another patient's, leads that were swapped,
or one upside down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganlab.metrics.base import Floats
from ganlab.metrics.ecg.median_beat import BEFORE, RATE
from ganlab.metrics.weighted import ratios

LIMBS, CHEST = ("i", "ii"), ("v1", "v2", "v3", "v4", "v5", "v6")
NEAR, STEP = (0.06, 0.40), 0.01
"""Reach before and after R of what is explained, and the distance of its samples, s."""
LAGS = (-0.04, -0.02, 0.0, 0.02, 0.04)
"""Lags of the limb leads that explain a sample, s."""
RIDGE = 1e-3
"""Weight of the squares of the map's coefficients, a share of the limb leads' mean square."""


@dataclass(frozen=True)
class LeadMap:
    """A map `(limb leads * lags, chest leads)` from some leads of median beats to others, with their places."""

    limbs: list[int]
    chest: list[int]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, signal: Floats, leads: tuple[str, ...]) -> "LeadMap | None":
        """Return the map learned from median beats `(N, leads, samples)`; None for other leads, or too few beats."""
        chest = [leads.index(lead) for lead in CHEST if lead in leads]
        if not set(LIMBS) <= set(leads) or not chest:
            return None
        limbs = [leads.index(lead) for lead in LIMBS]
        x, y = _sides(signal, limbs, chest)
        whole = np.isfinite(x).all(axis=(1, 2)) & np.isfinite(y).all(axis=(1, 2))
        if whole.sum() < 2 * len(LAGS) * len(LIMBS):
            return None
        x, y = (each[whole].reshape(-1, each.shape[-1]) for each in (x, y))
        square = x.T @ x
        ridge = RIDGE * np.trace(square) / len(square) * np.eye(len(square))
        return cls(limbs, chest, np.linalg.solve(square + ridge, x.T @ y))

    def unexplained(self, signal: Floats) -> Floats:
        """Return the share of the chest leads' squares in median beats that the limb leads do not explain, `(N,)`.

        NaN where a beat is not whole.
        """
        x, y = _sides(signal, self.limbs, self.chest)
        total = (y**2).sum(axis=(1, 2))
        rest = ((y - x @ self.weights) ** 2).sum(axis=(1, 2))
        return ratios(rest, total)


def _sides(signal: Floats, limbs: list[int], chest: list[int]) -> tuple[Floats, Floats]:
    """Return lagged limb leads and chest leads of each beat, `(N, times, limbs * lags)` and `(N, times, chest)`."""
    at = np.rint((BEFORE + np.arange(-NEAR[0], NEAR[1], STEP)) * RATE).astype(int)
    shifts = np.rint(np.array(LAGS) * RATE).astype(int)
    lagged = signal[:, limbs][:, :, at[:, None] + shifts]
    x = lagged.transpose(0, 2, 1, 3).reshape(len(signal), len(at), -1)
    return x.astype(np.float64), signal[:, chest][:, :, at].swapaxes(1, 2).astype(np.float64)
