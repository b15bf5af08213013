"""Labels of samples: the class of each, or for each class whether the sample is of it.

A data set with one label a sample has the index of its class, `(N,)`; one with several has a multi-hot row, `(N, C)` of
bool. What differs between the two is in these functions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.names import spelled

Label = int | tuple[bool, ...]
"""Index of a sample's class, or for each class whether the sample is of it."""
Labels = NDArray[Any]
"""Labels of N samples: indices `(N,)` of int64, or `(N, C)` of bool."""
SEPARATOR = ";"
"""Between the names of several classes, in a table's cell or on the command line."""
NO_CLASS = "no class"
NO_LABEL = -1
"""Label of a record whose class nobody states: it is left out where classes are declared."""


def label_array(labels: Sequence[Label]) -> Labels:
    """Return labels as an array: `(N,)` of int64, or `(N, C)` of bool."""
    several = bool(labels) and isinstance(labels[0], tuple)
    return np.array(labels, dtype=np.bool_ if several else np.int64)


def attribute_array(attributes: Sequence[tuple[float, ...]]) -> NDArray[np.float32]:
    """Return the attributes of N samples, `(N, A)`, NaN where unknown."""
    return np.array(attributes, np.float32) if attributes else np.empty((0, 0), np.float32)


def of_class(labels: Any, index: int) -> Any:
    """Return which samples are of a class, `(N,)`; `labels` are an array or a tensor."""
    return labels[:, index] if labels.ndim == 2 else labels == index


def present(labels: Labels) -> list[int]:
    """Return the classes that samples are of, in their order."""
    return (np.flatnonzero(labels.any(axis=0)) if labels.ndim == 2 else np.unique(labels)).tolist()


def strata(labels: Labels) -> NDArray[np.int64]:
    """Return one class of each sample, `(N,)`: its own, or of several the rarest; C for a sample of none.

    Splits and samplers divide by it: a rare class is then on every side, whatever it comes with.
    """
    if labels.ndim == 1:
        return labels
    rank = np.argsort(labels.sum(axis=0), kind="stable")
    rarest = rank[labels[:, rank].argmax(axis=1)] if labels.shape[1] else np.zeros(len(labels), np.int64)
    return np.where(labels.any(axis=1), rarest, labels.shape[1])


def class_names(label: Any, classes: Sequence[str]) -> str:
    """Return the names of a sample's classes, such as `NORM;SR`, given its index or its multi-hot row."""
    if np.ndim(label) == 0:
        return classes[int(label)]
    return SEPARATOR.join(name for name, own in zip(classes, label, strict=True) if own)


def names_in(text: str) -> list[str]:
    """Return the names in a text such as `NORM;SR`."""
    return [name.strip() for name in text.split(SEPARATOR) if name.strip()]


def multi_hot(text: str, classes: Sequence[str]) -> tuple[bool, ...]:
    """Return the label of names such as `NORM;SR`; all false for an empty text. Raises ValueError for another name."""
    names, places = names_in(text), spelled(classes)
    if unknown := [name for name in names if name not in places]:
        raise ValueError(", ".join(map(repr, unknown)))
    own = {places[name] for name in names}
    return tuple(place in own for place in range(len(classes)))
