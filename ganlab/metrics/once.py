"""What is computed of each real sample is computed once, and reused by controls, faults and groups of real samples.

Two samples are the same if all their bytes are, whichever sets they are in.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from scipy.sparse import issparse, vstack

from ganlab.metrics.base import Real, SampleSet, Statistic, Weights


class Once:
    """Calls `describe` only for samples that it has not described before.

    `describe` returns a row for each of N samples: an array `(N, *)`, a sparse matrix, or a dict or dataclass of these.
    A row depends on its sample alone, or `by_patient` on the patient's id too. Only rows of the samples of `real` are
    kept, which bounds the memory.
    """

    def __init__(self, describe: Callable[[SampleSet], Any], real: Real, by_patient: bool = False) -> None:
        self.describe, self.by_patient = describe, by_patient
        self.kept: dict[bytes, int] = {}
        self.rows: list[Any] = []
        self.real = {key for side in (real.train, real.reference) for key in self._keys(side)}

    def __call__(self, samples: SampleSet) -> Any:
        """Return the rows of samples. Rows that are not kept are computed, equal samples once."""
        keys = self._keys(samples)
        new = {key: place for place, key in reversed(list(enumerate(keys))) if key not in self.kept}
        places = np.array(sorted(new.values()), np.int64)
        if len(places) == len(samples):
            fresh = self.describe(samples)
        elif len(places):
            fresh = self.describe(samples.take(places))
        at = self.kept | {keys[place]: len(self.kept) + number for number, place in enumerate(places)}
        every = joined([*self.rows, *([fresh] if len(places) else [])])
        self._keep(at, every)
        return fresh if len(places) == len(samples) else _picked(every, [at[key] for key in keys])

    def keep(self, samples: SampleSet, rows: Any) -> None:
        """Keep rows that were computed before, in the place of all that is kept."""
        self._keep({key: place for place, key in enumerate(self._keys(samples))}, rows)

    def _keep(self, at: dict[bytes, int], every: Any) -> None:
        of_real = [key for key in at if key in self.real]
        if len(of_real) > len(self.kept):
            self.rows = [_picked(every, [at[key] for key in of_real])]
            self.kept = {key: place for place, key in enumerate(of_real)}

    def _keys(self, samples: SampleSet) -> list[bytes]:
        values, patients = samples.keys, samples.patients
        if not self.by_patient or patients is None:
            return values
        return [key + patient.tobytes() for key, patient in zip(values, patients, strict=True)]


def lazily(prepare: Callable[[], Statistic]) -> Statistic:
    """Return a statistic that is prepared when it is first wanted, and kept."""
    prepared = cache(prepare)

    def statistic(judged: Weights, real: Weights) -> float:
        return prepared()(judged, real)

    return statistic


def joined(parts: Sequence[Any]) -> Any:
    """Return the rows of several sets, one after the other: arrays, sparse matrices, dicts or dataclasses of these."""

    def together(values: Sequence[Any]) -> Any:
        return vstack(values, "csr") if issparse(values[0]) else np.concatenate(values)

    return _column_by_column(together, parts) if len(parts) > 1 else parts[0]


def _picked(rows: Any, places: Sequence[int]) -> Any:
    return _column_by_column(lambda values: values[0][places], [rows])


def _column_by_column(change: Callable[[Sequence[Any]], Any], parts: Sequence[Any]) -> Any:
    """Return the change of arrays, or of each column of dicts or dataclasses."""
    first = parts[0]
    if is_dataclass(first) and not isinstance(first, type):
        columns = _column_by_column(
            change, [{field.name: getattr(part, field.name) for field in fields(first)} for part in parts]
        )
        return replace(first, **columns)
    if isinstance(first, dict):
        return {name: _column_by_column(change, [part[name] for part in parts]) for name in first}
    return change(parts)
