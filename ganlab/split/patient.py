"""Split by patient: train 60, validation 15, test 15 and privacy hold-out 10 % of them, stratified by class."""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from ganlab.core.errors import UserError
from ganlab.core.labels import label_array, strata
from ganlab.split.base import Member, Split


class PatientSplit:
    """Stratified on the class of a patient's first record by name, of several the rarest; seeded by a hash of its id.

    The fractions need not sum to 1: they are shares of each other.
    """

    def __init__(
        self,
        seed: int = 0,
        train: float = 0.60,
        validation: float = 0.15,
        test: float = 0.15,
        holdout: float = 0.10,
        spare: bool = False,
    ) -> None:
        """`spare` the last recording by name of each training patient with several, for the linkage attack."""
        self.seed = seed
        self.spare = spare
        shares = {"train": train, "validation": validation, "test": test, "holdout": holdout}
        if min(shares.values()) < 0 or not 0 < train < math.inf:
            given = ", ".join(f"split.{part}={share:g}" for part, share in shares.items())
            raise UserError(f"{given}: accepted are shares from 0, and above 0 for train.")
        total = sum(shares.values())
        self.shares = {part: share / total for part, share in shares.items()}

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split: each patient, stratum by stratum, goes to the part that lacks most."""
        stratum: dict[int, list[str]] = defaultdict(list)
        by_name = sorted(members, key=lambda member: member.name, reverse=True)
        first = {member.patient: member.label for member in by_name}
        for patient, label in zip(first, strata(label_array([*first.values()])).tolist(), strict=True):
            stratum[label].append(patient)
        overall: Counter[str] = Counter()
        parts: dict[str, list[str]] = {part: [] for part in self.shares}
        for label in sorted(stratum):
            within: Counter[str] = Counter()
            by_hash = sorted(stratum[label], key=lambda p: hashlib.sha256(f"{self.seed}:{p}".encode()).hexdigest())
            for patient in by_hash:
                part = max(self.shares, key=lambda p: self._lack(p, within) + self._lack(p, overall))
                within[part] += 1
                overall[part] += 1
                parts[part].append(patient)
        spared = _last_of_several(members, parts["train"]) if self.spare else ()
        return Split("patient", self.seed, {part: tuple(sorted(patients)) for part, patients in parts.items()}, spared)

    def _lack(self, part: str, given: Counter[str]) -> float:
        return self.shares[part] * (given.total() + 1) - given[part]


def _last_of_several(members: Sequence[Member], patients: Sequence[str]) -> tuple[str, ...]:
    names: dict[str, list[str]] = {patient: [] for patient in patients}
    for member in members:
        if member.patient in names:
            names[member.patient].append(member.name)
    return tuple(max(own) for own in names.values() if len(own) > 1)
