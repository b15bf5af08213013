"""When training ends, and how many steps the run is told that it will have."""

import pytest

from ganlab.stopping.epochs import Epochs
from ganlab.stopping.steps import Steps
from tests.gan.test_gan import game, train


def test_epochs_times_batches_are_planned() -> None:
    gan = train(game(), 4, callbacks=[Epochs()], max_epochs=3)
    assert gan.planned_steps == gan.steps == 12


@pytest.mark.parametrize(("steps", "epochs", "done"), [(5, -1, 5), (5, 1, 4), (3, 2, 3)])
def test_the_first_end_is_the_one_that_is_planned(steps: int, epochs: int, done: int) -> None:
    gan = train(game(), 4, callbacks=[Steps(steps)], max_epochs=epochs)
    assert gan.steps == done
    assert gan.planned_steps == min(steps, 4 * epochs if epochs > 0 else steps)


def test_a_run_that_has_its_steps_stops_at_once() -> None:
    gan = game()
    gan.steps = 7
    assert train(gan, 4, callbacks=[Steps(7)], max_epochs=-1).steps <= 8
