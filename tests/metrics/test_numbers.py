import runpy

import pytest
import yaml

from ganlab.evaluation.controls import CONTROLS
from ganlab.metrics.base import WORSE
from ganlab.metrics.numbers import FILE, numbers_of
from tests.conftest import ROOT

HARD = runpy.run_path(str(ROOT / "scripts" / "faulty_sets.py"))["HARD"]
METRICS = list(yaml.safe_load(FILE.read_text()))


@pytest.mark.parametrize("metric", METRICS)
def test_every_number_has_a_meaning_and_sees_controls_that_exist(metric: str) -> None:
    for name, each in numbers_of(metric).items():
        assert name.startswith(f"{metric}/")
        assert each.meaning
        assert isinstance(each.unit, str)
        assert each.worse in (*WORSE, "")
        assert set(each.sees) <= CONTROLS.keys() | HARD.keys()
        assert each.best is None or each.limits[0] <= each.best <= each.limits[1]


def test_words_in_braces_are_filled_in_and_blind_controls_left_out() -> None:
    auc = numbers_of("attack", "privacy/nearest_", {"copy"}, knows="a recording", blind_to="noise")[
        "privacy/nearest_auc"
    ]
    assert "knowing a recording; blind to noise" in auc.meaning
    assert auc.sees == ("noisy_copy",)
