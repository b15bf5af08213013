"""Split by folds that a data set publishes: each part holds the patients of its folds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ganlab.core.errors import UserError
from ganlab.core.names import repeated
from ganlab.core.words import counted
from ganlab.split.base import Member, Split
from ganlab.split.patient import PatientSplit

PARTS = ("train", "validation", "test")
SHOWN = 5
"""Patients that a message names."""


class Folds:
    """Parts by fold. A share of the patients of the training folds is the privacy hold-out, and does not train.

    `folds` names the folds of the parts train, validation and test. The hold-out is drawn by a hash of the patient's
    id, stratified by class as in `ganlab.split.patient`; `spare` is as described there.
    """

    name = "folds"
    override = "dataset.folds"
    """The override that says which folds make which part."""

    def __init__(
        self,
        folds: Mapping[str, Sequence[int | str]] | None,
        holdout: float = 0.10,
        seed: int = 0,
        spare: bool = False,
    ) -> None:
        if folds is None:
            raise UserError(
                "split=folds: this data set publishes no folds. split=listed reads them from a column of a CSV file: "
                "split=listed split.file=FILE split.column=COLUMN."
            )
        if not 0 <= holdout < 1:
            raise UserError(f"split.holdout={holdout}: accepted is a share from 0 and below 1.")
        self.folds = parts_of(folds, self.override)
        self.seed = seed
        self.within = PatientSplit(seed, 1 - holdout, 0, 0, holdout, spare)

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split. Raises UserError for a patient in several folds, and for a fold without patients."""
        fold_of = self._fold_of(members)
        present = set(fold_of.values()) - {""}
        for part, folds in self.folds.items():
            if lacking := [fold for fold in folds if fold not in present]:
                raise UserError(
                    f"split={self.name}: no patient is in fold {', '.join(lacking)}, which {part} takes; these data "
                    f"have the folds {', '.join(sorted(present, key=_order)) or 'none'}. "
                    f"{self.override}={{train: [...], validation: [...], test: [...]}} says which make which part."
                )
        of = {part: [m for m in members if fold_of[m.patient] in folds] for part, folds in self.folds.items()}
        drawn = self.within(of["train"])
        held = {part: tuple(sorted({m.patient for m in own})) for part, own in of.items() if part != "train"}
        parts = {"train": drawn.of("train"), **held, "holdout": drawn.of("holdout")}
        return Split(self.name, self.seed, parts, drawn.spared)

    def _fold_of(self, members: Sequence[Member]) -> dict[str, str]:
        """Return the fold of each patient."""
        folds: dict[str, set[str]] = defaultdict(set)
        for member in members:
            folds[member.patient].add(member.fold)
        if several := sorted(patient for patient, names in folds.items() if len(names) > 1):
            own = {
                patient: [fold or "none" for fold in sorted(folds[patient], key=_order)] for patient in several[:SHOWN]
            }
            shown = "; ".join(f"{patient}: {', '.join(names)}" for patient, names in own.items())
            raise UserError(
                f"split={self.name}: {counted(len(several), 'patient')} in more than one fold ({shown}). Records of a "
                "patient in two parts would make every comparison too good; split=patient holds patients out."
            )
        return {patient: names.pop() for patient, names in folds.items()}


def parts_of(folds: Mapping[str, Sequence[int | str]], override: str = Folds.override) -> dict[str, tuple[str, ...]]:
    """Return the names of the folds of each part.

    Raises UserError for an unknown part, no training fold, or a fold that occurs twice.
    """
    if unknown := [str(part) for part in folds if part not in PARTS]:
        raise UserError(f"{override}: {', '.join(unknown)} is not a part; accepted are {', '.join(PARTS)}.")
    parts = {part: tuple(map(str, folds.get(part) or ())) for part in PARTS}
    every = [fold for own in parts.values() for fold in own]
    if twice := sorted(repeated(every), key=_order):
        raise UserError(f"{override}: fold {', '.join(twice)} occurs more than once; each belongs to one part.")
    if not parts["train"]:
        raise UserError(f"{override} names no fold of train; accepted is, for example, {{train: [1, 2], test: [3]}}.")
    return parts


def _order(fold: str) -> tuple[int, str]:
    return (int(fold), "") if fold.isdecimal() else (1 << 31, fold)
