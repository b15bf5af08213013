"""The ECG-ID database: lead I of 90 people, 20 s at 500 Hz, several recordings each, some of them months apart.

Lugovaya, Biometric human identification based on electrocardiogram (2005), PhysioNet. A patient's folder holds the
records `rec_1`, `rec_2`, ..., each with the raw and the filtered signal.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from ganlab.core.errors import BadRecord
from ganlab.core.record import Record
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.wfdb_header import PATIENT, comment_value, sex_and_age
from ganlab.dataset.wfdb_signals import read_header

SIGNALS = {False: "ecg i", True: "ecg i filtered"}
"""Names of the raw and the filtered signal."""
DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})")


class ECGID(WFDB):
    """Records below `root` as lead i, raw or `filtered`, with sex and age; their patient is the folder.

    A record is called `Person_01/2004-12-07 rec_01`, so that a patient's recordings in the order of their names are in
    that of their dates: the linkage attack takes the last one by name for the attacker's.
    """

    def __init__(self, root: str | Path, rate: float = 500.0, filtered: bool = False, **settings: Any) -> None:
        super().__init__(root, rate, name="ecgid", people="folder", **settings)
        self.signal = SIGNALS[filtered]
        self.attributes = PATIENT

    def identity(self) -> dict[str, Any]:
        """Return all that the cached recordings depend on, as plain values."""
        return {**super().identity(), "signal": self.signal}

    def describe(self) -> None:
        """Return None: headers have a part in what is known of a record."""

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, int]:
        """Return the folder as the record's patient, no diagnosis and no label."""
        return PurePosixPath(name).parts[0], "", 0

    def attributes_of(self, name: str, comments: Sequence[str]) -> tuple[float, ...]:
        """Return sex and age, NaN where the header gives none."""
        return sex_and_age(comments)

    def read(self, name: str) -> tuple[Record, NDArray[Any]]:
        """Return the chosen signal of a record as lead i, under a name with its date."""
        record, digital = super().read(name)
        if self.signal not in record.leads:
            why = record.unusable.get(self.signal, f"there is none; it has {', '.join(record.leads)}")
            raise BadRecord(name, f"cannot use its signal {self.signal!r}: {why}")
        at = record.leads.index(self.signal)
        one = replace(
            record,
            name=self._dated(name),
            leads=("i",),
            gain=record.gain[at : at + 1],
            baseline=record.baseline[at : at + 1],
            units=record.units[at : at + 1],
            unusable={},
            segments=tuple(each._replace(lead="i") for each in record.segments if each.lead == self.signal),
        )
        return one, digital[at : at + 1]

    def _dated(self, name: str) -> str:
        path = PurePosixPath(name)
        date = DATE.fullmatch(comment_value(read_header(self.root, name).comments, "ecg date"))
        if date is None:
            raise BadRecord(name, "no date in its header; accepted is a line such as # ECG date: 07.12.2004")
        stem, _, number = path.name.rpartition("_")
        return f"{path.parent}/{date[3]}-{date[2]}-{date[1]} {stem}_{number:>02}"
