"""Rows of real samples are computed once, whatever set they come in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from ganlab.core.kind import Row
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.once import Once, lazily


@dataclass(frozen=True)
class Rows:
    """What is described, in all forms that rows may have."""

    first: NDArray[Any]
    columns: dict[str, Any]


def sets(seed: int, count: int, patients: bool = True) -> SampleSet:
    """Return random rows, each of a patient of its own."""
    values = np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)
    return SampleSet(values, patients=100 * seed + np.arange(count) if patients else None)


def once(by_patient: bool = False) -> tuple[Once, Real, list[int]]:
    """Return what describes samples, the real ones, and how many it was asked for at each call."""
    counts: list[int] = []

    def describe(samples: SampleSet) -> Rows:
        counts.append(len(samples))
        return Rows(samples.values[:, 0], {"sparse": csr_matrix(samples.values), "last": samples.values[:, 2]})

    real = Real(Row(()), sets(1, 6), sets(2, 4))
    return Once(describe, real, by_patient), real, counts


def test_real_samples_are_described_once_and_others_again() -> None:
    described, real, counts = once()
    other = sets(3, 2)
    for index in ([0, 1, 1], [1, 2, 0], [2, 2, 2]):
        for own in (real.train, real.reference):
            values = np.concatenate([other.values, own.values[index]])
            rows = described(SampleSet(values))
            assert (rows.first == values[:, 0]).all()
            assert (rows.columns["last"] == values[:, 2]).all()
            assert (rows.columns["sparse"].toarray() == values).all()
    assert counts == [4, 4, 3, 3, 2, 2]
    assert len(described.kept) == 6


def test_rows_that_are_kept_are_not_computed() -> None:
    described, real, counts = once()
    described.keep(real.train, Rows(np.arange(6.0), {"sparse": csr_matrix((6, 3)), "last": np.ones(6)}))
    assert described(real.train.take(np.array([5, 0]))).first.tolist() == [5, 0]
    assert counts == []


def test_the_same_sample_of_another_patient_is_another_one() -> None:
    described, real, counts = once(by_patient=True)
    described(real.train)
    described(SampleSet(real.train.values, patients=real.train.patients))
    described(SampleSet(real.train.values))
    assert counts == [6, 6]


def test_a_statistic_is_prepared_when_it_is_wanted_and_once() -> None:
    prepared: list[int] = []

    def prepare() -> Any:
        prepared.append(1)
        return lambda judged, real: float(judged.sum() + real.sum())

    statistic = lazily(prepare)
    assert prepared == []
    assert [statistic(np.ones(2), np.ones(3)) for _ in range(2)] == [5, 5]
    assert prepared == [1]
