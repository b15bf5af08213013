"""What other real patients would have given: the distribution by which the verdict decides, and what it could show.

The primary numbers are taken of many random groups of training patients, scored by the scorer of the page. A page that
compares m patients with the reference must not alarm for m unseen real ones. These differ from the T training patients
by a variance of 1/m + 1/T, in units of that between patients, and a group of s of them drawn without replacement by
1/s - 1/T: so s is 1 / (1/m + 2/T). All primary numbers see the same groups, so that the page can correct for how many
numbers it looks at by the distribution of the largest (Westfall and Young, 1993).

A number that describes a set by itself, such as the share of plausible windows, is compared with the reference's own
value, and may have learned its limits from the training patients. Its groups are drawn with replacement from the n
patients of the reference: 1 / (1/m + 1/n) of them vary as the difference to m unseen patients does.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.spread import evenly
from ganlab.evaluation.bootstrap import patients_of
from ganlab.evaluation.controls import floor
from ganlab.evaluation.faults import FAULTS, graded
from ganlab.evaluation.primary import Primary
from ganlab.metrics.base import Real, SampleSet, Scorer, Statistic

DRAWS = 1000
"""Groups of patients."""
POOL, MOST = 4, 2000
"""Training samples that groups are drawn from: at most so many times the generated ones, and not above `MOST`."""
SEED = 0
REFITTED = 1.5
"""How much more an area varies where the classifier is trained anew: simulated with 18 to 60 patients, 0.96 to 1.59."""

Null = dict[str, Any]
"""Of a primary number: `draws` of real groups, and `faults`, the values by grade of a fault, from grade 0."""


@dataclass(frozen=True)
class Sizes:
    """How many patients trained and are compared with, and how many samples are judged, of how many patients.

    `people` is the word for patients. Samples without patient id stand for as many patients as the reference has.
    """

    training: int
    reference: int
    judged: int
    patients: int
    people: str = "patients"

    @property
    def fewest(self) -> int:
        """Patients on the smaller side."""
        return min(self.training, self.reference)


def sizes_of(real: Real, samples: SampleSet) -> Sizes:
    """Return the sizes of a comparison; a sample without patient id on the real side is a patient."""
    training, reference = patients_of(real.train), patients_of(real.reference)
    patients = reference if samples.patients is None else len(samples.unique_patients)
    return Sizes(training, reference, len(samples), patients, real.kind.people)


def null_of(
    scorer: Scorer,
    real: Real,
    sizes: Sizes,
    primary: Mapping[str, Primary],
    alone: Collection[str] = (),
    plain: Mapping[str, float | None] | None = None,
) -> dict[str, Null]:
    """Return the null distributions of the primary numbers by name; those in `alone` describe a set by itself.

    `plain` are the values of `floor`, which has no fault, where they are known.
    """
    train, count = real.train, sizes.judged
    pool = train.take(evenly(max(count, min(POOL * count, MOST)), len(train)))
    scores = scorer(pool)
    names = [name for name in primary if name in scores]
    every, weights = np.ones(len(real.reference)), patient_groups(pool, sizes.patients, count)
    values = {
        name: _areas(min(sizes.patients, sizes.training), sizes.reference)
        if primary[name].classifier
        else np.array([scores[name](each, every) for each in weights])
        for name in names
        if name not in alone
    }
    own = scorer(real.reference) if alone else {}
    if themselves := [name for name in names if name in alone and name in own]:
        redrawn = redrawn_groups(real.reference, sizes)
        values |= {name: np.array([own[name](each, every) for each in redrawn]) for name in themselves}
    faults = {name: primary[name].fault for name in names if primary[name].fault}
    faulty = faults_of(scorer, real, count, faults, plain)
    return {
        name: {"draws": [round(float(value), 9) if np.isfinite(value) else None for value in row]}
        | {"faults": faulty.get(name, [])}
        for name, row in values.items()
    }


def _areas(patients: int, others: int) -> NDArray[np.float64]:
    """Return areas under the ROC curve of classifiers of two sets of patients who do not differ, `(DRAWS,)`.

    A classifier that was trained on one group says nothing of how much those trained on others vary. Their deviation is
    that of Mann and Whitney's statistic, a patient being one observation, times `REFITTED`.
    """
    deviation = REFITTED * np.sqrt((patients + others + 1) / (12 * patients * others))
    return np.clip(np.random.default_rng(SEED).normal(0.5, deviation, DRAWS), 0, 1)


def patient_groups(pool: SampleSet, patients: int, count: int) -> list[NDArray[np.float64]]:
    """Return the weights `(N,)` of the samples of random groups of patients, at most about `count` samples in each."""
    patient = np.unique(pool.owners, return_inverse=True)[1]
    total = int(patient.max()) + 1
    size = min(max(round(1 / (1 / patients + 2 / total)), min(2, total)), total)
    rng = np.random.default_rng(SEED)
    drawn = []
    for _ in range(DRAWS):
        chosen = np.flatnonzero(np.isin(patient, rng.permutation(total)[:size]))
        weights = np.zeros(len(pool))
        weights[chosen[evenly(count, len(chosen))]] = 1
        drawn.append(weights)
    return drawn


def redrawn_groups(reference: SampleSet, sizes: Sizes) -> list[NDArray[np.float64]]:
    """Return the weights `(M,)` of the reference's samples in groups of its patients, drawn with replacement."""
    patient = np.unique(reference.owners, return_inverse=True)[1]
    total = int(patient.max()) + 1
    size = max(round(1 / (1 / sizes.patients + 1 / total)), 1)
    rng = np.random.default_rng(SEED)
    drawn = (np.bincount(rng.integers(total, size=size), minlength=total) for _ in range(DRAWS))
    return [times[patient].astype(np.float64) for times in drawn]


def faults_of(
    scorer: Scorer, real: Real, count: int, faults: Mapping[str, str], known: Mapping[str, float | None] | None = None
) -> dict[str, list[list[float]]]:
    """Return pairs of a grade and the number of real samples with the fault, from grade 0, by the number's name.

    The values without a fault are `known`, or measured.
    """
    plain = floor(real, count, np.random.default_rng(SEED))
    values: dict[str, list[list[float]]] = {}

    def measure(samples: SampleSet, grade: float, names: Collection[str]) -> None:
        scores, ones = scorer(samples), (np.ones(len(samples)), np.ones(len(real.reference)))
        for name in names:
            value = _value(scores.get(name), *ones)
            if np.isfinite(value):
                values.setdefault(name, []).append([grade, value])

    values |= {name: [[0.0, value]] for name in faults if (value := (known or {}).get(name)) is not None}
    if unknown := faults.keys() - values.keys():
        measure(plain, 0.0, unknown)
    for fault in dict.fromkeys(faults.values()):
        names = [name for name, own in faults.items() if own == fault]
        for grade in graded(fault, real.kind)[0]:
            measure(FAULTS[fault](real, plain, grade, np.random.default_rng(SEED)), grade, names)
    return values


def _value(statistic: Statistic | None, *weights: NDArray[np.float64]) -> float:
    return float("nan") if statistic is None else float(statistic(*weights))
