"""The generator with a heart: one beat a window, the heart rate that is asked for, any length, fitted to windows."""

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.architecture import heart
from ganlab.architecture.beats import beats_of
from ganlab.architecture.heart import Generator
from ganlab.architecture.hearts import hearts
from ganlab.architecture.patient import Patient
from ganlab.architecture.response import Response
from ganlab.architecture.rhythm import Rhythm, observed
from ganlab.architecture.template import POINTS
from ganlab.architecture.texture import DIRECTIONS, Texture
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.metrics.ecg.peaks import find_all_peaks
from ganlab.metrics.ecg.physiology import describe

RATE = 250.0
LIMBS = Leads(("i", "ii"), side=(20, 25), derived={"iii": {"i": -1.0, "ii": 1.0}})


def windows(count: int, bpm: float = 75.0, t_wave: float = 0.3, seconds: float = 2.0) -> Tensor:
    """ECGs of two leads `(count, 2, samples)`: bumps for P, R, S and T, the second lead 1.5 times as high."""
    draws = np.random.default_rng(0)
    t = np.arange(round(seconds * RATE)) / RATE
    made = []
    for _ in range(count):
        rr = 60 / bpm * np.exp(0.1 * draws.normal())
        beats = draws.uniform(0, rr) + rr * np.arange(-2, round(seconds / rr) + 2)
        bumps = ((-0.16, 0.1, 0.025), (0.0, 1.0, 0.012), (0.04, -0.2, 0.012), (0.28, t_wave, 0.05))
        x = sum(h * np.exp(-(((t[:, None] - beats - at) / w) ** 2) / 2).sum(1) for at, h, w in bumps)
        noise = 0.005 * draws.normal(size=(2, len(t)))
        made.append(np.stack([x, 1.5 * x]) * np.exp(0.1 * draws.normal()) + noise)
    return torch.from_numpy(np.stack(made)).float()


def image(x: Tensor, arrangement: Leads = LIMBS) -> Tensor:
    return arrangement.encode(heart.PIXEL * (x - x.median(-1, keepdim=True).values))


