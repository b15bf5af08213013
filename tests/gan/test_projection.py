"""The projection: D's logit with conditions, and who is given which. tests/gan/test_reference.py has the training."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from ganlab.dataset.samples import Batch
from ganlab.evaluation.reference import discriminator_score
from ganlab.gan.projection import Projection
from ganlab.loss.rpgan import RpGAN
from ganlab.metrics.base import SampleSet
from ganlab.trick.base import Trick
from tests.gan.test_acgan import CLASSES, LABEL, NOISE, game, images, windows
from tests.gan.test_conditions import KNOWN, MANY, conditions

ONE_HOT = torch.nn.functional.one_hot(LABEL, 3).float()


def projection(**settings: object) -> Projection:
    return game(RpGAN(), kind=Projection, **settings)  # type: ignore[return-value]


def test_without_conditions_the_logit_is_the_sources_and_each_adds_its_own() -> None:
    gan, shown = projection(), images(LABEL)
    source, projected = gan.discriminator.discriminate(shown)
    for none in (None, torch.zeros(len(shown), 3)):
        assert torch.equal(gan.discriminate(shown, none).source, source)
    torch.testing.assert_close(gan.discriminate(shown, ONE_HOT).source, source + projected[torch.arange(6), LABEL])
    several = torch.tensor([[1.0, 0.0, -2.0]]).expand(6, -1)
    torch.testing.assert_close(gan.discriminate(shown, several).source, source + projected[:, 0] - 2 * projected[:, 2])


def test_several_labels_and_attributes_are_given_and_an_unknown_one_is_the_mean() -> None:
    gan = Projection(*[torch.nn.Identity()] * 3, RpGAN(), noise=5, classes=CLASSES, conditions=conditions())
    batch = Batch(torch.zeros(2, 1), torch.from_numpy(MANY[[0, 6]]), torch.zeros(2), None, torch.tensor(KNOWN[:2]))
    target = gan.targets(batch)
    assert target.tolist() == [[1, 0, 1, target[0, 3].item()], [0, 1, 0, 0]]
    torch.testing.assert_close(target[0, 3], gan.conditions.standardized(torch.tensor(60.0))[0])
    assert torch.equal(gan._training_noise(2, target)[:, 5:], target)


def test_generated_images_of_a_step_have_the_classes_of_its_real_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    gan, given = projection(), []
    discriminate = gan.discriminate
    monkeypatch.setattr(gan, "discriminate", lambda shown, c: given.append(c) or discriminate(shown, c))
    gan.step_discriminator(images(LABEL), ONE_HOT, gan.configure_optimizers()[1])
    gan.step_generator(images(LABEL), ONE_HOT, gan.configure_optimizers()[0])
    assert len(given) == 4
    assert all(torch.equal(each, ONE_HOT) for each in given)


def test_g_and_d_learn_from_the_classes() -> None:
    gan = projection()
    gan.step_generator(images(LABEL), ONE_HOT, gan.configure_optimizers()[0])
    assert (gan.generator[0].weight.grad[:, NOISE:].abs().amax(dim=0) > 1e-6).all()
    gan.step_discriminator(images(LABEL), ONE_HOT, gan.configure_optimizers()[1])
    assert (gan.discriminator.heads.label.weight.grad.abs().amax(dim=1) > 1e-6).all()


def test_an_attack_with_d_gives_it_the_patients_classes() -> None:
    gan = projection()
    values = windows(LABEL).numpy()

    def scored(labels: np.ndarray | None) -> Tensor:
        return torch.from_numpy(discriminator_score(gan, batch_size=4)(SampleSet(values, labels)))

    with torch.no_grad():
        expected = gan.discriminate(gan.codec.picture(torch.from_numpy(values)), ONE_HOT).source
    torch.testing.assert_close(scored(LABEL.numpy()), expected)
    assert not torch.allclose(scored((LABEL.numpy() + 1) % 3), expected)


class Probe(Trick):
    """Keeps the logits that a penalty is given for images which the loss has not seen."""

    def penalty(self, discriminator: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, step: int) -> None:
        between = (real + fake) / 2
        self.between, self.logits = between, discriminator(between).detach()


def test_a_penalty_on_other_images_gets_their_logits_with_the_classes() -> None:
    probe = Probe()
    gan = projection(tricks={"probe": probe}, optimizer_d=lambda weights: torch.optim.SGD(weights, lr=0.0))
    gan.step_discriminator(images(LABEL), ONE_HOT, gan.configure_optimizers()[1])
    torch.testing.assert_close(probe.logits, gan.discriminate(probe.between, ONE_HOT).source.detach())
