"""Labels: one class a sample, or several."""

import numpy as np
import pytest

from ganlab.core.labels import attribute_array, class_names, label_array, multi_hot, of_class, present, strata

CLASSES = ("NORM", "MI", "CD")
MANY = label_array([(True, False, False), (True, False, True), (False, False, False), (True, True, True)])


def test_one_label_stays_an_index() -> None:
    one = label_array([2, 0, 2])
    assert (one.dtype, one.shape, label_array([]).dtype) == (np.int64, (3,), np.int64)
    assert (of_class(one, 2).tolist(), present(one)) == ([True, False, True], [0, 2])
    assert strata(one) is one
    assert class_names(one[0], CLASSES) == "CD"


def test_several_labels_are_a_row() -> None:
    assert (MANY.dtype, MANY.shape) == (np.bool_, (4, 3))
    assert (of_class(MANY, 2).tolist(), present(MANY)) == ([False, True, False, True], [0, 1, 2])
    assert present(MANY[:2]) == [0, 2]
    assert [class_names(row, CLASSES) for row in MANY] == ["NORM", "NORM;CD", "", "NORM;MI;CD"]


def test_the_stratum_is_the_rarest_class_and_none_has_one_of_its_own() -> None:
    assert strata(MANY).tolist() == [0, 2, 3, 1]


def test_names_are_read_back() -> None:
    assert [multi_hot(class_names(row, CLASSES), CLASSES) for row in MANY] == [tuple(row) for row in MANY.tolist()]
    assert multi_hot(" MI ; NORM;", CLASSES) == (True, True, False)
    with pytest.raises(ValueError, match="'SR'"):
        multi_hot("NORM;SR", CLASSES)


def test_attributes_keep_what_is_unknown() -> None:
    assert attribute_array([(60.0, float("nan")), (70.0, 1.0)]).shape == (2, 2)
    assert attribute_array([(), ()]).shape == (2, 0)
    assert attribute_array([]).shape == (0, 0)
