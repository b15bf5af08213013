"""Each trick at the point where it acts, and that it acts nowhere else."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlab.arrangement.leads import Leads
from ganlab.arrangement.order import hilbert, z
from ganlab.codec import Codec
from ganlab.core.errors import UserError
from ganlab.dataset.epoch import EpochSampler
from ganlab.dataset.samples import Place, Samples
from ganlab.gan.gan import GAN
from ganlab.loss.bce import BCE
from ganlab.loss.rpgan import RpGAN
from ganlab.standardization.adapted_range import AdaptedRange
from ganlab.trick.balanced_sampler import BalancedSampler
from ganlab.trick.base import Trick, refuse_combinations, traits_of
from ganlab.trick.d_threshold import DThreshold
from ganlab.trick.diffaugment import DiffAugment
from ganlab.trick.ema import EMA
from ganlab.trick.gradient_penalty import GradientPenalty
from ganlab.trick.label_smoothing import LabelSmoothing
from ganlab.trick.r1_r2 import R1R2
from ganlab.trick.random_crop import RandomCrop
from ganlab.trick.spectral_norm import SpectralNorm
from ganlab.trick.spread_loss import SpreadLoss
from ganlab.trick.under_sampling import UnderSampling

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


class Unchanged(nn.Identity):
    """In the place of a codec: images are samples."""

    def valid(self, image: Tensor) -> Tensor:
        return image


def gan(tricks: Mapping[str, Trick], loss: BCE | None = None) -> GAN:
    torch.manual_seed(0)
    made = GAN(Generator(), Linear(), Unchanged(), loss or BCE(), tricks, noise=4)  # type: ignore[arg-type]
    made.manual_backward = lambda value: value.backward()  # type: ignore[method-assign]
    return made


def images(count: int = 6) -> Tensor:
    return torch.randn(count, 1, 2, 2, generator=torch.Generator().manual_seed(7))


LABELS = torch.zeros(6, dtype=torch.long)


def step(game: GAN, batches: int = 1) -> None:
    """Steps of both networks, without a Trainer."""
    optimizer_g, optimizer_d = game.configure_optimizers()
    for _ in range(batches):
        torch.manual_seed(game.steps)
        game.step_discriminator(images(), LABELS, optimizer_d)
        game.step_generator(images(), LABELS, optimizer_g)
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
        (R1R2(), {"penalty", "learns_from_gradient"}),
        (GradientPenalty(), {"penalty", "learns_from_gradient", "generator_steps"}),
        (SpectralNorm(), {"adopt"}),
        (DiffAugment(), {"augment"}),
        (RandomCrop(), {"starts"}),
        (SpreadLoss(), {"generator_term", "counts"}),
        (UnderSampling(), {"order", "counts"}),
        (BalancedSampler(), {"order", "counts"}),
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
        return game.step_generator(images(), LABELS, game.configure_optimizers()[0])["loss/G"]

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
        game.step_discriminator(images(), LABELS, game.configure_optimizers()[1])
        return game.discriminator.w.grad

    torch.testing.assert_close(gradient_of_d(0.5) - gradient_of_d(0.0), 4 * 0.5 * 2 * Linear().w.detach())


def test_the_gradient_penalty_is_the_squared_distance_of_a_linear_ds_slope_from_1() -> None:
    d, slope = Linear(), float(np.sqrt(1 + 4 + 0.25 + 9))
    penalty = GradientPenalty(weight=10).penalty(d, images(), images() + 1, step=0)
    assert penalty.item() == pytest.approx(10 * (slope - 1) ** 2)
    (gradient,) = torch.autograd.grad(penalty, d.w)
    np.testing.assert_allclose(gradient, 20 * (slope - 1) * d.w.detach() / slope, rtol=1e-5)


def test_the_gradient_penalty_is_taken_between_real_and_generated_images() -> None:
    class Square(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).square().sum(1) / 2

    real, fake = torch.zeros(4000, 1, 1, 1), torch.full((4000, 1, 1, 1), 2.0)
    # The slope at 2 u is 2 u, and the mean of (2 u - 1)^2 is a third.
    assert GradientPenalty(weight=1).penalty(Square(), real, fake, 0).item() == pytest.approx(1 / 3, abs=0.03)


def test_g_is_updated_at_every_fifth_step_of_the_gradient_penalty() -> None:
    assert [step for step in range(11) if GradientPenalty(every=5).generator_steps(step)] == [4, 9]


def test_spectral_norm_divides_each_weight_by_its_largest_singular_value() -> None:
    torch.manual_seed(0)
    d = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.Flatten(), nn.Linear(3, 1))
    before = [d[0].weight.detach().clone(), d[2].weight.detach().clone()]
    SpectralNorm().adopt(Generator(), d)
    for _ in range(30):
        d(torch.randn(2, 2, 3, 3))
    for layer, weight in zip((d[0], d[2]), before, strict=True):
        largest = torch.linalg.matrix_norm(weight.flatten(1), 2)
        torch.testing.assert_close(layer.weight, weight / largest, rtol=1e-4, atol=1e-5)
    assert any(name.endswith("original") for name in d.state_dict()), "the weight itself is what is trained and kept"


def windows() -> Tensor:
    return torch.rand(64, 2, 100, generator=torch.Generator().manual_seed(1)) + torch.tensor([[[-1.0], [0.0]]])


def test_diffaugment_without_amounts_changes_nothing_under_any_order_of_pixels() -> None:
    nothing = DiffAugment(gain=0, wander=0, noise=0, cut=0, drop=0)
    for order in (z, hilbert):
        codec = Codec(AdaptedRange(), Leads(("i", "ii"), order, side=10))
        torch.testing.assert_close(nothing.augment(shown := codec.arrangement.encode(windows()), codec), shown)


def test_each_operation_of_diffaugment_keeps_within_its_amount() -> None:
    x = windows()
    mean = x.mean(-1, keepdim=True)
    off = {"gain": 0.0, "wander": 0.0, "noise": 0.0, "cut": 0.0, "drop": 0.0}
    ratio = ((DiffAugment(**off | {"gain": 0.1}).changed(x) - mean) / (x - mean)).flatten(1)
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3, atol=1e-3)
    assert 0.9 <= ratio.min() < 0.93, "no polarity is turned"
    assert 1.07 < ratio.max() <= 1.1001
    moved = DiffAugment(**off | {"wander": 0.08}).changed(x) - x
    assert 0.05 < moved.abs().max() <= 0.0801
    assert moved.diff().abs().max() < 0.08 * 2 * np.pi / 99 * 1.01
    assert (DiffAugment(**off | {"noise": 0.01}).changed(x) - x).std().item() == pytest.approx(0.01, rel=0.05)
    lost = (DiffAugment(**off | {"cut": 0.1}).changed(x) - x).abs() > 1e-5
    assert 5 < lost.sum(-1).max() <= 11
    assert (lost[:, 0] == lost[:, 1]).all()
    dropped = (DiffAugment(**off | {"drop": 0.5}).changed(x) == mean).all(-1)
    assert 0.3 < dropped.float().mean() < 0.7
    assert not (DiffAugment(**off | {"drop": 1.0}).changed(x[:, :1]) == mean[:, :1]).all(-1).any(), "a lead stays"


def test_d_sees_both_kinds_of_images_changed_and_g_learns_through_the_change() -> None:
    class Doubled(Trick):
        def augment(self, images: Tensor, codec: Codec) -> Tensor:
            return 2 * images

    def trained(trick: Trick) -> tuple[list[Tensor], Tensor]:
        torch.manual_seed(0)
        shown: list[Tensor] = []
        made = GAN(Generator(), Linear(), Unchanged(), RpGAN(), {"it": trick}, noise=4)  # type: ignore[arg-type]
        made.manual_backward = lambda value: value.backward()  # type: ignore[method-assign]
        made.discriminator.register_forward_pre_hook(lambda _, given: shown.append(given[0].detach()))
        optimizer_g, optimizer_d = made.configure_optimizers()
        optimizer_d.param_groups[0]["lr"] = 0.0
        made.step_discriminator(images(), LABELS, optimizer_d)
        made.step_generator(images(), LABELS, optimizer_g)
        return shown, made.generator.layers[0].weight.grad

    (plain, slope), (doubled, twice) = trained(Trick()), trained(Doubled())
    for own, changed in zip(plain, doubled, strict=True):
        torch.testing.assert_close(changed, 2 * own)
    assert len(plain) == 4
    assert not torch.allclose(slope, twice)
    assert (slope * twice).sum() > 0


def test_random_crops_are_uniform_between_the_first_and_the_last_possible_start() -> None:
    room = np.repeat([0, 3, 9], 4000)
    rng = np.random.default_rng(0)
    starts = RandomCrop().starts(np.full_like(room, 77), room, rng).reshape(3, -1)
    assert not starts[0].any()
    np.testing.assert_allclose(np.bincount(starts[1]) / 4000, np.full(4, 1 / 4), atol=0.03)
    np.testing.assert_allclose(np.bincount(starts[2]) / 4000, np.full(10, 1 / 10), atol=0.03)


def test_the_spread_loss_is_the_mean_squared_difference_of_the_pixels_deviations() -> None:
    real = torch.tensor([[[[-1.0, 0.0], [0.5, 0.2]]], [[[1.0, 0.0], [0.5, 0.8]]]])
    fake = torch.tensor([[[[0.0, -0.4], [0.5, 0.2]]], [[[0.0, 0.4], [0.5, 0.8]]]])
    spread = SpreadLoss(weight=3.0)
    assert spread.generator_term(fake, real, 0).item() == pytest.approx(3 * (1.0**2 + 0.4**2) / 4, rel=1e-3)
    assert spread.counts() == {"spread_loss/last": pytest.approx(3 * 1.16 / 4, rel=1e-3)}
    assert spread.generator_term(real.flip(0), real, 1).item() == 0


def test_a_pixel_that_is_always_the_same_has_a_finite_gradient() -> None:
    fake = torch.full((6, 1, 2, 2), -1.0, requires_grad=True)
    SpreadLoss().generator_term(fake, images(), 0).backward()
    assert fake.grad.isfinite().all()


def test_the_spread_loss_is_added_to_gs_loss_and_to_ds_not() -> None:
    def gradients(tricks: Mapping[str, Trick]) -> tuple[Tensor, Tensor]:
        game = gan(tricks)
        torch.manual_seed(1)
        game.step_discriminator(images(), LABELS, game.configure_optimizers()[1])
        of_d = game.discriminator.w.grad.clone()
        game.discriminator = Linear()
        game.step_generator(images(), LABELS, game.configure_optimizers()[0])
        return game.generator.layers[0].weight.grad.clone(), of_d

    with_term, without = gradients({"spread_loss": SpreadLoss(5.0)}), gradients({})
    alone = gan({})
    torch.manual_seed(1)
    alone.draw_noise(6)
    SpreadLoss(5.0).generator_term(alone.generator(alone.draw_noise(6)), images(), 0).backward()
    torch.testing.assert_close(with_term[0] - without[0], alone.generator.layers[0].weight.grad)
    torch.testing.assert_close(with_term[1], without[1])


class Rows(Samples):
    """Samples of which only the labels matter: 20 of class 0, 5 of class 1, 10 of class 2."""

    def __init__(self) -> None:
        labels = np.repeat([0, 1, 2], [20, 5, 10])
        super().__init__(labels, np.arange(len(labels)).astype(str))

    def read(self, places: Sequence[Place]) -> np.ndarray:
        return np.zeros((len(places), 1), dtype=np.float32)

    def of(self, people: Collection[str]) -> "Rows":
        return self


def epochs(trick: Trick, count: int, seed: int = 0) -> list[list[int]]:
    sampler = EpochSampler(Rows(), seed, [trick])
    drawn = []
    for epoch in range(count):
        sampler.set_epoch(epoch)
        drawn.append([place.number for place in sampler])
        assert len(sampler) == len(drawn[-1])
    return drawn


def test_under_sampling_shows_the_same_few_of_each_class_in_every_epoch_in_another_order() -> None:
    trick = UnderSampling(seed=4)
    first, second = epochs(trick, 2)
    assert np.bincount(Rows().labels[first]).tolist() == [5, 5, 5]
    assert len(set(first)) == 15
    assert first != second
    assert sorted(first) == sorted(second) == sorted(epochs(UnderSampling(seed=4), 1, seed=9)[0])
    assert sorted(first) != sorted(epochs(UnderSampling(seed=5), 1)[0])
    shown = {"class_0": 5, "class_1": 5, "class_2": 5, "left_out": 20}
    assert trick.counts() == {f"under_sampling/{name}": count for name, count in shown.items()}


def test_under_sampling_the_windows_of_table_2_leaves_4390_of_each() -> None:
    labels = np.repeat([0, 1, 2], [20_015, 4_390, 4_623])
    order = np.random.default_rng(0).permutation(len(labels))
    kept = UnderSampling().order(order, labels, np.random.default_rng(1))
    assert np.bincount(labels[kept]).tolist() == [4390] * 3
    assert len(set(kept.tolist())) == 3 * 4390


def test_balanced_epochs_keep_their_length_and_show_classes_equally_often() -> None:
    trick = BalancedSampler()
    first, second = epochs(trick, 2)
    assert np.bincount(Rows().labels[first]).tolist() == [12, 12, 11]
    assert first == epochs(BalancedSampler(), 1)[0]
    assert set(first) != set(second)
    common = [number for number in first if number < 20]
    assert len(set(common)) == len(common) == 12
    counts = trick.counts()
    assert counts["balanced_sampler/not_shown"] == 35 - len(set(second)) > 8
    assert [counts[f"balanced_sampler/class_{k}"] for k in range(3)] == [12, 12, 11]
    assert np.diff(Rows().labels[first]).min() < 0, "classes come mixed"


def test_balancing_reaches_every_sample_in_time() -> None:
    assert {number for epoch in epochs(BalancedSampler(), 40) for number in epoch} == set(range(35))


def test_before_an_epoch_nothing_was_left_out() -> None:
    assert UnderSampling().counts() == BalancedSampler().counts() == {}


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
        (NORM, {"gp": GradientPenalty()}, "trick=gp cannot go with a discriminator with batch norm: the penalty"),
        (NORM, {"sn": SpectralNorm()}, "trick=sn cannot go with a discriminator with batch norm: batch norm scales"),
        ({"no_targets": "loss=hinge"}, {"soft": LabelSmoothing()}, "trick=soft cannot go with loss=hinge: this loss"),
        ({"no_cross_entropy": "loss=lsgan"}, {"rest": DThreshold()}, "trick=rest cannot go with loss=lsgan: the th"),
        ({"no_leads": "arrangement=image"}, {"aug": DiffAugment()}, "trick=aug cannot go with arrangement=image: its"),
        (
            {},
            {"label_smoothing": LabelSmoothing(), "r1_r2": R1R2()},
            "trick=r1_r2 cannot go with trick=label_smoothing: both limit D on real images",
        ),
        (
            {},
            {"balanced_sampler": BalancedSampler(), "under_sampling": UnderSampling()},
            "trick=balanced_sampler cannot go with trick=under_sampling: its classes already have equal sizes",
        ),
    ],
)
def test_what_cannot_go_together_is_refused_with_both_names_and_the_reason(
    traits: dict[str, str], tricks: dict[str, Trick], said: str
) -> None:
    with pytest.raises(UserError) as refused:
        refuse_combinations(traits, tricks)
    assert str(refused.value).startswith(said)
    assert str(refused.value).endswith("Leave one of them out.")


def test_what_can_go_together_is_accepted() -> None:
    refuse_combinations({**NORM, "bce": "loss=bce"}, {"a": LabelSmoothing(), "b": DThreshold(), "c": EMA()})
    refuse_combinations(RELATIVISTIC, {"a": R1R2(), "b": EMA(), "c": RandomCrop(), "d": BalancedSampler()})
    refuse_combinations(NORM, {"a": DThreshold(), "b": LabelSmoothing(), "c": UnderSampling(), "d": SpreadLoss()})


def test_a_batch_norm_anywhere_in_a_network_is_found() -> None:
    assert traits_of(Generator()) == ["batch_norm"]
    assert traits_of(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))) == []
