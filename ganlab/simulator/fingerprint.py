r"""Simulated fingerprints: ridges grown along an orientation field, inked inside an oval.

The orientation of the ridges at a point \(z = x + iy\) of the plane is Sherlock and Monro's: a core is a zero and a
delta a pole of a rational function, of which the orientation has half the argument,

\[ \theta(z) = \theta_0(z) + \frac{1}{2} \Big( \sum_c \arg(z - z_c) - \sum_d \arg(z - z_d) \Big), \]

and \(\theta_0\) is a smooth arch, by which ridges follow the finger's tip. A loop has one core and one delta, a whorl
two of each (the upper core opens downwards, the lower one upwards), an arch none, or one of each in a line where it is
tented. The arguments are bent a little, which leaves their turns about each point as they are.

Ridges grow out of white noise: again and again it is filtered along \(\theta\), and saturated. The filter passes a ring
of spatial frequencies \(\rho\) about one over the ridge period, and directions \(\varphi\) across the ridge,

\[ R(\rho) \, e^{\kappa \cos 2(\varphi - \theta - \pi/2)}
   = R(\rho) \Big( I_0(\kappa) + 2 \sum_{m \ge 1} (-1)^m I_m(\kappa) \cos 2m(\varphi - \theta) \Big), \]

so that a few fixed filters, each one product in the Fourier plane, give the response along any \(\theta\) exactly.
Where ridges meet that do not fit, one ends or two join: minutiae come by themselves.

Sources: B. G. Sherlock, D. M. Monro, "A model for interpreting fingerprint topology", Pattern Recognition 26(7),
1047-1055, 1993. W. T. Freeman, E. H. Adelson, "The design and use of steerable filters", IEEE TPAMI 13(9), 891-906,
1991. Sizes, ink and noise were adjusted to the fingerprints that the thesis used.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2, rfftfreq
from scipy.ndimage import gaussian_filter
from scipy.special import iv

Plane = NDArray[np.complex64]
Field = NDArray[np.float32]

VERSION = 1
"""Raised whenever the same seed no longer gives the same image; caches depend on it."""

CLASSES = ("arch", "loop", "whorl")

SHARES = (0.1, 0.6, 0.3)
"""Shares of the three classes, about as in people; arches are somewhat more frequent."""

CORE_BEND = 0.6
"""How far a core's argument is bent, in rad, so that ridges turn about it as a U does and not as a parabola."""

DELTA_BEND = 0.3
"""How far a delta's argument is bent, in rad, so that ridges beside it rise as steeply as in fingers."""

HARMONICS = 6
"""Harmonics of the filter's dependence on direction; the next coefficient is below 1 % of the first."""

CONCENTRATION = 3.5
"""Kappa: the filter passes about 15 degrees to either side."""

BANDWIDTH = 0.22
"""Standard deviation of the ring of frequencies, as a share of its radius."""

ROUNDS = 12
"""Times that the noise is filtered and saturated; ridges change little after that."""


@dataclass(frozen=True)
class Pattern:
    """A finger: the places of its cores and deltas, and the slope of its arch (rad).

    Positions are complex, in half heights of the image from its middle, y upwards.
    """

    label: int
    cores: tuple[complex, ...]
    deltas: tuple[complex, ...]
    arch: float


def draw_pattern(label: int, rng: Generator) -> Pattern:
    """Return a random finger of the class."""
    if CLASSES[label] == "arch":
        if rng.random() < 0.6:
            return Pattern(label, (), (), rng.uniform(0.65, 0.95))
        core = near(0.02j, 0.04, rng)
        return Pattern(label, (core,), (core - 1j * rng.uniform(0.2, 0.35),), rng.uniform(0.4, 0.6))
    if CLASSES[label] == "loop":
        side = rng.choice((-1, 1))
        core = near(0.22j, 0.05, rng)
        return Pattern(label, (core,), (near(side * 0.42 - 0.42j, 0.05, rng),), rng.uniform(0.4, 0.6))
    upper = near(0.2j, 0.04, rng)
    lower = upper - 1j * rng.uniform(0.05, 0.4) * np.exp(1j * rng.normal(0, 0.25))
    deltas = near(-0.5 - 0.5j, 0.04, rng), near(0.5 - 0.5j, 0.04, rng)
    return Pattern(label, (upper, complex(lower)), deltas, rng.uniform(0.2, 0.4))


