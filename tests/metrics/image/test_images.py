from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist, pdist

from ganlab.arrangement.image import AsItIs
from ganlab.core.errors import UserError
from ganlab.core.kind import Image, Window
from ganlab.dataset.fingerprint_sim import FingerprintSim
from ganlab.dataset.images import Images
from ganlab.evaluation import controls
from ganlab.evaluation.evidence import evidence
from ganlab.evaluation.rows import undetected
from ganlab.metrics.base import Real, SampleSet
from ganlab.metrics.distribution import Distribution
from ganlab.metrics.image.embedding import OUTERMOST, ImageConvolutions
from ganlab.metrics.image.images import ImageMetric, pixel_distances
from ganlab.metrics.image.sharpness import laplacian, octave_power, structure
from ganlab.metrics.needs import TooFew
from ganlab.metrics.points import pair_mean
from tests.conftest import DATA

KIND = Image((1, 48, 40))


def images(seed, count=40):
    """Soft spots with a fine texture, levels about 128."""
    noise = np.random.default_rng(seed).normal(size=(count, *KIND.shape))
    return (128 + 400 * gaussian_filter(noise, (0, 0, 4, 4)) + 10 * noise).clip(0, 255).astype(np.float32)


def real(train=1, reference=0):
    return Real(KIND, SampleSet(images(train)), SampleSet(images(reference)))


def values(samples, judge=None, beside=None):
    beside = beside or real()
    found = (judge or ImageMetric().fit(beside))(samples)
    assert set(found) == set(ImageMetric.numbers)
    ones = np.ones(len(samples)), np.ones(len(beside.reference))
    return {name.removeprefix("image/"): statistic(*ones) for name, statistic in found.items()}


def measured(samples):
    return values(SampleSet(np.asarray(samples, np.float32)))


def test_other_images_of_the_same_kind_are_near_to_right():
    found = measured(images(2))
    for name in ("sharpness", "detail", "diversity"):
        assert found[name] == pytest.approx(1, abs=0.1)
    assert found["spectrum_db"] < 0.5
    assert found["near_duplicates"] < 0.05
    assert found["copies"] < 0.2
    itself = measured(images(0))
    assert itself["sharpness"] == itself["detail"] == itself["diversity"] == 1
    assert itself["spectrum_db"] == 0


def test_blur_lowers_sharpness_detail_and_the_high_octaves():
    blurred = measured(gaussian_filter(images(0), (0, 0, 2, 2)))
    assert blurred["sharpness"] < 0.3
    assert blurred["detail"] < 0.7
    assert blurred["finest_octave_db"] < -10
    assert blurred["spectrum_db"] > 3
    assert blurred["grey_level"] == pytest.approx(measured(images(0))["grey_level"], abs=1)


def test_noise_on_a_blurred_image_fools_sharpness_and_not_detail():
    noise = np.random.default_rng(5).normal(size=images(0).shape)
    both = measured(gaussian_filter(images(0), (0, 0, 3, 3)) + 10 * noise)
    assert both["sharpness"] == pytest.approx(1, abs=0.15)
    assert both["detail"] < 0.7


def test_a_few_images_repeated_are_less_unique():
    few = measured(np.repeat(images(2)[:5], 8, axis=0))
    alike = 5 * 8 * 7 / (40 * 39)
    assert few["near_duplicates"] >= alike - 1e-6
    one = measured(np.repeat(images(2)[:1], 40, axis=0))
    assert one["diversity"] == 0
    assert one["near_duplicates"] == 1


def test_training_images_are_copies_also_blurred_brighter_and_noisy_and_an_average_is_none():
    noise = np.random.default_rng(5).normal(size=images(1).shape)
    assert measured(images(1))["copies"] == 1
    assert measured(gaussian_filter(images(1), (0, 0, 1, 1)) * 0.7 + 40)["copies"] == 1
    assert measured(images(1) + 10 * noise)["copies"] == 1
    average = images(1).mean(axis=0, keepdims=True) + 0.1 * noise
    assert measured(average)["copies"] < 0.2


def test_a_training_person_is_not_compared_with_themself():
    train = SampleSet(images(1), None, np.arange(40))
    beside = Real(KIND, train, SampleSet(images(0)))
    assert values(train, beside=beside)["copies"] < 0.5


