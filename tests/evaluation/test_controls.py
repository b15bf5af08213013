import numpy as np
import pytest

from ganlab.core.kind import Column, Image, Kind, Row, Window
from ganlab.evaluation.controls import COLUMNS, MODES, VISIBLE, make
from ganlab.metrics.base import Real, SampleSet

COUNT = 60
WINDOW = Window(("i", "ii"), 100.0, 300)
ROW = Row((Column("a", 0, 1), Column("sex", binary=True), Column("age", 1, 90, whole=True)))
IMAGE = Image((1, 12, 10))


def values(kind: Kind) -> np.ndarray:
    rng = np.random.default_rng(0)
    if isinstance(kind, Window):
        return rng.normal(size=(90, 2, 300)).cumsum(axis=-1)
    if isinstance(kind, Row):
        age = rng.integers(1, 91, 90)
        return np.stack([age / 90, age > 45, age], axis=1)
    return rng.integers(0, 256, (90, 1, 12, 10))


def real(kind: Kind) -> Real:
    labels, patients = np.arange(90) % 3, np.arange(90) // 9
    train = SampleSet(values(kind).astype(np.float32), labels, patients)
    return Real(kind, train, train, ("a", "b", "c"))


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How many of b each of a equals."""
    return (a.reshape(len(a), 1, -1) == b.reshape(1, len(b), -1)).all(axis=2).sum(axis=1)


@pytest.mark.parametrize("kind", [WINDOW, ROW, IMAGE], ids=["window", "row", "image"])
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_has_so_many_samples_of_the_kind_and_is_always_the_same(name: str, kind: Kind) -> None:
    given = real(kind)
    made = make(name, given, COUNT)
    assert made.values.shape == (COUNT, *given.train.values.shape[1:])
    assert made.values.dtype == np.float32
    assert made.labels is not None
    assert (made.patients is not None) == (name == "floor")
    assert (make(name, given, COUNT).values == made.values).all()
    if name not in ("floor",):
        assert (make(name, given, COUNT, seed=1).values != made.values).any()
    if isinstance(kind, Row):
        assert set(np.unique(made.values[:, 1])) <= {0, 1}
        assert (made.values[:, 2] == np.rint(made.values[:, 2])).all()
        assert ((made.values[:, 0] >= 0) & (made.values[:, 0] <= 1)).all()
    if isinstance(kind, Image):
        assert made.values.min() >= 0
        assert made.values.max() <= 255


@pytest.mark.parametrize("kind", [WINDOW, IMAGE], ids=["window", "image"])
def test_copies_are_training_samples_and_noisy_copies_nearly(kind: Kind) -> None:
    given = real(kind)
    copied, noisy = make("copy", given, COUNT), make("noisy_copy", given, COUNT)
    assert (same(copied.values, given.train.values) >= 1).all()
    assert len(np.unique(copied.values.reshape(COUNT, -1), axis=0)) == COUNT
    assert not same(noisy.values, given.train.values).any()


def test_the_noise_of_a_noisy_copy_is_as_large_as_said() -> None:
    given = real(WINDOW)
    noisy = make("noisy_copy", given, 90).values
    nearest = ((noisy[:, None] - given.train.values[None]) ** 2).mean(axis=(2, 3)).min(axis=1)
    assert np.sqrt(nearest) == pytest.approx(VISIBLE["window"], rel=0.15)


def test_copies_repeat_only_when_all_are_taken() -> None:
    given = real(ROW)
    assert (
        same(given.train.values, make("copy", given, 180).values) == 2 * same(given.train.values, given.train.values)
    ).all()


@pytest.mark.parametrize("kind", [WINDOW, ROW, IMAGE], ids=["window", "row", "image"])
def test_a_collapsed_generator_repeats_a_few_samples(kind: Kind) -> None:
    made = make("collapsed", real(kind), COUNT).values
    assert len(np.unique(made.reshape(COUNT, -1), axis=0)) <= MODES


def test_noise_has_the_spectrum_and_the_relation_of_the_leads_and_no_beats() -> None:
    given = real(WINDOW)
    made = make("noise", given, 90).values
    spectra = [np.sort(np.abs(np.fft.rfft(x))[..., 5].ravel()) for x in (made, given.train.values)]
    assert spectra[0] == pytest.approx(spectra[1], rel=1e-3)
    cross = [np.sort((x[:, 0] * x[:, 1]).mean(axis=1)) for x in (made, given.train.values)]
    assert cross[0] == pytest.approx(cross[1], rel=1e-3, abs=1e-3)
    assert not (np.abs(made[:, None] - given.train.values[None]).max(axis=(2, 3)) < 1e-3).any()


def test_shuffled_columns_keep_their_values_and_lose_their_relation() -> None:
    given = real(ROW)
    made = make("noise", given, 90).values
    assert (np.sort(made, axis=0) == np.sort(given.train.values, axis=0)).all()
    assert abs(np.corrcoef(made[:, 0], made[:, 2])[0, 1]) < 0.3


def test_the_gaussian_has_the_classes_and_their_means() -> None:
    given = real(WINDOW)
    shifted = given.train.values + 100 * given.train.labels[:, None, None]  # type: ignore[index]
    given = Real(WINDOW, SampleSet(shifted.astype(np.float32), given.train.labels), given.reference, given.classes)
    made = make("pca_gaussian", given, COUNT)
    assert made.labels is not None
    for label in range(3):
        mean = made.values[made.labels == label].mean()
        assert mean == pytest.approx(shifted[given.train.labels == label].mean(), abs=10)
    assert not same(made.values, given.train.values).any()


def test_a_class_with_a_single_sample_is_that_sample() -> None:
    given = real(WINDOW)
    labels = np.zeros(90, np.int64)
    labels[7] = 1
    made = make("pca_gaussian", Real(WINDOW, SampleSet(given.train.values, labels), given.reference, ("a", "b")), 90)
    assert np.isfinite(made.values).all()
    assert made.labels is not None
    assert (made.values[made.labels == 1] == given.train.values[7]).all()
