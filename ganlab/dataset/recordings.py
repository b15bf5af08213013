"""A data set of recordings: they are cached once, and cut into windows."""

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganlab.arrangement.base import Arrangement
from ganlab.arrangement.leads import Leads
from ganlab.core.errors import UserError
from ganlab.core.kind import Window
from ganlab.core.record import Record
from ganlab.dataset.annotations import outside_rhythms
from ganlab.dataset.bad_segments import POLICIES, touched
from ganlab.dataset.cache import Describe, Recordings, cached_recordings
from ganlab.dataset.source import Collected, Skipped, Source
from ganlab.dataset.windows import Windows, with_leads
from ganlab.split.base import Member

log = logging.getLogger(__name__)

DECLARE = (
    "ganlab does not guess patients: samples of one patient could be in two parts of the split. Declare them by "
    "dataset.people=<CSV file with columns name and person>, by dataset.people=folder where each folder holds one "
    "patient's records, or by dataset.people=record where each record is of another patient."
)
"""How to say whose records are."""


class RecordingSource(Source):
    """A data set of recordings at `rate` Hz, which are read one by one and cached.

    Windows over flat, clipped or missing stretches of one of their leads are kept and counted, dropped and counted, or
    refused, as `on_bad_segment` says. Those over missing samples are never kept.
    """

    rate: float
    unit: str = "mV"
    """Unit of the windows' values."""

    def __init__(self, cache: str | Path, on_bad_record: str = "error", on_bad_segment: str = "keep") -> None:
        super().__init__(on_bad_record)
        if on_bad_segment not in POLICIES:
            raise UserError(f"dataset.on_bad_segment={on_bad_segment!r}: accepted are {', '.join(POLICIES)}.")
        self.cache = Path(cache)
        self.on_bad_segment = on_bad_segment
        self._recordings: Recordings | None = None

    def fetch(self) -> None:
        """Fetch the data, if that is configured."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """Return all that the cached recordings depend on, as plain values."""

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return the names of the records, in order."""

    @abstractmethod
    def read(self, name: str) -> tuple[Record, NDArray[np.integer[Any]]]:
        """Return a record and its ADC values `(leads, samples)`. Raises BadRecord where it cannot be trusted."""

    def describe(self) -> Describe | None:
        """Return what gives patients, labels and attributes by name, as the cache does not; None where it does."""
        return None

    def whose(self) -> tuple[str, str]:
        """Return by which rule the patients of records are known, or why it is not certain whose some are."""
        return "", ""

    def doubt(self) -> str:
        """Return why it is not certain whose some records are, which then have no patient; nothing where it is."""
        return "" if all(record.patient for record in self.prepare().records) else self.whose()[1]

    @property
    def others(self) -> list[Skipped]:
        """Records that are not asked for, counted: those that a file of people does not select."""
        return []

    def prepare(self) -> Recordings:
        """Return the cached recordings. Raises UserError for records that `on_bad_record=error` does not accept."""
        if self._recordings is None:
            self._recordings = self._prepare()
            self._say(self._recordings.records)
        return self._recordings

    def _say(self, records: Sequence[Record]) -> None:
        """Log how many patients there are by which rule, and how many records are not asked for."""
        rule, patients = self.whose()[0], len({record.patient for record in records})
        if rule:
            log.info("%s: %d patient(s) in %d records, %s", self.name, patients, len(records), rule)
        for one in self.others:
            log.warning("%s: %s: %s", self.name, one.record, one.reason)

    def _prepare(self) -> Recordings:
        self.fetch()
        given = (self.cache, self.name, self.identity(), self.names, self.read, self.describe())
        recordings = cached_recordings(*given)
        self.refuse_or_log(recordings.skipped)
        if not recordings.records:
            raise UserError(f"{self.name}: none of its {len(recordings.skipped)} records can be used.")
        if damaged := [(each.name, *next(iter(each.unusable.items()))) for each in recordings.records if each.unusable]:
            shown = "; ".join(f"{name}: {lead}: {why}" for name, lead, why in damaged[:3])
            log.warning("%s: %d record(s) have signals that cannot be used, such as %s", self.name, len(damaged), shown)
        return replace(recordings, records=tuple(record.in_unit(self.unit) for record in recordings.records))

    def kind(self, arrangement: Arrangement) -> Window:
        """Return the kind, windows of the decoded leads. Raises UserError for an arrangement of rows or images."""
        leads = self._leads(arrangement)
        return Window(leads.decoded_leads, self.rate / leads.decimation, leads.samples, self.unit)

    def collect(self, arrangement: Arrangement) -> Collected:
        """Return the windows of the recordings that have the leads."""
        leads = self._leads(arrangement)
        recordings = self.prepare()
        if doubt := self.doubt():
            raise UserError(f"{self.name}: {doubt}.\n{DECLARE}")
        needed = tuple(dict.fromkeys(leads.leads + leads.decoded_leads))
        usable, lacking = with_leads(recordings.records, needed, leads.span, self.on_bad_segment == "keep")
        self.refuse_or_log(lacking)
        bad = self._bad_segments(usable, needed, leads.span)
        dropped = self.on_bad_segment == "drop"
        avoided = needed if dropped else ()
        train, judged = (
            Windows(recordings, usable, names, leads.span, leads.decimation, avoided)
            for names in (leads.leads, leads.decoded_leads)
        )
        left_out = bad if dropped else []
        outside = outside_rhythms(usable, leads.span, len(train) + sum(each.count for each in left_out))
        for one in outside:
            log.warning("%s: %s: left out", self.name, one.reason)
        if not len(train):
            why = "; ".join(f"{each.reason} {each.names}".strip() for each in [*left_out, *outside])
            raise UserError(
                f"{self.name}: every window of leads {', '.join(needed)} is left out: {why}. See also "
                "arrangement.leads."
            )
        return Collected(
            members=[self.member(record) for record in recordings.records],
            train=train,
            judged=judged,
            skipped=[*self.others, *recordings.skipped, *lacking, *left_out, *outside],
            doubtful=() if dropped else bad,
        )

    def member(self, record: Record) -> Member:
        """Return a record as a split needs it."""
        return Member(record.name, record.patient, record.label, record.attributes)

    def _bad_segments(self, records: Sequence[Record], leads: Sequence[str], span: int) -> list[Skipped]:
        """Count and log the windows over bad segments by kind. Raises UserError where `on_bad_segment` refuses them."""
        bad = touched(records, span, leads)
        if bad and self.on_bad_segment == "error":
            shown = "\n".join(f"  {one.record}: {one.reason}, {one.names}" for one in bad)
            raise UserError(
                f"{self.name} has bad segments:\n{shown}\ndataset.on_bad_segment=drop leaves these windows out, "
                "keep takes them; dataset.flat_ms and dataset.clipped_ms say what counts."
            )
        what = "left out" if self.on_bad_segment == "drop" else "kept; dataset.on_bad_segment=drop leaves them out"
        for one in bad:
            log.warning("%s: %s: %s: %s; %s", self.name, one.record, one.reason, what, one.names)
        return bad

    def tables(self, collected: Collected) -> dict[str, dict[str, dict[str, int]]]:
        """Return the tables of counts by diagnosis, where the records have one (paper Table 1), and by class."""
        records = self.prepare().records
        diagnoses = Counter(record.diagnosis for record in records)
        windows: Counter[str] = Counter()
        span = collected.judged.span if isinstance(collected.judged, Windows) else self.plain().span
        for record in records:
            windows[record.diagnosis] += record.samples // span
        rows = {name: {"records": count, "samples": windows[name]} for name, count in diagnoses.most_common()}
        return ({"Diagnoses": rows} if set(rows) != {""} else {}) | super().tables(collected)

    def plain(self) -> Leads:
        """Return the arrangement of the leads that all recordings have."""
        records = self.prepare().records
        shared = set.intersection(*(set(record.leads) - set(record.unusable) for record in records))
        if not shared:
            having = Counter(lead for record in records for lead in record.leads if lead not in record.unusable)
            shown = ", ".join(f"{lead} ({count})" for lead, count in having.most_common(10)) or "none"
            raise UserError(
                f"{self.name}: its {len(records)} records have no lead in {self.unit} in common. Leads, and how many "
                f"records have each: {shown}. Choose one by arrangement.leads=[...] and dataset.on_bad_record=skip."
            )
        return Leads([lead for lead in records[0].leads if lead in shared])

    def _leads(self, arrangement: Arrangement) -> Leads:
        if not isinstance(arrangement, Leads):
            raise UserError(
                f"dataset={self.name} gives windows of recordings, which this arrangement cannot take; "
                "arrangement=z, rgb and others arrange leads."
            )
        return arrangement