def test_lines_that_run_one_way_are_coherent_and_noise_is_not():
    stripes = 128 + 100 * np.sin(np.arange(40) * 0.7) * np.ones((2, 1, 48, 1))
    assert structure(stripes)[1] == pytest.approx(1, abs=1e-3)
    assert (structure(np.random.default_rng(0).normal(size=(4, 1, 48, 48)))[1] < 0.6).all()
    assert np.isnan(structure(np.zeros((1, 1, 9, 9)))[1]).all()


def test_octaves_hold_the_variance_and_a_wave_stands_in_its_own():
    noise = np.random.default_rng(1).normal(size=(50, 2, 64, 64))
    assert octave_power(noise).sum(axis=1).mean() == pytest.approx(1, rel=0.03)
    across = np.arange(64)
    for number, period in enumerate((3, 6, 12)):
        wave = np.sqrt(2) * np.sin(2 * np.pi * across / period) * np.ones((1, 1, 64, 1))
        power = octave_power(wave)[0]
        assert power.argmax() == number
        assert power.sum() == pytest.approx(1, rel=0.05)


def test_distances_and_pairs_by_hand():
    rows, others = images(2).reshape(40, -1), images(3).reshape(40, -1)
    assert np.allclose(pixel_distances(rows, others), cdist(rows, others), rtol=1e-4)
    assert (np.diagonal(pixel_distances(rows, rows)) == 0).all()
    apart = [pdist(images(seed).reshape(40, -1)).mean() for seed in (2, 0)]
    assert measured(images(2))["diversity"] == pytest.approx(apart[0] / apart[1], rel=1e-4)
    square = np.random.default_rng(0).random((6, 6)).astype(np.float32)
    weights = np.array([0.0, 2, 1, 0, 3, 1])
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    by_hand = sum(weights[i] * weights[j] * square[i, j] for i, j in pairs) / sum(
        weights[i] * weights[j] for i, j in pairs
    )
    assert pair_mean(square, weights) == pytest.approx(by_hand, rel=1e-6)
    assert np.isnan(pair_mean(square, np.eye(6)[0]))
    spot = np.zeros((2, 1, 5, 5))
    spot[0, 0, 2, 2] = 9
    assert laplacian(spot).tolist() == [8, 0]
    assert np.isnan(laplacian(spot[..., :2])).all()


def test_a_weight_counts_as_so_many_images_where_no_pairs_are_asked():
    judge, samples = ImageMetric().fit(real()), SampleSet(images(2, 6))
    weights = np.array([0, 2, 1, 0, 3, 1])
    statistics, ones = judge(samples), np.ones(40)
    repeated = values(samples.take(np.repeat(np.arange(6), weights)), judge)
    for name in ("sharpness", "detail", "spectrum_db", "coherence", "grey_level", "contrast", "copies"):
        assert statistics[f"image/{name}"](weights.astype(float), ones) == pytest.approx(repeated[name], rel=1e-5)


def test_brightness_and_contrast_are_told_apart_and_the_order_does_not_matter():
    plain, brighter = measured(images(0)), measured(images(0) + 10)
    assert brighter["grey_level"] == pytest.approx(plain["grey_level"] + 10, abs=1e-3)
    assert brighter["contrast"] == pytest.approx(plain["contrast"], abs=1e-3)
    turned = measured(images(0)[::-1])
    assert all(turned[name] == pytest.approx(plain[name], rel=1e-5, abs=1e-6) for name in plain)


def test_too_few_wrong_shapes_and_what_is_no_number_are_named():
    judge = ImageMetric().fit(real())
    broken = images(0)
    broken[[3, 5], 0, 3, 3] = np.nan
    with pytest.raises(UserError, match="2 of 40 images hold NaN"):
        judge(SampleSet(broken))
    with pytest.raises(UserError, match=r"\(40, 1, 40, 48\) where an image is \(1, 48, 40\)"):
        judge(SampleSet(images(0).transpose(0, 1, 3, 2)))
    with pytest.raises(UserError, match="training images hold NaN"):
        ImageMetric().fit(Real(KIND, SampleSet(broken), SampleSet(images(0))))
    with pytest.raises(TooFew, match="2 images to judge"):
        judge(SampleSet(images(0, 2)))


