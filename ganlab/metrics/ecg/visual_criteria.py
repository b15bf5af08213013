"""The paper's visual criteria of a set of windows: are there beats, are they alike, is the line between them quiet?

A set is described by medians and shares, and compared with real windows by Wasserstein distances.
"""

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import Kind, Window, of_kind
from ganlab.metrics.base import Real, SampleSet, Scorer, Scores, Statistic
from ganlab.metrics.ecg.lead import LeadMetric, chosen_leads
from ganlab.metrics.ecg.peaks import LEAST_RATE
from ganlab.metrics.ecg.physiology import FAST, LONGEST, NOISE_RATE, SLOW, Physiology, describe, limits
from ganlab.metrics.numbers import numbers_of
from ganlab.metrics.once import Once
from ganlab.metrics.weighted import distance_of, mean_of, median_of

COMPARED = {
    "heart_rate_w1": "heart_rate_bpm",
    "rr_irregularity_w1": "rr_irregularity",
    "r_amplitude_cv_w1": "r_amplitude_cv",
    "beat_correlation_w1": "beat_correlation",
    "baseline_slope_w1": "baseline_slope",
    "baseline_residual_w1": "baseline_residual_uv",
    "noise_w1": "noise_uv",
}
"""Distances from the reference's windows, each with the field of `Physiology` that it compares."""
COUNTED = ("physiology/peaks_1_to_4", "physiology/peaks_2_or_3")
"""Counts of peaks that the paper made in 2 s."""


class VisualCriteria(LeadMetric):
    """The paper's visual criteria of all leads of the windows together, or of one `lead`.

    `noise_limit_uv` is the noise that makes a window implausible, uV; that of 95 % of the training windows for None.
    """

    numbers = numbers_of("physiology")

    def __init__(self, lead: str | None = None, noise_limit_uv: float | None = None) -> None:
        super().__init__(lead)
        self.noise_limit_uv = noise_limit_uv

    def check(self, kind: Kind) -> None:
        """Raise UserError for anything but windows of a second or more at 100 Hz or more that have the lead."""
        super().check(kind)
        window = of_kind(kind, Window)
        if window.samples < window.rate or window.rate < LEAST_RATE:
            raise UserError(
                f"{window.samples} samples at {window.rate:g} Hz: metrics=ecg needs a second or more, at "
                f"{LEAST_RATE:g} Hz or more. A larger arrangement.side makes a longer window; metrics=paper measures "
                "nothing."
            )

    def fit(self, real: Real) -> Scorer:
        """Learn the limits of plausible windows from training windows.

        Raises UserError for windows that hold NaN or infinity, TooFew without training windows.
        """
        kind, place = self.place(real.kind)
        noise_limit, residual_limit = limits(chosen_leads(real.train, place), kind.rate)
        if self.noise_limit_uv is not None:
            noise_limit = self.noise_limit_uv
        described = Once(lambda samples: describe(chosen_leads(samples, place), kind.rate), real)
        reference = described(real.reference)

        def score(samples: SampleSet) -> dict[str, Statistic]:
            windows = described(samples)
            seconds = kind.samples / kind.rate
            numbers = _described(windows, windows.plausible(noise_limit, residual_limit, seconds))
            for name, field in COMPARED.items():
                numbers[name] = distance_of(getattr(windows, field), getattr(reference, field))
            slow = kind.rate < NOISE_RATE
            measured = (name for name in numbers if not (slow and name.startswith("noise")))
            scores = {f"physiology/{name}": numbers[name] for name in measured}
            reason = (
                f"a count for windows of about 2 s, and these have {seconds:g} s; plausible_rate follows the length."
            )
            return Scores(scores, not_measurable=dict.fromkeys(COUNTED if seconds > LONGEST else (), reason))

        return score


def _described(windows: Physiology, plausible: NDArray[np.bool_]) -> dict[str, Statistic]:
    """Return the numbers that describe a set by itself."""
    count, pulse = windows.peaks, windows.heart_rate_bpm
    return {
        "peaks_mean": mean_of(count),
        "peaks_1_to_4": mean_of((count >= 1) & (count <= 4)),
        "peaks_2_or_3": mean_of((count == 2) | (count == 3)),
        "no_peaks": mean_of(count == 0),
        "heart_rate_bpm": median_of(pulse),
        "heart_rate_outside": mean_of(np.where(np.isnan(pulse), np.nan, (pulse < SLOW) | (pulse > FAST))),
        "rr_irregularity": median_of(windows.rr_irregularity),
        "r_amplitude_cv": median_of(windows.r_amplitude_cv),
        "beat_correlation": median_of(windows.beat_correlation),
        "noise_uv": median_of(windows.noise_uv),
        "baseline_slope": median_of(np.abs(windows.baseline_slope)),
        "baseline_residual_uv": median_of(windows.baseline_residual_uv),
        "plausible_rate": mean_of(plausible),
    }