def near(place: complex, spread: float, rng: Generator) -> complex:
    """Return a point drawn around `place`, normally distributed with the standard deviation `spread` on each axis."""
    return complex(place + spread * (rng.standard_normal() + 1j * rng.standard_normal()))


def orientation(pattern: Pattern, z: Plane) -> Field:
    """Return the direction of the ridges at each point of `z`, `(H, W)`, in rad from the x axis, modulo pi."""
    height = 1 / (1 + np.exp(-6 * (z.imag + 0.35)))
    theta = -pattern.arch * height * np.sin(np.clip(2.1 * z.real, -np.pi / 2, np.pi / 2))
    for core, opens in zip(pattern.cores, (-1, 1), strict=False):
        argument = np.angle(z - core)
        theta += (argument + opens * CORE_BEND * np.cos(argument)) / 2
    for delta in pattern.deltas:
        argument = np.angle(z - delta)
        theta -= (argument + DELTA_BEND * np.sin(2 * argument)) / 2
    return np.asarray(theta, np.float32)


class Ridges:
    """Grows ridges `period` pixels apart on images `(height, width)`."""

    def __init__(self, height: int, width: int, period: float) -> None:
        self.shape = next_fast_len(height, real=True), next_fast_len(width, real=True)
        self.height, self.width = height, width
        down = np.fft.fftfreq(self.shape[0])[:, None]
        right = rfftfreq(self.shape[1])[None]
        ring = np.exp(-((np.hypot(down, right) * period - 1) ** 2) / (2 * BANDWIDTH**2))
        phi = np.arctan2(-down, right)
        waves = [wave(2 * m * phi) for m in range(1, HARMONICS + 1) for wave in (np.cos, np.sin)]
        self.filters = np.stack([ring, *(ring * wave for wave in waves)]).astype(np.float32)

    def grow(self, theta: Field, rng: Generator) -> Field:
        """Return ridges above 0 and valleys below, `(height, width)`, along `theta` of the same shape."""
        padding = [(0, self.shape[0] - self.height), (0, self.shape[1] - self.width)]
        around = np.pad(theta, padding, mode="edge")
        # The filters' weights, `(1 + 2 HARMONICS, H, W)`, which make a filter across `theta`.
        weights = [np.full_like(around, iv(0, CONCENTRATION))]
        for m in range(1, HARMONICS + 1):
            weight = np.float32(2 * (-1) ** m * iv(m, CONCENTRATION))
            weights += [weight * np.cos(2 * m * around), weight * np.sin(2 * m * around)]
        steering = np.stack(weights).astype(np.float32)
        ridges = rng.standard_normal(self.shape, np.float32)
        for _ in range(ROUNDS):
            responses = irfft2(rfft2(ridges) * self.filters, s=self.shape)
            along = np.einsum("kij,kij->ij", responses, steering)
            ridges = np.asarray(np.tanh(1.5 * along / along.std()), np.float32)
        return ridges[: self.height, : self.width]


def inked(ridges: Field, z: Plane, rng: Generator) -> NDArray[np.uint8]:
    """Return a print of ridges `(H, W)` on white paper: pressed unevenly, grainy, fading at an oval margin."""
    aspect = z.shape[1] / z.shape[0]
    across, along = np.abs(z.real) / (0.92 * aspect), np.abs(z.imag) / 0.94
    rim = (across**2.7 + along**2.7) ** (1 / 2.7) + 0.012 * _cloud(z.shape, 14, rng)
    fading = np.maximum(rim - 0.86, 0) / 0.14
    grain = 0.45 * _cloud(z.shape, 0.6, rng) + 0.35 * _cloud(z.shape, 1.3, rng)
    ink = 1.5 * ridges - 0.72 + 0.2 * _cloud(z.shape, 40, rng) + grain * (1 + fading) - 2 * fading - 30 * (rim > 1)
    return np.asarray(np.round(255 / (1 + np.exp(2.8 * np.clip(ink, -20, 20)))), np.uint8)


def _cloud(shape: tuple[int, ...], scale: float, rng: Generator) -> Field:
    """Return noise of unit variance, smooth over `scale` pixels."""
    noise = gaussian_filter(rng.standard_normal(shape, np.float32), scale, mode="wrap", truncate=3)
    return np.asarray(noise / noise.std(), np.float32)
