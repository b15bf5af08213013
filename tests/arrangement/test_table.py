"""Columns in the cells of an image."""

import pytest
import torch

from ganlab.arrangement.table import Table
from ganlab.core.errors import UserError
from tests.arrangement.built import BINARY, CONTINUOUS, THYROID, arranged


def cells(name: str) -> list[list[str | None]]:
    """What stands where, read from an image whose pixels are the columns' numbers."""
    table = arranged(name)
    numbers = torch.arange(21.0)[None] + 1
    image = table.encode(numbers)[0, 0].tolist()
    return [[None if cell == -1 else THYROID[int(cell) - 1] for cell in row] for row in image]


def test_the_thesis_layout() -> None:
    layout = cells("thyroid")
    assert [name for row in layout[:2] for name in row[:3]] == list(CONTINUOUS)
    assert [name for row in layout[2:] for name in row[:3]] == list(BINARY)
    assert all(name is None for row in layout for name in row[3:])


@pytest.mark.parametrize("name", ["thyroid", "thyroid_split", "thyroid_rows"])
def test_layouts_are_7_by_7_and_keep_binary_columns_apart(name: str) -> None:
    layout = cells(name)
    assert [len(row) for row in layout] == [7] * 7
    mixed = [row for row in layout if len({cell in CONTINUOUS for cell in row if cell}) > 1]
    assert not mixed


def test_layouts_differ() -> None:
    names = ("thyroid", "thyroid_split", "thyroid_rows", "table")
    assert len({str(cells(name)) for name in names}) == 4


def test_without_a_layout_columns_fill_the_smallest_square() -> None:
    assert [Table("abcdefghijklmnopq"[:n]).shape[1] for n in (1, 2, 4, 5, 9, 10, 16, 17)] == [1, 2, 2, 3, 3, 4, 4, 5]
    assert Table(["a", "b", "c"]).encode(torch.tensor([[0.1, 0.2, 0.3]])).flatten().tolist() == pytest.approx(
        [0.1, 0.2, 0.3, -1]
    )


def test_null_cells_are_left_out_but_counted_where_their_level_is_not_0() -> None:
    table = Table(["a"], [["a", None], [None, None]])
    image = torch.tensor([[0.5, -1.0], [-1 + 0.49 / 127.5, -1 + 0.51 / 127.5]]).view(1, 1, 2, 2)
    assert table.decode(image).tolist() == [[0.5]]
    table.count_decoded(image, table.decode(image))
    table.count_decoded(torch.full((1, 1, 2, 2), -1.5), torch.zeros(1, 1))
    assert table.counts() == {"null_not_zero": 1 / 6}


@pytest.mark.parametrize(
    ("columns", "layout", "said"),
    [
        ("ab", [["a", None]], "missing: b"),
        ("ab", [["a", "b"], ["x", None]], "unknown: x"),
        ("ab", [["a", "b"], ["b", None]], "double: b"),
        ("ab", [["a", "b"], [None]], "different lengths: 2 1"),
        ("ab", [], "missing: a b"),
        ("aa", None, "different columns"),
        ("", None, "different columns"),
    ],
)
def test_layouts_that_lose_something_are_refused(columns: str, layout: list[list[str | None]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Table(columns, layout)
