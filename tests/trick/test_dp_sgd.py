"""A patient moves D's gradient by the clip at most, noise is added once, and epsilon is counted through a kill."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from opacus.accountants import RDPAccountant
from torch import Tensor, nn

from ganlab.compose import compose
from ganlab.core.errors import UserError
from ganlab.dataset.epoch import EpochBatches, EpochSampler
from ganlab.gan.gan import GAN
from ganlab.tracking.checkpoints import write_checkpoint
from ganlab.trick.accountant import Accountant
from ganlab.trick.dp_sgd import DPSGD, clipped_sum
from ganlab.trick.random_crop import RandomCrop
from tests.command.test_run import killed_at  # noqa: F401
from tests.conftest import TINY, newest_run
from tests.test_conf import composed
from tests.trick.test_tricks import Linear, Rows, gan, images

pytestmark = pytest.mark.usefixtures("blank_figures")

PRIVATE = (
    *("trick=dp_sgd", "architecture=fcn", "architecture.width=0.02", "standardization=centred_range"),
    *("trick.dp_sgd.secret=7", "trick.dp_sgd.rate=0.5"),
)
"""Overrides of a run that can be private."""


def drawn(trick: DPSGD, people: int = 10, each: int = 6, size: int = 8, seed: int = 0) -> list[np.ndarray]:
    patients = np.repeat(np.arange(people), each)
    return list(trick.batches(patients, size, np.random.default_rng([seed, *trick.seeds()])))


def noise_of(trick: DPSGD, parameters: list[Tensor]) -> list[Tensor]:
    """What the next update adds, drawn again."""
    stream = trick.stream()
    return [torch.from_numpy(stream.standard_normal(p.shape)).float() * trick.noise * trick.clip for p in parameters]


def test_ds_gradient_is_that_of_the_formula_person_by_person() -> None:
    """Of D(x) = <w, x> + 1 the gradient of a window is (sigmoid(D(x)) - 1) x, of a generated one sigmoid(D(G)) G."""
    trick = DPSGD(noise=0.3, clip=4.0, rate=0.5, windows=2, secret=1)
    drawn(trick, people=5)
    game = gan({"dp": trick})
    discriminator, real, patients = game.discriminator, 4 * images(), torch.tensor([3, 3, 0, 0, 4, 4])
    (added,) = noise_of(trick, [discriminator.w])
    torch.manual_seed(5)
    optimizer = torch.optim.SGD(discriminator.parameters(), lr=1.0)
    before = discriminator.w.detach().clone()
    game.step_discriminator(real, torch.zeros(6, dtype=torch.long), optimizer, patients)

    torch.manual_seed(5)
    fake = game.generator(game.draw_noise(6)).detach().flatten(1).double().numpy()
    x, w = real.flatten(1).double().numpy(), before.double().numpy()
    sigmoid = [1 / (1 + np.exp(-(part @ w + 1))) for part in (x, fake)]
    single = (sigmoid[0] - 1)[:, None] * x + sigmoid[1][:, None] * fake
    each = single.reshape(3, 2, 4).mean(axis=1)
    length = np.linalg.norm(each, axis=1)
    assert 0 < (length > 4).sum() < 3, "some are clipped, some not, or this shows nothing"
    summed = (each * np.minimum(1, 4 / length)[:, None]).sum(axis=0)
    expected = (summed + added.double().numpy()) / (0.5 * 5)
    np.testing.assert_allclose((before - discriminator.w.detach()).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert int(trick.steps) == 1
    assert trick.counts()["dp_sgd/clipped"] == pytest.approx((length > 4).mean())


@pytest.mark.parametrize("scale", [0.01, 1.0, 1e4])
def test_a_persons_removal_changes_the_sum_by_the_clip_at_most(scale: float) -> None:
    torch.manual_seed(0)
    parameters = [nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(3, 2))]
    directions = [[scale * torch.randn(p.shape) for p in parameters] for _ in range(6)]

    def losses(people: list[int]) -> list[Tensor]:
        return [sum((p * d).sum() for p, d in zip(parameters, directions[k], strict=True)) for k in people]

    everybody, _ = clipped_sum(parameters, losses([*range(6)]), clip=0.7)
    for gone in range(6):
        without, _ = clipped_sum(parameters, losses([k for k in range(6) if k != gone]), clip=0.7)
        moved = torch.cat([(a - b).flatten() for a, b in zip(everybody, without, strict=True)]).norm()
        length = torch.cat([d.flatten() for d in directions[gone]]).norm()
        assert moved <= 0.7 + 1e-4
        torch.testing.assert_close(moved, length.clamp(max=0.7), rtol=1e-3, atol=1e-4)


def test_a_gradient_that_is_no_number_counts_as_none() -> None:
    p = nn.Parameter(torch.ones(2))
    total, clipped = clipped_sum([p], [p.sum() * torch.nan, p.sum() * torch.inf, 0.1 * p.sum(), 0 * p.sum()], clip=1.0)
    torch.testing.assert_close(total[0], torch.full((2,), 0.1))
    assert clipped == 2


@pytest.mark.parametrize("people", [0, 1, 12])
def test_the_noise_has_its_scale_and_is_added_once_whoever_was_drawn(people: int) -> None:
    trick = DPSGD(noise=3.0, clip=0.5, rate=0.25, windows=2, secret=3)
    drawn(trick, people=20)
    network = nn.Linear(200, 100)
    patients = torch.arange(people).repeat_interleave(2)
    found = []
    for _ in range(2):
        done = trick.discriminator_gradient(
            network, lambda _: 0 * (network.weight.sum() + network.bias.sum()), patients
        )
        assert done
        found.append(network.weight.grad.clone())
    for gradient in found:
        assert gradient.std() * 0.25 * 20 == pytest.approx(3.0 * 0.5, rel=0.03)
        assert abs(gradient.mean()) < 0.01
    assert abs(np.corrcoef(found[0].flatten(), found[1].flatten())[0, 1]) < 0.03


def test_epsilon_is_opacus_accountants_step_by_step() -> None:
    trick = DPSGD(noise=1.7, rate=0.2, windows=1, secret=0)
    drawn(trick)
    accountant, w = RDPAccountant(), Linear()
    for _ in range(5):
        trick.discriminator_gradient(w, lambda _: w.w.sum(), torch.tensor([0]))
        accountant.step(noise_multiplier=1.7, sample_rate=0.2)
        assert trick.counts()["dp_sgd/epsilon"] == pytest.approx(accountant.get_epsilon(1e-3), rel=1e-9)
    assert (
        trick.facts()["differential_privacy"].items()
        >= {
            "unit": "one patient with all their recordings, added or removed",
            "delta": 1e-3,
            "updates": 5,
        }.items()
    )
    assert "Opacus" in trick.facts()["differential_privacy"]["accountant"]


@pytest.mark.parametrize(
    ("noise", "after_2000", "after_10000"), [(2, 24, 80), (4, 8.9, 27), (8, 3.7, 10), (16, 1.6, 4.2)]
)
def test_epsilon_has_the_designs_reference_values(noise: float, after_2000: float, after_10000: float) -> None:
    """32 of 174 patients a step, delta 1e-3 (design: science, 3.4)."""
    account = Accountant(noise, 32 / 174, 1e-3)
    assert account.epsilon(2000) == pytest.approx(after_2000, rel=0.02)
    assert account.epsilon(10000) == pytest.approx(after_10000, rel=0.02)


def test_the_budget_is_the_last_step_that_does_not_exceed_it() -> None:
    account = Accountant(4, 0.2, 1e-3)
    steps = account.steps_within(3.0)
    assert account.epsilon(steps) <= 3.0 < account.epsilon(steps + 1)
    with pytest.raises(UserError, match=r"budget=0\.01: one step spends"):
        DPSGD(noise=1, budget=0.01)


def test_persons_are_drawn_independently_each_with_the_rate() -> None:
    trick = DPSGD(rate=0.3, windows=4, secret=0)
    batches = drawn(trick, people=10, each=6, size=1) * 1 + [
        b for s in range(1, 80) for b in drawn(trick, size=1, seed=s)
    ]
    there = np.zeros((len(batches), 10))
    for row, batch in zip(there, batches, strict=True):
        patients = batch.reshape(-1, 4) // 6
        assert (patients == patients[:, :1]).all()
        assert all(len(set(samples)) == 4 for samples in batch.reshape(-1, 4).tolist())
        row[patients[:, 0]] += 1
    assert there.max() == 1
    np.testing.assert_allclose(there.mean(axis=0), 0.3, atol=0.03)
    np.testing.assert_allclose(np.corrcoef(there.T) - np.eye(10), 0, atol=0.08)
    assert there.sum(axis=1).var() == pytest.approx(10 * 0.3 * 0.7, rel=0.1)


def test_a_person_of_few_windows_is_drawn_with_replacement() -> None:
    assert {len(batch) for batch in drawn(DPSGD(rate=1.0, windows=4, secret=0), people=3, each=1)} == {12}


def test_the_draw_is_the_secrets_and_a_secret_is_nobodys() -> None:
    def first(secret: int | None) -> list[list[int]]:
        return [batch.tolist() for batch in drawn(DPSGD(secret=secret))]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert first(None) != first(None)


def test_the_noise_is_of_all_128_bits_of_the_secret_and_of_the_step() -> None:
    """On a CPU torch.Generator keeps 32 bits of a seed, so that two steps could share noise and one be found."""

    def noise(secret: int, step: int) -> np.ndarray:
        trick = DPSGD(secret=secret)
        trick.steps += step
        return trick.stream().standard_normal(100_000)

    first = noise(5, 0)
    assert np.array_equal(first, noise(5, 0))
    others = [noise(5, 1), noise(5, 2**32), noise(5 + 2**32, 0), noise(5 + 2**64, 0), noise(5 + 2**127, 0)]
    assert all(abs(np.corrcoef(first, other)[0, 1]) < 0.02 for other in others)
    assert not any(np.isin(first[:100], other).any() for other in others)
    assert (first.mean(), first.std()) == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))
    assert max(DPSGD().seeds()[0] for _ in range(9)) > 2**100


def test_the_noise_is_the_same_after_a_resume() -> None:
    trick, other = DPSGD(secret=2**100 + 3), DPSGD()
    trick.steps += 7
    other.load_state_dict(trick.state_dict())
    assert other.seeds() == (2**100 + 3,)
    assert np.array_equal(trick.stream().standard_normal(9), other.stream().standard_normal(9))


def test_an_epoch_has_as_many_batches_and_windows_start_where_other_tricks_say() -> None:
    samples = Rows()
    samples.patient = np.arange(len(samples)) // 5
    samples.room[:] = 1000
    trick = DPSGD(rate=0.5, windows=2, secret=0)
    batches = EpochBatches(EpochSampler(samples, 0, [trick, RandomCrop()]), 8)
    found = list(batches)
    assert len(found) == len(batches) == 5
    assert len({place.start for batch in found for place in batch}) > 20
    assert len({len(batch) for batch in found}) > 1
    assert found == list(batches)
    batches.sampler.set_epoch(1)
    assert found != list(batches)
    assert trick.generator_images(3) == 8


def test_a_batch_that_was_not_drawn_so_is_refused() -> None:
    trick, w = DPSGD(windows=2, secret=0), Linear()
    with pytest.raises(RuntimeError, match="did not draw this batch"):
        trick.discriminator_gradient(w, lambda _: w.w.sum(), torch.tensor([0, 0]))
    drawn(trick)
    for patients in ([0, 1], [0, 0, 0, 0], [0, 0, 1]):
        with pytest.raises(RuntimeError, match="trick=dp_sgd"):
            trick.discriminator_gradient(w, lambda _: w.w.sum(), torch.tensor(patients))


def test_what_was_spent_with_other_settings_is_not_counted_on() -> None:
    spent = DPSGD(noise=4.0).state_dict()
    DPSGD(noise=4.0).load_state_dict(spent)
    with pytest.raises(UserError, match="noise 4, now 8"):
        DPSGD(noise=8.0).load_state_dict(spent)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("noise", 0.0), ("clip", 0.0), ("rate", 1.1), ("windows", 0), ("every", 0), ("delta", 1.0), ("budget", -1)],
)
def test_settings_that_guarantee_nothing_are_refused(setting: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"trick\.dp_sgd\.{setting}="):
        DPSGD(**{setting: value})


def test_a_delta_that_allows_to_publish_a_person_is_refused() -> None:
    with pytest.raises(UserError, match="10 patients train"):
        drawn(DPSGD(delta=0.1))


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["architecture=cnn_slim"], "a discriminator with batch norm"),
        (["architecture=signal"], "a discriminator with batch spread.*spread=false"),
        (["loss=rpgan"], "loss=rpgan"),
        (["trick=[dp_sgd,r1_r2]"], "trick=r1_r2: a penalty"),
        (["trick=[spread_loss,dp_sgd]"], "trick=spread_loss: G would learn"),
        (["trick=[dp_sgd,d_threshold]"], "trick=d_threshold: real images would decide"),
        (["trick=[dp_sgd,balanced_sampler]"], "trick=balanced_sampler: epsilon holds for patients"),
        (["trick=[dp_sgd,under_sampling]"], "trick=under_sampling: epsilon holds for patients"),
        (["standardization=quantile_range"], "standardization=quantile_range: it is fitted"),
        (["standardization=equalized"], "standardization=equalized: it is fitted"),
        (["gan.reuse_fakes=true"], "gan.reuse_fakes=true: G would make"),
        (["gan=projection"], "gan=projection: G would make images of the classes"),
        (["gan=acgan", "dataset=ptbxl"], "several labels or attributes of gan=acgan: which of them occur together"),
        (["arrangement=frequency"], "arrangement=frequency: it is fitted"),
    ],
)
def test_what_would_break_the_guarantee_is_refused(overrides: list[str], said: str) -> None:
    with pytest.raises(UserError, match=f"trick=dp_sgd cannot go with {said}"):
        compose(composed(*PRIVATE, *overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["architecture=signal", "architecture.discriminator.spread=false", "trick=[dp_sgd,ema,random_crop]"],
        ["gan=acgan", "trick=[dp_sgd,label_smoothing]"],
    ],
)
def test_what_keeps_the_guarantee_is_accepted(overrides: list[str]) -> None:
    assert "dp_sgd" in compose(composed(*PRIVATE, *overrides)).gan.tricks


def run_facts(run: Path) -> dict:
    return json.loads((run / "run.json").read_text())


def test_a_killed_run_has_spent_what_an_uninterrupted_one_has(
    command: Callable[..., Path],
    killed_at: Callable[[int | None], None],  # noqa: F811
) -> None:
    settings = (*TINY, *PRIVATE, "trick=[dp_sgd,random_crop]", "trainer.max_epochs=3", "tracking=none")
    folder = command("run", *settings)
    whole = newest_run(folder)
    told = run_facts(whole)["differential_privacy"]
    updates = run_facts(whole)["steps"]
    assert told["updates"] == updates
    assert told["epsilon"] == pytest.approx(Accountant(4.0, 0.5, 1e-3).epsilon(updates))

    killed_at(updates * 2 // 3 + 1)
    with pytest.raises(SystemExit):
        command("run", *settings)
    killed_at(None)
    broken = newest_run(folder)
    assert broken != whole
    command("run", f"resume={broken}")
    assert run_facts(broken)["differential_privacy"] == told

    def last(run: Path) -> dict[str, Tensor]:
        return torch.load(max((run / "checkpoints").glob("step_*.ckpt")), weights_only=True)["state_dict"]

    ours, theirs = last(broken), last(whole)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert ours["tricks.dp_sgd.epsilon"] == told["epsilon"]
    report = (whole / "report.html").read_text()
    for words in ("one patient with all their recordings", f"{told['epsilon']:.3g}", "RDP (Opacus", "not covered"):
        assert words in report


def test_a_checkpoint_without_the_account_is_refused(
    command: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = newest_run(command("run", *TINY, *PRIVATE, "tracking=none"))
    path = max((run / "checkpoints").glob("step_*.ckpt"))
    stored = torch.load(path, weights_only=True)
    del stored["state_dict"]["tricks.dp_sgd.steps"]
    write_checkpoint(stored, path)
    with pytest.raises(SystemExit):
        command("run", f"resume={run}")


def test_training_stops_at_the_budget_also_after_a_resume(command: Callable[..., Path]) -> None:
    most = 4
    budget = Accountant(4.0, 0.5, 1e-3).epsilon(most) + 1e-6
    settings = (*PRIVATE, f"trick.dp_sgd.budget={budget}", "trainer.max_epochs=9", "tracking=none")
    run = newest_run(command("run", *TINY, *settings))
    assert run_facts(run)["steps"] == run_facts(run)["differential_privacy"]["updates"] == most
    assert run_facts(run)["differential_privacy"]["epsilon"] <= budget
    command("run", f"resume={run}")
    assert run_facts(run)["differential_privacy"]["updates"] == most


def test_a_step_in_which_nobody_is_drawn_adds_noise_all_the_same(command: Callable[..., Path]) -> None:
    run = newest_run(command("run", *TINY, *PRIVATE, "trick.dp_sgd.rate=0.001", "tracking=none", "seed=3"))
    assert run_facts(run)["differential_privacy"]["updates"] == run_facts(run)["steps"] > 2


def test_a_step_of_g_makes_the_batch_size_whoever_was_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    trick = DPSGD(windows=2, secret=0)
    drawn(trick, size=5)
    game, made = gan({"dp": trick}), []
    draw = game.draw_noise
    monkeypatch.setattr(GAN, "draw_noise", lambda self, count: made.append(count) or draw(count))
    game.draw_noise = lambda count: made.append(count) or draw(count)
    game.step_generator(images(), torch.zeros(6), game.configure_optimizers()[0])
    assert made == [5]


def test_g_learns_every_so_many_updates_of_d_for_the_same_epsilon(command: Callable[..., Path]) -> None:
    run = newest_run(command("run", *TINY, *PRIVATE, "tracking=none", "trick.dp_sgd.every=3", "trainer.max_epochs=2"))
    facts = run_facts(run)
    assert facts["steps"] > 6
    kept = torch.load(run / "checkpoints" / f"{facts['checkpoint']}.ckpt", weights_only=True)
    g, d = (optimizer["state"][0]["step"] for optimizer in kept["optimizer_states"])
    assert (int(g), int(d)) == (facts["steps"] // 3, facts["steps"])
    spent = facts["differential_privacy"]
    assert spent["epsilon"] == Accountant(spent["noise"], spent["rate"], spent["delta"]).epsilon(facts["steps"])