def test_images_that_equal_a_training_image_are_counted_however_few_there_are():
    train = real().train.values
    samples = SampleSet(np.concatenate([train[:1], train[1:2] + 0.4, train[2:3] + 3, images(9, 1)]))
    few = Real(KIND, SampleSet(train[:3]), SampleSet(images(5, 1)))
    assert ImageMetric().always(few, samples)["image/exact"](np.ones(4), np.ones(1)) == 0.5
    assert not ImageMetric().always(Real(KIND, SampleSet(train[:0]), few.reference), samples)


def test_the_embedding_is_fixed_and_tells_blur_noise_and_other_images():
    embed = ImageConvolutions(kernels=8).fit(real())
    train, other = embed(images(1)), embed(images(2))
    assert train.mean(axis=0) == pytest.approx(0, abs=1e-4)
    assert np.allclose(embed(images(2)[::-1]), other[::-1], atol=1e-4)
    assert np.allclose(embed(images(2)[:3]), other[:3], atol=1e-4)
    assert np.array_equal(ImageConvolutions(kernels=8).fit(real())(images(2)), other)
    away = {
        name: np.linalg.norm(embed(changed.astype(np.float32)).mean(axis=0))
        for name, changed in {
            "other": images(2),
            "blurred": gaussian_filter(images(2), (0, 0, 1, 1)),
            "noise": images(2) + np.random.default_rng(0).normal(0, 10, images(2).shape),
        }.items()
    }
    assert min(away["blurred"], away["noise"]) > 5 * away["other"]
    assert np.abs(embed(images(2) + 10) - other).max() < 0.05
    with pytest.raises(UserError, match="expected"):
        embed(images(2)[:, :, 1:])


def test_what_lies_far_beyond_the_training_images_does_not_rule_the_kernel():
    alike = gaussian_filter(images(1), (0, 0, 3, 3))
    beside = Real(KIND, SampleSet(alike), SampleSet(gaussian_filter(images(0, 15), (0, 0, 3, 3))))
    embed = ImageConvolutions(kernels=8).fit(beside)
    strange = images(2, 15)
    assert np.abs(embed(strange)).max() == OUTERMOST
    assert np.abs(embed(beside.reference.values)).max() < OUTERMOST + 1e-6
    found = Distribution(ImageConvolutions(kernels=8)).fit(beside)
    kid = {
        name: found(SampleSet(samples))["distribution/kid"](np.ones(15), np.ones(15))
        for name, samples in {"other": gaussian_filter(images(3, 15), (0, 0, 3, 3)), "strange": strange}.items()
    }
    assert abs(kid["other"]) < 5
    assert 20 * abs(kid["other"]) < kid["strange"] < 1e5


def test_only_images_are_embedded():
    with pytest.raises(UserError, match="embeds images"):
        Distribution(ImageConvolutions()).check(Window(("i",), 200.0, 400))


def lands(source, tmp_path, train, count):
    samples = source.collect(AsItIs(*source.shape, batch_size=1)).judged
    values = samples.__getitems__(list(range(len(samples))))
    shown, patient = values.sample.numpy()[:, :, -200:, -160:], values.patient.numpy()
    sets = [SampleSet(shown[part], None, patient[part]) for part in (slice(0, train), slice(train, train + count))]
    beside = Real(Image(shown.shape[1:]), *sets)
    found = evidence(beside, controls.make("pca_gaussian", beside, train), {"image": ImageMetric()}, tmp_path, draws=40)
    assert not found.left_out
    assert set(found.rows) == set(ImageMetric.numbers)
    assert undetected(found.rows) == {}
    return found.rows


def test_controls_land_where_they_must_on_simulated_fingers(tmp_path: Path):
    rows = lands(FingerprintSim(images=40, height=200, width=140, cache=tmp_path / "cache"), tmp_path, 28, 12)
    assert rows["image/copies"]["controls"]["copy"] == 1
    assert rows["image/copies"]["floor"] < 0.5


def test_controls_land_where_they_must_on_published_fingers(tmp_path: Path):
    folder = DATA / "fingerprint"
    if not folder.is_dir():
        pytest.skip(f"no fingerprints in {folder}")
    source = Images(folder, 400, 275, cache=tmp_path / "cache")
    rows = lands(source, tmp_path, 60, 15)
    assert rows["image/coherence"]["controls"]["noise"] < 0.6 < rows["image/coherence"]["real"]
