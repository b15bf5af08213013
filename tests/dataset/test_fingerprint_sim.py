"""Simulated fingerprints: singular points where the class has them, ridges as the real ones have them, drawn once."""

import pickle
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.utils import instantiate
from numpy.typing import NDArray
from omegaconf import OmegaConf
from scipy.ndimage import gaussian_filter

from ganlab.core.errors import UserError
from ganlab.dataset.fingerprint_sim import FingerprintSim
from ganlab.dataset.images import Images
from ganlab.simulator.fingerprint import CLASSES, Pattern, Ridges, draw_pattern, inked, orientation
from tests.conftest import DATA, ROOT

Array = NDArray[np.floating]


@cache
def simulated() -> Array:
    source = FingerprintSim(images=4, seed=5)
    return np.stack([source.draw(number) for number in range(4)]).astype(float)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Array:
    if not (DATA / "fingerprint").is_dir():
        pytest.skip(f"no real fingerprints in {DATA}: set GANLAB_TEST_DATA to the folder that holds fingerprint")
    source = Images(DATA / "fingerprint", height=400, width=275, cache=tmp_path_factory.mktemp("cache"))
    return source.collect(source.plain()).train.spread(20).sample.numpy()[:, 0]


def middle(image: Array) -> Array:
    return image[72:328, 42:234] - image[72:328, 42:234].mean()


def ridge_period(image: Array) -> float:
    """Pixels a ridge, from the strongest of the rings about 0 of the power spectrum."""
    inner = middle(image)
    power = np.abs(np.fft.fft2(inner, s=(256, 256))) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256))) * 256
    rings = np.bincount(radius.round().astype(int).ravel(), power.ravel())[:128]
    return 256 / float(np.argmax(rings[4:]) + 4)


def ring_share(image: Array) -> float:
    """Share of the power at 0.6 to 1.6 times the frequency of ridges 9 pixels apart."""
    inner = middle(image)
    power = np.abs(np.fft.fft2(inner)) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(inner.shape[1]), np.fft.fftfreq(inner.shape[0])))
    relative = radius * 9
    return float(power[(relative > 0.6) & (relative < 1.6)].sum() / power.sum())


def tensor(image: Array, scale: float = 6.0) -> tuple[Array, Array]:
    """Double-angle gradient averaged over `scale` pixels, complex, and its greatest possible magnitude."""
    down, right = np.gradient(gaussian_filter(image, 1.0))
    double = gaussian_filter(right**2 - down**2, scale) + 2j * gaussian_filter(right * down, scale)
    return double, gaussian_filter(right**2 + down**2, scale)


def coherence(image: Array) -> float:
    """1 where all gradients about a point lie on one line, 0 where they have no common direction; the mean."""
    double, most = tensor(middle(image))
    return float((np.abs(double) / most).mean())


def test_the_stand_in_is_like_the_real_ones_and_noise_is_not(real: Array) -> None:
    for measure, factor in ((ridge_period, 1.25), (coherence, 1.15), (ring_share, 1.35)):
        ratio = np.mean([measure(image) for image in simulated()]) / np.mean([measure(image) for image in real])
        assert 1 / factor < ratio < factor, measure.__name__
    noise = np.random.default_rng(0).uniform(0, 255, (400, 275))
    assert coherence(noise) < 0.6 * np.mean([coherence(image) for image in real])
    assert ring_share(noise) < 0.6 * np.mean([ring_share(image) for image in real])


def test_grey_levels_and_margin_are_those_of_the_real_ones(real: Array) -> None:
    for of in (np.mean, np.std):
        ours, theirs = of(simulated(), axis=(1, 2)), of(real, axis=(1, 2))
        assert abs(ours.mean() - theirs.mean()) < 15, of.__name__
    for prints in (simulated(), real):
        assert np.median(prints[:, :8]) == 255
        assert np.mean(prints[:, :8, :8] > 250) == 1
        assert (prints.min(axis=(1, 2)) < 20).all()


def turns(pattern_class: int, seed: int) -> float:
    """Half turns of the orientation along the rim of a square about all singular points."""
    rng = np.random.default_rng(seed)
    side = np.linspace(-1, 1, 400)
    rim = np.concatenate([side - 1j, 1 + 1j * side, side[::-1] + 1j, -1 + 1j * side[::-1]])
    theta = orientation(draw_pattern(pattern_class, rng), rim[None].astype(np.complex64))[0]
    steps = np.diff(np.append(theta, theta[0]))
    return float(((steps + np.pi / 2) % np.pi - np.pi / 2).sum() / np.pi)


def half_turns_about(place: complex, pattern_class: int, seed: int) -> float:
    circle = place + 0.02 * np.exp(1j * np.linspace(0, 2 * np.pi, 100))
    theta = orientation(draw_pattern(pattern_class, np.random.default_rng(seed)), circle[None].astype(np.complex64))[0]
    steps = np.diff(theta)
    return float(((steps + np.pi / 2) % np.pi - np.pi / 2).sum() / np.pi)