def fitted(arrangement: Leads = LIMBS, classes: int = 0) -> Generator:
    torch.manual_seed(0)
    generator = Generator(arrangement, noise=48 + classes, rate=RATE, style=32, components=8, fit_steps=100)
    x = torch.cat([windows(32, 65.0), windows(32, 105.0, t_wave=-0.3)])[:, : len(arrangement.leads)]
    labels = torch.eye(2)[torch.arange(64) // 32][:, :classes]
    generator.fit(image(x, arrangement), labels)
    return generator


@pytest.fixture(scope="module")
def generator() -> Generator:
    return fitted()


def noise(generator: Generator, count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, 48, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def made(generator: Generator, count: int = 64, **more: object) -> np.ndarray:
    return (generator.recordings(noise(generator, count), **more) / heart.PIXEL).double().numpy()


def test_beats_of_a_window_are_one_beat_but_for_height_and_noise(generator: Generator) -> None:
    described = describe(made(generator)[:, 0], RATE)
    assert np.nanmedian(described.beat_correlation) > 0.99
    assert np.nanmedian(described.r_amplitude_cv) < 0.03
    assert described.plausible().mean() > 0.8


def test_windows_are_like_those_that_it_was_fitted_to(generator: Generator) -> None:
    real = torch.cat([windows(32, 65.0), windows(32, 105.0, t_wave=-0.3)]).double().numpy()
    ours, theirs = made(generator, 200), real
    height = [np.median(np.ptp(x, axis=-1), axis=0) for x in (ours, theirs)]
    np.testing.assert_allclose(*height, rtol=0.15)
    noise = [np.median(describe(x[:, 0], RATE).noise_uv) for x in (ours, theirs)]
    np.testing.assert_allclose(*noise, rtol=0.4)
    rates = [np.nanquantile(describe(x[:, 0], RATE).heart_rate_bpm, (0.2, 0.8)) for x in (ours, theirs)]
    np.testing.assert_allclose(*rates, rtol=0.12)


@pytest.mark.parametrize("bpm", [50.0, 80.0, 140.0])
def test_the_heart_rate_is_the_one_asked_for_at_any_length(generator: Generator, bpm: float) -> None:
    x = made(generator, 40, samples=round(20 * RATE), rr=torch.full((40, 1), 60 / bpm))
    assert x.shape == (40, 2, 5000)
    counted = [60 * (len(at) - 1) / (np.ptp(at) / RATE) for at in find_all_peaks(x[:, 1], RATE)]
    assert np.mean(np.abs(np.array(counted) / bpm - 1) <= 0.03) >= 0.95


def test_noise_does_not_repeat_and_follows_from_the_latent(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    z = noise(generator, 2)
    x, same = generator.recordings(z, samples=4000), generator.recordings(z, samples=4000)
    torch.testing.assert_close(x, same, rtol=0, atol=0)
    white = generator._white(z[:, : heart.SEEDS], 4000)
    monkeypatch.setattr(heart, "AT_ONCE", 1000)
    torch.testing.assert_close(generator._white(z[:, : heart.SEEDS], 4000), white)
    assert abs(float(white.std()) - 1) < 0.02
    parts = white[0, :4000].unflatten(0, (2, -1))
    assert abs(float(torch.corrcoef(parts)[0, 1])) < 0.08


def test_recordings_of_a_patient_have_one_template_and_other_times(generator: Generator) -> None:
    z, other = noise(generator, 8), noise(generator, 8, seed=1)
    again = generator.same_patients(z, other)
    torch.testing.assert_close(again[:, heart.OWN :], z[:, heart.OWN :], rtol=0, atol=0)
    assert not (again[:, : heart.OWN] == z[:, : heart.OWN]).any()
    numbers = [generator.patient(x[:, heart.OWN :], x[:, heart.SEEDS + 1 : heart.OWN]) for x in (z, again)]
    torch.testing.assert_close(*(each[:, : -heart.RHYTHM - heart.DIRECTIONS] for each in numbers))
    rates = torch.stack([each[:, -heart.RHYTHM - heart.DIRECTIONS] for each in numbers])
    assert not torch.equal(*rates)
    assert torch.corrcoef(rates)[0, 1] > 0.3


def test_limb_leads_are_derived_exactly(generator: Generator) -> None:
    with torch.no_grad():
        x = LIMBS.complete(LIMBS.decode(generator(noise(generator, 4))))
    np.testing.assert_allclose(x[:, 2], x[:, 1].double() - x[:, 0].double(), rtol=0, atol=1e-6)


def test_a_class_decides_shape_and_rate() -> None:
    generator = fitted(classes=2)
    z = torch.randn(200, 50, generator=torch.Generator().manual_seed(0))
    rates, waves = [], []
    for label in (0, 1):
        z[:, 48:] = torch.eye(2)[label]
        with torch.no_grad():
            x = generator.recordings(z)[:, 1].double().numpy() / heart.PIXEL
        rates.append(np.nanmedian(describe(x, RATE).heart_rate_bpm))
        peaks = find_all_peaks(x, RATE)
        t = [row[p[0] + 60] for row, p in zip(x, peaks, strict=True) if len(p) and p[0] + 60 < len(row)]
        waves.append(np.median(t))
    assert rates[0] < 80 < rates[1]
    assert waves[1] < 0.05 < waves[0]


def test_what_is_fitted_is_in_the_state_and_the_same_each_time(generator: Generator) -> None:
    first, second = generator, fitted()
    fresh = Generator(LIMBS, noise=48, rate=RATE, style=32, components=8, fit_steps=100)
    fresh.load_state_dict(first.state_dict())
    z = noise(first, 4)
    for other in (second, fresh):
        torch.testing.assert_close(first(z), other(z), rtol=0, atol=0)


def test_training_changes_templates_alone(generator: Generator) -> None:
    generator.zero_grad()
    generator(noise(generator, 4)).square().sum().backward()
    gradient = generator.learned[-1].weight.grad
    assert gradient is not None
    assert gradient.any()
    assert not any(each.requires_grad for each in generator.patient.parameters())


def test_windows_without_beats_are_refused() -> None:
    with pytest.raises(UserError, match="0 of 8 training windows of 2 s have two beats; it takes ECGs"):
        hearts(torch.zeros(8, 1, 500), RATE)


def test_windows_that_are_cut_off_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    generator = Generator(LIMBS, noise=48, rate=RATE, style=16, components=4, fit_steps=1)
    for size, warned in ((1.0, False), (4.0, True)):
        caplog.clear()
        generator.fit(image(size * windows(8)).clamp(-1, 1), torch.zeros(8, 0))
        assert ("reach_mv" in caplog.text) == warned


def test_too_little_noise_is_refused() -> None:
    with pytest.raises(UserError, match=r"architecture.noise=30: architecture=heart needs 34 or more"):
        Generator(LIMBS, noise=30, rate=RATE)


@pytest.mark.parametrize("rate", [1e-9, -250.0, 40.0])
def test_a_rate_that_would_fill_the_memory_or_shows_no_beats_is_refused(rate: float) -> None:
    with pytest.raises(UserError, match=r"architecture.generator.rate=.*: accepted are 50 to 100000 Hz"):
        Generator(LIMBS, noise=48, rate=rate)


def test_the_fit_takes_one_thread_and_gives_back_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(Patient, "_start", lambda self, *given: taken.append(torch.get_num_threads()))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Patient(6, 2, 5, 8).fit(torch.randn(9, 5), torch.ones(5), torch.zeros(9, 0), 1, lambda numbers: numbers)
        assert (taken, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(threads)


def test_early_beats_of_another_shape_are_ectopic_and_the_others_are_one_beat() -> None:
    t = np.arange(2500) / RATE
    at = np.array([0.5, 1.3, 2.1, 2.6, 3.7, 4.5, 5.3, 6.1, 6.9, 7.7, 8.5, 9.3])
    width = np.where(np.arange(12) == 3, 0.05, 0.012)
    x = np.exp(-(((t[:, None] - at) / width) ** 2) / 2).sum(1)[None]
    mine = beats_of(x, np.round(at * RATE).astype(int), RATE)
    assert np.flatnonzero(mine.odd).tolist() == [3]
    np.testing.assert_allclose(mine.times[~mine.odd], at[~mine.odd], atol=2e-3)
    assert mine.rr == pytest.approx(0.8, abs=2e-3)
    rhythm = observed([mine], 10.0)
    assert [float(each[0]) for each in (rhythm.ectopic, rhythm.coupling, rhythm.pause)] == pytest.approx(
        [1 / 12, 0.5 / 0.8, 1.1 / 0.8], abs=0.02
    )
    high = np.abs(mine.templates).max(-1)[:, 0]
    np.testing.assert_allclose(high, 1, atol=0.05)
    assert (mine.templates[1] > 0.5).sum() > 2 * (mine.templates[0] > 0.5).sum()


def test_ectopic_beats_come_early_as_often_as_in_the_windows_and_never_two_in_a_row() -> None:
    rhythm = Rhythm()
    for name, value in (("irregularity", 0.0), ("ectopic", 0.2), ("coupling", 0.6), ("pause", 1.3)):
        getattr(rhythm, name).fill_(value)
    normal = torch.randn(200, 3, 50, generator=torch.Generator().manual_seed(0))
    beats = rhythm(torch.zeros(200, 6), torch.zeros(200, 1), normal, seconds=10.0)
    assert float(beats.odd.float().mean()) == pytest.approx(0.2, abs=0.01)
    assert not (beats.odd[:, 1:] & beats.odd[:, :-1]).any()
    interval = beats.times.diff(dim=1) / beats.rr
    before, after = interval[beats.odd[:, 1:]], interval[beats.odd[:, :-1]]
    torch.testing.assert_close(before, torch.full_like(before, 0.6), atol=1e-3, rtol=0)
    torch.testing.assert_close(after, torch.full_like(after, 1.3), atol=1e-3, rtol=0)


@pytest.mark.parametrize("bpm", [45.0, 80.0, 150.0])
def test_a_chosen_heart_rate_is_the_mean_rate_of_the_window_however_irregular(bpm: float) -> None:
    rhythm = Rhythm()
    rhythm.irregularity.fill_(0.2)
    rhythm.ectopic.fill_(0.1)
    draws = torch.Generator().manual_seed(0)
    normal, start = torch.randn(200, 3, rhythm.count(10), generator=draws), torch.randn(200, 1, generator=draws)
    chosen = rhythm(torch.zeros(200, 6), start, normal, seconds=10.0, rr=torch.full((200, 1), 60 / bpm)).times
    drawn = rhythm(torch.zeros(200, 6), start, normal, seconds=10.0).times
    assert (chosen[:, 0] < 0).all()
    assert (chosen[:, -1] > 10).all()

    def rates(times: Tensor) -> np.ndarray:
        inside = [row[(row >= 0) & (row <= 10)].numpy() for row in times]
        return np.array([60 * (len(at) - 1) / np.ptp(at) for at in inside])

    # A beat at the window's end may belong to it at no stretch.
    assert np.mean(np.abs(rates(chosen) / bpm - 1) < 0.03) > 0.9
    assert np.mean(np.abs(rates(drawn) / (60 / float(rhythm.rr.median())) - 1) < 0.03) < 0.6


def test_the_response_gives_windows_the_spectrum_of_others() -> None:
    draws = torch.Generator().manual_seed(0)
    made, real = torch.randn(2, 100, 1, 1000, generator=draws)
    real = torch.fft.irfft(torch.fft.rfft(real) * (torch.arange(501) < 300), n=1000)
    response = Response(1)
    torch.testing.assert_close(response(made), made, atol=1e-5, rtol=0)
    response.fit(made, real)
    power = torch.fft.rfft(response(made)).abs().square().mean((0, 1))
    assert float(power[320:].mean() / power[:280].mean()) < 0.01


def test_noise_of_the_leads_goes_together_as_in_the_windows() -> None:
    draws = torch.Generator().manual_seed(0)
    one = torch.randn(200, 1, 500, generator=draws)
    rest = torch.cat([one, 0.8 * one + 0.6 * torch.randn(200, 1, 500, generator=draws)], dim=1)
    texture = Texture(2, 500)
    texture.fit(rest.double())
    x = texture(torch.randn(200, 2, texture.length(500), generator=draws), torch.zeros(200, DIRECTIONS), 500)
    assert float(torch.corrcoef(x.transpose(0, 1).flatten(1))[0, 1]) == pytest.approx(0.8, abs=0.05)


def test_it_is_fitted_and_generates_in_double_precision() -> None:
    torch.manual_seed(0)
    generator = Generator(LIMBS, noise=48, rate=RATE, style=16, components=4, fit_steps=1).double()
    generator.fit(image(windows(8)).double(), torch.zeros(8, 0, dtype=torch.float64))
    assert generator(noise(generator, 2).double()).dtype == torch.float64


def test_the_scatter_of_beats_is_as_large_as_the_noise_of_their_mean_and_is_no_component() -> None:
    draws = np.random.default_rng(0)
    clean = windows(1, seconds=10.0)[0].double().numpy()
    at = find_all_peaks(clean[:1], RATE)[0]
    noisy = [clean + 0.05 * draws.normal(size=clean.shape) for _ in range(40)]
    beats, exact = [beats_of(x, at, RATE) for x in noisy], beats_of(clean, at, RATE)
    noise = np.std([each.templates[0] - exact.templates[0] for each in beats])
    assert np.std([each.scatter for each in beats]) == pytest.approx(noise, rel=0.2)


def test_what_noise_adds_to_templates_is_no_component() -> None:
    draws, size = np.random.default_rng(0), 2 * POINTS
    shape, wander = np.linalg.qr(draws.normal(size=(size, 2)))[0].T
    templates = np.outer(draws.normal(size=300), shape) + np.outer(draws.normal(size=300), 2 * wander)
    scatter = np.outer(draws.normal(size=300), 2 * wander)
    along = []
    for noise in (scatter, np.zeros_like(scatter)):
        generator = Generator(LIMBS, noise=48, rate=RATE, style=16, components=1, fit_steps=1)
        generator._fit_components(templates, noise, generator.mean, generator.basis)
        along.append(np.abs(generator.basis.flatten().double().numpy() @ np.stack([shape, wander]).T))
    assert along[0][0] > 5 * along[0][1]
    assert along[1][1] > along[1][0]


def test_groups_of_components_have_the_size_that_is_drawn_for_them(generator: Generator) -> None:
    wide = Generator(LIMBS, noise=100, rate=RATE, style=16, components=40, fit_steps=1)
    assert wide.groups == [8, 8, 16, 8]
    places = np.random.default_rng(0).normal(size=(5, 40)) * np.repeat([1.0, 3.0, 0.2, 0.01], wide.groups)
    along, scales = wide._unscaled(places)
    torch.testing.assert_close(
        wide._scaled(torch.from_numpy(np.hstack([along, scales]))), torch.from_numpy(np.hstack([places, scales]))
    )
    larger = wide._scaled(torch.from_numpy(np.hstack([along, scales + np.log([1, 2, 1])])))[:, 16:32]
    np.testing.assert_allclose(larger, 2 * places[:, 16:32])


def test_generated_windows_are_as_quiet_between_beats_as_training_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = torch.Generator().manual_seed(0)
    x = windows(48, seconds=4.0)
    wide = Leads(("i", "ii"), side=(25, 40))
    near = torch.nn.functional.max_pool1d((x[:, :1] > 0.5).float(), 41, 1, 20)
    x = x + 0.1 * near * torch.randn(x.shape, generator=draws)

    def quiet(of: Tensor) -> float:
        return float(of.diff(dim=-1).diff(dim=-1).abs().quantile(0.2, dim=-1).log().mean())

    levels = []
    for rounds in (heart.ROUNDS, 0):
        monkeypatch.setattr(heart, "ROUNDS", rounds)
        torch.manual_seed(0)
        made = Generator(wide, noise=48, rate=RATE, style=32, components=8, fit_steps=50)
        made.fit(image(x, wide), torch.zeros(48, 0))
        with torch.no_grad():
            levels.append(quiet(made.recordings(torch.randn(48, 48, generator=draws)) / heart.PIXEL) - quiet(x))
    assert abs(levels[0]) < 0.5 * abs(levels[1])
