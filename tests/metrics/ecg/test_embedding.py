import numpy as np
import pytest
import torch

from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Window
from ganlab.evaluation.controls import make
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.ecg.embedding import PhysiologicalFeatures, RandomConvolutions
from ganlab.metrics.embedding import Embedding

KIND = Window(("i", "ii", "iii"), 500.0, 700)
EMBEDDINGS = [RandomConvolutions(), PhysiologicalFeatures()]


def beats(count: int, seed: int = 0, kind: Window = KIND) -> np.ndarray:
    """Spikes of a random height, rate and phase, of alternating sign from lead to lead, in noise of 5 uV."""
    rng = np.random.default_rng(seed)
    t = np.arange(kind.samples) / kind.rate
    period, phase = rng.uniform(0.5, 1, (2, count, 1, 1))
    distance = np.abs((t + phase) % period - period / 2)
    height = rng.uniform(0.5, 2, (count, 1, 1)) * (-1) ** np.arange(len(kind.leads))[:, None]
    spikes = height * np.exp(-((distance / 0.015) ** 2) / 2)
    return (spikes + rng.normal(scale=0.005, size=spikes.shape)).astype(np.float32)


def real(kind: Window = KIND) -> Real:
    train = SampleSet(beats(60, kind=kind), patients=np.arange(60) // 5)
    return Real(kind, train, SampleSet(beats(20, 1, kind), patients=100 + np.arange(20) // 5))


@pytest.fixture(scope="module")
def given() -> Real:
    return real()


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda each: type(each).__name__)
def test_a_window_is_embedded_as_if_it_were_alone_and_by_its_shape_not_its_level(
    embedding: Embedding, given: Real
) -> None:
    embed = embedding.fit(given)
    windows = beats(70, 2)
    points = embed(windows)
    assert points.dtype == np.float32
    assert np.isfinite(points).all()
    alone = np.concatenate([embed(windows[k : k + 7]) for k in range(0, 70, 7)])
    np.testing.assert_allclose(points, alone, atol=2e-2)
    np.testing.assert_allclose(np.median(np.abs(points - alone)), 0, atol=1e-5)
    order = np.random.default_rng(0).permutation(70)
    np.testing.assert_allclose(embed(windows[order]), points[order], atol=2e-2)
    level = np.array([0.5, -1, 2], np.float32)[:, None]
    assert np.abs(embed(windows + level) - points).mean() < 1e-2
    assert np.abs(embed(2 * windows) - points).mean() > 0.1


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda each: type(each).__name__)
def test_features_are_standardized_on_the_training_windows(embedding: Embedding, given: Real) -> None:
    points = embedding.fit(given)(given.train.values)
    deviation = points.std(axis=0)
    assert (np.abs(deviation - 1) < 1e-3).mean() > 0.7
    np.testing.assert_allclose(points.mean(axis=0)[np.abs(deviation - 1) < 1e-3], 0, atol=1e-3)


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda each: type(each).__name__)
def test_nothing_is_learned_from_the_reference(embedding: Embedding, given: Real) -> None:
    other = Real(given.kind, given.train, SampleSet(beats(9, 5)))
    np.testing.assert_array_equal(
        embedding.fit(given)(given.reference.values), embedding.fit(other)(given.reference.values)
    )


def test_random_convolutions_are_those_of_minirocket() -> None:
    kind = Window(("i",), 250.0, 64)
    given = Real(kind, SampleSet(np.random.default_rng(0).normal(size=(20, 1, 64)).astype(np.float32)), SampleSet([]))
    raw = np.random.default_rng(1).normal(size=(3, 1, 64)).astype(np.float32)
    points = RandomConvolutions(dilations=2).fit(given)(raw)
    train = RandomConvolutions(dilations=2).fit(given)(given.train.values)
    assert points.shape == (3, 2 * 2 * 84)

    def greatest(windows: np.ndarray, twos: tuple[int, ...], dilation: int) -> np.ndarray:
        weights = np.array([2 if k in twos else -1 for k in range(9)])
        shifted = [windows[:, 0, k * dilation : k * dilation + 64 - 8 * dilation] for k in range(9)]
        return np.tensordot(weights, shifted, 1).max(axis=1)

    for twos, dilation, place in (((0, 1, 2), 1, 84), ((6, 7, 8), 1, 167), ((6, 7, 8), 7, 335)):
        of_train = greatest(given.train.values, twos, dilation)
        expected = (greatest(raw, twos, dilation) - of_train.mean()) / of_train.std()
        np.testing.assert_allclose(points[:, place], expected, atol=1e-3)
    assert not np.allclose(train[:, :84], 0)


def test_every_lead_counts_and_another_seed_mixes_them_otherwise(given: Real) -> None:
    embed, windows = RandomConvolutions().fit(given), given.reference.values
    points = embed(windows)
    for lead in range(3):
        changed = windows.copy()
        changed[:, lead] *= 2
        assert (np.abs(embed(changed) - points).max(axis=0) > 0.1).mean() > 0.2
    assert np.abs(RandomConvolutions(seed=1).fit(given)(windows) - points).max() > 0.1


def test_what_a_window_does_not_have_is_a_feature(given: Real) -> None:
    embed = PhysiologicalFeatures().fit(given)
    flat = embed(np.zeros((2, 3, 700), np.float32))
    assert np.isfinite(flat).all()
    assert flat[:, -3:].max() == 1
    assert np.abs(flat).max() > np.abs(embed(given.reference.values)).mean()


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda each: type(each).__name__)
def test_what_cannot_be_embedded_is_said(embedding: Embedding, given: Real) -> None:
    broken = beats(5, 3)
    broken[1, 0, 3], broken[4, 0, 0] = np.nan, np.inf
    with pytest.raises(UserError, match="2 of 5 samples hold NaN"):
        embedding.fit(given)(broken)
    with pytest.raises(UserError, match="embeds windows, and this data set gives images"):
        embedding.check(Image((1, 8, 8)))


def test_short_windows_are_refused_by_name() -> None:
    with pytest.raises(UserError, match="a second or more"):
        PhysiologicalFeatures().check(Window(("i",), 500.0, 300))
    few = SampleSet(np.zeros((20, 1, 16), np.float32))
    with pytest.raises(UserError, match="too short"):
        RandomConvolutions().fit(Real(Window(("i",), 1000.0, 16), few, few))


@pytest.mark.parametrize("embedding", EMBEDDINGS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("kind", [Window(("i",), 100.0, 200), Window(("i",), 360.0, 1000)], ids=["100", "360"])
def test_other_rates_and_lengths_are_embedded(embedding: Embedding, kind: Window) -> None:
    given = real(kind)
    points = embedding.fit(given)(given.reference.values)
    assert points.shape[0] == 20
    assert np.isfinite(points).all()
    noise = embedding.fit(given)(make("noise", given, 20).values)
    assert np.linalg.norm(noise.mean(axis=0)) > 1.5 * np.linalg.norm(points.mean(axis=0))


def test_the_state_of_torch_is_not_touched(given: Real) -> None:
    torch.manual_seed(3)
    expected = torch.random.get_rng_state()
    RandomConvolutions().fit(given)
    assert torch.equal(torch.random.get_rng_state(), expected)
