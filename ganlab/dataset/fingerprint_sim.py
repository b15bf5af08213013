"""Simulated fingerprints with the size and the classes of those of the thesis: no download."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ganlab.dataset.image_source import DrawnImages
from ganlab.simulator.fingerprint import CLASSES, SHARES, VERSION, Plane, Ridges, draw_pattern, inked, near, orientation
from ganlab.split.base import Member


class FingerprintSim(DrawnImages):
    """`images` fingerprints of as many simulated fingers, `ridge_period` pixels from ridge to ridge."""

    name = "fingerprint_sim"
    classes: Sequence[str] = CLASSES

    def __init__(
        self,
        images: int = 200,
        channels: int = 1,
        height: int = 400,
        width: int = 275,
        ridge_period: float = 9.0,
        seed: int = 0,
        cache: str | Path = "outputs/cache",
        on_bad_record: str = "error",
    ) -> None:
        super().__init__(images, channels, height, width, cache, on_bad_record)
        self.ridge_period = ridge_period
        self.seed = seed

    def identity(self) -> dict[str, Any]:
        """Return the simulator's version and its settings."""
        return {**super().identity(), "simulator": VERSION, "ridge_period": self.ridge_period, "seed": self.seed}

    def member(self, number: int) -> Member:
        """Return a finger's member: each finger is its own person, and its class is drawn with it."""
        label = int(self._rng(number).choice(len(CLASSES), p=SHARES))
        return Member(f"finger{number + 1:05d}", f"finger{number + 1:05d}", label)

    def draw(self, number: int) -> NDArray[np.uint8]:
        """Draw the print of a finger, `(height, width)`."""
        rng = self._rng(number)
        pattern = draw_pattern(int(rng.choice(len(CLASSES), p=SHARES)), rng)
        turn, shift = rng.normal(0, 0.06), near(0, 0.02, rng)
        z = ((self._plane - shift) * np.exp(-1j * turn)).astype(np.complex64)
        ridges = self._ridges.grow(orientation(pattern, z) + np.float32(turn), rng)
        return inked(ridges, z, rng)

    def _rng(self, number: int) -> Generator:
        return np.random.default_rng([self.seed, number])

    @cached_property
    def _ridges(self) -> Ridges:
        return Ridges(self.height, self.width, self.ridge_period)

    @cached_property
    def _plane(self) -> Plane:
        y, x = np.mgrid[: self.height, : self.width]
        half = self.height / 2
        return np.asarray((x - (self.width - 1) / 2) / half + 1j * ((self.height - 1) / 2 - y) / half, np.complex64)
