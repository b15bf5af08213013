"""Windows of so many seconds: the side of the image and its padding follow."""

import logging

import pytest

from ganlab.compose import compose, plain_values
from ganlab.core.errors import UserError
from tests.test_conf import ROWS, composed

SMALL = ("architecture=signal", "architecture.width=0.1", "tracking=none")


@pytest.mark.parametrize(
    ("overrides", "shape", "samples", "words"),
    [
        (("window_seconds=2",), (1, 40, 50), 2000, "2000 samples in 40 x 50 pixels"),
        (("window_seconds=1.009", "arrangement=rgb"), (3, 32, 32), 1009, "32 x 32 pixels, 15 pixels of each lead are"),
        (("window_seconds=6", "arrangement=stripes"), (1, 75, 80), 2000, "2000 samples in 75 x 80"),
        (("window_seconds=6", "arrangement=squares"), (1, 90, 90), 2000, "700 pixels of each lead are padding"),
        (("window_seconds=10", "arrangement=hilbert"), (1, 100, 100), 10000, "10000 samples in 100 x 100"),
    ],
)
def test_the_side_follows_the_seconds(
    overrides: tuple[str, ...],
    shape: tuple[int, int, int],
    samples: int,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    cfg = composed(*SMALL, *overrides)
    experiment = compose(cfg)
    arrangement = experiment.networks.arrangement
    assert (arrangement.shape, arrangement.samples) == (shape, samples)
    assert words in caplog.text
    assert experiment.gan.sample(2).shape == (2, len(arrangement.leads), samples)
    kept = experiment.config["arrangement"]
    assert [kept["samples"], kept["side"]] == [samples, shape[1] if shape[1] == shape[2] else [*shape[1:]]]
    assert compose(cfg).config == plain_values(cfg) == experiment.config


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ((*ROWS, "window_seconds=2"), "window_seconds=2: accepted are seconds above 0.*recordings; dataset=thyroid"),
        (("window_seconds=-1",), "window_seconds=-1"),
        (("window_seconds=0.0001",), "less than one sample at 1000 Hz"),
        (("window_seconds=2", "architecture=cnn"), "architecture=cnn makes 45x45 images; this arrangement has 40x50"),
        (("window_seconds=2", "arrangement.leads=[i,i]"), "different leads"),
    ],
)
def test_windows_that_cannot_be_are_refused(overrides: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        compose(composed("tracking=none", *overrides))


def test_without_it_the_papers_window_stays() -> None:
    experiment = compose(composed(*SMALL))
    assert experiment.networks.arrangement.shape == (1, 45, 45)
    assert experiment.config["arrangement"]["side"] == 45
