"""The documents' split: every window trains, and no patient is held out."""

from collections.abc import Sequence

from ganlab.split.base import Member, Split


class PaperSplit:
    """All patients train; the report leaves out what needs held-out patients, and says so."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, members: Sequence[Member]) -> Split:
        """Return the split with all patients in `train`."""
        return Split("paper", self.seed, {"train": tuple(sorted({member.patient for member in members}))})
