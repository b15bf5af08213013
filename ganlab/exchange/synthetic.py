"""Synthetic samples of any tool as they are read, and the request that they must meet."""

import hashlib
import logging
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.errors import UserError
from ganlab.core.kind import RATES_HZ, Array, Kind
from ganlab.core.labels import Labels
from ganlab.core.names import repeated

log = logging.getLogger(__name__)

Values = Array | Sequence[Array]
"""One array per sample: all of one shape, or recordings of any length."""

LISTED = 5
"""Names in a message."""


@dataclass(frozen=True)
class Request:
    """What a real sample is, the names of its classes, and what the user says about the synthetic samples.

    `leads` names those of an array, or picks some of files that name theirs; `rate` is in Hz; `unit` is that of the
    values of an array of windows; `on_bad`, error or skip, is about samples that cannot be used. With
    `many_labels` a sample may be of several classes.
    """

    kind: Kind
    classes: Sequence[str] = ()
    leads: Sequence[str] | None = None
    rate: float | None = None
    unit: str | None = None
    on_bad: str = "error"
    many_labels: bool = False

    def __post_init__(self) -> None:
        if self.on_bad not in ("error", "skip"):
            raise UserError(f"on_bad={self.on_bad}: accepted are error and skip.")
        low, high = RATES_HZ
        if self.rate is not None and not (
            isinstance(self.rate, int | float) and not isinstance(self.rate, bool) and low <= self.rate <= high
        ):
            raise UserError(f"rate={reprlib.repr(self.rate)}: accepted is a number of Hz from {low:g} to {high:g}.")
        if self.unit is not None and not isinstance(self.unit, str):
            raise UserError(f"unit={reprlib.repr(self.unit)}: accepted is a text such as uV.")
        leads = [str(lead).lower() for lead in self.leads or ()]
        if twice := repeated(leads):
            raise UserError(f"leads={','.join(leads)}: {', '.join(twice)} occurs twice.")


@dataclass(frozen=True)
class Selected(Sequence[Array]):
    """The samples at `rows` of a sequence, each read and changed when it is indexed."""

    samples: Values
    rows: NDArray[np.int64]
    change: Callable[[Array], Array] = np.asarray

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        return self.change(self.samples[self.rows[index]])


@dataclass(frozen=True)
class Synthetic:
    """Samples as they were read: `values` holds one array per sample, windows `(leads, samples)` in mV.

    The lengths of recordings may differ; `kind` holds leads and rate. `labels` are indices of classes, `facts` what a
    report says about the file, `patients` numbers `(N,)` of the patients where some have several samples.
    """

    kind: Kind
    values: Values
    labels: Labels | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    patients: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[np.int64]) -> "Synthetic":
        """Return the samples at these rows, with their labels."""
        values = self.values[rows] if isinstance(self.values, np.ndarray) else Selected(self.values, rows)
        labels, patients = (None if each is None else each[rows] for each in (self.labels, self.patients))
        return replace(self, values=values, labels=labels, patients=patients)

    def digest(self) -> str:
        """Return the SHA-256 of the values in their order, and of the labels."""
        digest = hashlib.sha256(repr((self.kind, len(self.values))).encode())
        for sample in self.values:
            digest.update(np.ascontiguousarray(sample, np.float32).data)
        digest.update(b"" if self.labels is None else self.labels.tobytes())
        return digest.hexdigest()


Reader = Callable[[Path, Request], Synthetic]


def refuse_or_count(path: Path, bad: Sequence[str], on_bad: str) -> None:
    """Raise UserError where samples cannot be used, unless they are to be skipped: then log how many."""
    if not bad:
        return
    more = f" and {len(bad) - LISTED} more" if len(bad) > LISTED else ""
    message = f"synthetic={path}: {len(bad)} cannot be used: {'; '.join(bad[:LISTED])}{more}."
    if on_bad == "error":
        raise UserError(f"{message} on_bad=skip leaves them out and counts them.")
    log.warning("%s They are left out.", message)


def refuse_contradiction(name: str, given: object, stored: object, path: Path) -> None:
    """Raise UserError where the request and the file say different things."""
    if given is not None and stored is not None and given != stored:
        raise UserError(f"{name}={given}: {path} says {stored}. Leave {name} out, or correct the file.")
