"""Conditions of a generator: classes, combinations of classes, attributes."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ganlab.core.errors import UserError
from ganlab.dataset.samples import Batch
from ganlab.gan.acgan import ACGAN
from ganlab.gan.conditions import ROWS, Conditions
from ganlab.loss.bce import BCE

CLASSES = ("NORM", "MI", "SR")
NAMES = ("age (years)", "heart_rate (1/min)")
MANY = np.array([[1, 0, 1]] * 6 + [[0, 1, 0]] * 3 + [[0, 0, 0]] * 1, bool)
KNOWN = np.array([[20 + 5 * n, np.nan if n % 2 else 60 + n] for n in range(10)], np.float32)


def conditions(many: bool = True, attributes: tuple[str, ...] = ("heart_rate",)) -> Conditions:
    made = Conditions(CLASSES, many, NAMES, attributes)
    made.fit(MANY if many else MANY.argmax(1), KNOWN)
    return made


def drawn(made: Conditions, count: int = 4000, **given: object) -> Tensor:
    return made.draw(count, torch.device("cpu"), torch.Generator().manual_seed(0), **given)  # type: ignore[arg-type]


def in_own_units(made: Conditions, given: torch.Tensor) -> torch.Tensor:
    return given[:, len(made.classes) :] * made.deviation + made.mean


def test_combinations_are_drawn_as_in_training() -> None:
    labels = conditions().labels_of(drawn(conditions()))
    assert labels is not None
    kinds, counts = labels.unique(dim=0, return_counts=True)
    assert kinds.tolist() == [[False] * 3, [False, True, False], [True, False, True]]
    np.testing.assert_allclose(counts / 4000, [0.1, 0.3, 0.6], atol=0.03)


def test_attributes_are_drawn_as_in_training_whatever_is_unknown() -> None:
    made = conditions(attributes=("heart_rate", "age (years)"))
    assert made.attributes == ("heart_rate (1/min)", "age (years)")
    values = in_own_units(made, drawn(made))
    assert ((values >= torch.tensor([59.9, 19.9])) & (values <= torch.tensor([68.1, 65.1]))).all()
    known = KNOWN[np.isfinite(KNOWN[:, 1]), 1]
    assert values[:, 0].mean() == pytest.approx(known.mean(), abs=0.2)
    standardized = drawn(made)[:, 3:]
    assert standardized.std(0).tolist() == pytest.approx([1, 1], abs=0.2)


@pytest.mark.parametrize("many", [False, True])
def test_what_is_given_is_taken(many: bool) -> None:
    made = conditions(many)
    given = drawn(made, 3, label=1, attributes={"heart_rate": 80.0})
    labels = made.labels_of(given)
    assert labels is not None
    assert labels.tolist() == ([[False, True, False]] * 3 if many else [1] * 3)
    torch.testing.assert_close(in_own_units(made, given), torch.full((3, 1), 80.0))


def test_several_classes_are_given_at_once() -> None:
    label = (True, False, True)
    assert drawn(conditions(attributes=()), 2, label=label).tolist() == [[1, 0, 1]] * 2


@pytest.mark.parametrize(
    ("many", "given", "words"),
    [
        (True, {"label": 3}, r"label=3: accepted are 0 \(NORM\), 1 \(MI\), 2 \(SR\), or several of them"),
        (False, {"label": (True, False, True)}, "label=NORM;SR: accepted are 0"),
        (True, {"attributes": {"age": 3}}, r"attribute age: accepted are heart_rate \(1/min\)"),
    ],
)
def test_what_was_not_trained_is_refused(many: bool, given: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        drawn(conditions(many), 2, **given)


def test_an_attribute_that_says_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"heart_rate \(1/min\) has 1 value\(s\) in 10 of 10"):
        conditions().fit(MANY, np.full((10, 2), 60, np.float32))
    with pytest.raises(UserError, match="attribute weight: accepted are age"):
        Conditions(CLASSES, True, NAMES, ("weight",))


def test_a_single_label_needs_no_state() -> None:
    assert not Conditions(CLASSES).state_dict()
    assert not Conditions(CLASSES).fitted
    assert conditions().combinations.shape == (ROWS, 3)


class Fixed(nn.Module):
    """A discriminator that predicts the same of every image: three classes, and an attribute."""

    def __init__(self, *predicted: float) -> None:
        super().__init__()
        self.predicted = nn.Parameter(torch.tensor(predicted or (2.0, 0.0, -1.0, 0.5)))

    def discriminate(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self.predicted[0].expand(len(image)), self.predicted.expand(len(image), -1)


def test_each_class_has_a_sigmoid_and_unknown_attributes_cost_nothing() -> None:
    made = conditions()
    gan = ACGAN(nn.Identity(), Fixed(), nn.Identity(), BCE(), noise=5, classes=CLASSES, conditions=made)
    assert (gan.latent, gan.many_labels) == (9, True)
    label = torch.from_numpy(MANY[[0, 6]])
    batch = Batch(torch.zeros(2, 1), label, torch.zeros(2), attributes=torch.from_numpy(KNOWN[[0, 1]]))
    on_real = gan.discriminate(batch.sample)
    noise = gan.draw_noise(2, torch.Generator().manual_seed(0), (True, False, False), heart_rate=made.mean.item())
    terms, logs = gan.discriminator_terms(on_real, on_real, gan.targets(batch), noise)
    p = torch.tensor([2.0, 0.0, -1.0]).sigmoid()
    torch.testing.assert_close(logs["loss/class_real"], -torch.where(label, p, 1 - p).log().mean())
    expected = (0.5 - made.standardized(torch.tensor([[60.0]]))).square().squeeze()
    torch.testing.assert_close(logs["loss/attributes_real"], expected)
    torch.testing.assert_close(logs["loss/attributes_synthetic"], torch.tensor(0.25))
    assert logs["accuracy/class_real"] == ((p > 0.5) == label).float().mean()
    torch.testing.assert_close(terms[0].detach(), sum(value for name, value in logs.items() if "loss" in name))


def test_attributes_alone_are_a_condition() -> None:
    alone = Conditions((), False, NAMES, ("age",))
    gan = ACGAN(nn.Identity(), Fixed(0.5), nn.Identity(), BCE(), noise=5, conditions=alone)
    alone.fit(np.zeros(10, np.int64), KNOWN)
    assert gan.labels_of(gan.draw_noise(3)) is None
    torch.testing.assert_close(in_own_units(alone, gan.draw_noise(3, age=40.0)[:, 5:]), torch.full((3, 1), 40.0))
    batch = Batch(torch.zeros(2, 1), torch.zeros(2, dtype=torch.long), torch.zeros(2), None, torch.tensor(KNOWN[:2]))
    on_real = gan.discriminate(batch.sample)
    assert set(gan.discriminator_terms(on_real, on_real, gan.targets(batch), gan.draw_noise(2))[1]) == {
        "loss/attributes_real",
        "loss/attributes_synthetic",
    }
    with pytest.raises(UserError, match="two or more classes"):
        ACGAN(nn.Identity(), Fixed(), nn.Identity(), BCE(), noise=5)
