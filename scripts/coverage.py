"""Prints how often the 95 % intervals hold what they are for: the mean of a number over studies of as many patients.

python scripts/coverage.py --studies 1000

Simulated studies: each patient has a level, and windows about it (or a rate, and windows with and without). `one side`
compares generated windows without patient ids with the patients' windows, `both sides` patients with other patients.
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy.stats import norm

from ganlab.evaluation.bootstrap import PatientDraws, interval
from ganlab.metrics.base import Floats, SampleSet, Statistic
from ganlab.metrics.points import pair_mean
from ganlab.metrics.weighted import auroc, distance_of, mean, quantile

PATIENTS = (6, 9, 18, 44, 200)
WINDOWS = 4
GENERATED = 100
BETWEEN, WITHIN = 1.0, 0.7
"""Deviation of the levels of patients, and of windows about them."""

Draw = Callable[[int, Generator], SampleSet]


def normal(count: int, rng: Generator) -> SampleSet:
    """Return windows of patients whose levels are normal."""
    return _windows(rng.normal(0, BETWEEN, count), rng)


def skewed(count: int, rng: Generator) -> SampleSet:
    """Return windows of patients whose levels are lognormal."""
    return _windows(np.exp(rng.normal(0, 0.5, count)), rng)


def rates(count: int, rng: Generator) -> SampleSet:
    """Return windows that show something, 1, or do not, 0; the rates of patients are beta(1, 3)."""
    patient = np.repeat(np.arange(count), WINDOWS)
    return SampleSet((rng.random(len(patient)) < rng.beta(1, 3, count)[patient]).astype(float), patients=patient)


def _windows(levels: Floats, rng: Generator) -> SampleSet:
    patient = np.repeat(np.arange(len(levels)), WINDOWS)
    return SampleSet(levels[patient] + rng.normal(0, WITHIN, len(patient)), patients=patient)


def generated(shift: float, rng: Generator) -> SampleSet:
    """Return windows without patient ids, shifted."""
    return SampleSet(shift + rng.normal(0, (BETWEEN**2 + WITHIN**2) ** 0.5, GENERATED))


def mmd(a: Floats, b: Floats) -> Statistic:
    """Return the unbiased kernel distance."""
    kernels = [norm.pdf(x[:, None] - y) for x, y in ((a, a), (b, b), (a, b))]
    return lambda p, q: (
        pair_mean(kernels[0], p) + pair_mean(kernels[1], q) - 2 * float(p @ kernels[2] @ q) / (p.sum() * q.sum())
    )


def area(a: Floats, b: Floats) -> Statistic:
    """Return the area under the ROC curve."""
    of = auroc(np.concatenate([a, b]), np.arange(len(a) + len(b)) < len(a))
    return lambda p, q: of(np.concatenate([p, q]))


REAL: dict[str, tuple[Draw, Callable[[Floats, Floats], Statistic]]] = {
    "mean": (normal, lambda _, b: lambda p, q: mean(b, q)),
    "mean, skewed": (skewed, lambda _, b: lambda p, q: mean(b, q)),
    "share": (rates, lambda _, b: lambda p, q: mean(b, q)),
    "median": (normal, lambda _, b: lambda p, q: quantile(b, q)),
    "95 % quantile": (normal, lambda _, b: lambda p, q: quantile(b, q, 0.95)),
    "Wasserstein, one side": (normal, distance_of),
    "kernel distance, one side": (normal, mmd),
    "AUC, one side": (normal, area),
    "Wasserstein, both sides": (normal, distance_of),
    "kernel distance, both sides": (normal, mmd),
}
LIMITS = {"share": (0.0, 1.0), "AUC, one side": (0.0, 1.0)}
SHIFT = 0.7
"""Of the judged windows, so that distances are not 0."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--patients", nargs="+", type=int, default=list(PATIENTS))
    parser.add_argument("--only", nargs="+", default=list(REAL))
    request = parser.parse_args()
    print("| number | " + " | ".join(f"{count} patients" for count in request.patients) + " |")
    print("|---|" + "---|" * len(request.patients))
    for name in request.only:
        cells = [covered(name, count, request.studies, request.draws) for count in request.patients]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def covered(name: str, patients: int, studies: int, draws: int) -> str:
    """Return the share of intervals that hold the mean of the number over studies, and how many have none."""
    draw, statistic = REAL[name]
    values, ends = [], []
    for study in range(studies):
        rng = np.random.default_rng([study, patients])
        real = draw(patients, rng)
        judged = generated(SHIFT, rng)
        if name.endswith("both sides"):
            judged = draw(patients, rng)
            judged = SampleSet(judged.values + SHIFT, patients=judged.patients)
        number = statistic(judged.values, real.values)
        values.append(number(np.ones(len(judged)), np.ones(len(real))))
        ends.append(interval(number, PatientDraws.of(judged, real, draws, study), LIMITS.get(name, (-np.inf, np.inf))))
    low, high = np.array(ends).T
    truth, usable = np.mean(values), np.isfinite(low)
    if not usable.any():
        return "none"
    share = np.mean((low <= truth) & (truth <= high), where=usable)
    return f"{share:.1%}" + ("" if usable.all() else f" ({1 - usable.mean():.0%} have none)")


if __name__ == "__main__":
    main()
