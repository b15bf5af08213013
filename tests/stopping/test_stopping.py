"""When training ends, and how many steps the run is told that it will have."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ganlab.core.errors import UserError
from ganlab.gan.projection import Projection
from ganlab.stopping.class_accuracy import ClassAccuracy
from ganlab.stopping.epochs import Epochs
from ganlab.stopping.steps import Steps
from tests.gan import test_acgan
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


def judged(stopping: ClassAccuracy, accuracies: list[tuple[float, float]]) -> tuple[list[int], list[bool]]:
    """The epochs whose checkpoints were kept, and after which training was told to end."""
    kept: list[int] = []
    trainer: Any = SimpleNamespace(default_root_dir="", should_stop=False, is_global_zero=True, current_epoch=0)
    trainer.save_checkpoint = lambda path, weights_only: kept.append(trainer.current_epoch)
    ended = []
    for epoch, (real, fake) in enumerate(accuracies):
        trainer.current_epoch = epoch
        means = {"epoch/accuracy/class_real": torch.tensor(real), "epoch/accuracy/class_synthetic": torch.tensor(fake)}
        module: Any = SimpleNamespace(means=SimpleNamespace(means=lambda means=means: means), steps=10 * (epoch + 1))
        stopping.on_train_epoch_end(trainer, module)
        ended.append(trainer.should_stop)
    return kept, ended


def test_the_epoch_in_which_d_tells_the_classes_best_is_chosen() -> None:
    stopping = ClassAccuracy(patience=2)
    kept, ended = judged(stopping, [(0.4, 0.3), (0.8, 0.6), (0.5, 0.9), (0.6, 0.7), (0.7, 0.6)])
    assert kept == [0, 1]
    assert ended == [False, False, False, True, True]
    facts = stopping.facts()["stopping"]
    assert facts["chosen_step"] == 20
    assert facts["why"] == "epoch 2 has the greatest accuracy of the class, 70.0 % on real and generated images"


def test_a_resumed_run_knows_its_best_epoch() -> None:
    first, second = ClassAccuracy(), ClassAccuracy()
    judged(first, [(0.9, 0.9)])
    second.load_state_dict(first.state_dict())
    assert judged(second, [(0.5, 0.5)]) == ([], [False])


def test_class_accuracy_is_refused_where_d_predicts_no_classes() -> None:
    for gan in (game(), test_acgan.game(kind=Projection)):
        with pytest.raises(UserError, match="gan=acgan"):
            train(gan, 1, callbacks=[ClassAccuracy()], max_epochs=1)
