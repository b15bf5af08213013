"""Recordings with several codes each, such as SCP-ECG or SNOMED CT statements, which make their classes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ganlab.core.errors import UserError
from ganlab.core.names import first_few
from ganlab.core.words import counted
from ganlab.dataset.cache import Recordings
from ganlab.dataset.source import Skipped
from ganlab.dataset.wfdb import WFDB

log = logging.getLogger(__name__)

Classes = Mapping[str, frozenset[str]]
"""The codes of each class."""
UNLABELLED = ("drop", "keep")


class Coded(WFDB):
    """Records whose label says for each class whether one of its codes is among the record's.

    Records of no class are dropped and counted, or kept, as `unlabelled` says. A subclass gives `label`s and attributes
    that `attributes` names, as in `ganlab.dataset.wfdb`.
    """

    def __init__(
        self, root: str | Path, rate: float, classes: Sequence[str], unlabelled: str = "drop", **settings: Any
    ) -> None:
        if unlabelled not in UNLABELLED:
            raise UserError(f"dataset.unlabelled={unlabelled}: accepted are {' and '.join(UNLABELLED)}.")
        super().__init__(root, rate, **settings)
        self.many_labels = True
        self.classes = tuple(classes)
        self.unlabelled = unlabelled

    def _prepare(self) -> Recordings:
        recordings = super()._prepare()
        own = [record for record in recordings.records if isinstance(record.label, tuple) and any(record.label)]
        without = len(recordings.records) - len(own)
        if not self.classes or not without or self.unlabelled == "keep":
            return recordings
        reason = f"of none of the classes {first_few(self.classes, 5)} (dataset.unlabelled)"
        log.warning("%s: %s left out: %s", self.name, counted(without, "record"), reason)
        if not own:
            raise UserError(f"{self.name}: every record is {reason}. Correct dataset.labels.")
        skipped = Skipped("without a label", f"{counted(without, 'record')} {reason}", without, "record")
        return replace(recordings, records=tuple(own), skipped=(*recordings.skipped, skipped))


def declared_classes(labels: Any, accepted: str = "") -> dict[str, frozenset[str]]:
    """Return the codes of each class of a mapping, or of a yaml file that holds one.

    `accepted` are other values of `dataset.labels`, for messages. Raises UserError for what is no mapping of names to
    lists of codes.
    """
    place, mapping, example = "dataset.labels", labels, "{AF: [AFIB, AFLT], NORM: [NORM]}"
    if isinstance(labels, str | Path):
        file = Path(labels).expanduser()
        place = f"dataset.labels={file}"
        if not file.is_file():
            raise UserError(f"{place}: no such file; accepted are {accepted}a yaml file that holds {example}, or that.")
        try:
            mapping = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}" if mark else type(error).__name__
            raise UserError(f"{place} is not readable as yaml ({where}); accepted is {example}.") from None
    if not isinstance(mapping, Mapping) or not mapping:
        raise UserError(f"{place}: accepted are {accepted}class names with their codes, such as {example}.")
    for name, codes in mapping.items():
        if isinstance(codes, str | bytes) or not isinstance(codes, Sequence) or not codes:
            shown = f"{name}: {codes!r}" if mapping is labels else "a class has no list of codes"
            raise UserError(f"{place}: {shown}; accepted is a list of codes, as in {example}.")
    return {str(name): frozenset(map(str, codes)) for name, codes in mapping.items()}


def label_of_codes(codes: Mapping[str, Any] | Sequence[str], classes: Classes) -> tuple[bool, ...]:
    """Return for each class whether one of its codes is among a record's."""
    return tuple(not own.isdisjoint(codes) for own in classes.values())


def refuse_unused(labels: Sequence[Any], classes: Classes, where: Path) -> None:
    """Raise UserError for a class that no record has: a code of it may be misspelt."""
    used = [any(column) for column in zip(*labels, strict=True)] or [False] * len(classes)
    if lacking := [name for name, some in zip(classes, used, strict=True) if not some]:
        shown = first_few([f"{name} ({', '.join(sorted(classes[name]))})" for name in lacking])
        raise UserError(
            f"dataset.labels: no record of {where} has a code of {shown}. Correct its codes, or leave the class out."
        )
