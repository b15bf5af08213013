"""Rows of a table to levels and back, as the thesis' tables have them."""

import math

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from ganlab.core.errors import UserError
from ganlab.core.kind import Column
from ganlab.standardization.min_max import MinMax
from tests.conftest import DATA, ROOT

CONTINUOUS = ("Age", "TSH", "T3", "TT4", "T4U", "FTI")
TABLE_6_2 = [
    [192, 9, 70, 104, 77, 143],
    [62, 4, 149, 127, 170, 105],
    [123, 25, 117, 86, 166, 76],
    [168, 12, 80, 61, 92, 83],
    [59, 4, 128, 123, 92, 150],
    [181, 4, 75, 70, 55, 120],
    [223, 4, 112, 112, 117, 118],
    [125, 27, 96, 70, 70, 107],
]
"""Levels of CONTINUOUS that the thesis prints for the rows of its Table 4.1."""
SEX = [1, 1, 1, 255, 1, 255, 255, 255]


def thyroid_columns() -> dict:
    return OmegaConf.load(ROOT / "conf" / "dataset" / "thyroid.yaml").columns


def rows_of_table_4_1() -> Tensor:
    """The file's first eight rows, which the thesis prints with TSH 0.00025 as 0.0003 and 0.00208 as 0.0021."""
    file = DATA / "thyroid" / "ann-train.data"
    if not file.is_file():
        pytest.skip(f"no {file}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    lines = file.read_text().splitlines()[:8]
    return torch.tensor([[float(value) for value in line.split(",")[:21]] for line in lines])


def levels(levels: int | None) -> Tensor:
    standardization = MinMax(thyroid_columns(), levels)
    level = standardization.encode(rows_of_table_4_1()).level
    return level[:, [[c.name for c in standardization.columns].index(name) for name in (*CONTINUOUS, "Sex")]]


def test_the_rows_of_table_4_1_are_those_of_table_6_2() -> None:
    level = levels(256)
    assert level[:, :6].tolist() == TABLE_6_2
    assert level[:, 6].tolist() == SEX


def test_the_floor_that_eq_6_1_prints_gives_33_of_its_48_numbers() -> None:
    floor = torch.floor(levels(None)[:, :6].double() + 1e-4)
    assert int((floor == torch.tensor(TABLE_6_2)).sum()) == 33


A_AND_B = (Column("a", low=-2.0, high=3.0), Column("b", binary=True), Column("c", low=0, high=10, whole=True))


def test_limits_are_1_and_255_and_what_lies_beyond_saturates_and_is_counted() -> None:
    rows = torch.tensor([[-2.0, 0, 0], [3.0, 1, 10], [-2.5, 0, 0], [99.0, 1, 11]])
    encoded = MinMax(A_AND_B).encode(rows)
    assert encoded.level.tolist() == [[1, 1, 1], [255, 255, 255], [1, 1, 1], [255, 255, 255]]
    assert int(encoded.saturated) == 3


@pytest.mark.parametrize("levels", [256, None])
def test_decoding_undoes_encoding(levels: int | None) -> None:
    pair = MinMax(A_AND_B, levels)
    draw = torch.Generator().manual_seed(0)
    a, c = torch.rand(200, generator=draw) * 5 - 2, torch.randint(0, 11, (200,), generator=draw)
    rows = torch.stack([a, (a > 0).float(), c.float()], dim=1)
    back = pair.decode(pair.encode(rows).level)
    assert torch.equal(back[:, 1:], rows[:, 1:])
    assert (back - rows)[:, 0].abs().max() <= (5 / 254 / 2 + 1e-6 if levels else 1e-5)
    assert pair.counts() == {"binary_in_between": 0, "value_null": 0}


def test_a_generated_binary_takes_the_nearer_end_and_those_in_between_are_counted_before() -> None:
    pair = MinMax(A_AND_B)
    rows = pair.decode(torch.tensor([[9.0, b, 9.0] for b in (0.4, 0.6, 1.4, 100.0, 127.9, 128.1, 254.4, 254.6)]))
    assert rows[:, 1].tolist() == [0, 0, 0, 0, 0, 1, 1, 1]
    assert pair.counts()["binary_in_between"] == 5 / 8


def test_a_generated_value_without_a_level_is_the_low_limit_and_is_counted() -> None:
    pair = MinMax(A_AND_B)
    rows = pair.decode(torch.tensor([[0.0, 1.0, 0.3], [1.0, 1.0, 0.6]]))
    assert rows[:, 0].tolist() == [-2, -2]
    assert rows[:, 2].tolist() == [0, 0]
    assert pair.counts()["value_null"] == 2 / 4


def test_limits_that_are_not_given_are_those_of_the_training_rows_and_stay_in_the_checkpoint() -> None:
    mapping = {
        "open": {},
        "half": {"high": 8.0},
        "given": {"low": 0.0, "high": 1.0},
        "same": None,
        "flag": {"binary": True},
    }
    pair = MinMax(mapping)
    with pytest.raises(RuntimeError, match="fit"):
        pair.encode(torch.zeros(1, 5))
    rows = torch.tensor([[4.0, 2.0, 0.25, 7.0, 0.0], [6.0, 4.0, 0.5, 7.0, 0.0]])
    pair.fit(rows)
    assert pair.limits.tolist() == [[4, 2, 0, 7, 0], [6, 8, 1, 7, 1]]
    again = MinMax(mapping)
    again.load_state_dict(pair.state_dict())
    level = again.encode(rows).level
    assert level.tolist() == [[1, 1, round(0.25 * 254 + 1), 1, 1], [255, round(254 / 3 + 1), 128, 1, 1]]
    assert not level.isnan().any()
    assert torch.allclose(again.decode(level), rows, atol=0.02)
    pair.fit(rows + 1)
    assert pair.limits[:, 0].tolist() == [5, 7]


def test_every_thyroid_row_of_class_3_comes_back_within_half_a_level() -> None:
    from ganlab.dataset.thyroid import Thyroid

    if not (DATA / "thyroid").is_dir():
        pytest.skip(f"no {DATA / 'thyroid'}: set GANLAB_TEST_DATA to the folder that holds thyroid")
    source = Thyroid(DATA / "thyroid", thyroid_columns())
    rows = source.collect(source.plain()).judged.spread(10_000).sample
    pair = MinMax(thyroid_columns())
    encoded = pair.encode(rows)
    back = pair.decode(encoded.level)
    assert len(rows) == 6502
    assert int(encoded.saturated) == 0
    assert encoded.level.min() == 1
    assert ((back - rows).abs() <= pair.step() * (0.5 + 1e-3)).all()
    assert torch.equal(back[:, 1:16], rows[:, 1:16])
    assert math.isclose(float(encoded.level.max()), 255)


def test_unknown_levels_are_refused() -> None:
    with pytest.raises(UserError, match="256"):
        MinMax(A_AND_B, levels=16)
