"""The PTB Diagnostic ECG Database, in PhysioNet's layout: 549 records of 290 patients, 15 leads, 1000 Hz.

Any folder with a RECORDS file whose records are WFDB pairs named `<patient>/<record>` is read the same way.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganlab.core.diagnosis import CLASSES, diagnosis_of, label_of
from ganlab.core.errors import UserError
from ganlab.dataset.download import PTBDB as URL
from ganlab.dataset.download import download
from ganlab.dataset.wfdb import WFDB
from ganlab.dataset.wfdb_header import comment_value


class PTBDB(WFDB):
    """Records below `root`, labelled by the `Reason for admission` in their headers.

    Raises UserError where there is no such folder, no record in it, or where a download fails.
    """

    def __init__(
        self,
        root: str | Path,
        rate: float = 1000.0,
        download: bool = False,
        url: str = URL,
        **settings: Any,
    ) -> None:
        super().__init__(root, rate, name="ptbdb", **settings)
        self.classes = CLASSES
        self.download = download
        self.url = url

    def fetch(self) -> None:
        """Download if `download` is true; whole files are left alone."""
        if self.download:
            download(self.url, self.root)

    def unlisted(self) -> list[str]:
        """Raise UserError: without a RECORDS file the folder is not this database."""
        raise UserError(f"No RECORDS file in {self.root}, so it holds no WFDB database.\n{self.ways_on()}")

    def ways_on(self) -> str:
        """Return the overrides that help: another folder, the download, or the simulated cohort."""
        return (
            "Three possibilities: dataset.root=<folder of the PTB database>; dataset.download=true to fetch it from "
            f"PhysioNet into {self.root} (1.8 GB); or dataset=ptbdb_sim, which needs no download."
        )

    def describe(self) -> None:
        """Return None: headers have a part in what is known of a record."""

    def about(self, name: str, comments: Sequence[str]) -> tuple[str, str, int]:
        """Return patient, the record's folder, diagnosis and label of a record."""
        diagnosis = diagnosis_of(comment_value(comments, "reason for admission"))
        folder, _, record = name.partition("/")
        return folder if record and "/" not in record else "", diagnosis, label_of(diagnosis)

    def whose(self) -> tuple[str, str]:
        """Return that folders are patients', or which record does not lie in one."""
        doubt = next((f"{name} is not <patient>/<record>" for name in self.names() if name.count("/") != 1), "")
        return "by their folders", doubt and f"{doubt}, as those of the PTB database are; dataset=wfdb reads others"
