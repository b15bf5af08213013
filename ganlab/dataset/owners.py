"""Whose a record or image is by the folders that it lies in, where no file declares it: recognised, or in doubt.

A folder is a patient's where its name says so: patient001 as in the PTB database, Person_01, sub-01, or p10014354 as
in MIMIC (three digits or more, since p00 to p19 hold many patients there). Of several such folders within one another
the innermost counts. Nothing else is evidence: a folder that holds several records may be a patient's, or be one of
`records100/00000` with a thousand patients in it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ganlab.core.errors import UserError

WORDS = "patient|person|participant|proband|volunteer|subject|subj|sub|pat|pt"
BEGINNING = re.compile(rf"(?:{WORDS})[ _-]*[a-z]?\d+|p\d+", re.IGNORECASE)
"""With what names of a patient's images begin."""
OF_A_PATIENT = re.compile(rf"(?:{WORDS})(?:[ _-]+[a-z]?\d|\d)[\w-]*|p\d{{3,}}", re.IGNORECASE)
RULES = ("record", "folder")
"""What a user may declare instead of a file: each record is another patient's, or each innermost folder is one's."""


@dataclass(frozen=True)
class Owners:
    """Patients by record, and the rule by which they are; or no patients, and the `doubt`."""

    patients: dict[str, str]
    rule: str = ""
    doubt: str = ""


def owners(names: Sequence[str], declared: str | None = None) -> Owners:
    """Return whose these records are, by the declared one of RULES or else by the names of their folders."""
    paths = {name: tuple(part for part in name.split("/") if part not in ("", ".")) for name in names}
    if declared == "record":
        return Owners({name: name for name in names}, "each record is another patient's, as declared")
    if declared == "folder":
        if loose := [name for name, parts in paths.items() if len(parts) < 2]:
            return Owners({}, doubt=f"dataset.people=folder, and {loose[0]} lies in no folder")
        return Owners(
            {n: "/".join(parts[:-1]) for n, parts in paths.items()}, "each folder is a patient's, as declared"
        )
    if len(names) == 1:
        return Owners({names[0]: names[0]}, "the only record")
    return _recognised(paths)


def _recognised(paths: dict[str, tuple[str, ...]]) -> Owners:
    """Return whose records are by the names of the folders that they lie in."""
    patients: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name, parts in paths.items():
        own = [n for n, part in enumerate(parts[:-1]) if OF_A_PATIENT.fullmatch(part)]
        if not own:
            where = f"its folder {'/'.join(parts[:-1])} holds" if len(parts) > 1 else "it lies beside"
            others = sum(each[:-1] == parts[:-1] for each in paths.values()) - (len(parts) < 2)
            return Owners({}, doubt=f"nothing says to which patient {name} is ({where} {others} record(s))")
        patient, folder = parts[own[-1]], "/".join(parts[: own[-1] + 1])
        if (other := folders.setdefault(patient.lower(), folder)) != folder:
            return Owners({}, doubt=f"{other} and {folder} may be one patient or two")
        patients[name] = patient
    some = next(iter(folders.values()))
    return Owners(patients, f"by the names of their folders, such as {some}")


def owners_of_images(names: Sequence[str], declared: str | None = None) -> Owners:
    """Return whose these images are, by `file` or `folder` as declared, or else by the names of their folders.

    Images without such folders are of persons of their own unless that is doubtful. Raises UserError for one in no
    folder where folders are declared.
    """
    paths = {name: tuple(part for part in name.split("/") if part) for name in names}
    alone = {name: name for name in names}
    if declared == "file":
        return Owners(alone, "each image is another person's, as declared")
    if declared == "folder":
        return Owners(_first_folders(paths), "each first folder is a person's, as declared")
    if all(any(map(OF_A_PATIENT.fullmatch, parts[:-1])) for parts in paths.values()):
        return _recognised(paths)
    folders = Counter(parts[:-1] for parts in paths.values())
    if 1 < len(folders) < len(names):
        return Owners(
            {}, doubt=f"{len(names)} images lie in {len(folders)} folders, and nothing says to which patient they are"
        )
    begun = Counter(match[0].lower() for parts in paths.values() if (match := BEGINNING.match(parts[-1])))
    beginning, count = next(iter(begun.most_common(1)), ("", 0))
    doubt = f"the names of {count} images begin with {beginning}, as if they were one person's" if count > 1 else ""
    if len(names) > 1 and (scans := [name for name in names if name.lower().endswith(".dcm")]):
        doubt = f"nothing says to which patient {scans[0]} is, and a patient has many DICOM files"
    return Owners({} if doubt else alone, "each image is another person's: nothing says otherwise", doubt)


def _first_folders(paths: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return each image's first folder, below those that all share. Raises UserError for an image in no folder."""
    below = dict(paths)
    while below and min(map(len, below.values())) > 2 and len({parts[0] for parts in below.values()}) == 1:
        below = {name: parts[1:] for name, parts in below.items()}
    for name, parts in below.items():
        if len(parts) < 2:
            raise UserError(f"{name} is in no person's folder; dataset.person=file makes each image its own person.")
    return {name: parts[0] for name, parts in below.items()}
