r"""A generator with a heart inside: one beat for the whole recording, placed by a rhythm, with noise around it (ours).

    x(t) = \sum_k h_k w_k(t) B(t - t_k) + n(t)

The template B of all leads is drawn from a style, which is a patient; the times t_k of its beats and their heights h_k
from a rhythm, and the noise n from a spectrum, which are a recording's. So the beats of a window are of one heart, its
rate can be chosen, and a recording is as long as is asked for. What training windows say at once is fitted before
training: the tables of the rhythm, the spectrum of the noise, the principal components of their templates, and how all
these go together. The adversarial training changes the templates.
"""

import logging
import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ganlab.architecture.hearts import hearts
from ganlab.architecture.patient import Patient, layers
from ganlab.architecture.response import Response
from ganlab.architecture.rhythm import QUANTILES, TABLES, Rhythm, looked_up, quantiles
from ganlab.architecture.signal import PIXEL, leads_of
from ganlab.architecture.signal_layers import unit
from ganlab.architecture.template import POINTS, placed
from ganlab.architecture.texture import DIRECTIONS, Texture
from ganlab.arrangement.base import Arrangement
from ganlab.core.errors import UserError
from ganlab.core.spread import evenly

log = logging.getLogger(__name__)

RATE_HZ = 1000.0
"""Rate of recordings for None: the PTB database's."""
RATES_HZ = (50.0, 100_000.0)
"""Rates of windows: beats are looked for up to 20 Hz, and a low rate would take the memory for many beats."""
SEEDS = 8
"""Numbers of the latent from which the white noise of a recording follows."""
RHYTHM = len(TABLES)
"""Those of its rhythm: heart rate, irregularity, variation of the height, ectopic beats."""
AT_ONCE = 1 << 20
"""Values of noise whose factors are drawn together."""
OWN = SEEDS + 1 + RHYTHM + DIRECTIONS
"""Those that are a recording's; the others, and the conditions behind them, are the patient's style."""
ECTOPIC = 6
"""Components of how ectopic beats differ from usual ones."""
LEAST_STYLE = ECTOPIC + 2
"""Numbers of the style at least."""
OTHER = 0.2
"""Weight of a number of rhythm and noise beside the first component of the templates."""
RISE, LEAST = 10.0, 1e-4
"""Weight of a template's steps beside its height, both as shares of the height; what is added to their mean square."""
EVEN, FAINT = 0.5, 0.02
"""How far the points of templates count alike for the components, and the deviation below which they count less."""
MEASURED, BATCH = 512, 64
"""Windows at most whose spectra are compared at the end of the fit, and how many at a time."""
CUT = 0.05
"""Share of windows beyond the range of pixels from which on that is worth a warning."""
LEARNED = 0.25
"""Share of what the adversarial training adds: it is to go slower than the weights' own step."""
ANOTHER_DAY = 0.5
"""How far the heart rate of a patient's recordings varies, as a share of how far that of patients does."""


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)` of leads at `rate` Hz; templates have so many `components`.

    None takes 32 of one lead and 64 of several.
    """

    seeds: Tensor
    mean: Tensor
    basis: Tensor
    odd_mean: Tensor
    odd_basis: Tensor
    size: Tensor
    level: Tensor

    def __init__(
        self,
        arrangement: Arrangement,
        noise: int = 100,
        style: int = 256,
        rate: float | None = None,
        components: int | None = None,
        fit_steps: int = 2000,
    ) -> None:
        super().__init__()
        self.arrangement = leads_of(arrangement)
        leads, self.rate = len(self.arrangement.leads), (rate or RATE_HZ) / self.arrangement.decimation
        if not RATES_HZ[0] <= self.rate <= RATES_HZ[1]:
            raise UserError(
                f"architecture.generator.rate={rate}, windows at {self.rate:g} Hz: accepted are {RATES_HZ[0]:g} to "
                f"{RATES_HZ[1]:g} Hz."
            )
        given = noise - OWN
        if given < LEAST_STYLE:
            raise UserError(f"architecture.noise={noise}: architecture=heart needs {OWN + LEAST_STYLE} or more.")
        components = components or (32 if leads == 1 else 64)
        self.components, self.fit_steps = min(components, given - ECTOPIC - 1), fit_steps
        self.rhythm = Rhythm()
        self.texture = Texture(leads, self.arrangement.samples)
        self.response = Response(leads)
        own = RHYTHM + DIRECTIONS
        self.patient = Patient(given, own, self.components + ECTOPIC + 1 + own, style)
        self.learned = layers(given + self.components, style, self.components)
        self.register_buffer("mean", torch.zeros(leads, POINTS))
        self.register_buffer("basis", torch.zeros(self.components, leads, POINTS))
        self.register_buffer("odd_mean", torch.zeros(leads, POINTS))
        self.register_buffer("odd_basis", torch.zeros(ECTOPIC, leads, POINTS))
        self.register_buffer("size", torch.ones(QUANTILES))
        self.register_buffer("level", torch.zeros(leads, 1))
        self.register_buffer("seeds", torch.cat([*self._seeds(self.arrangement.samples)], 1), persistent=False)

    def forward(self, noise: Tensor) -> Tensor:
        """Return an image of each noise vector."""
        return self.arrangement.encode(self.recordings(noise))

    def recordings(self, noise: Tensor, samples: int | None = None, rr: Tensor | None = None) -> Tensor:
        """Return the pixels of recordings, `(B, leads, samples)`: by default of a window.

        `rr` `(B, 1)` are mean RR intervals to take instead of those of the noise, s.
        """
        own, given = noise[:, SEEDS + 1 : OWN], noise[:, OWN:]
        numbers = self.patient(given, own)
        along = numbers[:, : self.components]
        along = along + LEARNED * self.learned(torch.cat([unit(given), along], dim=1))
        return self._drawn(torch.cat([along, numbers[:, self.components :]], dim=1), noise, samples, rr)

    def _drawn(self, numbers: Tensor, noise: Tensor, samples: int | None = None, rr: Tensor | None = None) -> Tensor:
        """Return the pixels of recordings of these numbers, `(B, leads, samples)`, with the chance of the noise."""
        samples = samples or self.arrangement.samples
        along, odd, size, rhythm, levels = numbers.split([self.components, ECTOPIC, 1, RHYTHM, DIRECTIONS], dim=1)
        white = self._white(noise[:, :SEEDS], samples)
        beating, white = white.tensor_split([3 * self.rhythm.count(samples / self.rate)], dim=1)
        beats = self.rhythm(rhythm, noise[:, SEEDS : SEEDS + 1], beating.unflatten(1, (3, -1)), rr)
        usual = self.mean + torch.einsum("bk,klp->blp", along, self.basis)
        ectopic = usual + self.odd_mean + torch.einsum("bk,klp->blp", odd, self.odd_basis)
        templates = looked_up(self.size, size)[:, None, None] * torch.stack([usual, ectopic], dim=1)
        x = placed(templates, beats.times, beats.rr, beats.height, samples, self.rate, beats.odd)
        x = self.response(x + self.texture(white.unflatten(1, (len(self.mean), -1)), levels, samples))
        return PIXEL * (x - x.median(dim=-1, keepdim=True).values + self.level)

    @staticmethod
    def same_patients(noise: Tensor, other: Tensor) -> Tensor:
        """Return `noise` `(B, latent)` of the same patients' other recordings, drawn from `other` noise."""
        rate = SEEDS + 1
        own = noise[:, rate] * math.sqrt(1 - ANOTHER_DAY**2) + other[:, rate] * ANOTHER_DAY
        return torch.cat([other[:, :rate], own[:, None], other[:, rate + 1 : OWN], noise[:, OWN:]], dim=1)

    @torch.no_grad()
    def fit(self, images: Tensor, conditions: Tensor) -> None:
        """Take rhythms, noise and templates from training images `(N, C, H, W)` and their conditions `(N, C)`.

        Raises UserError where hardly a window has two beats.
        """
        windows = self.arrangement.decode(images)
        _warn_of_cut(windows)
        windows = windows / PIXEL
        of = hearts(windows, self.rate)
        self.level.copy_(windows.median(dim=-1, keepdim=True).values.mean(dim=0))
        sizes = of.templates[:, 0].abs().amax((1, 2)).numpy()
        table, size = quantiles(sizes)
        self.size.copy_(torch.from_numpy(table))
        usual, ectopic = (each.flatten(1).numpy() / sizes[:, None] for each in of.templates.unbind(1))
        along, weights = self._fit_components(usual, self.mean, self.basis)
        differs = np.flatnonzero(of.observed.ectopic)
        odd = np.full((len(usual), ECTOPIC), np.nan)
        if len(differs) > 1:
            odd[differs], _ = self._fit_components((ectopic - usual)[differs], self.odd_mean, self.odd_basis)
        numbers = np.concatenate(
            [along, odd, size[:, None], self.rhythm.fit(of.observed), self.texture.fit(of.rest)], axis=1
        )
        given = conditions[torch.from_numpy(of.windows)].float()
        weights = np.concatenate([weights, np.full(numbers.shape[1] - len(weights), OTHER)])
        whole = torch.from_numpy(numbers).float()
        self.patient.fit(whole, torch.from_numpy(weights).float(), given, self.fit_steps, self._outline)
        some = torch.from_numpy(evenly(MEASURED, len(given)))
        noise = torch.randn(len(some), OWN, generator=torch.Generator().manual_seed(0)).to(self.mean)
        rows = whole[some].nan_to_num().to(self.mean)
        parts = zip(rows.split(BATCH), noise.split(BATCH), strict=True)
        made = torch.cat([self._drawn(*part) for part in parts]) / PIXEL
        self.response.fit(made, windows[of.windows[some]])

    def _fit_components(
        self, templates: NDArray[np.float64], center: Tensor, basis: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the components of templates `(N, leads * POINTS)`; return the places `(N, components)`, and weights.

        They are those of points of the same deviation, nearly, for P is small beside QRS; and of all leads, for a
        derived one may be small beside those that it is the difference of.
        """
        count, mean = len(templates), templates.mean(0)
        away = templates - mean
        every = np.einsum("al,nlp->nap", self._leads(), away.reshape(count, *center.shape)).reshape(count, -1)
        score, size, _ = np.linalg.svd(every * (every.std(0) + FAINT) ** -EVEN, full_matrices=False)
        kept = min(len(basis), len(size))
        places, weights = np.zeros((count, len(basis))), np.zeros(len(basis))
        places[:, :kept] = score[:, :kept] * math.sqrt(count)
        weights[:kept] = (size[:kept] / size[0]) ** 0.75
        center.copy_(torch.from_numpy(mean).view_as(center))
        basis.copy_(torch.from_numpy(places.T @ away / count).view_as(basis))
        return places, weights

    def _leads(self) -> NDArray[np.float64]:
        """Return what each lead, own or derived, is made of, `(all leads, own leads)`."""
        own = self.arrangement.leads
        derived = [[weights.get(lead, 0.0) for lead in own] for weights in self.arrangement.derived.values()]
        return np.concatenate([np.eye(len(own)), np.array(derived).reshape(-1, len(own))])

    def _outline(self, numbers: Tensor) -> Tensor:
        """Return how high and steep beats are at each time, all leads together, small waves raised, `(B, features)`."""
        along = numbers[:, : self.components]
        beats = self.mean.to(along) + torch.einsum("bk,klp->blp", along, self.basis.to(along))
        beats = beats - beats.median(-1, keepdim=True).values
        size = torch.cat([beats, RISE * beats.diff(dim=-1)], dim=-1).square().mean(1)
        return (size + LEAST).pow(0.25)

    def _seeds(self, samples: int) -> Iterator[Tensor]:
        """Yield factors `(SEEDS, *)` of so many samples in parts: those of an hour of 12 leads are gigabytes."""
        count = 3 * self.rhythm.count(samples / self.rate) + len(self.arrangement.leads) * self.texture.length(samples)
        draw = np.random.default_rng(0)
        for start in range(0, count, AT_ONCE):
            yield torch.from_numpy(draw.uniform(1e3, 1e4, (min(AT_ONCE, count - start), SEEDS)).T.copy())

    def _white(self, seeds: Tensor, samples: int) -> Tensor:
        """Return normal noise `(B, *)`, the same for the same numbers `(B, SEEDS)` of the latent."""
        factors = [self.seeds] if samples == self.arrangement.samples else self._seeds(samples)
        return torch.cat([self._normal(seeds.double() @ each.to(seeds.device)) for each in factors], dim=1)

    def _normal(self, turns: Tensor) -> Tensor:
        share = (turns - turns.floor()).clamp(1e-7, 1 - 1e-7)
        return (math.sqrt(2) * torch.erfinv(2 * share - 1)).to(self.mean.dtype)


def _warn_of_cut(windows: Tensor) -> None:
    """Log how many windows `(N, leads, samples)`, in pixels, were cut off at the range of pixels."""
    cut = float((windows.abs() >= 1).flatten(1).any(1).float().mean())
    if cut > CUT:
        log.warning(
            "%.0f %% of the training windows go beyond the standardization's range and are cut off there; a wider "
            "one, such as standardization.reach_mv=6, leaves beats whole",
            100 * cut,
        )
