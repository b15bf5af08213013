"""Diversity against a count pair by pair, and where digits are few."""

import math
from itertools import combinations

import pytest
import torch
from torch import Tensor

from ganlab.metrics.diversity import BLOCK, mean_distance, pairwise_distance_ratio, ratios_by_class, smallest


def images(count: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    return scale * torch.randn(count, 2, 5, 3, generator=torch.Generator().manual_seed(seed))


def pair_by_pair(batch: Tensor) -> float:
    pairs = list(combinations(batch.double(), 2))
    return sum(float((one - other).norm()) for one, other in pairs) / len(pairs)


def test_it_is_the_mean_over_all_pairs_of_different_images() -> None:
    assert mean_distance(images(7)) == pytest.approx(pair_by_pair(images(7)), rel=1e-12)
    ratio = pairwise_distance_ratio(images(7, scale=0.25), images(9, seed=1))
    assert ratio == pytest.approx(pair_by_pair(images(7, scale=0.25)) / pair_by_pair(images(9, seed=1)))


def test_images_of_more_pixels_than_a_block_are_compared_whole() -> None:
    large = torch.randn(4, 1, 3, BLOCK - 100, generator=torch.Generator().manual_seed(0))
    assert mean_distance(large) == pytest.approx(pair_by_pair(large), rel=1e-12)


def test_small_differences_on_what_all_images_share_keep_their_digits() -> None:
    batch = 1000 + images(6, scale=1e-2)
    assert mean_distance(batch) == pytest.approx(pair_by_pair(batch), rel=1e-9)


def test_equal_images_are_exactly_0_apart() -> None:
    one = images(1, scale=100)
    assert mean_distance(one.expand(64, -1, -1, -1)) == 0.0
    two = torch.cat([one.expand(20, -1, -1, -1), images(1, seed=1).expand(30, -1, -1, -1)])
    apart = float((two[0].double() - two[-1].double()).norm())
    assert mean_distance(two) == pytest.approx(apart * 20 * 30 / (50 * 49 / 2), rel=1e-9)


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        (images(1), images(5)),
        (images(5), images(1)),
        (images(5), torch.ones(5, 2, 5, 3)),
        (torch.full((5, 2, 5, 3), math.nan), images(5)),
        (torch.full((5, 2, 5, 3), math.inf), images(5)),
    ],
    ids=["one image", "one real image", "real images do not differ", "NaN", "infinite"],
)
def test_what_cannot_be_compared_is_nan(fake: Tensor, real: Tensor) -> None:
    assert math.isnan(pairwise_distance_ratio(fake, real))


def test_a_collapse_inside_a_class_is_seen_where_the_whole_looks_diverse() -> None:
    labels = torch.arange(3).repeat_interleave(20)
    real = images(60) + 5 * labels.view(-1, 1, 1, 1)
    fake = real.clone()
    fake[labels == 1] = fake[labels == 1][:1]
    ratios = ratios_by_class(fake, real.flip(0), labels, labels.flip(0))
    assert pairwise_distance_ratio(fake, real) > 0.9
    assert ratios == pytest.approx({0: 1.0, 1: 0.0, 2: 1.0})
    assert smallest(ratios) == 0.0


def test_a_class_of_one_image_has_no_ratio_and_hides_behind_no_other() -> None:
    ratios = ratios_by_class(images(4), images(4), torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 2, 2]))
    assert list(ratios) == [0, 1, 2]
    assert math.isnan(ratios[1])
    assert math.isnan(ratios[2])
    assert math.isnan(smallest(ratios))
