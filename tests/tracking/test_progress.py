"""What a long run says before it begins."""

import logging
import time

import pytest
import torch

from ganlab.stopping.steps import Steps
from ganlab.tracking.progress import LONG_RUN, Progress, seconds_per_step
from ganlab.trick.r1_r2 import R1R2
from tests.gan.test_gan import game, train


def test_a_long_run_is_told_how_long_it_will_take_and_a_short_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ganlab")
    train(game(), 10, callbacks=[Steps(5), Progress(6, bar=False)], max_epochs=-1)
    assert "images/s" not in caplog.text
    train(game(), 10, callbacks=[Steps(LONG_RUN), Progress(6, bar=False)], max_epochs=-1)
    assert f"{LONG_RUN} steps of" in caplog.text
    assert "images/s" in caplog.text


def test_the_estimate_leaves_the_game_as_it_was() -> None:
    gan = game(tricks={"r1_r2": R1R2()})
    before = {key: value.clone() for key, value in gan.state_dict().items()}
    start = time.perf_counter()
    assert 0 < seconds_per_step(gan, 6) < time.perf_counter() - start
    assert all(torch.equal(value, before[key]) for key, value in gan.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in gan.parameters())
