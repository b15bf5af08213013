import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist

from ganlab.dataset.kind import Image
from ganlab.errors import UserError
from ganlab.metrics.image import ImageMeasure, laplacian

KIND = Image((1, 32, 24))
measure = ImageMeasure()


def images(seed, count=40):
    """Soft spots with a fine texture, levels about 128."""
    noise = np.random.default_rng(seed).normal(size=(count, *KIND.shape))
    return (128 + 400 * gaussian_filter(noise, (0, 0, 4, 4)) + 10 * noise).clip(0, 255).astype(np.float32)


def measured(samples):
    return {name.removeprefix("image/"): value for name, value in measure(samples, KIND, images(0)).items()}


def test_other_images_of_the_same_kind_are_near_to_right():
    found = measured(images(1))
    assert found["diversity"] == pytest.approx(1, abs=0.05)
    assert found["sharpness"] == pytest.approx(1, abs=0.05)
    assert measured(images(0))["diversity"] == measured(images(0))["sharpness"] == 1


def test_blurred_images_are_less_sharp_and_as_bright():
    blurred = gaussian_filter(images(0), (0, 0, 1.5, 1.5))
    assert measured(blurred)["sharpness"] < 0.3
    assert measured(blurred)["diversity"] > 0.8
    assert measured(blurred)["grey_level"] == pytest.approx(measured(images(0))["grey_level"], abs=1)


def test_one_image_repeated_is_not_diverse_and_as_sharp():
    found = measured(np.repeat(images(1)[:1], 40, axis=0))
    assert found["diversity"] == 0
    assert found["sharpness"] == pytest.approx(1, abs=0.15)


def test_noise_is_diverse_and_sharp():
    found = measured(np.random.default_rng(2).uniform(0, 255, (40, *KIND.shape)))
    assert found["diversity"] > 1.5
    assert found["sharpness"] > 4


def test_brightness_and_contrast_are_told_apart():
    plain, brighter = measured(images(0)), measured(images(0) + 10)
    assert brighter["grey_level"] == pytest.approx(plain["grey_level"] + 10, abs=1e-3)
    assert brighter["contrast"] == pytest.approx(plain["contrast"], abs=1e-3)
    stronger = measured(128 + 2 * (images(0) - 128))
    assert stronger["contrast"] == pytest.approx(2 * plain["contrast"], rel=1e-5)
    lit = np.concatenate([np.zeros((20, *KIND.shape)), np.full((20, *KIND.shape), 255)])
    assert measured(lit)["contrast"] == 0


def test_diversity_and_sharpness_by_hand():
    apart = [pdist(images(seed).reshape(40, -1)).mean() for seed in (1, 0)]
    assert measured(images(1))["diversity"] == pytest.approx(apart[0] / apart[1])
    spot = np.zeros((2, 1, 5, 5))
    spot[0, 0, 2, 2] = 9
    assert laplacian(spot) == 9 * 8 / 9 / 2
    assert np.isnan(measured(images(1)[:1])["diversity"])
    assert np.isnan(laplacian(spot[..., :2]))


def test_images_that_are_no_numbers_are_counted_and_left_out():
    broken = images(0, 41)
    broken[-1, 0, 3, 3] = np.nan
    assert measured(broken)["finite"] == 40 / 41
    assert measured(broken)["contrast"] == measured(broken[:-1])["contrast"]
    nothing = measured(np.full((2, *KIND.shape), np.nan))
    assert nothing.pop("finite") == 0
    assert np.isnan(list(nothing.values())).all()


def test_every_number_has_a_meaning_and_images_of_another_shape_are_refused():
    assert set(measure(images(1), KIND, images(0))) == set(measure.meaning)
    assert measure.kinds == (Image,)
    with pytest.raises(UserError, match=r"\(40, 1, 32, 24\) where an image is \(1, 24, 32\)"):
        measure(images(0), Image((1, 24, 32)), images(0))
    with pytest.raises(UserError, match="reference images"):
        measure(images(0), KIND, images(0)[:0])
