"""Each trick at the point where it acts, and that it acts nowhere else."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlab.errors import UserError
from ganlab.gan.gan import GAN
from ganlab.loss.bce import BCE
from ganlab.trick.base import Trick, refuse_combinations, traits_of
from ganlab.trick.d_threshold import DThreshold
from ganlab.trick.ema import EMA
from ganlab.trick.label_smoothing import LabelSmoothing
from ganlab.trick.r1_r2 import R1R2
from ganlab.trick.random_crop import RandomCrop

THRESHOLD = 0.25
BELOW = float(np.nextafter(np.float32(THRESHOLD), np.float32(0)))


class Generator(nn.Module):
    """Noise `(B, 4)` to images `(B, 1, 2, 2)`, with a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Unflatten(1, (1, 2, 2)))

    def forward(self, noise: Tensor) -> Tensor:
        return self.layers(noise)


class Linear(nn.Module):
    """`<w, x> + 1` for images `(B, 1, 2, 2)`."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, -2.0, 0.5, 3.0]))

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1) @ self.w + 1


class Listening(BCE):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        self.targets: list[float] = []
        self.of_g: list[Tensor] = []

    def discriminator(self, real: Tensor, fake: Tensor, real_target: float = 1.0) -> Tensor:
        self.targets.append(real_target)
        return super().discriminator(real, fake, real_target)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        self.of_g.append(super().generator(fake, real))
        return self.of_g[-1]


def gan(tricks: Mapping[str, Trick], loss: BCE | None = None) -> GAN:
    torch.manual_seed(0)
    made = GAN(Generator(), Linear(), nn.Identity(), loss or BCE(), tricks, noise=4)  # type: ignore[arg-type]
    made.manual_backward = lambda value: value.backward()  # type: ignore[method-assign]
    return made


def images(count: int = 6) -> Tensor:
    return torch.randn(count, 1, 2, 2, generator=torch.Generator().manual_seed(7))


def step(game: GAN, batches: int = 1) -> None:
    """Steps of both networks, without a Trainer."""
    optimizer_g, optimizer_d = game.configure_optimizers()
    for _ in range(batches):
        torch.manual_seed(game.steps)
        game.step_discriminator(images(), optimizer_d)
        game.step_generator(images(), optimizer_g)
        for trick in game.tricks.values():
            trick.after_step(game.generator, game.steps)
        game.steps += 1


def hooks_that_act(trick: Trick) -> set[str]:
    hooks = [name for name, value in vars(Trick).items() if callable(value) and not name.startswith("_")]
    assert hooks
    return {name for name in hooks if name in vars(type(trick))}


@pytest.mark.parametrize(
    ("trick", "hooks"),
    [
        (LabelSmoothing(), {"real_target"}),
        (DThreshold(), {"discriminator_steps", "counts"}),
        (EMA(), {"adopt", "after_step", "sampling_generator"}),
        (R1R2(), {"penalty"}),
        (RandomCrop(), {"starts"}),
    ],
)
def test_a_trick_acts_at_its_own_points_alone(trick: Trick, hooks: set[str]) -> None:
    assert hooks_that_act(trick) == hooks


def test_a_trick_that_overrides_nothing_changes_nothing() -> None:
    with_trick, without = gan({"nothing": Trick()}), gan({})
    step(with_trick, 3)
    step(without, 3)
    for ours, theirs in zip(with_trick.parameters(), without.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert with_trick.sampling_generator is with_trick.generator


def test_label_smoothing_changes_ds_real_target_and_not_gs_loss() -> None:
    smoothed, plain = Listening(), Listening()
    step(gan({"label_smoothing": LabelSmoothing(0.9)}, smoothed))
    step(gan({}, plain))
    assert (smoothed.targets, plain.targets) == ([0.9], [1.0])

    def of_g(game: GAN) -> Tensor:
        torch.manual_seed(1)
        return game.step_generator(images(), game.configure_optimizers()[0])["loss/G"]

    assert of_g(gan({"label_smoothing": LabelSmoothing(0.9)})) == of_g(gan({}))


def test_d_rests_exactly_below_the_threshold() -> None:
    rest = DThreshold(THRESHOLD)
    losses = (THRESHOLD, BELOW, 0.0, 7.0)
    assert [rest.discriminator_steps(torch.tensor(loss)) for loss in losses] == [True, False, False, True]
    assert rest.counts() == {"d_threshold/rested": 0.5}


def test_a_loss_that_is_no_number_is_no_reason_to_rest() -> None:
    assert DThreshold(THRESHOLD).discriminator_steps(torch.tensor(float("nan")))


def test_before_any_step_d_has_not_rested() -> None:
    assert DThreshold().counts() == {"d_threshold/rested": 0.0}


def test_what_d_threshold_counted_survives_the_checkpoint() -> None:
    before, after = gan({"rest": DThreshold(THRESHOLD)}), gan({"rest": DThreshold(THRESHOLD)})
    for loss in (BELOW, 1.0, 1.0, 1.0):
        before.tricks["rest"].discriminator_steps(torch.tensor(loss))
    after.load_state_dict(before.state_dict())
    after.tricks["rest"].discriminator_steps(torch.tensor(BELOW))
    assert after.tricks["rest"].counts() == {"d_threshold/rested": pytest.approx(2 / 5)}


@pytest.mark.parametrize(("threshold", "moves"), [(1e9, False), (0.0, True)])
def test_while_d_rests_g_goes_on(threshold: float, moves: bool) -> None:
    game = gan({"rest": DThreshold(threshold)})
    d, g = game.discriminator.w.detach().clone(), game.generator.layers[0].weight.detach().clone()
    step(game)
    assert torch.equal(game.discriminator.w, d) is not moves
    assert not torch.equal(game.generator.layers[0].weight, g)


@pytest.mark.parametrize("first", ["a", "b"])
def test_every_trick_is_asked_whether_d_steps_also_after_one_said_no(first: str) -> None:
    tricks = {"a": DThreshold(1e9), "b": DThreshold(0.0)}
    game = gan({first: tricks.pop(first), **tricks})
    step(game)
    assert [int(trick.steps) for trick in game.tricks.values()] == [1, 1]


@pytest.mark.parametrize("decay", [0.5, 0.15])
def test_the_average_is_the_closed_formula_of_all_weights_so_far(decay: float) -> None:
    """sum over k of (1 - d_k) w_k prod_{l > k} d_l, with d_k = min(decay, k / (10 + k)) and w_0 the start."""
    torch.manual_seed(0)
    generator, ema = Generator(), EMA(decay)
    ema.adopt(generator, Linear())
    weights = [generator.layers[0].weight.detach().clone()]
    for number in range(1, 15):
        with torch.no_grad():
            generator.layers[0].weight.copy_(torch.randn(4, 4))
        weights.append(generator.layers[0].weight.detach().clone())
        ema.after_step(generator, number - 1)
        kept = [1.0, *(min(decay, k / (10 + k)) for k in range(1, number + 1))]
        shares = [(1 - d if k else 1) * np.prod(kept[k + 1 :]) for k, d in enumerate(kept)]
        assert sum(shares) == pytest.approx(1)
        expected = sum(share * weight for share, weight in zip(shares, weights, strict=True))
        torch.testing.assert_close(ema.average.layers[0].weight, expected)


def test_the_average_has_the_batch_norms_running_statistics_of_now() -> None:
    game = gan({"ema": EMA(0.9)})
    start = game.generator.layers[1].running_mean.clone()
    step(game, 3)
    average, now = game.tricks["ema"].average.layers[1], game.generator.layers[1]
    assert not torch.equal(now.running_mean, start)
    torch.testing.assert_close(average.running_mean, now.running_mean, rtol=0, atol=0)
    torch.testing.assert_close(average.running_var, now.running_var, rtol=0, atol=0)
    assert int(average.num_batches_tracked) == int(now.num_batches_tracked) > 0


def test_samples_come_from_the_average_and_training_goes_on_with_the_generator() -> None:
    game = gan({"ema": EMA(0.9)})
    step(game, 5)
    average, noise = game.tricks["ema"].average, torch.randn(3, 4)
    assert game.sampling_generator is average
    torch.testing.assert_close(game.generate(noise), average.eval()(noise), rtol=0, atol=0)
    assert not torch.equal(game.generate(noise), game.generator.eval()(noise))
    trained = {id(p) for optimizer in game.configure_optimizers() for p in optimizer.param_groups[0]["params"]}
    assert not trained & {id(parameter) for parameter in average.parameters()}
    assert not any(parameter.requires_grad for parameter in average.parameters())


def test_the_average_survives_the_checkpoint() -> None:
    before, after = gan({"ema": EMA(0.9)}), gan({"ema": EMA(0.9)})
    step(before, 4)
    after.load_state_dict(before.state_dict())
    noise = torch.randn(3, 4)
    torch.testing.assert_close(after.generate(noise), before.generate(noise), rtol=0, atol=0)


def test_the_penalty_of_a_linear_d_is_the_squared_norm_of_its_weights() -> None:
    """R1 and R2 are |w|^2 each, so together every * gamma / 2 * 2 |w|^2, whatever the images."""
    d = Linear()
    penalty = R1R2(gamma=0.3, every=4).penalty(d, images(), 5 * images(), step=8)
    assert penalty is not None
    norm = 1 + 4 + 0.25 + 9
    assert penalty.item() == pytest.approx(4 * 0.3 * norm)
    penalty.backward()
    torch.testing.assert_close(d.w.grad, 4 * 0.3 * 2 * d.w.detach())


def test_the_penalty_is_the_mean_over_images_of_real_and_of_generated_ones() -> None:
    """The gradient of |x|^2 / 2 is x."""
    real, fake = images(), images().flip(0) * 3 + 1
    half_square = nn.Module()
    half_square.forward = lambda x: x.square().flatten(1).sum(1) / 2  # type: ignore[method-assign]
    penalty = R1R2(gamma=0.3, every=1).penalty(half_square, real, fake, step=0)
    of_real, of_fake = (x.square().flatten(1).sum(1).mean().item() for x in (real, fake))
    assert penalty is not None
    assert penalty.item() == pytest.approx(0.15 * (of_real + of_fake))


def test_the_penalty_comes_every_few_steps_that_many_times_as_strong() -> None:
    penalties = [R1R2(gamma=1.0, every=4).penalty(Linear(), images(), images(), step=n) for n in range(9)]
    assert [n for n, penalty in enumerate(penalties) if penalty is not None] == [0, 4, 8]
    each = R1R2(gamma=1.0, every=1).penalty(Linear(), images(), images(), step=3)
    assert penalties[4] == 4 * each


def test_the_penalty_reaches_d_and_not_g() -> None:
    torch.manual_seed(0)
    generator = Generator()
    R1R2().penalty(Linear(), images(), generator(torch.randn(6, 4)), step=0).backward()
    assert generator.layers[0].weight.grad is None

    def gradient_of_d(gamma: float) -> Tensor:
        game = gan({"r1_r2": R1R2(gamma, every=4)})
        torch.manual_seed(1)
        game.step_discriminator(images(), game.configure_optimizers()[1])
        return game.discriminator.w.grad

    torch.testing.assert_close(gradient_of_d(0.5) - gradient_of_d(0.0), 4 * 0.5 * 2 * Linear().w.detach())


def test_random_crops_are_uniform_between_the_first_and_the_last_possible_start() -> None:
    room = np.repeat([0, 3, 9], 4000)
    rng = np.random.default_rng(0)
    starts = RandomCrop().starts(np.full_like(room, 77), room, rng).reshape(3, -1)
    assert not starts[0].any()
    np.testing.assert_allclose(np.bincount(starts[1]) / 4000, np.full(4, 1 / 4), atol=0.03)
    np.testing.assert_allclose(np.bincount(starts[2]) / 4000, np.full(10, 1 / 10), atol=0.03)


RELATIVISTIC, NORM = {"relativistic": "loss=rpgan"}, {"batch_norm": "a discriminator with batch norm"}


@pytest.mark.parametrize(
    ("traits", "tricks", "said"),
    [
        (
            RELATIVISTIC,
            {"label_smoothing": LabelSmoothing()},
            "trick=label_smoothing cannot go with loss=rpgan: a relativistic loss has no targets to smooth. ",
        ),
        (RELATIVISTIC, {"rest": DThreshold()}, "trick=rest cannot go with loss=rpgan: the threshold is "),
        (NORM, {"r1_r2": R1R2()}, "trick=r1_r2 cannot go with a discriminator with batch norm: the penalty"),
        (
            {},
            {"label_smoothing": LabelSmoothing(), "r1_r2": R1R2()},
            "trick=r1_r2 cannot go with trick=label_smoothing: both hold D back on real images",
        ),
    ],
)
def test_what_cannot_go_together_is_refused_with_both_names_and_the_reason(
    traits: dict[str, str], tricks: dict[str, Trick], said: str
) -> None:
    with pytest.raises(UserError) as refused:
        refuse_combinations(traits, tricks)
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith("Take one of them out.")


def test_what_can_go_together_is_accepted() -> None:
    refuse_combinations({**NORM, "bce": "loss=bce"}, {"a": LabelSmoothing(), "b": DThreshold(), "c": EMA()})
    refuse_combinations(RELATIVISTIC, {"a": R1R2(), "b": EMA(), "c": RandomCrop()})


def test_a_batch_norm_anywhere_in_a_network_is_found() -> None:
    assert traits_of(Generator()) == ["batch_norm"]
    assert traits_of(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))) == []
