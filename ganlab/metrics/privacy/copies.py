r"""Do generated windows lie nearer to training windows than other persons' windows do? An alarm, no certificate.

Two windows are compared at 125 Hz, all leads at once, about their medians and with unit norm. With $r$ the largest
correlation over circular shifts in time, the same for all leads, their distance is $d = \sqrt{2 - 2r}$: 0 for a copy
that was shifted or scaled, $\sqrt 2$ for what has nothing in common. The alarm's threshold is the distance that a small
share of the reference's windows have to their nearest training window, for which no copying can be the reason. Few
copies among many windows are found by a stricter one: a fifth below the least of these distances, since that is one
window's, and other persons' are below it by chance.

Sets whose distances raise no alarm have been shown to leak membership all the same (Yao et al., "The DCR Delusion",
2025): what is measured here finds copies, and does not show that there is no other way to learn who trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.core.resampling import at_rate, centred
from ganlab.core.spread import evenly
from ganlab.metrics.base import Array, Metric, Number, Real, SampleSet, Scorer, Statistic, Weights, need
from ganlab.metrics.ecg.signal import whole
from ganlab.metrics.weighted import known, mean, quantile

Floats = NDArray[np.floating]

COPY_RATE = 125.0
"""Samples a second at which windows are compared: an ECG has little above 62 Hz, a copy with noise has noise there."""
LEAST = 10
"""Reference windows from which a threshold is learned."""
BLOCK, PAIRS = 2048, 1 << 14
"""Windows, and pairs of them, that are compared at a time, which bounds the memory."""
EXACT_MV, NEAR_EXACT = 0.001, 0.1
"""Samples this near to one another are equal, mV; windows at this distance or farther are not looked at so closely."""

SHARE = (0.0, 1.0)
BELOW = 0.8
"""What the least distance of other persons' windows is multiplied by, so that one of them alone is no alarm."""
COPIED = ("copy", "noisy_copy", "collapsed")


@dataclass(frozen=True)
class Spectra:
    """Windows as they are searched: spectra of unit norm with shape (frequencies, N, leads), without the mean's.

    `samples` is the length of the windows, `shifts` how many shifts are looked at.
    """

    values: Tensor
    samples: int
    shifts: int

    def __len__(self) -> int:
        return self.values.shape[1]


class Copies(Metric):
    """The copy detector: `share` is what other persons' windows have of windows below the threshold."""

    kinds = (Window,)

    def __init__(self, share: float = 0.05) -> None:
        if not 0 < share < 1:
            raise UserError(f"share={share}: the share of other persons' windows below the threshold is in (0, 1).")
        self.share = share
        self.numbers: Mapping[str, Number] = {
            "copies/share": Number(
                "share",
                f"windows nearer to a training window than {share:.0%} of other persons' are; an alarm when above its "
                "floor, and no certificate when not",
                best=share,
                sees=COPIED,
                limits=SHARE,
            ),
            "copies/nearest": Number(
                "share",
                "windows nearer to a training window than any of other persons' is, by a fifth; finds few copies among "
                "many windows; some are by chance, as the floor shows; blind to copies that noise changed a lot",
                best=0.0,
                sees=COPIED,
                limits=SHARE,
            ),
            "copies/nearer_to_train": Number(
                "share",
                "windows nearer to one of some training windows than to one of as many of other persons; also above "
                "0.5 where more persons trained than are compared with",
                best=0.5,
                limits=SHARE,
            ),
            "copies/distance_ratio": Number(
                "",
                "median distance to the nearest training window, over that of other persons' windows; 0 is a copy, "
                "above 1 is unlike any real window; blind to few copies among many windows",
                best=1.0,
                sees=COPIED,
                limits=(0.0, np.inf),
            ),
            "copies/exact": Number(
                "share",
                "windows equal to a training window in every sample, to 1 uV about the median; blind to the least "
                "change, as rounding to grey levels is",
                best=0.0,
                sees=("copy", "collapsed"),
                limits=SHARE,
            ),
        }

    def fit(self, real: Real) -> Scorer:
        """Learn the threshold from the reference. Raises TooFew for less than 10 windows of it, or one of training."""
        self.check(real.kind)
        assert isinstance(real.kind, Window)
        train, reference, rate = real.train, real.reference, real.kind.rate
        need(len(train), 1, "training windows")
        need(len(reference), LEAST, "reference windows")
        searched, others = spectra(train, rate), spectra(reference, rate)
        usual = _apart(distances(others, searched), left_out(reference, train)).min(axis=1)
        need(int(np.isfinite(usual).sum()), LEAST, "reference windows of persons who did not train")
        equal = min(len(train), len(reference))
        some_train, some_others = evenly(equal, len(train)), evenly(equal, len(reference))

        def judge(samples: SampleSet) -> dict[str, Statistic]:
            windows = spectra(samples, rate)
            to_train = _apart(distances(windows, searched), left_out(samples, train))
            to_others = _apart(distances(windows, others), left_out(samples, reference))[:, some_others].min(axis=1)
            found, place = to_train.min(axis=1), to_train.argmin(axis=1)
            to_some = to_train[:, some_train].min(axis=1)
            nearer = np.where(to_some == to_others, 0.5, to_some < to_others)
            exact = equal_windows(samples.values, train.values, np.where(found < NEAR_EXACT, place, -1))
            return {
                "copies/share": lambda judged, real: mean(
                    (found < quantile(usual, real, self.share)).astype(np.float64), judged
                ),
                "copies/nearest": lambda judged, real: _nearest(found, usual, judged, real),
                "copies/nearer_to_train": lambda judged, _: mean(nearer, judged),
                "copies/distance_ratio": lambda judged, real: quantile(found, judged) / quantile(usual, real),
                "copies/exact": lambda judged, _: mean(exact.astype(np.float64), judged),
            }

        return judge


