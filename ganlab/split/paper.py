"""As the documents did: every window trains. Nothing is left to judge with."""

from collections.abc import Sequence

from ganlab.split.base import Member, Split


class PaperSplit:
    """All persons train; what needs other persons is left out of the report, which says so."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __call__(self, members: Sequence[Member]) -> Split:
        """Everybody in `train`."""
        return Split("paper", self.seed, {"train": tuple(sorted({member.patient for member in members}))})
