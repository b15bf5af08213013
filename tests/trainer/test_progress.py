"""What a long run says of its length and, where no bar shows it, of how far it is."""

import logging
import re

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


def test_a_batch_job_logs_a_line_a_minute(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO, "ganlab")
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    train(game(), 10, callbacks=[Steps(3), Progress(6)], max_epochs=-1)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("step ")]
    assert len(lines) == 3
    assert re.fullmatch(r"step 1 of 3, about .* s left, epoch 1: loss/D \S+, loss/G \S+", lines[0])
    monkeypatch.setattr(progress, "EVERY_S", 60.0)
    caplog.clear()
    train(game(), 10, callbacks=[Steps(3), Progress(6, bar=False)], max_epochs=-1)
    assert "step " not in caplog.text
