"""The beat of a heart: a template along a grid that is fine at R, how a window is made of it, and how it is taken.

A position on the grid is asinh of the time to R over 50 ms. Times beyond 80 ms after R are first divided by the square
root of the RR interval over 0.85 s, as QT grows (Bazett). Between two beats the one fades into the other before its P.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

POINTS = 192
BEFORE, AFTER = 0.36, 0.72
"""Reach of a template about R, s; beyond it keeps its last value."""
FINE = 0.05
REPOLARIZATION, USUAL_RR = 0.08, 0.85
LEAD_IN, SHARE, FADE = 0.3, 0.4, 0.06
"""A beat begins so long before R, at most that share of the interval, and fades in within so long, s."""


def positions(since: Tensor, rr: Tensor) -> Tensor:
    """Return where on the grid, from -1 to 1, times since R in s lie, given RR intervals that broadcast."""
    late = REPOLARIZATION + (since - REPOLARIZATION) / (rr / USUAL_RR).sqrt()
    time = torch.where(since > REPOLARIZATION, late, since)
    first, last = math.asinh(-BEFORE / FINE), math.asinh(AFTER / FINE)
    return (torch.asinh(time / FINE) - first) * (2 / (last - first)) - 1


def times(rr: Tensor) -> Tensor:
    """Return the times since R of the grid's points, `(B, POINTS)`, for RR intervals `(B, 1)`."""
    grid = FINE * torch.sinh(torch.linspace(math.asinh(-BEFORE / FINE), math.asinh(AFTER / FINE), POINTS))
    return torch.where(grid > REPOLARIZATION, REPOLARIZATION + (grid - REPOLARIZATION) * (rr / USUAL_RR).sqrt(), grid)


def beginning(beats: Tensor) -> Tensor:
    """Return when each beat but the first begins, `(B, N - 1)`, for times of beats `(B, N)`."""
    return beats[:, 1:] - (SHARE * beats.diff(dim=1)).clamp(max=LEAD_IN)


def placed(
    templates: Tensor, beats: Tensor, rr: Tensor, height: Tensor, samples: int, rate: float, odd: Tensor | None = None
) -> Tensor:
    """Return windows `(B, leads, samples)` of templates `(B, kinds, leads, POINTS)` with R at times of beats `(B, N)`.

    The first beat is before the window's first sample, and the last behind its last. `height` `(B, N)` multiplies
    beats; `rr` `(B, 1)` is the interval, s; `rate` in Hz. Beats that are `odd` `(B, N)` are of the second kind.
    """
    t = (torch.arange(samples, device=templates.device) / rate).expand(len(beats), -1)
    after = torch.searchsorted(beats.contiguous(), t.contiguous(), right=True).clamp(1, beats.shape[1] - 1)
    both = torch.stack([after - 1, after], dim=1).flatten(1)
    since = t.repeat(1, 2) - beats.gather(1, both)
    x = positions(since, rr)
    kind = torch.zeros_like(x) if odd is None else 2 * odd.gather(1, both).to(x) - 1
    points = torch.stack([x, kind], dim=-1).unflatten(1, (2, -1))
    made = grid_sample(templates.transpose(1, 2), points, mode="bicubic", padding_mode="border", align_corners=True)
    share = ((t - beginning(beats).gather(1, after - 1)) / FADE + 0.5).clamp(0, 1)
    share = share * share * (3 - 2 * share)
    weight = height.gather(1, both).unflatten(1, (2, -1)) * torch.stack([1 - share, share], dim=1)
    return (made * weight[:, None]).sum(2)
