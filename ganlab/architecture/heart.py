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
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import eigh
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
COMPONENTS = 32
"""Of templates."""
ECTOPIC = 6
"""Components of how ectopic beats differ from usual ones."""
GROUPS = (8, 16, 32)
"""Components from which on those up to the next one have a size in common, which is a patient's."""
BESIDE = len(GROUPS) + ECTOPIC + 1
"""Most of a patient's numbers beside the components: sizes of groups, ectopic beats, the height of beats."""
LEAST_STYLE = BESIDE + 1
"""Numbers of the style at least."""
OTHER = 0.2
"""Weight of a number of rhythm and noise beside the first component of the templates."""
RISE, LEAST = 10.0, 1e-4
"""Weight of a template's steps beside its height, both as shares of the height; what is added to their mean square."""
EVEN, FAINT = 0.5, 0.02
"""How far the points of templates count alike for the components, and the deviation below which they count less."""
MEASURED, BATCH = 512, 64
"""Windows at most whose spectra are compared at the end of the fit, and how many at a time."""
ROUNDS = 3
"""How often noise and frequency response are adapted to one another."""
CUT = 0.05
"""Share of windows beyond the range of pixels from which on that is worth a warning."""
LEARNED = 0.25
"""Share of what the adversarial training adds: it is to go slower than the weights' own step."""
ANOTHER_DAY = 0.5
"""How far the heart rate of a patient's recordings varies, as a share of how far that of patients does."""


