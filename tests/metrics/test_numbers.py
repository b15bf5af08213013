import pytest
import yaml

from ganlab.evaluation.controls import CONTROLS
from ganlab.evaluation.hard_controls import HARD
from ganlab.metrics.numbers import FILE, number, numbers_of

METRICS = list(yaml.safe_load(FILE.read_text()))


@pytest.mark.parametrize("metric", METRICS)
def test_every_number_has_a_meaning_and_sees_controls_that_exist(metric: str) -> None:
    for name, each in numbers_of(metric).items():
        assert name.startswith(f"{metric}/")
        assert each.meaning
        assert set(each.sees) <= CONTROLS.keys() | HARD.keys()
        assert each.best is None or each.limits[0] <= each.best <= each.limits[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"meaning": "m", "beste": 1},
        {"unit": "mV"},
        {"meaning": "m", "best": "1"},
        {"meaning": "m", "limits": [0]},
        {"meaning": "m", "sees": [1]},
        {"meaning": "m", "unit": 1},
        {"meaning": "m", "best": 0, "worse": "up"},
    ],
)
def test_what_is_misspelt_or_missing_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"numbers.yaml, kid: mean: .*accepted are unit, meaning, best, worse, sees"):
        number("kid: mean", fields)


def test_words_in_braces_are_filled_in_and_blind_controls_left_out() -> None:
    auc = numbers_of("attack", "privacy/nearest_", {"copy"}, knows="a recording", blind_to="noise")[
        "privacy/nearest_auc"
    ]
    assert "knowing a recording; blind to noise" in auc.meaning
    assert auc.sees == ("noisy_copy",)
