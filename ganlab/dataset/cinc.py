"""The PhysioNet/CinC challenges 2020 and 2021: 12 leads, mostly 500 Hz, SNOMED CT codes in the headers.

Alday et al., Physiol. Meas. 41, 124003 (2020); Reyna et al., Computing in Cardiology (2021). The letters of a record's
name say where it comes from: A and Q (CPSC), I (St Petersburg), S (PTB), HR (PTB-XL), E (Georgia), JS (Chapman and
Ningbo). Headers of the first releases give two of them wrong gains, 4880 per mV to Georgia and 200 to PTB-XL. The
samples of both are whole microvolts: Georgia's are multiples of 4.88, and the headers of 2021 give 1000 per mV;
HR00599 has the values of PTB-XL's own record 599, whose gain is 1000.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from ganlab.core.record import Record
from ganlab.dataset.label_codes import Coded, declared_classes, label_of_codes
from ganlab.dataset.wfdb_header import PATIENT, comment_value, sex_and_age

RIGHT_GAIN = 1000.0
"""ADC units per mV: all records hold whole microvolts."""


class CinC(Coded):
    """Records below `root` with the classes of their SNOMED CT codes, sex and age.

    `labels` are codes by class, or a yaml file of these. The challenges publish no patients, so each record counts as a
    patient of its own. `wrong_gains` are gains by the letters of records' names, in whose place 1000 per mV is taken.
    """

    def __init__(
        self,
        root: str | Path,
        rate: float = 500.0,
        labels: str | Mapping[str, Sequence[str]] | None = None,
        wrong_gains: Mapping[str, float] | None = None,
        **settings: Any,
    ) -> None:
        self.codes = {} if labels is None else declared_classes(labels)
        self.wrong_gains = dict(wrong_gains or {})
        super().__init__(root, rate, tuple(self.codes), name="cinc", people="record", **settings)
        self.attributes = PATIENT

    def identity(self) -> dict[str, Any]:
        """Return all that the cached recordings depend on, as plain values."""
        return {**super().identity(), "wrong_gains": self.wrong_gains}

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, tuple[bool, ...]]:
        """Return the record's own name as its patient, and its codes, of which `_described` makes the label."""
        return name, comment_value(comments, "dx"), ()

    def _described(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        codes = [code.strip() for code in row["diagnosis"].split(",")]
        return {"diagnosis": "", "label": label_of_codes(codes, self.codes)}

    def attributes_of(self, name: str, comments: Sequence[str]) -> tuple[float, ...]:
        """Return sex and age, NaN where the header gives none."""
        return sex_and_age(comments)

    def read(self, name: str) -> tuple[Record, NDArray[Any]]:
        """Return one record, a gain that is known to be wrong replaced."""
        record, digital = super().read(name)
        wrong = self.wrong_gains.get(PurePosixPath(name).name.rstrip("0123456789"))
        gains = tuple(RIGHT_GAIN if gain == wrong else gain for gain in record.gain)
        return replace(record, gain=gains), digital