class Generator(nn.Module):
    """Noise `(B, noise)` to images `(B, C, H, W)` of leads at `rate` Hz; templates have so many `components`.

    None, as in configurations of before, is 32.
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
        components: int | None = COMPONENTS,
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
        self.components, self.fit_steps = min(components or COMPONENTS, given - BESIDE), fit_steps
        ends = [0, *(k for k in GROUPS if k < self.components), self.components]
        self.groups = [after - before for before, after in pairwise(ends)]
        self.scales = len(self.groups) - 1
        self.rhythm = Rhythm()
        self.texture = Texture(leads, self.arrangement.samples)
        self.response = Response(leads)
        own = RHYTHM + DIRECTIONS
        self.patient = Patient(given, own, self.components + self.scales + ECTOPIC + 1 + own, style)
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
        numbers = self._scaled(self.patient(given, own))
        along = numbers[:, : self.components]
        along = along + LEARNED * self.learned(torch.cat([unit(given), along], dim=1))
        changed = torch.cat([along, numbers[:, self.components :]], dim=1)
        beats, rest = self._parts(changed, noise, samples or self.arrangement.samples, rr)
        x = self.response(beats + rest)
        return PIXEL * (x - x.median(dim=-1, keepdim=True).values + self.level)

    def _parts(self, numbers: Tensor, noise: Tensor, samples: int, rr: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the beats and the noise of recordings of these numbers, `(B, leads, samples)` each."""
        counts = [self.components, self.scales, ECTOPIC, 1, RHYTHM, DIRECTIONS]
        along, _, odd, size, rhythm, levels = numbers.split(counts, dim=1)
        white = self._white(noise[:, :SEEDS], samples)
        seconds = samples / self.rate
        beating, white = white.tensor_split([3 * self.rhythm.count(seconds)], dim=1)
        beats = self.rhythm(rhythm, noise[:, SEEDS : SEEDS + 1], beating.unflatten(1, (3, -1)), seconds, rr)
        usual = self.mean + torch.einsum("bk,klp->blp", along, self.basis)
        ectopic = usual + self.odd_mean + torch.einsum("bk,klp->blp", odd, self.odd_basis)
        templates = looked_up(self.size, size)[:, None, None] * torch.stack([usual, ectopic], dim=1)
        x = placed(templates, beats.times, beats.rr, beats.height, samples, self.rate, beats.odd)
        return x, self.texture(white.unflatten(1, (len(self.mean), -1)), levels, samples)

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
        scatter = of.scatter.reshape(len(usual), -1) / sizes[:, None]
        along, weights = self._fit_components(usual, scatter, self.mean, self.basis)
        differs = np.flatnonzero(of.observed.ectopic)
        odd = np.full((len(usual), ECTOPIC), np.nan)
        if len(differs) > 1:
            other = (ectopic - usual)[differs]
            odd[differs], _ = self._fit_components(other, np.zeros_like(other), self.odd_mean, self.odd_basis)
        along, scales = self._unscaled(along)
        numbers = np.concatenate(
            [along, scales, odd, size[:, None], self.rhythm.fit(of.observed), self.texture.fit(of.rest)], axis=1
        )
        given = conditions[torch.from_numpy(of.windows)].float()
        weights = np.concatenate([weights, np.full(numbers.shape[1] - len(weights), OTHER)])
        whole = torch.from_numpy(numbers).float()
        self.patient.fit(whole, torch.from_numpy(weights).float(), given, self.fit_steps, self._outline)
        some = torch.from_numpy(evenly(MEASURED, len(given)))
        noise = torch.randn(len(some), OWN, generator=torch.Generator().manual_seed(0)).to(self.mean)
        rows = self._scaled(whole[some].nan_to_num()).to(self.mean)
        parts = zip(rows.split(BATCH), noise.split(BATCH), strict=True)
        drawn = [self._parts(*part, self.arrangement.samples) for part in parts]
        beats, rest = (torch.cat(each) for each in zip(*drawn, strict=True))
        real = windows[of.windows[some]]
        for _ in range(ROUNDS):
            self.response.fit(beats + rest, real)
            rest = self.texture.quieten(rest, self.response(beats + rest), real)
        self.response.fit(beats + rest, real)

    def _unscaled(self, along: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return places `(N, components)` with groups of mean square 1, and the logarithms of their sizes."""
        first, *groups = np.split(along, np.cumsum(self.groups)[:-1], axis=1)
        sizes = [np.sqrt(np.square(group).mean(1, keepdims=True)).clip(1e-6) for group in groups]
        scales = np.log(np.concatenate([np.zeros((len(along), 0)), *sizes], axis=1))
        return np.concatenate([first, *(group / size for group, size in zip(groups, sizes, strict=True))], 1), scales

    def _scaled(self, numbers: Tensor) -> Tensor:
        """Return numbers whose groups of components have the sizes that stand behind them."""
        first, *groups = numbers[:, : self.components].split(self.groups, dim=1)
        scales = numbers[:, self.components : self.components + self.scales].exp()[..., None].unbind(1)
        sizes = [group.square().mean(1, keepdim=True).clamp(min=1e-12).sqrt() for group in groups]
        along = [group * (scale / size) for group, scale, size in zip(groups, scales, sizes, strict=True)]
        return torch.cat([first, *along, numbers[:, self.components :]], dim=1)

    def _fit_components(
        self, templates: NDArray[np.float64], scatter: NDArray[np.float64], center: Tensor, basis: Tensor
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Take the components of templates `(N, leads * POINTS)`; return the places `(N, components)`, and weights.

        They are those of points of the same deviation, nearly, for P is small beside QRS; and of all leads, for a
        derived one may be small beside those that it is the difference of. What the templates' noise, `scatter`, adds
        to their covariance is left out.
        """
        count, mean = len(templates), templates.mean(0)
        every, noise = (self._of_all_leads(each, center.shape) for each in (templates - mean, scatter))
        alike = (every.std(0) + FAINT) ** -EVEN
        every, noise = every * alike, noise * alike
        covariance = (every.T @ every - noise.T @ noise) / count
        kept, last = min(len(basis), count - 1), len(covariance) - 1
        values, axes = eigh(covariance, subset_by_index=[last - kept + 1, last])
        deviation, axes = np.sqrt(values[::-1].clip(min=0)), axes[:, ::-1]
        places, weights = np.zeros((count, len(basis))), np.zeros(len(basis))
        score = every @ axes
        places[:, :kept] = score / score.std(0).clip(min=1e-12)
        weights[:kept] = (deviation / deviation[0]) ** 0.75
        center.copy_(torch.from_numpy(mean).view_as(center))
        own = (deviation * axes / alike[:, None])[: center.numel()]
        basis[:kept] = torch.from_numpy(own.T.copy()).view(kept, *center.shape)
        return places, weights

    def _of_all_leads(self, beats: NDArray[np.float64], shape: torch.Size) -> NDArray[np.float64]:
        """Return beats `(N, own leads * POINTS)` with those of derived leads behind, `(N, all leads * POINTS)`."""
        count = len(beats)
        return np.einsum("al,nlp->nap", self._leads(), beats.reshape(count, *shape)).reshape(count, -1)

    def _leads(self) -> NDArray[np.float64]:
        """Return what each lead, own or derived, is made of, `(all leads, own leads)`."""
        own = self.arrangement.leads
        derived = [[weights.get(lead, 0.0) for lead in own] for weights in self.arrangement.derived.values()]
        return np.concatenate([np.eye(len(own)), np.array(derived).reshape(-1, len(own))])

    def _outline(self, numbers: Tensor) -> Tensor:
        """Return how high and steep beats are at each time, all leads together, small waves raised, `(B, features)`."""
        along = self._scaled(numbers)[:, : self.components]
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
