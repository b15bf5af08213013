"""The adversarial losses against their formulas, written out in numpy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganlab.loss.base import Loss
from ganlab.loss.bce import BCE
from ganlab.loss.bce_saturating import BCESaturating
from ganlab.loss.hinge import Hinge
from ganlab.loss.lsgan import LSGAN
from ganlab.loss.rpgan import RpGAN
from ganlab.loss.wgan_gp import WGAN

Array = NDArray[np.float64]
EXTREME = [-1e4, -100.0, 0.0, 100.0, 1e4]
EVERY = pytest.mark.parametrize(
    "loss", [BCE(), BCESaturating(), Hinge(), LSGAN(), RpGAN(), WGAN()], ids=lambda loss: type(loss).__name__
)


def logits(seed: int, requires_grad: bool = False) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(16, generator=draw, dtype=torch.float64)).requires_grad_(requires_grad)


def sigmoid(x: Tensor) -> Array:
    return 1 / (1 + np.exp(-x.detach().numpy()))


def gradients(loss: Tensor, *inputs: Tensor) -> list[Array]:
    return [gradient.numpy() for gradient in torch.autograd.grad(loss, inputs)]


@pytest.mark.parametrize("target", [1.0, 0.9])
def test_bce_of_d_is_the_sum_of_both_cross_entropies(target: float) -> None:
    real, fake = logits(0), logits(1)
    on_real = -target * np.log(sigmoid(real)) - (1 - target) * np.log(1 - sigmoid(real))
    expected = on_real.mean() - np.log(1 - sigmoid(fake)).mean()
    assert BCE().discriminator(real, fake, target).item() == pytest.approx(expected, rel=1e-12)


def test_bce_of_d_has_target_1_unless_told() -> None:
    real, fake = logits(0), logits(1)
    assert BCE().discriminator(real, fake) == BCE().discriminator(real, fake, 1.0)


def test_bce_with_a_smoothed_target_is_least_where_d_says_the_target() -> None:
    at_target = torch.full((4,), float(np.log(0.9 / 0.1)), dtype=torch.float64, requires_grad=True)
    (gradient,) = gradients(BCE().discriminator(at_target, logits(1)[:4], 0.9), at_target)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)


def test_bce_of_g_does_not_saturate() -> None:
    fake = torch.tensor([-50.0, -1.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    loss = BCE().generator(fake)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-fake.detach().numpy())).mean(), rel=1e-12)
    (gradient,) = gradients(loss, fake)
    np.testing.assert_allclose(gradient, (sigmoid(fake) - 1) / 4)
    assert gradient[0] == pytest.approx(-1 / 4), "where D is surest, G learns most"


def test_bce_saturating_is_equation_1_for_g_and_bce_for_d() -> None:
    real, fake = logits(0), torch.tensor([-50.0, -1.0, 0.0, 1.0], dtype=torch.float64, requires_grad=True)
    assert BCESaturating().discriminator(real, logits(1), 0.9) == BCE().discriminator(real, logits(1), 0.9)
    loss = BCESaturating().generator(fake)
    assert loss.item() == pytest.approx(np.log1p(-sigmoid(fake)).mean(), rel=1e-12)
    (gradient,) = gradients(loss, fake)
    np.testing.assert_allclose(gradient, -sigmoid(fake) / 4)
    assert abs(gradient[0]) < 1e-20, "where D is surest, G learns nothing"


def test_lsgan_is_half_the_squares_to_the_targets() -> None:
    real, fake = logits(0), logits(1)
    expected = ((real.numpy() - 0.9) ** 2).mean() / 2 + (fake.numpy() ** 2).mean() / 2
    assert LSGAN().discriminator(real, fake, 0.9).item() == pytest.approx(expected)
    assert LSGAN().generator(fake).item() == pytest.approx(((fake.numpy() - 1) ** 2).mean() / 2)


def test_hinge_is_the_distance_to_the_margins() -> None:
    real, fake = torch.tensor([2.0, 1.0, 0.5, -3.0]), torch.tensor([-2.0, -1.0, 0.25, 3.0])
    assert Hinge().discriminator(real, fake).item() == pytest.approx((0.5 + 4) / 4 + (1.25 + 4) / 4)
    assert Hinge().generator(fake).item() == pytest.approx(-0.0625)


def test_wgan_is_the_difference_of_the_mean_scores() -> None:
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, 0.0])
    assert WGAN().discriminator(real, fake).item() == pytest.approx(-3.5)
    assert WGAN().generator(fake).item() == pytest.approx(0.5)


def test_rpgan_is_the_softplus_of_paired_differences() -> None:
    real, fake = logits(0), logits(1)
    difference = fake.numpy() - real.numpy()
    assert RpGAN().discriminator(real, fake).item() == pytest.approx(np.log1p(np.exp(difference)).mean())
    assert RpGAN().generator(fake, real).item() == pytest.approx(np.log1p(np.exp(-difference)).mean())


def test_rpgan_sees_only_differences_and_no_target() -> None:
    real, fake = logits(0), logits(1)
    value = RpGAN().discriminator(real, fake)
    torch.testing.assert_close(RpGAN().discriminator(real + 7, fake + 7), value)
    assert RpGAN().discriminator(real, fake, 0.9) == value
    assert RpGAN().discriminator(real, fake.flip(0)) != value


def test_rpgan_of_g_needs_real_images() -> None:
    with pytest.raises(ValueError, match="real images"):
        RpGAN().generator(logits(0))


def test_where_d_cannot_tell_both_losses_have_their_known_values() -> None:
    same, none = logits(0), torch.zeros(16, dtype=torch.float64)
    assert RpGAN().discriminator(same, same).item() == pytest.approx(np.log(2))
    assert RpGAN().generator(same, same).item() == pytest.approx(np.log(2))
    assert BCE().discriminator(none, none).item() == pytest.approx(2 * np.log(2))
    assert BCE().generator(none).item() == pytest.approx(np.log(2))


def test_at_opposite_logits_d_and_g_of_rpgan_lose_what_the_other_would_in_their_place() -> None:
    real = logits(0)
    assert RpGAN().discriminator(real, -real) == RpGAN().generator(real, -real)


@EVERY
def test_d_pulls_real_up_and_generated_down_and_g_pulls_generated_up(loss: Loss) -> None:
    real, fake = ((logits(seed) / 20 + 0.5 * seed).requires_grad_() for seed in (0, 1))
    on_real, on_fake = gradients(loss.discriminator(real, fake), real, fake)
    (of_g,) = gradients(loss.generator(fake, real.detach()), fake)
    assert (on_real < 0).all()
    assert (on_fake > 0).all()
    assert (of_g < 0).all()


@EVERY
def test_values_and_gradients_stay_finite_at_extreme_logits(loss: Loss) -> None:
    pairs = torch.cartesian_prod(torch.tensor(EXTREME), torch.tensor(EXTREME))
    real, fake = pairs[:, 0].clone().requires_grad_(), pairs[:, 1].clone().requires_grad_()
    of_d, of_g = loss.discriminator(real, fake, 0.9), loss.generator(fake, real)
    everything = [of_d.detach().numpy(), of_g.detach().numpy()]
    everything += gradients(of_d, real, fake) + gradients(of_g, fake)
    assert all(np.isfinite(values).all() for values in everything)


def test_accuracy_is_judged_at_the_losss_own_boundary() -> None:
    real, fake = torch.tensor([-3.0, -2.0]), torch.tensor([-6.0, -5.0])
    assert BCE().boundary(real, fake) == 0
    assert RpGAN().boundary(real, fake) == WGAN().boundary(real, fake) == -4
    assert LSGAN().boundary(real, fake) == 0.5
    assert Hinge().boundary(real, fake) == 0
