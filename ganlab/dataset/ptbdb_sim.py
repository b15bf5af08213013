"""A simulated cohort with the leads, rate and classes of the PTB database: the default, which needs no download."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.core.diagnosis import CLASSES
from ganlab.core.errors import UserError
from ganlab.core.record import Record
from ganlab.core.values import check_whole
from ganlab.dataset.recordings import RecordingSource
from ganlab.simulator.cohort import write_cohort
from ganlab.simulator.ecg import RATE, VERSION, simulate_record


class PTBDBSim(RecordingSource):
    """`patients` simulated patients with `recordings` recordings of `seconds` each."""

    name = "ptbdb_sim"
    simulated = True
    classes = CLASSES
    rate = RATE

    def __init__(
        self,
        patients: int = 60,
        recordings: int = 1,
        seconds: float = 60.0,
        seed: int = 0,
        cache: str | Path = "outputs/cache",
        on_bad_record: str = "error",
        on_bad_segment: str = "keep",
    ) -> None:
        super().__init__(cache, on_bad_record, on_bad_segment)
        check_whole("dataset.patients", patients)
        check_whole("dataset.recordings", recordings)
        if not seconds > 0:
            raise UserError(f"dataset.seconds={seconds}: accepted is a number above 0.")
        self.patients = patients
        self.recordings = recordings
        self.seconds = seconds
        self.seed = seed

    def identity(self) -> dict[str, Any]:
        """Return the simulator's version and its settings."""
        return {
            "simulator": VERSION,
            "patients": self.patients,
            "recordings": self.recordings,
            "seconds": self.seconds,
            "seed": self.seed,
        }

    def names(self) -> Sequence[str]:
        """Return `patient/recording`, both counted from 1."""
        return [f"{p}/{r}" for p in range(1, self.patients + 1) for r in range(1, self.recordings + 1)]

    def read(self, name: str) -> tuple[Record, NDArray[np.int16]]:
        """Return one simulated record and its ADC values `(leads, samples)`."""
        patient, recording = (int(part) for part in name.split("/"))
        return simulate_record(patient, recording, seconds=self.seconds, seed=self.seed)

    def write_wfdb(self, folder: Path) -> None:
        """Write the cohort to `folder` as a WFDB database in PhysioNet's layout, which `dataset=ptbdb` reads."""
        write_cohort(folder, self.patients, recordings=self.recordings, seconds=self.seconds, seed=self.seed)