def spectra(samples: SampleSet, rate: float) -> Spectra:
    """Windows `(N, leads, samples)` in mV of `rate` Hz for the search; a flat one has no norm and is far from all.

    Raises UserError where one holds NaN or infinity.
    """
    windows = at_rate(whole(samples.values), rate, COPY_RATE)
    windows -= windows.mean(axis=-1, keepdims=True)
    norm = np.linalg.norm(windows.reshape(len(windows), -1), axis=1)[:, None, None]
    windows /= np.where(norm > 0, norm, 1)
    length = windows.shape[-1]
    shifts = next_fast_len(length, real=True)
    values = torch.fft.rfft(torch.from_numpy(windows)).permute(2, 0, 1)[1:].contiguous()
    if length % 2 == 0 and shifts > length:
        values[-1] *= 0.5**0.5  # irfft of more samples takes this frequency for two
    return Spectra(values, length, shifts)


def distances(windows: Spectra, others: Spectra) -> NDArray[np.float32]:
    """Distance of each of N windows to each of M others of the same length, rate and leads, `(N, M)`."""
    found = np.empty((len(windows), len(others)), np.float32)
    step = max(1, PAIRS // min(BLOCK, len(others)))
    for start in range(0, len(others), BLOCK):
        columns = _take(others, slice(start, start + BLOCK))
        for first in range(0, len(windows), step):
            r = correlation(_take(windows, slice(first, first + step)), columns)
            found[first : first + step, start : start + BLOCK] = (2 - 2 * r).clamp(min=0).sqrt().numpy()
    return found


def correlation(windows: Spectra, others: Spectra) -> Tensor:
    """The largest correlation over circular shifts of each of N windows with each of M others, `(N, M)`."""
    product = torch.matmul(windows.values, others.values.conj().transpose(1, 2))
    # irfft fills the spectrum up to a length at which it is fast, and so looks at shifts between the samples too.
    padded = torch.nn.functional.pad(product.permute(1, 2, 0), (1, 0))
    return torch.fft.irfft(padded, n=windows.shifts).amax(dim=-1) * (windows.shifts / windows.samples)


def equal_windows(windows: Array, train: Array, place: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each window equals a training window in every sample, to 1 uV about their medians, with shape (N,).

    Arguments:
        windows: Windows in mV, with shape (N, leads, samples).
        train: Training windows alike.
        place: The training window that each is compared with; -1 for none.
    """
    equal = np.zeros(len(windows), np.bool_)
    for k in np.flatnonzero(place >= 0):
        one, other = centred(np.stack([windows[k], train[place[k]]]))
        equal[k] = np.abs(one - other).max() <= EXACT_MV
    return equal


def left_out(samples: SampleSet, others: SampleSet) -> NDArray[np.bool_]:
    """Pairs of windows of the same person, `(N, M)`; `(1, M)` of False where either set's windows are nobody's."""
    if samples.persons is None or others.persons is None:
        return np.zeros((1, len(others)), np.bool_)
    return samples.persons[:, None] == others.persons


def _nearest(found: Floats, usual: Floats, judged: Weights, real: Weights) -> float:
    """Share of distances a fifth below all that the reference has; NaN where it has none."""
    here, _ = known(usual, real)
    return mean((found < BELOW * here.min()).astype(np.float64), judged) if len(here) else float("nan")


def _apart(distance: NDArray[np.float32], same: NDArray[np.bool_]) -> NDArray[np.float32]:
    np.copyto(distance, np.inf, where=same)
    return distance


def _take(windows: Spectra, at: slice) -> Spectra:
    return Spectra(windows.values[:, at], windows.samples, windows.shifts)
