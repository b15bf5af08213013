r"""Simulated photographs of eyes in near-infrared light, in the layout of the IIT Delhi database.

The iris identifies a person. It is drawn where it stays the same while the pupil opens: on the sheet of radius
\(r\) from the pupil's edge (0) to the sclera (1) and of angle \(\theta\), with radial fibres, the collarette, crypts
and furrows. A photograph rolls this sheet about the pupil of the day,

\[ \rho(r, \theta) = (1 - r) \, \rho_{pupil}(\theta) + r \, \rho_{limbus}(\theta), \]

and adds what hides it: lids, lashes, shadow, reflections, the gaze, blur and noise. Everything of an eye comes from
`(seed, person, eye)`, everything of a photograph from `(seed, person, eye, photograph)`.

Sources: J. Daugman, "How iris recognition works", IEEE TCSVT 14(1), 21-30, 2004 (the sheet). A. Kumar, A. Passi,
"Comparison and combination of iris matchers for reliable personal authentication", Pattern Recognition 43(3),
1016-1026, 2010 (the database: names and size of its images).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import PIL.Image
import PIL.ImageDraw
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

Field = NDArray[np.float64]

VERSION = 1
"""Raised whenever the same seed no longer gives the same image; caches depend on it."""

HEIGHT, WIDTH = 240, 320
"""Pixels of the database's images; lengths below are in these, and grow with an image's height."""

HALF = WIDTH / 2 * 1.02
"""Pixels from the middle of an eye to its corners."""

SHEET = 64, 512
"""Rows (radii) and columns (angles) of an iris's sheet."""

FINER = 3
"""Factor by which lashes are drawn larger, to be reduced afterwards."""


@dataclass(frozen=True)
class Lid:
    """The edge of a lid: `height` pixels from the line between the corners at `peak` (-1 to 1), `bend` its power."""

    height: float
    peak: float
    bend: float

    def edge(self, u: Field) -> Field:
        """Return the distance of the edge from the corners' line, at `u` from -1 (inner corner) to 1 (outer corner)."""
        shifted = u - self.peak * (1 - u**2)
        return self.height * (1 - np.abs(np.clip(shifted, -1.2, 1.2)) ** self.bend)


@dataclass(frozen=True)
class Eye:
    """The properties that stay from one photograph of an eye to the next; lengths in pixels, brightness in levels.

    `sheet` is the iris's texture, `SHEET`, of unit variance; `lashes` has a row each: place on the lid (-1 to 1),
    length, lean and curl (rad), and whether it grows on the upper lid.
    """

    sheet: Field
    side: int
    iris: float
    contrast: float
    sclera: float
    skin: float
    limbus: float
    upper: Lid
    lower: Lid
    tilt: float
    lashes: Field


@lru_cache(maxsize=4)
def draw_eye(seed: int, person: int, side: int) -> Eye:
    """Return an eye of a person, both counted from 1; lids and brightness are alike on both sides, the iris is not."""
    own, rng = np.random.default_rng([seed, person]), np.random.default_rng([seed, person, side])
    return Eye(
        iris=own.uniform(88, 122),
        contrast=own.uniform(11, 17),
        sclera=own.uniform(158, 182),
        skin=own.uniform(135, 175),
        limbus=own.uniform(82, 92),
        upper=Lid(own.uniform(74, 92), own.uniform(-0.15, 0.1), own.uniform(2.0, 2.5)),
        lower=Lid(own.uniform(62, 76), own.uniform(0.0, 0.2), own.uniform(2.0, 2.5)),
        tilt=own.uniform(0.0, 0.06),
        side=side,
        sheet=draw_sheet(rng),
        lashes=_lashes(own.uniform(0.6, 1.2), rng),
    )


def draw_sheet(rng: Generator) -> Field:
    """Return the texture of an iris, `SHEET`, periodic in angle, of mean 0 and variance 1."""
    radius = np.linspace(0, 1, SHEET[0])[:, None]
    collarette = rng.uniform(0.24, 0.38) + 0.035 * _noise((1, SHEET[1]), (0, 9), rng)
    fibres = 0.9 * _noise(SHEET, (12, 2.2), rng) + 0.5 * _noise(SHEET, (5, 1.1), rng)
    clouds = 0.6 * _noise(SHEET, (8, 16), rng)
    ring = 1.6 * np.exp(-(((radius - collarette) / 0.05) ** 2)) - 0.7 * (radius < collarette)
    # Fibres wind a little instead of running straight outwards.
    rows, columns = np.mgrid[: SHEET[0], : SHEET[1]]
    sideways = columns + 2.5 * _noise(SHEET, (7, 12), rng)
    woven = map_coordinates(fibres, [rows, sideways], order=1, mode="grid-wrap")
    sheet = woven + clouds + ring - _crypts(collarette, rng) - _furrows(radius, rng) - 2.0 * radius**6
    return np.asarray((sheet - sheet.mean()) / sheet.std())


