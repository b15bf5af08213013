"""Histograms of data sets that are larger than the memory, and their drawing.

The ranges of the standardizations were found on such histograms (paper, Figure 9; thesis, Figures 6.10 and 6.17).
"""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from ganlab.plot.figure import GREY, ORANGE, YELLOW, dress, legend, panels, thousands

QUANTILES = {"1 %": 0.01, "25 %": 0.25, "50 %": 0.5, "75 %": 0.75, "99 %": 0.99}
"""Quantiles that the documents list."""
BARS = 128
"""Bars of a drawn histogram, at most."""

_BINS = 2**17
_FEW = 500
_FILL = "#4f97c6"

Floats = NDArray[np.float64]


class Histogram:
    """Any number of values: up to `keep` of them are kept as they are, more become counts in bins of one width.

    Count, mean, deviation, least and greatest value are exact. A quantile is exact within the `width` of a bin: 0 as
    long as the values are kept, then at most 1/65,536 of their range; and exact where a bin holds one value, as on the
    grid of a converter or the levels of an image. Values that are not finite are counted apart.
    """

    def __init__(self, keep: int = 100_000) -> None:
        self.keep = keep
        self.count = 0
        self.not_finite = 0
        self.mean = math.nan
        self.low = math.nan
        self.high = math.nan
        self.width = 0.0
        self._squares = 0.0
        self._kept: list[Floats] = []
        self._first = 0
        self._counts = np.zeros(0, np.int64)
        self._sums = np.zeros(0)

    def update(self, values: ArrayLike) -> None:
        """Count values of any shape."""
        given = np.asarray(values, np.float64).ravel()
        finite = given[np.isfinite(given)]
        self.not_finite += len(given) - len(finite)
        if not len(finite):
            return
        self._moments(finite)
        if self.width:
            self._bin(finite)
            return
        self._kept.append(finite)
        if self.count > self.keep:
            size = max(abs(self.low), abs(self.high), 1e-30)
            self.width = max(self.high - self.low, 1e-6 * size) / (_BINS / 2)
            kept, self._kept = self._kept, []
            for some in kept:
                self._bin(some)

    @property
    def std(self) -> float:
        """Standard deviation with N - 1, as in the thesis; NaN of fewer than two values."""
        return math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else math.nan

    def points(self) -> tuple[Floats, NDArray[np.int64]]:
        """Return the rising values that occur, or means of bins that hold some, and their counts: `(K,)` each."""
        if not self.width:
            return np.unique(np.concatenate([*self._kept, np.zeros(0)]), return_counts=True)
        held = np.flatnonzero(self._counts)
        return np.clip(self._sums[held] / self._counts[held], self.low, self.high), self._counts[held]

    def quantile(self, share: float) -> float:
        """Return the quantile of a share 0..1, interpolated linearly between two values; NaN of no values."""
        if not self.count:
            return math.nan
        values, counts = self.points()
        place = share * (self.count - 1)
        ends = np.cumsum(counts)
        below, above = (values[np.searchsorted(ends, at, side="right")] for at in (math.floor(place), math.ceil(place)))
        return float(below + (place - math.floor(place)) * (above - below))

    def describe(self) -> dict[str, float]:
        """Return count, mean, std, min, the `QUANTILES` and max, by name."""
        quantiles = {name: self.quantile(share) for name, share in QUANTILES.items()}
        exact = {"count": self.count, "mean": self.mean, "std": self.std, "min": self.low}
        return exact | quantiles | {"max": self.high}

    def bars(self, most: int = BARS) -> tuple[Floats, NDArray[np.int64]]:
        """Return edges `(K + 1,)` and counts `(K,)` of at most `most` bars of one width that hold every value.

        Values on a coarse grid, as 0 and 1 or the levels of an image, have the same number of steps in each bar.
        """
        values, counts = self.points()
        edges = _edges(values, most)
        return edges, np.histogram(values, edges, weights=counts)[0].astype(np.int64)

    def _moments(self, values: Floats) -> None:
        """Update mean and sum of squares by those of the new values (Chan, Golub and LeVeque 1979)."""
        total, mean = self.count + len(values), float(values.mean())
        delta = mean - (self.mean if self.count else mean)
        self._squares += float(((values - mean) ** 2).sum()) + delta**2 * self.count * len(values) / total
        self.mean = mean - delta * self.count / total
        self.count = total
        self.low = float(np.fmin(self.low, values.min()))
        self.high = float(np.fmax(self.high, values.max()))

    def _bin(self, values: Floats) -> None:
        self._make_room()
        places = np.floor(values / self.width).astype(np.int64) - self._first
        self._counts += np.bincount(places, minlength=len(self._counts))
        self._sums += np.bincount(places, values, minlength=len(self._counts))

    def _make_room(self) -> None:
        """Make bins from the least to the greatest value, twice as wide where there would be too many."""
        while self.high / self.width - self.low / self.width > _BINS - 2:
            # Every two neighbouring bins become one; which two depends on their distance from 0.
            odd = self._first % 2
            more = odd, (odd + len(self._counts)) % 2
            self._counts = np.pad(self._counts, more).reshape(-1, 2).sum(axis=1)
            self._sums = np.pad(self._sums, more).reshape(-1, 2).sum(axis=1)
            self._first //= 2
            self.width *= 2
        first, last = math.floor(self.low / self.width), math.floor(self.high / self.width)
        if len(self._counts):
            more = max(0, self._first - first), max(0, last - self._first - len(self._counts) + 1)
            self._counts, self._sums = np.pad(self._counts, more), np.pad(self._sums, more)
            self._first -= more[0]
        else:
            self._counts, self._sums = np.zeros(last - first + 1, np.int64), np.zeros(last - first + 1)
            self._first = first


