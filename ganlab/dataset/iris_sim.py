"""Simulated photographs of eyes in the layout of the IIT Delhi database: no download."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.dataset.image_source import DrawnImages
from ganlab.simulator.iris import HEIGHT, VERSION, WIDTH, Photograph, draw_eye, draw_pose
from ganlab.split.base import Member

SIDES = ("L", "R")


class IrisSim(DrawnImages):
    """`images_per_eye` photographs of both eyes of `people` simulated people."""

    name = "iris_sim"

    def __init__(
        self,
        people: int = 40,
        images_per_eye: int = 5,
        channels: int = 1,
        height: int = HEIGHT,
        width: int = WIDTH,
        seed: int = 0,
        cache: str | Path = "outputs/cache",
        on_bad_record: str = "error",
    ) -> None:
        if people < 1 or images_per_eye < 1:
            raise UserError(
                f"dataset.people={people} dataset.images_per_eye={images_per_eye}: accepted are 1 and more of each."
            )
        super().__init__(people * 2 * images_per_eye, channels, height, width, cache, on_bad_record)
        self.people = people
        self.images_per_eye = images_per_eye
        self.seed = seed

    def identity(self) -> dict[str, Any]:
        """Return the simulator's version and its settings."""
        return {**super().identity(), "simulator": VERSION, "images_per_eye": self.images_per_eye, "seed": self.seed}

    def member(self, number: int) -> Member:
        """Return a photograph's member, named as in the IIT Delhi database: `001/01_L`, of person 001."""
        person, side, _ = self._place(number)
        within = number % (2 * self.images_per_eye) + 1
        return Member(f"{person:03d}/{within:02d}_{SIDES[side - 1]}", f"{person:03d}", 0)

    def draw(self, number: int) -> NDArray[np.uint8]:
        """Draw a photograph, `(height, width)`."""
        person, side, take = self._place(number)
        rng = np.random.default_rng([self.seed, person, side, take])
        eye, pose = draw_eye(self.seed, person, side), draw_pose(rng)
        return Photograph(eye, pose, self.height, self.width).taken(rng)

    def _place(self, number: int) -> tuple[int, int, int]:
        """Return person, side (1 left, 2 right) and photograph of this eye, counted from 1."""
        eye, take = divmod(number, self.images_per_eye)
        return eye // 2 + 1, eye % 2 + 1, take + 1
