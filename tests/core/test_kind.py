"""What differs by kind of sample."""

import numpy as np
import pytest

from ganlab.core.kind import Column, Image, Kind, Row, Window, of_kind

WINDOW = Window(("i", "ii"), 500.0, 2025)
ROW = Row((Column("age", 0, 1), Column("sex", binary=True), Column("count", whole=True)))
IMAGE = Image((3, 4, 5))


@pytest.mark.parametrize(
    ("kind", "shape", "parts", "leads"),
    [
        (WINDOW, (2, 2025), ("i", "ii"), ("i", "ii")),
        (ROW, (3,), ("age", "sex", "count"), ()),
        (IMAGE, (3, 4, 5), ("red", "green", "blue"), ()),
        (Image((1, 4, 5)), (1, 4, 5), ("grey",), ()),
    ],
)
def test_shape_parts_and_leads(kind: Kind, shape: tuple[int, ...], parts: tuple[str, ...], leads: object) -> None:
    assert (kind.shape, kind.parts, kind.leads) == (shape, parts, leads)


def test_values_are_limited_as_decoded_samples_are() -> None:
    far = np.array([[-2.0, 0.4, 2.6], [3.0, 7.0, -2.4]])
    np.testing.assert_array_equal(ROW.limited(far), np.array([[0, 0, 3], [1, 1, -2]], np.float32))
    np.testing.assert_array_equal(IMAGE.limited(100 * far), np.clip(100 * far, 0, 255).astype(np.float32))
    np.testing.assert_array_equal(WINDOW.limited(far), far.astype(np.float32))


def test_another_kind_is_refused() -> None:
    assert (of_kind(WINDOW, Window), of_kind(ROW, Row), of_kind(IMAGE, Image)) == (WINDOW, ROW, IMAGE)
    for wanted, other in ((Window, ROW), (Row, IMAGE), (Image, WINDOW)):
        with pytest.raises(TypeError, match="is needed"):
            of_kind(other, wanted)
