"""What a long run says of its length."""

import logging

import pytest

from ganlab.gan.gan import GAN
from ganlab.stopping.steps import Steps
from ganlab.trainer import progress
from ganlab.trainer.progress import LONG_RUN, WARM_UP, Progress
from tests.gan.test_gan import game, train


@pytest.mark.parametrize("steps", [LONG_RUN - 1, LONG_RUN])
def test_a_long_run_is_told_how_long_it_takes_and_a_short_one_is_not(
    steps: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own steps, whatever tricks add to them: each takes 2 s here, and the first ones 100 s."""
    caplog.set_level(logging.INFO, "ganlab")
    gan, clock = game(), [0.0]
    update = gan.step_discriminator

    def slow(*arguments: object) -> object:
        clock[0] += 100 if gan.steps < WARM_UP else 2
        return update(*arguments)

    def now(module: GAN) -> float:
        return clock[0]

    gan.step_discriminator = slow
    monkeypatch.setattr(progress, "_now", now)
    train(gan, 10, callbacks=[Steps(steps), Progress(6, bar=False)], max_epochs=-1)
    said = "190 steps of 6 images on cpu are left: about 0:06:20 (3 images/s)"
    assert caplog.text.count("images/s") == caplog.text.count(said) == (steps == LONG_RUN)