@pytest.mark.parametrize("label", range(3), ids=CLASSES)
def test_orientation_turns_by_half_a_turn_about_cores_and_back_about_deltas(label: int) -> None:
    for seed in range(5):
        pattern = draw_pattern(label, np.random.default_rng(seed))
        assert pattern.label == label
        assert len(pattern.cores) == len(pattern.deltas) == (len(pattern.cores) if label == 0 else label)
        assert [round(half_turns_about(core, label, seed), 3) for core in pattern.cores] == [1] * len(pattern.cores)
        assert [round(half_turns_about(at, label, seed), 3) for at in pattern.deltas] == [-1] * len(pattern.deltas)
        assert turns(label, seed) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("direction", [0.0, 0.4, np.pi / 2, 2.5])
def test_ridges_grow_along_the_orientation_at_the_asked_period(direction: float) -> None:
    grow = Ridges(256, 192, 8.0)
    ridges = grow.grow(np.full((256, 192), direction, np.float32), np.random.default_rng(0))
    power = np.abs(np.fft.fft2(ridges)) ** 2
    down, right = np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(192), indexing="ij")
    assert np.average(np.hypot(down, right), weights=power) == pytest.approx(1 / 8, rel=0.1)
    across = np.angle(np.average(np.exp(2j * np.arctan2(-down, right)), weights=power)) / 2
    off = (across - direction - np.pi / 2 + np.pi / 2) % np.pi - np.pi / 2
    assert abs(off) < 0.03


def test_a_print_of_no_ridges_is_not_taken_for_one() -> None:
    y, x = np.mgrid[1:-1:400j, -0.6875:0.6875:275j]
    rng = np.random.default_rng(0)
    blank = inked(rng.standard_normal((400, 275)).astype(np.float32), (x + 1j * y).astype(np.complex64), rng)
    assert coherence(blank.astype(float)) < 0.75 * np.mean([coherence(image) for image in simulated()])


def test_the_same_seed_gives_the_same_print_and_another_another() -> None:
    drawn = [FingerprintSim(height=80, width=55, seed=seed).draw(3) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).mean() > 0.1
    assert (drawn[0] != FingerprintSim(height=80, width=55, seed=1).draw(4)).mean() > 0.1


def test_prints_are_drawn_once_with_class_and_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = OmegaConf.load(ROOT / "conf" / "dataset" / "fingerprint_sim.yaml")
    config.update(images=30, height=80, width=55, cache=str(tmp_path))
    source: FingerprintSim = instantiate(config)
    first = source.collect(source.plain())
    drawn = np.stack([source.draw(number) for number in range(30)])[:, None]
    monkeypatch.setattr(FingerprintSim, "draw", None)
    again = FingerprintSim(images=30, height=80, width=55, cache=tmp_path).collect(source.plain())
    for train in (first.train, again.train, pickle.loads(pickle.dumps(again.train))):
        batch = train.spread(30)
        assert batch.sample.shape == (30, 1, 80, 55)
        np.testing.assert_array_equal(batch.sample.numpy(), drawn)
    assert len(first.train.unique_patients) == 30
    assert sorted(set(first.train.labels.tolist())) == [0, 1, 2]
    assert list(source.classes) == list(CLASSES)
    assert source.simulated
    assert len(pickle.dumps(first.train)) < drawn.nbytes / 4
    some = first.train.of([member.patient for member in first.members[5:]]).of(
        [first.members[n].patient for n in (7, 9)]
    )
    np.testing.assert_array_equal(some.spread(2).sample.numpy(), drawn[[7, 9]])
    assert some.labels.tolist() == [first.members[n].label for n in (7, 9)]


def test_the_label_is_the_class_that_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    source = FingerprintSim(images=12, height=40, width=28)
    drawn: list[int] = []

    def noting(label: int, rng: np.random.Generator) -> Pattern:
        drawn.append(label)
        return draw_pattern(label, rng)

    monkeypatch.setattr("ganlab.dataset.fingerprint_sim.draw_pattern", noting)
    for number in range(12):
        source.draw(number)
    assert drawn == [source.member(number).label for number in range(12)]


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"images": 3}, {"height": 41}, {"ridge_period": 8.0}], ids=lambda other: next(iter(other))
)
def test_other_settings_are_drawn_anew(other: dict[str, Any], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"images": 2, "height": 40, "width": 28, "seed": 0, "ridge_period": 9.0}
    for chosen in (settings, {**settings, **other}):
        source = FingerprintSim(**chosen, cache=tmp_path)
        assert len(source.collect(source.plain()).train) == chosen["images"]
    assert len(list(tmp_path.glob("fingerprint_sim-*/images.u8"))) == 2


def test_colours_are_refused() -> None:
    with pytest.raises(UserError, match=r"dataset\.channels=3: fingerprint_sim draws grey images"):
        FingerprintSim(channels=3)