def _noise(shape: tuple[int, ...], scale: tuple[float, float], rng: Generator) -> Field:
    """Return noise of unit variance, smooth over `scale` rows and columns, periodic along the columns."""
    noise = gaussian_filter(rng.standard_normal(shape), scale, mode=("nearest", "wrap"))
    return np.asarray(noise / noise.std())


def _crypts(collarette: Field, rng: Generator) -> Field:
    """Return dark lozenges near the collarette."""
    rows, columns = np.mgrid[: SHEET[0], : SHEET[1]]
    crypts = np.zeros(SHEET)
    for at in rng.integers(0, SHEET[1], rng.integers(8, 26)):
        row = (collarette[0, at] + rng.uniform(-0.05, 0.3)) * SHEET[0]
        across = (columns - at + SHEET[1] // 2) % SHEET[1] - SHEET[1] // 2
        far = np.abs(rows - row) / rng.uniform(3, 8) + np.abs(across) / rng.uniform(4, 10)
        crypts += rng.uniform(1.0, 2.6) / (1 + np.exp(6 * (far - 1)))
    return crypts


def _furrows(radius: Field, rng: Generator) -> Field:
    """Return dark arcs about the pupil in the outer iris, where the tissue folds."""
    furrows = np.zeros(SHEET)
    for _ in range(rng.integers(1, 5)):
        place = rng.uniform(0.5, 0.85) + 0.01 * _noise((1, SHEET[1]), (0, 20), rng)
        long = np.clip(_noise((1, SHEET[1]), (0, 40), rng), 0, None)
        furrows += 0.8 * long * np.exp(-(((radius - place) / 0.018) ** 2))
    return furrows


def _lashes(length: float, rng: Generator) -> Field:
    """Return the rows of `Eye.lashes`: many long ones above, fewer and shorter ones below."""
    count = int(rng.integers(70, 110)), int(rng.integers(25, 45))
    upper = np.repeat([1.0, 0.0], count)
    place = np.concatenate([rng.uniform(-0.75, 0.98, number) for number in count])
    size = length * np.where(upper > 0, rng.uniform(18, 44, sum(count)), rng.uniform(6, 15, sum(count)))
    lean = 0.9 * place + rng.normal(0, 0.22, sum(count))
    return np.stack([place, size, lean, rng.normal(0.35, 0.25, sum(count)), upper], axis=1)


@dataclass(frozen=True)
class Pose:
    """The properties of one photograph: place of the eye, opening of pupil and lids, and light."""

    x: float
    y: float
    scale: float
    turn: float
    pupil: float
    gaze: complex
    open: float
    light: float
    slope: complex
    spots: Field


def draw_pose(rng: Generator) -> Pose:
    """Return the properties of a photograph like the others of the same eye."""
    spots = np.stack([rng.normal(0, 5, 3), rng.normal(-4, 5, 3), rng.uniform(2.6, 5.0, 3)], axis=1)
    return Pose(
        x=rng.normal(0, 5),
        y=rng.normal(2, 4),
        scale=rng.normal(1, 0.03),
        turn=rng.normal(0, 0.03),
        pupil=rng.uniform(0.3, 0.45),
        gaze=complex(rng.normal(0, 6), rng.normal(0, 3)),
        open=rng.uniform(0.85, 1.1),
        light=rng.normal(1, 0.04),
        slope=complex(rng.normal(0, 8), rng.normal(0, 5)),
        spots=spots[: rng.integers(1, 4)],
    )


class Photograph:
    """An eye in a pose, on the pixels of an image `(height, width)`."""

    def __init__(self, eye: Eye, pose: Pose, height: int, width: int) -> None:
        self.eye, self.pose = eye, pose
        self.unit = height / HEIGHT
        y, x = np.mgrid[:height, :width]
        px, py = (x - (width - 1) / 2) / self.unit - pose.x, (y - (height - 1) / 2) / self.unit - pose.y
        turned = (px + 1j * py) * np.exp(-1j * pose.turn) / pose.scale
        mirrored = 1 if eye.side == 1 else -1
        self.x, self.y = mirrored * turned.real, turned.imag
        self.u = self.x / HALF
        upper, lower = self._lids(self.u)
        self.above, self.below = self.y - upper, lower - self.y

    def taken(self, rng: Generator) -> NDArray[np.uint8]:
        """Return the photograph, `(height, width)`."""
        levels = self._ball(rng)
        levels = _blend(levels, self._skin(rng), _inside(-np.minimum(self.above, self.below), 1.2))
        levels = _blend(levels, np.full_like(levels, 45.0), 0.8 * self._lash_mask())
        lit = levels * self.pose.light + self.pose.slope.real * self.u + self.pose.slope.imag * self.y / HEIGHT
        sharp = gaussian_filter(lit, 0.7 * self.unit) + rng.normal(0, 2.2, lit.shape)
        return np.asarray(np.clip(np.round(sharp), 0, 255), np.uint8)

    def _lids(self, u: Field) -> tuple[Field, Field]:
        """Return the edges of the upper and the lower lid, downwards, at `u`."""
        line = 20 - 60 * self.eye.tilt * u
        upper = line - self.eye.upper.edge(u) * self.pose.open
        return upper, line + self.eye.lower.edge(u) * (0.6 + 0.4 * self.pose.open)

    def _ball(self, rng: Generator) -> Field:
        """Return the eyeball without lids: sclera, iris, pupil, reflections, and the shadow of the upper lid."""
        eye, pose = self.eye, self.pose
        z = self.x - pose.gaze.real + 1j * (self.y - pose.gaze.imag)
        rho, theta = np.abs(z), np.angle(z)
        wobble = 1 + 0.012 * np.cos(2 * theta + eye.tilt * 20)
        outer, inner = eye.limbus * wobble, eye.limbus * pose.pupil * (2 - wobble)
        veins = np.clip(_noise(rho.shape, (3 * self.unit, 9 * self.unit), rng) - 1, 0, None)
        levels = eye.sclera - 26 * self.u**2 - 7 * veins
        rows = np.clip((rho - inner) / (outer - inner), 0, 1) * (SHEET[0] - 1)
        texture = map_coordinates(eye.sheet, [rows, theta / (2 * np.pi) * SHEET[1]], order=1, mode="grid-wrap")
        levels = _blend(levels, np.asarray(eye.iris + eye.contrast * texture), _inside(outer - rho, 2.6))
        levels = _blend(levels, np.full_like(levels, 30.0), _inside(inner - rho, 0.9))
        for x, y, size in pose.spots:
            far = np.hypot(z.real - x * 1.5, (z.imag - y) * 0.8)
            levels = _blend(levels, np.full_like(levels, 250.0), _inside(size - far, 0.6))
        return levels * (1 - 0.33 * np.exp(-np.clip(self.above, 0, None) / 14))

    def _skin(self, rng: Generator) -> Field:
        """Return the lids and the skin around: a fold over the upper lid, a wet rim on the lower one."""
        grain = 2.5 * _noise(self.x.shape, (1.2 * self.unit,) * 2, rng) + 4 * _noise(self.x.shape, (14, 22), rng)
        fold = 34 * np.exp(-(((self.above + 19 - 6 * self.u**2) / 3.5) ** 2))
        rim = 16 * np.exp(-(((self.below + 3) / 2.5) ** 2)) - 14 * np.exp(-(((self.below + 10) / 6) ** 2))
        hollow = 10 * np.exp(self.above / 30) * (self.above < 0) + 16 * np.clip(self.u**2 - 0.7, 0, None)
        return self.eye.skin + grain - fold + rim - hollow

    def _lash_mask(self) -> Field:
        """Return the share of each pixel that lashes cover."""
        height, width = self.x.shape
        sheet = PIL.Image.new("L", (width * FINER, height * FINER))
        pen = PIL.ImageDraw.Draw(sheet)
        for place, size, lean, curl, upper in self.eye.lashes:
            points = self._lash(place, size, lean, curl, upper > 0)
            for part, thick in ((slice(0, 5), 1.3), (slice(4, 9), 0.7)):
                pen.line(points[part], fill=255, width=max(1, round(thick * self.unit * FINER)), joint="curve")
        return np.asarray(sheet.resize((width, height), PIL.Image.Resampling.BOX), float) / 255

    def _lash(self, place: float, size: float, lean: float, curl: float, upper: bool) -> list[tuple[float, float]]:
        """Return nine points of a lash on the enlarged image, from its root."""
        step = np.linspace(0, 1, 9)
        angle = lean + curl * step * np.sign(lean)
        x = place * HALF + size / 9 * np.cumsum(np.sin(angle))
        above, below = self._lids(np.array([place]))
        y = above + size * (0.75 * step - step**2 * (0.3 + 0.9 * place**2)) if upper else below + size * step
        z = ((x if self.eye.side == 1 else -x) + 1j * y) * np.exp(1j * self.pose.turn) * self.pose.scale
        height, width = self.x.shape
        right = ((z.real + self.pose.x) * self.unit + width / 2) * FINER
        down = ((z.imag + self.pose.y) * self.unit + height / 2) * FINER
        return list(zip(right.tolist(), down.tolist(), strict=True))


def _inside(distance: Field, softness: float) -> Field:
    """Return 1 where `distance` is above 0 and 0 where it is below, with a transition over `softness` pixels."""
    return np.asarray(1 / (1 + np.exp(-np.clip(distance / softness, -30, 30))))


def _blend(under: Field, over: Field, share: Field) -> Field:
    return under + share * (over - under)