def has_tails(histogram: Histogram) -> bool:
    """Return whether a third of the range or more has 2 % of the values, so that only a log axis shows them."""
    middle = histogram.quantile(0.99) - histogram.quantile(0.01)
    return histogram.high - histogram.low > 1.5 * middle


def draw_histograms(
    histograms: Mapping[str, Histogram],
    *,
    noun: str,
    unit: str = "",
    ranges: Mapping[str, tuple[float, float]] | None = None,
    across: int = 3,
) -> Figure:
    """Draw a panel for each histogram, which holds some value: 1 % and 99 % quantiles dashed, the chosen range shaded.

    One or two values, as those of a binary feature, are bars with their counts. Histograms, and `ranges` that a
    standardization keeps, come by the name of the lead or feature; `noun` and `unit` are the values', such as
    `samples`; `across` is the number of panels in a row.
    """
    figure, axes = panels(len(histograms), across, max(1.6, 6.9 / across))
    for panel, (name, histogram) in zip(axes, histograms.items(), strict=True):
        dress(panel, name)
        panel.set_xlabel(unit, color=GREY, fontsize=9)
        if len(histogram.points()[0]) <= 2:
            _draw_few(panel, histogram)
        else:
            _draw(panel, histogram, noun, (ranges or {}).get(name))
    legend(figure, axes, ncols=3, fontsize=9.5)
    return figure


def _draw(axes: Axes, histogram: Histogram, noun: str, span: tuple[float, float] | None) -> None:
    edges, counts = histogram.bars()
    tails = has_tails(histogram)
    axes.stairs(counts, edges, fill=True, color=_FILL, baseline=0.5 if tails else 0, gid="bars")
    if span is not None:
        axes.axvspan(*span, color=YELLOW, alpha=0.18, linewidth=0, zorder=0, label="chosen range", gid="range")
    for share in (0.01, 0.99):
        line = histogram.quantile(share)
        axes.axvline(line, color=ORANGE, linewidth=1.1, linestyle="--", label="1 % and 99 % quantiles", gid="quantile")
    if tails:
        axes.set(yscale="log", ylim=(0.5, 2.0 * counts.max()))
    axes.set_ylabel(f"{noun} (log)" if tails else noun, color=GREY, fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(lambda value, _: thousands(value))


def _draw_few(axes: Axes, histogram: Histogram) -> None:
    """Draw one or two values with their counts; quantiles and ranges say nothing about them."""
    values, counts = histogram.points()
    bars = axes.bar(range(len(values)), counts, width=0.55, color=_FILL, gid="bars")
    axes.bar_label(bars, [thousands(count) for count in counts], fontsize=8.5, color=GREY, padding=1)
    axes.set_xticks(range(len(values)), [thousands(value) for value in values])
    axes.set_yticks([])
    axes.margins(x=0.3, y=0.15)


def _edges(values: Floats, most: int) -> Floats:
    """Return edges `(K + 1,)` around rising values; values on a coarse grid are centred in the bars."""
    low, high = float(values[0]), float(values[-1])
    step = float(np.median(np.diff(values))) if len(values) > 1 else 1.0
    steps = round((high - low) / step)
    if steps > _FEW:
        return np.linspace(low, high, most + 1, dtype=np.float64)
    step = (high - low) / steps if steps else 1.0
    each = math.ceil((steps + 1) / most)
    bars = math.ceil((steps + 1) / each)
    return np.asarray(low - step / 2 + step * each * np.arange(bars + 1), np.float64)
